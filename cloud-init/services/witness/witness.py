#!/usr/bin/python3
"""Frees the leader key of a leader that is gone, before its ttl has run out.

One runs on each etcd machine. It asks etcd four times a second when the leader last renewed its key, and bothers nobody else
while that is recent. When it is not, it asks the leader's Patroni and PostgreSQL and the standbys. A leader that is gone for
a majority of the witnesses loses its key in one etcd transaction; who leads next is Patroni's business, and that no commit is
lost is the guard's (guard.py). docs/witness.md has the argument, and what this weakens.
"""

import http.client
import json
import signal
import socket
import ssl
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from etcd_gateway import (
    Entry,
    Etcd,
    Json,
    Unavailable,
    delete,
    has_lease,
    has_value,
    own_certificate,
    put,
    unchanged,
)

CONFIG = "/etc/pgha/witness.json"
PAUSE = 0.25
"""Seconds between two looks."""
ANSWER = 0.4
"""Seconds a machine has to answer one look."""
HELD_UP = 0.3
"""Seconds that a look may take longer than it should: a witness that was itself held up has no say about others."""
PROBES = 3
"""Looks in a row without an answer until a leader is gone."""
VERDICT = 2
"""Seconds a witness's word counts unless it is said again; etcd's shortest lease."""
REST = 30
"""Seconds after a deletion in which there is no other: long enough for an old leader that lives to have noticed."""


@dataclass(frozen=True)
class Standby:
    """What a voter says of itself (GET /patroni)."""

    reach: int
    """How far its WAL reaches, bytes."""
    failsafe: bool = False
    """A leader that etcd does not hear has asked it to go on, and it agreed."""


@dataclass(frozen=True)
class Look:
    """What one look has found."""

    tenure: int
    """Revision at which the leader took its key. Renewing does not change it."""
    left: int
    """Whole seconds the key has left, rounded down."""
    ttl: int
    """Seconds it has after a renewal."""
    answered: bool = True
    """Patroni or PostgreSQL of the leader has given an answer of its protocol. A refused connection is none: nobody is there."""
    standbys: dict[str, Standby] = field(default_factory=dict)
    """Voters that have answered."""
    veto: str = ""
    """Why nothing may be done in the state that the cluster is in."""


@dataclass(frozen=True)
class Suspicion:
    """What the looks in a row have come to."""

    tenure: int = 0
    misses: int = 0
    reach: dict[str, int] = field(default_factory=dict)
    """How far the voters' WAL reached when first asked."""


def is_late(left: int, ttl: int) -> bool:
    """The leader has not renewed its key for more than a second: time to ask."""
    return left <= ttl - 2


def is_overdue(left: int, ttl: int, silence: int) -> bool:
    """It has not renewed its key for more than `silence` seconds."""
    return left <= ttl - 1 - silence


def judge(before: Suspicion, look: Look, silence: int) -> tuple[Suspicion, str]:
    """Adds a look to those before it. The leader is gone if the second result, why not, is empty.

    silence: seconds without a renewal that a leader that is gone has at least.
    """
    if look.left < 0:
        return Suspicion(), "the key is already dying"
    if not is_late(look.left, look.ttl):
        return Suspicion(), "the key was renewed"
    if look.answered:
        return Suspicion(), "the leader answers"
    if look.veto:
        return Suspicion(), look.veto
    if before.tenure != look.tenure:
        before = Suspicion(look.tenure)
    for name, standby in look.standbys.items():
        if standby.failsafe:
            return Suspicion(), f"{name} has agreed that the leader goes on without etcd"
        if standby.reach > before.reach.get(name, standby.reach):
            return Suspicion(), f"{name} still receives from the leader"
    now = replace(
        before,
        misses=before.misses + 1,
        reach={name: standby.reach for name, standby in look.standbys.items()} | before.reach,
    )
    if now.misses < PROBES:
        return now, f"silent {now.misses} of {PROBES} times"
    if not look.standbys.keys() & before.reach.keys():
        return now, "no voter has said twice that nothing comes from the leader any more"
    if not is_overdue(look.left, look.ttl, silence):
        return now, f"the key was renewed less than {silence} s ago"
    return now, ""


def veto(keys: dict[str, Entry], cooling: bool) -> str:
    """Why the witnesses keep their hands off a cluster in this state: its keys under /service/SCOPE/. Empty: they need not."""
    config = _object(keys.get("config"))
    sync = _object(keys.get("sync"))
    leader = keys.get("leader")
    if not leader:
        return "nobody holds the key"
    if config.get("pause"):
        return "the cluster is paused"
    if config.get("synchronous_mode") != "quorum" or not config.get("synchronous_mode_strict"):
        return "commits may be acknowledged by the leader alone: no strict quorum mode"
    if _object(keys.get("failover")):
        return "a switchover is under way"
    if sync.get("leader") != leader.value:
        return "the leader is new: its quorum is not settled yet"
    if not voters(keys):
        return "the leader has no voters"
    if cooling:
        return f"a key was freed less than {REST} s ago"
    return ""


