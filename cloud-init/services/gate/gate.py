#!/usr/bin/python3
"""The gate of a proxy: has clients wait for a planned switchover, at PgBouncer and HAProxy, and always lets them go again.

Database nodes ask for it, over TLS, each with its own certificate (Patroni calls before-stop.sh and role-change.sh there):

    POST /pause?for=SECONDS   pauses all pools: 200 {"paused": true}, or 202 "pending" while transactions still go on.
                              From then on HAProxy holds new connections for writes, which the asking node would refuse
    POST /leader?name=NODE    the asking node takes writes: HAProxy is told at once, and the pool goes on
    GET  /                    {"paused": ..., "since": ..., "deadline": ...}, in seconds since the epoch

A proxy may have several PgBouncers; all that lead to the leader are paused. Each would stay so for ever if nobody resumed it, so
a pause ends here by itself: at its deadline, which counts from the first request and which no later one can move beyond the
configured limit; when the gate stops; when it starts. HAProxy is told the deadline and needs nobody to end it. systemd runs
`gate.py CONFIG resume` after a gate that was killed, and kills one that is frozen (WatchdogSec).

Only the node that leads, by HAProxy's word, may ask for a pause, and pauses come out of a budget: whoever has stolen a
database node's key cannot keep the pool paused.

    gate.py CONFIG            serves; see cloud-init/services/gate/files.ts for what is in CONFIG
    gate.py CONFIG resume     ends a pause that a former gate has left behind
"""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pgbouncer_console import Console, ConsoleError, on_console

# Seconds. A request is answered within PAUSE_WAIT, or LEADER_WAIT and a little more.
LOGINS_WAIT = 0.1
PAUSE_WAIT = 1.0
LEADER_WAIT = 3.0
HANDSHAKE_WAIT = 2.0
HEAD_WAIT = 1.0
ANSWER_WAIT = 5.0
# For one answer of PgBouncer's console, HAProxy's socket or its relay.
LOCAL_WAIT = 1.0
# For HAProxy to hold connections: nothing goes wrong when it does not.
DOOR_WAIT = 0.1
# For HAProxy to know who leads: one that was reloaded just now asks first.
LED_WAIT = 0.3
RETRY = 0.05
POLL = 0.01
# Clients served at once; more wait in the listener's queue. Each node has an equal share of them.
CLIENTS = 16
# All pauses together may take BUDGET times the limit, which comes back at REFILL seconds for each second without a pause: two
# whole ones at once, or a planned switchover of 2 s every 6 s for ever, and never more than a third of the time.
BUDGET = 2
REFILL = 0.5
# HAProxy's map of the node that nobody is to be let in to, with the moment until when, in ms since the epoch (hold.lua).
LEAVING = "virt@leaving"


@dataclass(frozen=True)
class Config:
    """What /etc/pgha/gate.json holds."""

    listen: tuple[str, int]
    tls: dict[str, str]
    # The longest pause in seconds.
    limit: float
    # False: a pause is not waited for. (In session mode a pool is busy for as long as its clients stay.)
    wait: bool
    # Address of each database node, by the name in its certificate.
    nodes: dict[str, str]
    # Who it is, at PgBouncer's console; the consoles' sockets; HAProxy's.
    user: str
    pgbouncer: list[str]
    haproxy: str
    # Does HAProxy hold connections?
    holds: bool
    # Where HAProxy says who takes writes.
    role: tuple[str, int]


def log(text: str) -> None:
    """A line for the journal. That nobody reads it must not keep a pool paused."""
    try:
        print(text, flush=True)
    except OSError:
        pass


