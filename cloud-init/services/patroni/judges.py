"""The rules by which database nodes take turns: who may take over, who may restart or be copied again, in which order.

All of it is pure: a `View` of the cluster in, an answer out. `decide.py` makes the view, and gives the answer to those who ask.
"""

from dataclasses import dataclass, field

MOST_LAG = 1024**2
"""Bytes. A standby further behind than this must catch up before it takes over. Under load a sound one is some kilobytes behind."""


@dataclass(frozen=True)
class Member:
    """A database node: one that there is by the settings, one that Patroni knows, or both."""

    name: str
    known: bool = True
    """It is in the settings."""
    role: str = ""
    """`leader`, `quorum_standby`, `sync_standby`, `replica`. Empty: Patroni has no such member now."""
    state: str = ""
    timeline: int | None = None
    nofailover: bool = False
    answers: bool = True
    """Its Patroni does. If not, all that follows is unknown."""
    reach: int | None = None
    """How far its WAL reaches, bytes."""
    replay_paused: bool = False
    failsafe: bool = False
    """It was in failsafe mode within the last ttl."""
    due: bool = False
    """A changed setting waits for a restart of it."""
    lowered: dict[str, int] = field(default_factory=dict)
    """Parameters among those that standbys may not have lower than their leader; by their names in pg_controldata, with new values."""


@dataclass(frozen=True)
class View:
    """A cluster at one moment."""

    members: tuple[Member, ...]
    synchronous: bool = True
    """Commits wait for a standby."""
    ttl: int = 20
    etcd: bool = True
    """It answers."""
    paused: bool = False
    switchover: str = ""
    """`under way`, `scheduled for TIME`; empty: there is none."""

    @property
    def leader(self) -> Member | None:
        return next((member for member in self.members if member.role == "leader"), None)

    @property
    def known(self) -> list[Member]:
        return [member for member in self.members if member.known]

    def others(self, *names: str) -> list[Member]:
        """Nodes of the settings but these."""
        return [member for member in self.known if member.name not in names]


@dataclass(frozen=True)
class Reason:
    """What speaks against something, in one sentence."""

    text: str
    passes: bool = False
    """It goes by itself, so a moment later it may be gone."""


@dataclass(frozen=True)
class Answer:
    go: bool
    """It may be done: no acknowledged commit can be lost by it, and none waits for longer than it must."""
    reasons: list[Reason]
    """What speaks against it. Where it may be done, what is better waited for."""
    request: dict[str, str] | None = None
    """What to ask Patroni for (POST /switchover)."""


@dataclass(frozen=True)
class Order(Answer):
    """Who restarts, one after the other."""

    order: list[str] = field(default_factory=list)
    leader: str | None = None
    leader_first: bool = False
    """First and where it is. Otherwise it is the last, and hands over before that."""
    lowered: dict[str, dict[str, int]] = field(default_factory=dict)
    """`Member.lowered` of each node that has any."""


def switchover(view: View, source: str = "", target: str = "") -> Answer:
    """May the leader hand over, and what is to be asked for?

    A standby is named when there is but one, or when Patroni by itself might choose one that is not fit, or give up for it. Else none
    is: the others would sleep for 2 s before they follow one that is named, and nothing is confirmed meanwhile (Patroni 4.1.5, ha.py,
    `process_unhealthy_cluster`).
    source: who has to be the leader; empty: whoever is. target: the standby wanted; empty: the one that is furthest ahead.
    """
    leader = view.leader
    standbys = [member for member in view.members if member.role != "leader"]
    faults = {member.name: unfit(view, member) for member in standbys}
    fit = sorted((member for member in standbys if not faults[member.name]), key=lambda each: (behind(view, each) or 0, each.name))
    against = [*against_all(view), *in_failsafe(view)]
    if leader:
        against += not_well(view, leader)
    if leader and source and leader.name != source:
        against.append(Reason(f"{leader.name} leads, not {source}"))
    if target:
        against += against_target(view, target, faults)
    elif leader and not fit:
        found = [reason for member in standbys for reason in faults[member.name]]
        against += [Reason("no standby can take over", all(reason.passes for reason in found)), *found]
    if against or not leader:
        return Answer(False, against)
    # Patroni lets synchronous standbys alone take part (ha.py, `is_healthiest_node`).
    racers = [member for member in standbys if member.role and (not view.synchronous or is_synchronous(member))]
    free = len(racers) > 1 and all(member in fit for member in racers)
    named = target or ("" if free else fit[0].name)
    # A machine that is not there yet, or gone, is not waited for.
    better = [reason for member in standbys if member.role for reason in faults[member.name]]
    return Answer(True, better, {"leader": leader.name, **({"candidate": named} if named else {})})


def stranger(view: View) -> Answer:
    """A leader that the settings know no more hands over before its machine goes. Without such a one there is nothing to ask for."""
    leader = view.leader
    return Answer(True, []) if not leader or leader.known else switchover(view, leader.name)


def restart(view: View, name: str) -> Answer:
    """May PostgreSQL restart on this node, now that it has the turn?

    Commits go on while a standby restarts if another one confirms them; the only standby there is by the settings restarts all the
    same. That all others are well is worth a while, but one that is being copied may take hours.
    """
    node = named(view, name)
    if not node:
        return Answer(False, [no_such_node(view, name)])
    against = against_all(view)
    if node.role == "leader" and not node.lowered:
        against.append(Reason(f"{name} leads, and hands over before it restarts"))
    confirming = [member for member in view.others(name) if member.role != "leader" and not not_well(view, member)]
    if node.role != "leader" and not confirming and len(view.known) > 2:
        against.append(Reason(f"no other standby {'confirms commits' if view.synchronous else 'streams'} while {name} restarts", True))
    return Answer(not against, against + all_not_well(view, view.others(name)))


