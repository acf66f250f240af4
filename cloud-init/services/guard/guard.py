#!/opt/patroni/bin/python
"""Lets a standby be promoted only once every commit that the old leader may have acknowledged is here.

Patroni's `pre_promote` (pre-promote.sh) asks for it: this node holds the leader key and is about to be promoted. Exit 0: go on.
Exit 1, with the reason on standard error (Patroni's journal): Patroni releases the key, and this node stays out of the race for
one ttl.

Why: the race was won by what the voters' REST interfaces said of their positions at one moment. An old leader that is
alive but cut off can still be confirmed by a voter after that, and then acknowledge a commit that this node does not have.
So this waits until as many voters as the quorum needs can confirm nothing to the old leader any more, and looks at their
positions only then. docs/witness.md has the whole argument.

    guard.py                judges once
    guard.py serve SOCKET   judges whenever it is asked over HTTP on a Unix socket: 200 or 409, with the reason. To start Python
                            takes longer than the work itself, and nobody leads meanwhile.
"""

import contextlib
import http.client
import http.server
import json
import os
import socketserver
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from etcd_gateway import TLS, Entry, Etcd, Unavailable, has_value, own_certificate, put, unchanged

CONFIG = "/etc/pgha/guard.json"
LIMIT = 5.0
"""Seconds until it gives up. Patroni renews the leader key meanwhile."""
STEP = 0.01
"""Seconds between two looks."""
GRACE = 0.3
"""Seconds in which an old leader that lives must have said so. Patroni has asked it already, unless its key was freed early."""


@dataclass(frozen=True)
class Sync:
    """Patroni's key /sync: of leader and voters together, any quorum + 1 hold every acknowledged commit."""

    leader: str
    voters: frozenset[str]
    quorum: int


def parse_sync(text: str) -> Sync | None:
    """None: replication is asynchronous."""
    value = json.loads(text)
    if not isinstance(value, dict) or not value.get("leader"):
        return None
    voters = frozenset(name.strip() for name in (value.get("sync_standby") or "").split(",") if name.strip())
    return Sync(value["leader"], voters, int(value.get("quorum") or 0))


@dataclass
class View:
    """What this node knows so far."""

    mine: int = 0
    """How far its own WAL reaches, bytes."""
    following: set[str] = field(default_factory=set)
    """Members whose WAL receiver is connected to this node, and so to no other."""
    down: set[str] = field(default_factory=set)
    """Former leaders that have said that they take no writes. They cannot again while this node holds the key."""
    up: set[str] = field(default_factory=set)
    """Former leaders that have said last that they do."""
    unheard: set[str] = field(default_factory=set)
    """Former leaders whose first answer is still awaited."""
    reach: dict[str, int] = field(default_factory=dict)
    """How far members' WAL reaches, bytes, asked after they could confirm nothing more to the old leader."""


@dataclass(frozen=True)
class Race:
    """What this node has won."""

    me: str
    sync: Sync
    former: frozenset[str]
    """Who may have acknowledged commits: the leader of /sync, and one that Patroni has not written there yet."""

    @property
    def members(self) -> frozenset[str]:
        """Those whose positions count."""
        return self.sync.voters | {self.sync.leader}

    @property
    def needed(self) -> int:
        """How many members beside this node must be past confirming: Patroni's own rule for winning the race."""
        return self.sync.quorum if self.me in self.members else self.sync.quorum + 1

    @property
    def is_trivial(self) -> bool:
        """Has nobody but this node acknowledged anything?"""
        return not self.former - {self.me}


def parse_race(me: str, keys: dict[str, Entry]) -> Race | None:
    """Reads Patroni's keys. None: replication is asynchronous."""
    sync = parse_sync(keys["sync"].value) if "sync" in keys else None
    if not sync:
        return None
    roles = {
        key.removeprefix("members/"): json.loads(entry.value).get("role")
        for key, entry in keys.items()
        if key.startswith("members/")
    }
    leading = {name for name, role in roles.items() if role in ("primary", "promoted")}
    return Race(me, sync, frozenset(leading | {sync.leader}))