class Refused(Exception):
    """A request that cannot be granted, with its HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def resume(config: Config) -> None:
    """Ends a pause, for certain: tries until every PgBouncer itself says that it is not paused."""
    await asyncio.gather(*(resume_at(config, console) for console in config.pgbouncer))


async def resume_at(config: Config, path: str) -> None:
    async def use(console: Console) -> None:
        try:
            await console.ask("RESUME")
        except ConsoleError as error:
            if "is not paused" not in str(error):
                raise
        # By hand, or by the gate of the release before.
        for row in await console.ask("SHOW DATABASES"):
            if row["paused"] != "0":
                await console.ask(f'RESUME "{row["name"]}"')
        # Asked afterwards: a PAUSE that was already on its way, on another connection, has been read by now.
        if any(row["key"] == "paused" and row["value"] != "no" for row in await console.ask("SHOW STATE")):
            raise ConsoleError("it is still paused")

    said = ""
    while True:
        try:
            async with asyncio.timeout(LOCAL_WAIT):
                return await on_console(path, config.user, use)
        except (FileNotFoundError, ConnectionRefusedError):
            return  # PgBouncer is not running: what was paused has gone with it
        except Exception as error:  # whatever it is, giving up would leave the pool paused
            why = str(error) or "no answer in time"
            if why != said:
                log(f"cannot resume yet, tries again: {why}")
            said = why
        await asyncio.sleep(RETRY)


class Gate:
    """The pause and its clock. Times are the event loop's, which is monotonic."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.since: float | None = None
        self.deadline = 0.0
        # What is left of the budget, and when that was so, which is when the last pause ended.
        self.budget = BUDGET * config.limit
        self.ended = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.pausing: asyncio.Task[None] | None = None
        self.resuming: asyncio.Task[None] | None = None

    async def pause(self, seconds: float, node: str) -> bool | str:
        """Pauses the pool for so long at most. @returns True, or "pending" when transactions go on after a short wait"""
        if self.resuming:
            raise Refused(503, "a pause is just ending")
        loop = asyncio.get_running_loop()
        answer_by = loop.time() + (PAUSE_WAIT if self.config.wait else LOGINS_WAIT)
        if not await led_by(self.config, node):
            raise Refused(403, f"{node} does not lead")
        if self.resuming:  # meanwhile
            raise Refused(503, "a pause is just ending")
        # The clock runs before PgBouncer is asked, so nothing that happens from here on can leave it paused.
        if self.since is None:
            self.budget = min(BUDGET * self.config.limit, self.budget + REFILL * (loop.time() - self.ended))
            if self.budget < min(seconds, self.config.limit) / 4:
                raise Refused(429, f"{max(0.0, self.budget):.1f} s are left to pause: there were too many pauses just now")
            self.since, self.deadline = loop.time(), 0.0
        longest = min(self.config.limit, self.budget)
        self.deadline = max(self.deadline, min(loop.time() + seconds, self.since + longest))
        if self.timer:
            self.timer.cancel()
        self.timer = loop.call_at(self.deadline, self.end, "its time was over")
        if not self.pausing:
            log(f"pauses for {node}")
            self.pausing = asyncio.create_task(self.close_pools())
        pausing = self.pausing
        await asyncio.wait({pausing}, timeout=max(LOGINS_WAIT, answer_by - loop.time()))
        paused = pausing.done()
        if paused:
            if pausing.cancelled():
                raise Refused(503, "the pause has ended")
            if error := pausing.exception():
                await asyncio.shield(self.end(f"PgBouncer cannot pause: {error}"))
                raise Refused(503, str(error))
        # Not earlier: PgBouncer's own logins pass the same door.
        await self.set_door(node)
        return paused or "pending"

    async def set_door(self, node: str | None) -> None:
        """HAProxy holds new connections while this node leads, for as long as the pause may last. None: no longer."""
        if not self.config.holds:
            return
        commands = [f"clear map {LEAVING}"]
        if node:
            until = time.time() + self.deadline - asyncio.get_running_loop().time()
            commands.append(f"add map {LEAVING} {node} {round(1000 * until)}")
        try:
            async with asyncio.timeout(DOOR_WAIT):
                complaint = await ask_haproxy(self.config, commands)
        except Exception as error:  # whatever it is, the pause goes on without it, and ends
            complaint = str(error) or "no answer in time"
        if node and complaint:
            log(f"HAProxy lets connections through to {node}: {complaint}")

    async def close_pools(self) -> None:
        """Lets transactions end and keeps new ones waiting. Returns once each PgBouncer has let go of every server."""
        closing = [asyncio.create_task(self.close_pool(console)) for console in self.config.pgbouncer]
        try:
            await asyncio.gather(*closing)
        finally:
            # None may pause any more once another has failed: its pause would not be ended.
            for task in closing:
                task.cancel()
            await asyncio.wait(closing)

    async def close_pool(self, path: str) -> None:
        async def use(console: Console) -> None:
            # A login that a pause breaks off counts as failed: until the next one succeeds, PgBouncer would turn clients away.
            loop = asyncio.get_running_loop()
            deadline = loop.time() + LOGINS_WAIT
            while loop.time() < deadline and any(
                row["database"] != "pgbouncer" and row["sv_login"] != "0" for row in await console.ask("SHOW POOLS")
            ):
                await asyncio.sleep(POLL / 2)
            await console.ask("PAUSE")

        await on_console(path, self.config.user, use)

    def end(self, why: str) -> asyncio.Task[None]:
        """Begins to resume, unless that is under way. The task is done once PgBouncer has confirmed it; never cancel it."""
        if not self.resuming:
            self.resuming = asyncio.create_task(self.let_go(why))
        return self.resuming

    async def let_go(self, why: str) -> None:
        if self.timer:
            self.timer.cancel()
        if self.pausing:
            self.pausing.cancel()
            await asyncio.wait({self.pausing})
        await asyncio.gather(self.set_door(None), resume(self.config))
        if self.since is not None:
            self.ended = asyncio.get_running_loop().time()
            self.budget -= self.ended - self.since
            log(f"resumed after {self.ended - self.since:.3f} s: {why}")
        self.since = self.timer = self.pausing = self.resuming = None

    async def lead(self, name: str) -> None:
        """Sends writes to a node as soon as HAProxy agrees that it leads; the routine checks would find out later."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LEADER_WAIT
        while not await leads(self.config, name):
            if loop.time() > deadline:
                raise Refused(504, f"HAProxy does not see {name} lead")
            await asyncio.sleep(POLL)
        try:
            await tell_haproxy(self.config, name)
        except OSError as error:
            log(f"could not tell HAProxy that {name} leads: {error or 'no answer in time'}")
        if self.since is not None:
            await asyncio.shield(self.end(f"{name} takes writes"))

    def state(self) -> dict[str, Any]:
        if self.since is None:
            return {"paused": False, "since": None, "deadline": None}
        epoch = time.time() - asyncio.get_running_loop().time()
        return {"paused": True, "since": round(self.since + epoch, 3), "deadline": round(self.deadline + epoch, 3)}


async def led_by(config: Config, name: str) -> bool:
    """Is it the node that HAProxy sends writes to? Asked of HAProxy alone: this Patroni may be about to end."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LED_WAIT
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                said = await ask_haproxy(config, ["get var proc.leader"])
        except OSError as error:  # no answer in time is one, too
            log(f"cannot ask HAProxy who leads: {error or 'no answer in time'}")
            return False
        if "value=<" in said or loop.time() > deadline:
            return f"value=<{name}>" in said
        await asyncio.sleep(RETRY)


