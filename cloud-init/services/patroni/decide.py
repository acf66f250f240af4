#!/usr/bin/python3
"""Says who may go next, for the converge step of its own node and for the operator's commands: the rules are in judges.py.

    decide.py switchover [--from NAME] [--to NAME]   may the leader hand over, and what is Patroni to be asked for?
    decide.py stranger                               the same, of a leader that the settings know no more
    decide.py restart NAME                           may PostgreSQL restart on this node?
    decide.py reinit NAME                            may this node's data be deleted, and copied again?
    decide.py order                                  who waits for a restart, in which order?

Standard output has the answer (`Answer`, `Order`) as one JSON object. Exit code 0: it may go, 1: it may not.
"""

import argparse
import http.client
import json
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from etcd_gateway import Etcd, Unavailable, own_certificate
from judges import Answer, Member, View, order, reinit, restart, stranger, switchover

CONFIG = "/etc/pgha/decide.json"
PATIENCE = 5.0
"""Seconds a Patroni has to answer. Less is not a sign of trouble on a machine that is busy."""

Json = dict[str, Any]


def ask(address: str, path: str, context: ssl.SSLContext) -> Json:
    """What a member's Patroni says. Empty when it has no answer."""
    connection = http.client.HTTPSConnection(address, 8008, timeout=PATIENCE, context=context)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


def switchover_key(etcd: Etcd, scope: str) -> Json | None:
    """Patroni's key for a switchover, which /cluster shows only while it is scheduled. None: etcd does not answer."""
    try:
        entry = etcd.get(f"/service/{scope}/failover")
    except Unavailable:
        return None
    finally:
        etcd.close()
    value = json.loads(entry.value) if entry and entry.value else {}
    return value if isinstance(value, dict) else {}


def look(config: Json, context: ssl.SSLContext) -> View:
    """Asks this node's Patroni for the cluster, every member's for itself, and etcd."""
    known: dict[str, str] = config["members"]
    cluster = ask(known[config["name"]], "/cluster", context)
    listed = {each["name"]: each for each in cluster.get("members", [])}
    addresses = {name: each.get("host", "") for name, each in listed.items()} | known
    with ThreadPoolExecutor(len(addresses) + 1) as pool:
        asked = {name: pool.submit(ask, address, "/patroni", context) for name, address in addresses.items()}
        key = pool.submit(switchover_key, Etcd(config["etcd"], context, timeout=2), config["scope"]).result()
        own = {name: each.result() for name, each in asked.items()}
    return View(
        tuple(
            member(name, name in known, listed.get(name, {}), own[name], config["notBelowLeader"]) for name in sorted(addresses)
        ),
        synchronous=config["synchronous"],
        ttl=config["ttl"],
        etcd=key is not None,
        paused=cluster.get("pause") is True,
        switchover=switchover_state(key or {}),
    )


def switchover_state(key: Json) -> str:
    """A done one leaves an empty object."""
    if key.get("scheduled_at"):
        return f"scheduled for {key['scheduled_at']}"
    return "under way" if key.get("leader") or key.get("member") else ""


def member(name: str, known: bool, listed: Json, own: Json, not_below_leader: dict[str, str]) -> Member:
    """A member as /cluster lists it, and as it says itself (GET /patroni)."""
    return Member(
        name,
        known,
        role=listed.get("role", ""),
        state=state(listed.get("state", ""), own),
        timeline=listed.get("timeline"),
        nofailover=is_nofailover(listed.get("tags") or {}),
        answers=bool(own),
        reach=reach(own.get("xlog") or {}),
        replay_paused=(own.get("xlog") or {}).get("paused") is True,
        failsafe=own.get("failsafe_mode_is_active") is True,
        due=own.get("pending_restart") is True or listed.get("pending_restart") is True,
        lowered=lowered(own.get("pending_restart_reason") or {}, not_below_leader),
    )


def state(listed: str, own: Json) -> str:
    """What it has left in etcd is up to one round old: one that has just stopped still streams there. Of both the worse."""
    if listed == "streaming":
        return own.get("replication_state") or own.get("state") or listed
    return own.get("state") or listed if listed == "running" else listed


def reach(xlog: Json) -> int | None:
    """How far the WAL of a leader, or of a standby, reaches."""
    found = [xlog[key] for key in ("location", "received_location", "replayed_location") if isinstance(xlog.get(key), int)]
    return max(found, default=None)


def is_nofailover(tags: Json) -> bool:
    """As Patroni reads it (tags.py): a priority of 0 says the same, unless the tag itself says otherwise."""
    priority = tags.get("failover_priority")
    if isinstance(tags.get("nofailover"), bool):
        return tags["nofailover"]
    return isinstance(priority, (int, float)) and priority <= 0


def lowered(reason: Json, not_below_leader: dict[str, str]) -> dict[str, int]:
    """Of what waits for a restart the parameters that go down, among those that a standby may not have lower than its leader."""
    found: dict[str, int] = {}
    for name, values in reason.items():
        old, new = str(values.get("old_value")), str(values.get("new_value"))
        if name in not_below_leader and old.isdigit() and new.isdigit() and int(new) < int(old):
            found[not_below_leader[name]] = int(new)
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="decide.py")
    questions = parser.add_subparsers(dest="question", required=True)
    handing_over = questions.add_parser("switchover")
    handing_over.add_argument("--from", dest="source", default="")
    handing_over.add_argument("--to", dest="target", default="")
    for name in ("restart", "reinit"):
        questions.add_parser(name).add_argument("name")
    for name in ("stranger", "order"):
        questions.add_parser(name)
    return parser.parse_args()


def answer(view: View, asked: argparse.Namespace) -> Answer:
    match asked.question:
        case "switchover":
            return switchover(view, asked.source, asked.target)
        case "stranger":
            return stranger(view)
        case "restart":
            return restart(view, asked.name)
        case "reinit":
            return reinit(view, asked.name)
    return order(view)


def main() -> int:
    asked = arguments()
    with open(CONFIG, encoding="utf-8") as file:
        config = json.load(file)
    given = answer(look(config, own_certificate()), asked)
    print(json.dumps(asdict(given)))
    return 0 if given.go else 1


if __name__ == "__main__":
    sys.exit(main())