def askable(race: Race, view: View) -> set[str]:
    """Members whose position is final for every former leader, and counts."""
    others = race.members - {race.me}
    return set(others if race.former - {race.me} <= view.down else others & view.following)


def is_safe(race: Race, view: View) -> bool:
    """Is every commit that was or can still be acknowledged by a former leader on this node?"""
    final = {name for name, reach in view.reach.items() if reach <= view.mine}
    return len((final & race.members) - {race.me}) >= race.needed


def seal(etcd: Etcd, prefix: str, me: str) -> Race | None:
    """Writes /sync again as it is, if this node holds the leader key.

    An old leader that was stopped in the middle of its round and goes on now would change /sync on condition that it is as
    it read it. After this it cannot, and so cannot change whom its commits wait for either.
    Raises PermissionError when this node does not hold the key.
    """
    while True:
        keys = etcd.under(prefix)
        if keys.get("leader", Entry("", 0)).value != me:
            raise PermissionError("this node does not hold the leader key any more")
        race = parse_race(me, keys)
        if not race:
            return None
        same = [has_value(prefix + "leader", me), unchanged(prefix + "sync", keys["sync"])]
        if etcd.txn(same, [put(prefix + "sync", keys["sync"].value)]):
            return race


def local_view(cursor: Any) -> tuple[int, set[str]]:
    """Own position and the members that stream from here.

    A connection that was there long before this node won the key might be a dead one, kept until a timeout: only those count
    that began in the last seconds.
    """
    cursor.execute(
        "SELECT pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::bigint,"
        " (SELECT array_agg(application_name) FROM pg_stat_replication WHERE state IN ('catchup', 'streaming')"
        " AND backend_start > clock_timestamp() - interval '10 s')"
    )
    mine, names = cursor.fetchone()
    return int(mine or 0), set(names or [])


def position(address: str) -> int:
    """How far a standby's WAL reaches, bytes, from itself. Raises when it does not answer or is no standby.

    Not from Patroni's REST interface nor from pg_stat_replication: what those say begins anew with a new WAL receiver,
    while pg_last_wal_receive_lsn() never goes back on a timeline.
    """
    connection = psycopg2.connect(
        host=address,
        dbname="postgres",
        user="rewind_user",
        sslmode="verify-full",
        sslrootcert=TLS["ca"],
        sslcert=TLS["cert"],
        sslkey=TLS["key"],
        connect_timeout=2,
        options="-c statement_timeout=1000",
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_is_in_recovery(),"
                " pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::bigint"
            )
            in_recovery, reach = cursor.fetchone()
    finally:
        connection.close()
    if not in_recovery or reach is None:
        raise ValueError(f"{address} is no standby")
    return int(reach)


def takes_no_writes(status: dict[str, Any]) -> bool:
    """Does a member's answer to GET /patroni prove that its PostgreSQL takes no writes?"""
    if status.get("state") == "stopped":
        return True
    return status.get("state") == "running" and "replayed_location" in status.get("xlog", {})


def leads(status: dict[str, Any]) -> bool:
    """Does it say that its PostgreSQL is a running primary?"""
    return status.get("state") == "running" and "location" in status.get("xlog", {})


def ask_patroni(address: str) -> dict[str, Any]:
    """A member's answer to GET /patroni. Raises when there is none."""
    connection = http.client.HTTPSConnection(address, 8008, timeout=1, context=own_certificate())
    try:
        connection.request("GET", "/patroni")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