async def leads(config: Config, name: str) -> bool:
    """Does the node lead and take writes, by HAProxy's relay of Patroni's word?"""
    try:
        async with asyncio.timeout(LOCAL_WAIT):
            reader, writer = await asyncio.open_connection(*config.role)
            try:
                writer.write(f"GET /{name} HTTP/1.0\r\nHost: pgha\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False


async def tell_haproxy(config: Config, leader: str) -> None:
    """Marks the leader up and the others down, as the checks are about to. Sessions to the others end with that."""
    others = [name for name in config.nodes if name != leader]
    commands = [*(f"set server leaders/{name} health down" for name in others), f"set server leaders/{leader} health up"]
    async with asyncio.timeout(LOCAL_WAIT):
        complaint = await ask_haproxy(config, commands)
    log(f"told HAProxy that {leader} leads" + (f"; it says: {complaint}" if complaint else ""))


async def ask_haproxy(config: Config, commands: list[str]) -> str:
    """@returns what HAProxy has to say: to most commands nothing"""
    reader, writer = await asyncio.open_unix_connection(config.haproxy)
    try:
        writer.write(("; ".join(commands) + "\n").encode())
        return " ".join((await reader.read()).decode().split())
    finally:
        writer.close()


class Server:
    """HTTPS for the database nodes: one short request a connection, everything bounded."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.gate = Gate(config)
        self.tls = self.context()
        self.slots = asyncio.Semaphore(CLIENTS)
        self.clients: set[asyncio.Task[None]] = set()
        # By address, the oldest first: connections that have not yet asked for anything.
        self.silent: dict[str, list[asyncio.Task[None]]] = {address: [] for address in config.nodes.values()}
        self.share = max(1, CLIENTS // len(config.nodes))

    def context(self) -> ssl.SSLContext:
        """What a handshake shows and whom it trusts, as the files are now."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.config.tls["ca"])
        context.load_cert_chain(self.config.tls["cert"], self.config.tls["key"])
        return context

    def reload(self) -> None:
        """Takes a renewed certificate and a changed authority up, from the next handshake on."""
        try:
            self.tls = self.context()
            log("took its certificate up anew")
        except (OSError, ssl.SSLError) as error:
            log(f"keeps the certificate it has: {error}")

    async def accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.slots.acquire()
            try:
                connection, (address, _) = await loop.sock_accept(listener)
            except OSError as error:
                self.slots.release()
                log(f"cannot accept a connection: {error}")
                await asyncio.sleep(RETRY)
                continue
            client = asyncio.create_task(self.serve(connection, address))
            self.clients.add(client)
            client.add_done_callback(self.leave)
            if address in self.silent:
                self.queue(client, self.silent[address])

    def leave(self, client: asyncio.Task[None]) -> None:
        """Also for one that was cancelled before its first step."""
        self.clients.discard(client)
        self.slots.release()

    def queue(self, client: asyncio.Task[None], silent: list[asyncio.Task[None]]) -> None:
        """A node that holds connections and says nothing loses its oldest: it shuts nobody out, not even itself."""
        silent.append(client)
        client.add_done_callback(lambda _: silent.remove(client) if client in silent else None)
        if len(silent) > self.share:
            silent.pop(0).cancel()

    async def serve(self, connection: socket.socket, address: str) -> None:
        try:
            # Strangers get no further than this; for the others, their certificate counts.
            if address in self.silent:
                await self.talk(connection, address)
            else:
                connection.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that goes away, is too slow or is refused in its handshake

    async def talk(self, connection: socket.socket, address: str) -> None:
        reader = asyncio.StreamReader(limit=8192)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=self.tls,
            ssl_handshake_timeout=HANDSHAKE_WAIT,
            ssl_shutdown_timeout=LOCAL_WAIT,
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            async with asyncio.timeout(HEAD_WAIT):
                head = await reader.readuntil(b"\r\n\r\n")
            if (client := asyncio.current_task()) in self.silent[address]:
                self.silent[address].remove(client)
            async with asyncio.timeout(ANSWER_WAIT):
                status, answer = await self.respond(head, common_name(writer.get_extra_info("peercert")), address)
                body = json.dumps(answer)
                writer.write(
                    f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                    f"Connection: close\r\n\r\n{body}".encode()
                )
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            transport.abort()

    async def respond(self, head: bytes, peer: str, address: str) -> tuple[int, dict[str, Any]]:
        try:
            if peer not in self.config.nodes:
                raise Refused(403, f"{peer} is no database node")
            if self.config.nodes[peer] != address:
                raise Refused(403, f"{address} is not the address of {peer}")
            method, target, _ = (head.split(b"\r\n")[0].decode("latin-1") + "  ").split(" ", 2)
            answer = await self.answer(method, target, peer)
            return 202 if answer.get("paused") == "pending" else 200, answer
        except Refused as refused:
            log(f"refused {peer}: {refused}")
            return refused.status, {"error": str(refused)}

    async def answer(self, method: str, target: str, peer: str) -> dict[str, Any]:
        url = urlsplit(target)
        query = {key: found[-1] for key, found in parse_qs(url.query).items()}
        match method, url.path:
            case "GET", "/":
                return self.gate.state()
            case "POST", "/pause":
                return {"paused": await self.gate.pause(seconds(query.get("for", "")), peer)}
            case "POST", "/leader":
                # Every node speaks for itself; that it leads is asked of HAProxy all the same.
                if query.get("name") != peer:
                    raise Refused(403, "a node can name itself only")
                await self.gate.lead(peer)
                return {"leader": peer}
        raise Refused(404, f"no {method} {url.path} here")


def seconds(text: str) -> float:
    try:
        given = float(text)
    except ValueError:
        given = 0
    # Written so that "nan" is refused, too.
    if not given > 0:
        raise Refused(400, "for= wants a number of seconds above 0")
    return given


def common_name(certificate: dict[str, Any]) -> str:
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names[0] if len(names) == 1 else "a certificate without one common name"


def notify(state: str) -> None:
    """Tells systemd (sd_notify(3))."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(state.encode(), path.replace("@", "\0", 1) if path[0] == "@" else path)


async def live() -> None:
    """Shows systemd's watchdog that the event loop goes round."""
    interval = int(os.environ.get("WATCHDOG_USEC", 0)) / 1e6 / 4
    while interval > 0:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval)


