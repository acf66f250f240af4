"""The matrix's clients in Python: `main.py NAME`. They connect by what `pgha env` put into the environment; the steps come by standard
input, a line each, the answers go to standard output, a line of JSON each (../README.md)."""

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from adapters import Adapter, adapters

# docs/clients.md: what another try may not meet again.
PASSING = ("08", "25006", "40001", "40P01", "40003", "53300", "57P01", "57P02", "57P03", "57P05")
PATIENCE = 60.0


def again(adapter: Adapter, error: Exception) -> bool:
    """Whether another try may fare better: the connection is gone, or the server says so."""
    state = adapter.state(error)
    return state.startswith(PASSING) if state else adapter.broken(error)


def retried(adapter: Adapter, attempt: Callable[[Any], None], held: list[Any]) -> None:
    """Tries until it works, each time on a connection that has not failed."""
    end = time.monotonic() + PATIENCE
    longest = 0.05
    while True:
        try:
            if not held:
                held.append(adapter.connect())
            attempt(held[0])
            return
        except Exception as error:
            if held:
                adapter.close(held.pop())
            if not again(adapter, error) or time.monotonic() > end:
                raise
            time.sleep(longest * random.uniform(0.5, 1))
            longest = min(2 * longest, 1.0)


class Ride(threading.Thread):
    """Writes under an id of its own each, one after the other, until it is told to stop."""

    def __init__(self, adapter: Adapter, prefix: str) -> None:
        super().__init__()
        self.adapter = adapter
        self.prefix = prefix
        self.done = 0
        self.failed: list[str] = []
        self.longest = 0.0
        self.stopped = threading.Event()

    def run(self) -> None:
        held: list[Any] = []
        n = 0
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                retried(self.adapter, self.once(f"{self.prefix}-{n}"), held)
                self.done += 1
            except Exception as error:
                self.failed.append(f"{self.prefix}-{n}: {type(error).__name__}: {error}")
            self.longest = max(self.longest, time.monotonic() - began)
            n += 1
            time.sleep(0.05)
        if held:
            self.adapter.close(held[0])

    def once(self, key: str) -> Callable[[Any], None]:
        def attempt(connection: Any) -> None:
            def work(run: Callable[..., list[Any]]) -> None:
                remember = (
                    "INSERT INTO requests (id) VALUES (%s) "
                    "ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries"
                )
                if run(remember, key)[0][0] == 1:
                    run("INSERT INTO matrix (id) VALUES (%s)", key)

            self.adapter.transaction(connection, work)

        return attempt


class Session:
    """The steps, on one connection that is held all the while."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.connection: Any = None
        self.riding: Ride | None = None

    def connect(self) -> Any:
        self.connection = self.adapter.connect()
        return self.adapter.rows(self.connection, "SELECT 1")[0][0]

    def write(self, key: str) -> Any:
        return self.adapter.rows(self.connection, "INSERT INTO matrix (id) VALUES (%s) RETURNING id", key)[0][0]

    def read(self) -> Any:
        connection = self.adapter.connect(reading=True)
        try:
            return self.adapter.rows(connection, "SELECT pg_is_in_recovery()")[0][0]
        finally:
            self.adapter.close(connection)

    def prepared(self) -> Any:
        """Often enough that every driver has prepared it. @returns the number of columns"""
        for _ in range(8):
            found = self.adapter.rows(self.connection, "SELECT * FROM shape WHERE id = %s", 1)
        return len(found[0])

    def long(self) -> Any:
        return len(self.adapter.rows(self.connection, "SELECT pg_sleep(3)"))

    def cancel(self, mark: str) -> Any:
        """A statement of 30 s that is cancelled; and the connection is usable."""
        began = time.monotonic()
        state = self.adapter.cancelled(self.connection, f"SELECT pg_sleep(30) /* {mark} */", 0.5)
        took = time.monotonic() - began
        assert took < 10, f"it ended after {took:.1f} s"
        self.adapter.rows(self.connection, "SELECT 1")
        return state

    def broken(self, key: str) -> Any:
        """A transaction that fails is rolled back; and the connection is usable."""

        def work(run: Callable[..., list[Any]]) -> None:
            run("INSERT INTO matrix (id) VALUES (%s)", key)
            run("SELECT 1 / (SELECT 0)")

        try:
            self.adapter.transaction(self.connection, work)
        except Exception as error:
            state = self.adapter.state(error)
        else:
            raise AssertionError("the transaction did not fail")
        (row,) = self.adapter.rows(self.connection, "SELECT count(*) FROM matrix WHERE id = %s", key)
        assert row[0] == 0, "a statement of the failed transaction was done"
        return state

    def ride(self, prefix: str) -> Any:
        self.riding = Ride(self.adapter, prefix)
        self.riding.start()

    def stop(self) -> Any:
        assert self.riding
        self.riding.stopped.set()
        self.riding.join()
        return {"done": self.riding.done, "failed": self.riding.failed, "longest": round(self.riding.longest, 2)}

    def own(self) -> Any:
        return self.adapter.own()


def main() -> None:
    session = Session(adapters[sys.argv[1]]())
    for line in sys.stdin:
        step, *arguments = line.split()
        try:
            answer = {"ok": True, "said": getattr(session, step)(*arguments)}
        except Exception as error:
            answer = {"ok": False, "said": f"{type(error).__name__}: {error}".strip()}
        print(json.dumps({"step": step, **answer}), flush=True)


main()
