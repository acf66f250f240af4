"""A crowd at one door: keeps many connections open to a port, and comes again whenever it is shown out.

Usage: crowd.py KIND HOST PORT COUNT [--source ADDRESS] [--user USER] [--database DATABASE] [--tls] [--cert FILE --key FILE]

KIND is what each of them does once it is connected:
  idle     says nothing
  half     logs in to PostgreSQL as far as the SCRAM challenge, and says no more
  headers  sends an HTTP request, one byte a second
  clients  logs in to PostgreSQL, the password being the first line of standard input, and asks something every few seconds

Prints a line of JSON each second. Ends when its standard input does.
"""

import argparse
import asyncio
import base64
import functools
import hashlib
import hmac
import json
import os
import random
import resource
import ssl
import struct
import sys

# Seconds a connection may take to come about.
PATIENCE = 30
# Seconds before one that is shown out comes again: a stranger at once, a client as drivers do.
AGAIN = {"idle": (1, 1), "half": (1, 1), "headers": (1, 1), "clients": (1, 5)}
# Seconds between two questions of a client.
PACE = 5

READY = ord("Z")
ERROR = ord("E")


class Crowd:
    """The connections to one port, and what became of them."""

    def __init__(self, args: argparse.Namespace, password: str) -> None:
        self.args = args
        self.password = password
        self.members: list[asyncio.Future[None]] = []
        self.tls = context(args)
        self.open = 0
        self.most = 0
        self.connected = 0
        self.refused = 0
        self.closed = 0
        self.said = ""
        # At most this many connect at a time, or the kernel's queue drops most of them.
        self.turns = asyncio.Semaphore(500)

    async def one(self) -> None:
        """One of them, for ever."""
        while True:
            try:
                async with self.turns:
                    reader, writer = await asyncio.wait_for(self.connect(), PATIENCE)
            except (OSError, asyncio.TimeoutError) as error:
                self.turned_away(error)
            else:
                await self.be_there(reader, writer)
                writer.transport.abort()
            await asyncio.sleep(random.uniform(*AGAIN[self.args.kind]))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects, by TLS if it is spoken from the first byte on."""
        args = self.args
        source = (args.source, 0) if args.source else None
        at_once = self.tls if args.kind == "headers" and args.tls else None
        connected = await asyncio.open_connection(args.host, args.port, local_addr=source, ssl=at_once)
        self.connected += 1
        return connected

    async def be_there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Does what this kind does, until it is shown out."""
        try:
            if self.args.kind in ("half", "clients"):
                await asyncio.wait_for(self.log_in(reader, writer), PATIENCE)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            self.turned_away(error)
        else:
            await self.stay(reader, writer)

    def turned_away(self, error: Exception) -> None:
        """Notes one that did not get in."""
        self.refused += 1
        self.said = f"{type(error).__name__}: {error}"

    async def log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Goes as far as the server's SCRAM challenge, and a client further."""
        writer.write(struct.pack("!II", 8, 80877103))  # SSLRequest
        if await reader.readexactly(1) != b"S":
            raise EOFError("no TLS")
        await writer.start_tls(self.tls)
        parameters = "\0".join(["user", self.args.user, "database", self.args.database, "", ""]).encode()
        writer.write(struct.pack("!II", len(parameters) + 8, 196608) + parameters)
        await self.challenge(reader, 10)
        bare = "n=,r=" + base64.b64encode(random.randbytes(18)).decode()
        first = f"n,,{bare}".encode()
        send(writer, b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        server = (await self.challenge(reader, 11)).decode()
        if self.args.kind == "half":
            return
        send(writer, proof(self.password, bare, server))
        await answer(reader)

    async def challenge(self, reader: asyncio.StreamReader, request: int) -> bytes:
        """Reads one message, which has to be this request for authentication."""
        kind, body = await message(reader)
        if kind == ERROR:
            raise EOFError(words(body))
        (asked,) = struct.unpack("!I", body[:4])
        if asked != request:
            raise EOFError(f"authentication {asked}")
        return body[4:]

    async def stay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stays as long as it may."""
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if self.args.kind == "headers":
                await slowly(reader, writer)
            elif self.args.kind == "clients":
                await asking(reader, writer)
            else:
                while await reader.read(4096):
                    pass
        except (OSError, EOFError) as error:
            self.said = f"{type(error).__name__}: {error}"
        finally:
            self.open -= 1
            self.closed += 1

    def report(self) -> None:
        """Prints how many there are."""
        names = ("open", "most", "connected", "refused", "closed", "said")
        print(json.dumps({name: getattr(self, name) for name in names}), flush=True)


async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends an HTTP request that does not end, one byte a second, until the other side has had enough."""
    for byte in b"GET / HTTP/1.1\r\nHost: crowd\r\nX-Slow: " + b"x" * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        try:
            if not await asyncio.wait_for(reader.read(4096), 1):
                return
        except asyncio.TimeoutError:
            pass


async def asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Asks something again and again."""
    question = b"SELECT 1\0"
    while True:
        await asyncio.sleep(random.uniform(0, 2 * PACE))
        writer.write(b"Q" + struct.pack("!I", len(question) + 4) + question)
        await answer(reader)


async def message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Reads one message of PostgreSQL's protocol."""
    kind, length = struct.unpack("!BI", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


async def answer(reader: asyncio.StreamReader) -> None:
    """Reads messages until the server is ready for a question."""
    while True:
        kind, body = await message(reader)
        if kind == ERROR:
            raise EOFError(words(body))
        if kind == READY:
            return


def send(writer: asyncio.StreamWriter, body: bytes) -> None:
    """Sends an answer to a request for authentication."""
    writer.write(b"p" + struct.pack("!I", len(body) + 4) + body)


def words(error: bytes) -> str:
    """What an ErrorResponse says."""
    fields = error.decode("utf-8", "replace").split("\0")
    return next((field[1:] for field in fields if field.startswith("M")), "")


@functools.lru_cache
def salted(password: str, salt: str, rounds: int) -> bytes:
    """SaltedPassword of RFC 5802. The server's salt is always the same, so 3,000 clients need it once."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), rounds)


def proof(password: str, bare: str, server: str) -> bytes:
    """The client's last message of SCRAM-SHA-256 (RFC 5802, 7677), without channel binding."""
    nonce, salt, rounds = (part[2:] for part in server.split(",")[:3])
    client = hmac.digest(salted(password, salt, int(rounds)), b"Client Key", "sha256")
    last = f"c=biws,r={nonce}"
    signature = hmac.digest(hashlib.sha256(client).digest(), ",".join((bare, server, last)).encode(), "sha256")
    return f"{last},p={base64.b64encode(bytes(a ^ b for a, b in zip(client, signature, strict=True))).decode()}".encode()


def context(args: argparse.Namespace) -> ssl.SSLContext:
    """TLS as a client that does not look at the server's certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if args.cert:
        made.load_cert_chain(args.cert, args.key)
    return made


async def main(args: argparse.Namespace) -> None:
    """Runs the crowd until standard input ends."""
    password = sys.stdin.readline().strip() if args.kind == "clients" else ""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    over = asyncio.Event()
    loop.add_reader(0, lambda: over.set() if not os.read(0, 64) else None)
    crowd = Crowd(args, password)
    crowd.members = [asyncio.ensure_future(crowd.one()) for _ in range(args.count)]
    while not over.is_set():
        crowd.report()
        try:
            await asyncio.wait_for(over.wait(), 1)
        except asyncio.TimeoutError:
            pass
    crowd.report()
    # Without goodbyes: to cancel so many tasks one by one takes long.
    os._exit(0)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=tuple(AGAIN))
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--source")
    parser.add_argument("--user", default="app")
    parser.add_argument("--database", default="app")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    return parser.parse_args()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(arguments()))
