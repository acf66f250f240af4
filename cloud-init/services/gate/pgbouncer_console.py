"""PgBouncer's console, over its Unix socket, where it lets an OS user in without a password whom its hba.conf names.

A PAUSE has to happen within milliseconds, which is less than psql needs to start. This is what is needed of PostgreSQL's
protocol, version 3.0.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable


class ConsoleError(Exception):
    """PgBouncer refused a command, in its own words, or broke off."""


class Console:
    """An open console."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, command: str) -> list[dict[str, str]]:
        """Runs a command and gives its rows. @raises ConsoleError"""
        text = command.encode() + b"\0"
        self.writer.write(b"Q" + struct.pack("!i", len(text) + 4) + text)
        return await self.answer()

    async def answer(self) -> list[dict[str, str]]:
        """Reads until PgBouncer is ready for the next command."""
        names: list[str] = []
        rows: list[dict[str, str]] = []
        error = ""
        while True:
            try:
                kind, length = struct.unpack("!ci", await self.reader.readexactly(5))
                body = await self.reader.readexactly(length - 4)
            except asyncio.IncompleteReadError:
                raise ConsoleError(error or "PgBouncer broke off") from None
            if kind == b"T":
                names = column_names(body)
            elif kind == b"D":
                rows.append(dict(zip(names, values(body))))
            elif kind == b"E":
                error = next(field[1:].decode() for field in body.split(b"\0") if field.startswith(b"M"))
            elif kind == b"R" and body != b"\0\0\0\0":
                raise ConsoleError("PgBouncer wants a password: only an OS user named in its hba.conf needs none")
            elif kind == b"Z" and error:
                raise ConsoleError(error)
            elif kind == b"Z":
                return rows


def column_names(body: bytes) -> list[str]:
    """Names in a RowDescription: each ends with a zero byte, and 18 bytes about its type follow."""
    names, at = [], 2
    while at < len(body):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode())
        at = end + 1 + 18
    return names


def values(body: bytes) -> list[str]:
    """Values in a DataRow: the length of each, -1 for NULL, and its text."""
    found, at = [], 2
    while at < len(body):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4 + max(length, 0)
        found.append(body[at - max(length, 0) : at].decode())
    return found


async def on_console(path: str, user: str, use: Callable[[Console], Awaitable[None]]) -> None:
    """Opens the console at a socket as this OS user, uses it and closes it. @raises OSError, ConsoleError"""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        console = Console(reader, writer)
        start = b"user\0" + user.encode() + b"\0database\0pgbouncer\0\0"
        writer.write(struct.pack("!ii", len(start) + 8, 196608) + start)
        await console.answer()
        await use(console)
    finally:
        writer.close()