def voters(keys: dict[str, Entry]) -> list[str]:
    """Members that can confirm the leader's commits."""
    names = _object(keys.get("sync")).get("sync_standby") or ""
    return [name.strip() for name in names.split(",") if name.strip()]


def _object(entry: Entry | None) -> dict[str, Any]:
    value = json.loads(entry.value) if entry and entry.value else {}
    return value if isinstance(value, dict) else {}


def freeing(
    prefix: str, own: str, keys: dict[str, Entry], agreed: list[str], rest_lease: int
) -> tuple[list[Json], list[Json]]:
    """The transaction that frees the key: conditions, and what is done if all of them hold.

    prefix, own: where Patroni's keys and the witnesses' keys are. agreed: a majority of the witnesses, which say the same.
    The leader's member entry, which dies with the same lease, loses its REST address: candidates would ask there and wait
    2 s (patroni/ha.py, `fetch_node_status`). Patroni passes over members that have none, and a leader that lives writes its
    own entry again in its next round. That comes first, so that candidates have it when they hear that the key is free.
    """
    leader = keys["leader"]
    name = f"members/{leader.value}"
    compare = [
        unchanged(prefix + "leader", leader),
        has_lease(prefix + "leader", leader.lease),
        unchanged(f"{own}freed", None),
        *(unchanged(prefix + key, keys.get(key)) for key in ("sync", "config", "failover", name)),
        *(has_value(f"{own}verdict/{witness}", str(leader.mod)) for witness in agreed),
    ]
    member = keys.get(name)
    success: list[Json] = []
    if member and member.lease == leader.lease:
        unlisted = {key: value for key, value in _object(member).items() if key != "api_url"}
        success.append(put(prefix + name, json.dumps(unlisted, separators=(",", ":")), member.lease))
    success.append(delete(prefix + "leader"))
    success.append(put(f"{own}freed", f"{leader.value} {leader.mod}", rest_lease))
    return compare, success


def agreeing(verdicts: dict[str, Entry], tenure: int, witnesses: list[str]) -> list[str]:
    """A majority of the witnesses that say that this tenure's leader is gone; empty when there is none."""
    names = [name for name in witnesses if name in verdicts and verdicts[name].value == str(tenure)]
    return names if len(names) > len(witnesses) // 2 else []


def patroni_status(address: str, context: ssl.SSLContext, path: str = "/patroni") -> dict[str, Any]:
    """A member's answer. Any answer of HTTP is a sign of life. Raises when there is none."""
    connection = http.client.HTTPSConnection(address, 8008, timeout=ANSWER, context=context)
    try:
        connection.request("GET", path)
        text = connection.getresponse().read()
    finally:
        connection.close()
    return json.loads(text) if path == "/patroni" else {}


def postgresql_answers(address: str, context: ssl.SSLContext) -> None:
    """Opens TLS with PostgreSQL and ends it in due form, which it does not log. Raises when it does not answer.

    The kernel completes connections for a frozen server too, so that a connection alone says nothing.
    """
    with socket.create_connection((address, 5432), timeout=ANSWER) as plain:
        plain.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest (manual, "Message Formats")
        if plain.recv(1) != b"S":
            raise ConnectionError("no TLS")
        session = context.wrap_socket(plain, server_hostname=address)
        try:
            session.unwrap().close()
        except OSError:
            session.close()


def standby(status: dict[str, Any]) -> Standby | None:
    """A voter's answer as evidence; None when it is no standby that runs."""
    xlog = status.get("xlog", {})
    if status.get("state") != "running" or "received_location" not in xlog:
        return None
    return Standby(int(xlog["received_location"] or 0), bool(status.get("failsafe_mode_is_active")))