def reinit(view: View, name: str) -> Answer:
    """May a standby's data be deleted, and copied again from the leader?"""
    node = named(view, name)
    if not node:
        return Answer(False, [no_such_node(view, name)])
    against = against_all(view)
    if not node.answers:
        against.append(no_answer(name))
    if node.role == "leader":
        against.append(Reason(f"{name} leads; `pgha switchover` first"))
    others = [member for member in view.others(name) if is_synchronous(member) and not not_well(view, member)]
    if view.synchronous and is_synchronous(node) and not not_well(view, node) and not others:
        against.append(Reason(f"{name} is the only standby that confirms commits: writes would wait until its copy is complete"))
    return Answer(not against, against)


def order(view: View) -> Order:
    """Who waits for a restart: standbys one by one, and the leader last, after it has handed over.

    When a parameter is lowered that a standby may not have lower than its leader, the leader is the first, and restarts where it is.
    """
    leader = view.leader
    against = against_all(view) + all_not_well(view, view.known)
    due = [member for member in view.known if member.due]
    first = leader is not None and bool(leader.lowered)
    due.sort(key=lambda member: (member.role == "leader") != first)
    return Order(
        go=not against,
        reasons=against,
        order=[member.name for member in due],
        leader=leader.name if leader else None,
        leader_first=first,
        lowered={member.name: member.lowered for member in view.known if member.lowered},
    )


def against_all(view: View) -> list[Reason]:
    """What speaks against whatever stops PostgreSQL, on whichever node."""
    said: list[str] = []
    if not view.etcd:
        said.append("etcd does not answer: it has no quorum, or this node does not reach it")
    if not view.leader:
        said.append("nobody leads")
    if view.paused:
        said.append("Patroni is paused (maintenance mode); `patronictl -c /etc/patroni/patroni.yml resume` ends it")
    if view.switchover:
        said.append(f"a switchover is {view.switchover}")
    return [Reason(text) for text in said]


def in_failsafe(view: View) -> list[Reason]:
    """A member that was asked in failsafe mode believes in that leader for `ttl` after the last time, and does not see that the key is
    free (ha.py, `Failsafe.leader`, `load_cluster_from_dcs`). It does not tell how much of that is left."""
    asked = [member.name for member in view.members if member.failsafe]
    if not asked:
        return []
    why = f"etcd was out of the leader's reach a moment ago, and {', '.join(asked)} may hold on to it for up to {view.ttl} s more"
    return [Reason(why, True)]


def not_well(view: View, member: Member) -> list[Reason]:
    """Why a node is not as it must be before another one stops."""
    name = member.name
    if not member.role:
        return [Reason(f"{name} is not a member of the cluster")]
    if not member.answers:
        return [no_answer(name)]
    if member.role == "leader":
        return [] if member.state == "running" else [Reason(f"{name} leads but is {member.state}")]
    if member.state != "streaming":
        return [Reason(f"{name} is {member.state}, not streaming")]
    if view.synchronous and not is_synchronous(member):
        return [Reason(f"{name} is not synchronous and may lack acknowledged commits")]
    return []


def all_not_well(view: View, members: list[Member]) -> list[Reason]:
    """Nothing where Patroni knows nobody: that is said already."""
    if not any(member.role for member in view.members):
        return []
    return [reason for member in members for reason in not_well(view, member)]


def unfit(view: View, member: Member) -> list[Reason]:
    """What speaks against this standby as the next leader."""
    name = member.name
    said = not_well(view, member)
    if not member.known:
        said.append(Reason(f"{name} is not in the settings any more"))
    if not member.role or not member.answers:
        return said
    if member.nofailover:
        said.append(Reason(f"{name} has the tag nofailover"))
    if view.leader and None not in (member.timeline, view.leader.timeline) and member.timeline != view.leader.timeline:
        said.append(Reason(f"{name} is on another timeline ({member.timeline})"))
    if member.replay_paused:
        said.append(Reason(f"{name} has its replay paused"))
    lag = behind(view, member)
    if lag is None:
        said.append(Reason(f"it is not known how far {name} is behind"))
    elif lag > MOST_LAG:
        said.append(Reason(f"{name} is {lag / 1024**2:.1f} MiB behind", True))
    return said


def behind(view: View, member: Member) -> int | None:
    """Bytes of WAL that the leader has and this member has not. None: unknown."""
    if member.reach is None or not view.leader or view.leader.reach is None:
        return None
    return max(0, view.leader.reach - member.reach)


def is_synchronous(member: Member) -> bool:
    """Only such a one has every acknowledged commit when the leader is gone. One that has just restarted counts for one again a round
    or two later."""
    return member.role in ("quorum_standby", "sync_standby")


def against_target(view: View, name: str, faults: dict[str, list[Reason]]) -> list[Reason]:
    node = named(view, name)
    if not node:
        return [no_such_node(view, name)]
    return faults.get(name, [Reason(f"{name} leads already")])


def named(view: View, name: str) -> Member | None:
    return next((member for member in view.known if member.name == name), None)


def no_such_node(view: View, name: str) -> Reason:
    return Reason(f"there is no database node '{name}'; there are {', '.join(member.name for member in view.known)}")


def no_answer(name: str) -> Reason:
    return Reason(f"the Patroni of {name} does not answer")