class Questions:
    """Questions to other members, at most one under way to each, so that a silent one keeps nobody waiting."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(16)
        self._open: dict[str, Future[Any]] = {}
        self.errors: dict[str, str] = {}

    def ask(self, key: str, question: Any, *args: Any) -> Any:
        """The answer if it is there, else None: it has been asked and comes with a later call."""
        if key not in self._open:
            self._open[key] = self._pool.submit(question, *args)
        if not self._open[key].done():
            return None
        done = self._open.pop(key)
        error = done.exception()
        if error:
            self.errors[key] = " ".join(str(error).split())
            return None
        self.errors.pop(key, None)
        return done.result()

    def close(self) -> None:
        """Waits for no answer any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def ask_former(view: View, name: str, address: str, questions: Questions) -> None:
    """Keeps up what a former leader says of itself. One that falls silent is not up any more, and not down."""
    key = f"Patroni of {name}"
    status = questions.ask(key, ask_patroni, address)
    if status is None and key not in questions.errors:
        return
    view.unheard.discard(name)
    view.up.discard(name)
    if status and takes_no_writes(status):
        view.down.add(name)
    elif status and leads(status):
        view.up.add(name)


def wait(race: Race, members: dict[str, str], limit: float) -> str:
    """Waits until this node may be promoted. Returns what is missing after `limit` seconds, empty if nothing is."""
    local = psycopg2.connect(host="/var/run/postgresql", dbname="postgres", user="postgres", connect_timeout=2)
    local.autocommit = True
    with contextlib.closing(local), contextlib.closing(Questions()) as questions:
        return watch(race, members, limit, local.cursor(), questions)


def watch(race: Race, members: dict[str, str], limit: float, cursor: Any, questions: Questions) -> str:
    """Looks again and again until this node may be promoted. Returns as `wait`."""
    began = time.monotonic()
    former = race.former & members.keys() - {race.me}
    view = View(unheard=set(former))
    while True:
        passed = time.monotonic() - began
        view.mine, view.following = local_view(cursor)
        for name in former - view.down:
            ask_former(view, name, members[name], questions)
        for name in askable(race, view) & members.keys() - view.reach.keys():
            reach = questions.ask(name, position, members[name])
            if reach is not None:
                view.reach[name] = reach
        # A former leader that lives and leads keeps its role, as in Patroni's own race; it may be about to give it up.
        if is_safe(race, view) and not view.up and (passed > GRACE or not view.unheard):
            return ""
        if passed > limit:
            return missing(race, view, questions)
        time.sleep(STEP)


def missing(race: Race, view: View, questions: Questions) -> str:
    """One line for the journal."""
    if is_safe(race, view):
        return f"{', '.join(sorted(view.up))} lives and leads"
    return (
        f"{race.needed} of {', '.join(sorted(race.members - {race.me}))} must stream from here and be no further than"
        f" {view.mine}; streaming: {', '.join(sorted(view.following)) or 'none'}; positions: {view.reach};"
        f" no answer: {questions.errors}"
    )


def judge() -> tuple[bool, str]:
    """May this node be promoted? With a line for the journal, empty when there was nothing to look at."""
    began = time.monotonic()
    with open(CONFIG, encoding="utf-8") as file:
        config = json.load(file)
    etcd = Etcd(config["etcd"], own_certificate())
    try:
        race = seal(etcd, f"/service/{config['scope']}/", config["name"])
        if not race or race.is_trivial:
            return True, ""
        why_not = wait(race, config["members"], LIMIT)
    except (PermissionError, Unavailable, psycopg2.Error) as error:
        why_not = " ".join(str(error).split())
    finally:
        etcd.close()
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    if why_not:
        return False, f"guard: not promoted after {took}: {why_not}"
    return True, f"guard: no commit can be missing here, {took}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers any GET with a judgement. What goes wrong in it is none."""

    def do_GET(self) -> None:
        try:
            may, text = judge()
        except Exception as error:  # whatever it is, the one who asks must hear of it
            may, text = False, f"guard: not promoted: {error!r}"
        body = text.encode()
        self.send_response(200 if may else 409)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Patroni's journal has it."""


class Service(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def serve(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with Service(path, Handler) as service:
        service.serve_forever()


def main() -> int:
    match sys.argv[1:]:
        case ["serve", path]:
            serve(path)
        case []:
            may, text = judge()
            print(text, file=sys.stderr, flush=True)
            return 0 if may else 1
    print("usage: guard.py [serve SOCKET]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    status = main()
    # Without waiting for questions that are still open.
    os._exit(status)