async def serve(config: Config) -> None:
    server = Server(config)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    # What a former gate may have left behind ends first; should that take long, no pause is granted until then.
    await asyncio.wait({server.gate.end("the gate has started")}, timeout=LOCAL_WAIT)
    listener = socket.create_server(config.listen, backlog=128)
    listener.setblocking(False)
    accepting = asyncio.create_task(server.accept(listener))
    living = asyncio.create_task(live())
    notify("READY=1")
    log(f"listens on {config.listen[0]}:{config.listen[1]}; longest pause {config.limit:g} s")
    await asyncio.wait({asyncio.create_task(stop.wait()), accepting}, return_when=asyncio.FIRST_COMPLETED)
    accepting.cancel()
    await server.gate.end("the gate stops")
    living.cancel()


def main(arguments: list[str]) -> None:
    with open(arguments[0], encoding="utf-8") as file:
        raw = json.load(file)
    config = Config(**{**raw, "listen": tuple(raw["listen"]), "role": tuple(raw["role"])})
    match arguments[1:]:
        case []:
            asyncio.run(serve(config))
        case ["resume"]:
            asyncio.run(resume(config))
        case _:
            sys.exit("usage: gate.py CONFIG [resume]")


if __name__ == "__main__":
    main(sys.argv[1:])