class Witness:
    """The looks, and what follows from them.

    config: scope, name, witnesses (names of all), members (name to address), silence (s), armed.
    """

    def __init__(self, config: dict[str, Any], etcd: Etcd, context: ssl.SSLContext) -> None:
        self._config = config
        self._etcd = etcd
        self._context = context
        self._prefix = f"/service/{config['scope']}/"
        self._own = f"/pgha/{config['scope']}/witness/"
        self._pool = ThreadPoolExecutor(32)
        self._suspicion = Suspicion()
        self._verdict: tuple[int, int, float] | None = None  # tenure, lease, when it was said
        self._said = ""
        self._looked = 0.0

    def say(self, text: str) -> None:
        """A line in the journal, once as long as nothing else is to say."""
        if text != self._said:
            print(text, flush=True)
        self._said = text

    def round(self) -> None:
        """One look and what follows from it. Raises Unavailable when etcd does not answer."""
        leader = self._etcd.get(f"{self._prefix}leader")
        if not leader or not leader.lease:
            return self._all_is_well()
        left, ttl = self._etcd.seconds_left(leader.lease)
        if not is_late(left, ttl):
            return self._all_is_well()
        keys = self._etcd.under(self._prefix)
        if keys.get("leader") != leader:
            return self._all_is_well()
        if time.monotonic() - self._looked > PAUSE + ANSWER + HELD_UP:
            self.forget()
        look = self._look(keys, leader, left, ttl)
        self._looked = time.monotonic()
        self._suspicion, why_not = judge(self._suspicion, look, self._config["silence"])
        if not why_not:
            return self._gone(keys, leader)
        self._withdraw()
        # A second or a little more is nothing out of the ordinary.
        if self._suspicion.misses or is_overdue(left, ttl, self._config["silence"]):
            self.say(f"{leader.value} has not renewed its key: {why_not}")

    def _look(self, keys: dict[str, Entry], leader: Entry, left: int, ttl: int) -> Look:
        members: dict[str, str] = self._config["members"]
        address = members.get(leader.value)
        cooling = bool(self._etcd.get(f"{self._own}freed"))
        why_not = veto(keys, cooling) if address else f"{leader.value} is no member known here"
        if why_not or not address:
            return Look(leader.mod, left, ttl, answered=False, veto=why_not)
        # The standbys are asked only once there is something to ask about.
        began = time.monotonic()
        asked = [name for name in voters(keys) if name in members and name != leader.value] if self._suspicion.misses else []
        answers = self._ask(
            {
                "rest": lambda: patroni_status(address, self._context, "/liveness"),
                "sql": lambda: postgresql_answers(address, self._context),
            }
            | {f"standby {name}": self._question(members[name]) for name in asked}
        )
        if time.monotonic() - began > ANSWER + HELD_UP:
            return Look(leader.mod, left, ttl, answered=False, veto="this witness was itself held up")
        found = {name: standby(answers[f"standby {name}"]) for name in asked if f"standby {name}" in answers}
        return Look(
            leader.mod,
            left,
            ttl,
            answered="rest" in answers or "sql" in answers,
            standbys={name: each for name, each in found.items() if each},
        )

    def _question(self, address: str) -> Callable[[], Any]:
        return lambda: patroni_status(address, self._context)

    def _ask(self, questions: dict[str, Callable[[], Any]]) -> dict[str, Any]:
        """Asks all at once; the answers that came in time."""
        asked = {key: self._pool.submit(question) for key, question in questions.items()}
        wait(asked.values(), timeout=ANSWER)
        return {key: each.result() for key, each in asked.items() if each.done() and not each.exception()}

    def _gone(self, keys: dict[str, Entry], leader: Entry) -> None:
        """Says that the leader is gone, and frees its key if a majority says so."""
        self._confirm(leader.mod)
        agreed = agreeing(self._etcd.under(f"{self._own}verdict/"), leader.mod, self._config["witnesses"])
        if not agreed:
            return self.say(f"{leader.value} is gone; the other witnesses have not said so")
        if not self._config["armed"]:
            return self.say(f"{leader.value} is gone, say {', '.join(agreed)}; dry run: its key stays")
        rest_lease = self._etcd.grant(REST)
        if self._etcd.txn(*freeing(self._prefix, self._own, keys, agreed, rest_lease)):
            self.say(f"{leader.value} is gone, say {', '.join(agreed)}: freed the leader key")
        else:
            self._etcd.revoke(rest_lease)
            self.say(f"{leader.value} is gone, but its key or the cluster has changed")
        self._suspicion = Suspicion()

    def _confirm(self, tenure: int) -> None:
        """Keeps this witness's verdict in etcd as long as it stands."""
        if self._verdict and self._verdict[0] == tenure and time.monotonic() - self._verdict[2] < VERDICT / 2:
            return
        now = time.monotonic()
        lease = self._etcd.grant(VERDICT)
        self._etcd.txn([], [put(f"{self._own}verdict/{self._config['name']}", str(tenure), lease)])
        self._verdict = (tenure, lease, now)

    def _withdraw(self) -> None:
        """Takes the verdict back at the first sign of life."""
        if self._verdict:
            lease, self._verdict = self._verdict[1], None
            self._etcd.revoke(lease)

    def _all_is_well(self) -> None:
        self._said = ""
        self._suspicion = Suspicion()
        self._withdraw()

    def forget(self) -> None:
        """Looks with a silence of etcd or of this witness between them are not in a row."""
        self._suspicion = Suspicion()


def main() -> None:
    with open(CONFIG, encoding="utf-8") as file:
        config = json.load(file)
    # A new certificate comes with a restart.
    context = own_certificate()
    witness = Witness(config, Etcd(config["etcd"], context), context)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"watches the leader of {config['scope']}{'' if config['armed'] else ', dry run'}", flush=True)
    while True:
        began = time.monotonic()
        try:
            witness.round()
        except Unavailable as error:
            witness.forget()
            witness.say(f"no look: {error}")
        time.sleep(max(0.02, began + PAUSE - time.monotonic()))


if __name__ == "__main__":
    main()
