"""What HAProxy meets, on loopback addresses of one machine: a Patroni and a PostgreSQL per node, and clients.

Reads commands from standard input, a JSON array each (NAME, ARGUMENTS...), and prints the result of each as JSON.
Times are seconds of this machine's monotonic clock. Only for tests.
"""

import asyncio
import json
import socket
import ssl
import sys
import time
from typing import Any

TLS = "/etc/pgha/tls"
# By which clients of other machines come; PgBouncer comes by 127.0.0.1.
CLIENTS_DOOR = "127.0.0.9"


class PostgreSQL:
    """Greets with the node's name and keeps the connection. Refuses while it is down."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.server: asyncio.Server | None = None
        self.sessions: set[asyncio.StreamWriter] = set()

    async def up(self) -> None:
        if not self.server:
            self.server = await asyncio.start_server(self.session, self.address, 5432, backlog=4096)

    async def down(self) -> None:
        """As kill -9 of the postmaster: the port refuses, and the sessions end."""
        if self.server:
            self.server.close()
            self.server = None
        for writer in list(self.sessions):
            writer.close()

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions.add(writer)
        try:
            writer.write(f"{self.name}\n".encode())
            await reader.read()
        except ConnectionError:
            pass
        finally:
            self.sessions.discard(writer)
            writer.close()


class Patroni:
    """Answers every request with the status and the body it was given; silent: accepts and says nothing."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.server: asyncio.Server | None = None
        self.frozen: socket.socket | None = None
        self.status = 503
        self.body: dict[str, Any] = {}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{TLS}/{name}.crt", f"{TLS}/node.key")

    async def says(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.body = status, body
        self.thaw()
        if not self.server:
            self.server = await asyncio.start_server(self.answer, self.address, 8008, ssl=self.context)

    async def down(self) -> None:
        self.thaw()
        if self.server:
            self.server.close()
            self.server = None

    async def silent(self) -> None:
        """The kernel accepts connections for it, as for a stopped process."""
        await self.down()
        self.frozen = socket.create_server((self.address, 8008), backlog=4096)

    def thaw(self) -> None:
        if self.frozen:
            self.frozen.close()
            self.frozen = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            body = json.dumps(self.body)
            keeps_up = self.body.get("role") == "replica" and self.body.get("state") == "running" and "lags" not in self.body
            replica = 200 if keeps_up else 503
            status = replica if path.startswith("/replica") else self.status
            writer.write(f"HTTP/1.0 {status} Said\r\nContent-Type: application/json\r\n\r\n{body}".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class Client:
    """A connection through HAProxy: which node served it and when, and when it ended."""

    def __init__(self) -> None:
        self.node: str | None = None
        self.served: float | None = None
        self.ended: float | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.news = asyncio.Event()

    async def live(self, port: int, host: str, silent: bool, source: str | None = None) -> None:
        try:
            local = (source, 0) if source else None
            reader, self.writer = await asyncio.open_connection(host, port, local_addr=local)
            if not silent:
                self.writer.write(b"hello\n")
            if line := await reader.readline():
                self.node, self.served = line.decode().strip(), time.monotonic()
                self.news.set()
                await reader.read()
        except ConnectionError:
            pass
        self.ended = time.monotonic()
        self.news.set()
        self.hang_up()

    def hang_up(self) -> None:
        if self.writer:
            self.writer.close()

    def state(self) -> dict[str, Any]:
        return {"node": self.node, "served": self.served, "ended": self.ended}


class Stage:
    def __init__(self) -> None:
        self.postgresql: dict[str, PostgreSQL] = {}
        self.patroni: dict[str, Patroni] = {}
        self.clients: dict[str, Client] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def node(self, name: str, address: str) -> None:
        self.postgresql[name] = PostgreSQL(name, address)
        self.patroni[name] = Patroni(name, address)
        await self.postgresql[name].up()

    async def says(self, name: str, status: int, body: dict[str, Any]) -> float:
        await self.patroni[name].says(status, body)
        return time.monotonic()

    async def patroni_is(self, name: str, state: str) -> float:
        await getattr(self.patroni[name], state)()
        return time.monotonic()

    async def postgresql_is(self, name: str, state: str) -> float:
        await getattr(self.postgresql[name], state)()
        return time.monotonic()

    async def connect(
        self,
        name: str,
        port: int,
        count: int = 1,
        host: str = CLIENTS_DOOR,
        silent: bool = False,
        source: str | None = None,
    ) -> float:
        """Opens connections NAME, or NAME.0, NAME.1, ... when there are several. They speak first, as PostgreSQL's clients do."""
        for number in range(count):
            client = self.clients[name if count == 1 else f"{name}.{number}"] = Client()
            task = asyncio.create_task(client.live(port, host, silent, source))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        await asyncio.sleep(0)
        return time.monotonic()

    async def hang_up(self, prefix: str) -> float:
        for client in self.named(prefix):
            client.hang_up()
        return time.monotonic()

    async def hang_up_all(self) -> float:
        for client in self.clients.values():
            client.hang_up()
        return time.monotonic()

    async def talk(self, name: str) -> float:
        """The client sends something more, which nobody needs to take."""
        writer = self.clients[name].writer
        assert writer
        writer.write(b"more\n")
        return time.monotonic()

    async def states(self, prefix: str) -> list[dict[str, Any]]:
        return [client.state() for client in self.named(prefix)]

    async def wait(self, name: str, what: str, seconds: float) -> dict[str, Any] | None:
        """The client's state once it was served or has ended; null when it was not within that time."""
        client, deadline = self.clients[name], time.monotonic() + seconds
        while getattr(client, what) is None:
            client.news.clear()
            try:
                await asyncio.wait_for(client.news.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return None
        return client.state()

    async def storm(self, port: int, seconds: float) -> dict[str, int]:
        """Connects every 5 ms; how many were served by which node. Those that are refused do not count."""
        clients, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            clients.append(Client())
            task = asyncio.create_task(clients[-1].live(port, CLIENTS_DOOR, False))
            self.tasks.add(task)
            await asyncio.sleep(0.005)
        served: dict[str, int] = {}
        for client in clients:
            client.hang_up()
            if client.node:
                served[client.node] = served.get(client.node, 0) + 1
        return served

    async def now(self) -> float:
        return time.monotonic()

    async def run(self, command: str) -> str:
        child = await asyncio.create_subprocess_exec(
            "bash", "-c", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await child.communicate()
        if child.returncode:
            raise RuntimeError(f"{command}: {output.decode()}")
        return output.decode().strip()

    def named(self, prefix: str) -> list[Client]:
        return [client for name, client in self.clients.items() if name == prefix or name.startswith(f"{prefix}.")]


async def main() -> None:
    stage, reader = Stage(), asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def perform(number: int, name: str, *arguments: Any) -> None:
        try:
            answer = {"result": await getattr(stage, name)(*arguments)}
        except Exception as error:  # told to the test, which fails by it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"number": number, **answer}), flush=True)

    tasks = set()
    while line := await reader.readline():
        tasks.add(asyncio.create_task(perform(*json.loads(line))))


asyncio.run(main())
