"""What differs between the drivers of Python. Each imports its driver where it is chosen."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

Work = Callable[[Callable[..., list[Any]]], None]


class Adapter:
    """A driver. Statements have %s for their arguments."""

    def connect(self, reading: bool = False) -> Any:
        raise NotImplementedError

    def rows(self, connection: Any, text: str, *arguments: Any) -> list[Any]:
        """Runs one statement, which is a transaction of its own. @returns its rows, none for one that gives none"""
        raise NotImplementedError

    def transaction(self, connection: Any, work: Work) -> None:
        raise NotImplementedError

    def cancelled(self, connection: Any, text: str, after: float) -> str:
        """Runs a statement and cancels it after some seconds. @returns the SQLSTATE"""
        timer = threading.Timer(after, self.cancel, [connection])
        timer.start()
        try:
            self.rows(connection, text)
        except Exception as error:
            return self.state(error)
        finally:
            timer.join()
        raise AssertionError("it was not cancelled")

    def cancel(self, connection: Any) -> None:
        raise NotImplementedError

    def close(self, connection: Any) -> None:
        try:
            connection.close()
        except Exception:
            pass  # it had failed

    def state(self, error: Exception) -> str:
        """Its SQLSTATE; empty when it has none."""
        return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""

    def broken(self, error: Exception) -> bool:
        """Whether an error without SQLSTATE is of the connection."""
        return type(error).__name__ in ("OperationalError", "InterfaceError")

    def own(self) -> Any:
        """What only this one has. @returns nothing: there is nothing"""
        return None


def url(reading: bool) -> str:
    return os.environ["READ_URL" if reading else "DATABASE_URL"]


class DbApi(Adapter):
    """psycopg and psycopg2."""

    def rows(self, connection: Any, text: str, *arguments: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(text, arguments or None)
            return list(cursor.fetchall()) if cursor.description else []

    def transaction(self, connection: Any, work: Work) -> None:
        connection.autocommit = False
        try:
            work(lambda text, *arguments: self.rows(connection, text, *arguments))
            connection.commit()
        except Exception:
            if not connection.closed:
                connection.rollback()
            raise
        finally:
            if not connection.closed:
                connection.autocommit = True


class Psycopg(DbApi):
    def connect(self, reading: bool = False) -> Any:
        import psycopg

        return psycopg.connect(url(reading), autocommit=True)

    def cancel(self, connection: Any) -> None:
        connection.cancel_safe()


class Psycopg2(DbApi):
    def connect(self, reading: bool = False) -> Any:
        import psycopg2

        connection = psycopg2.connect(url(reading))
        connection.autocommit = True
        return connection

    def cancel(self, connection: Any) -> None:
        connection.cancel()


class Asyncpg(Adapter):
    """Its event loop runs in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def connect(self, reading: bool = False) -> Any:
        import asyncpg

        # One host after another, and no answer from one that is switched off.
        return self.wait(asyncpg.connect(url(reading), timeout=5, command_timeout=40))

    @staticmethod
    def numbered(text: str) -> str:
        return text.replace("%s", "$1")  # no statement of ours has more than one

    def rows(self, connection: Any, text: str, *arguments: Any) -> list[Any]:
        return list(self.wait(connection.fetch(self.numbered(text), *arguments)))

    def transaction(self, connection: Any, work: Work) -> None:
        transaction = connection.transaction()
        self.wait(transaction.start())
        try:
            work(lambda text, *arguments: self.rows(connection, text, *arguments))
        except Exception:
            if not connection.is_closed():
                self.wait(transaction.rollback())
            raise
        self.wait(transaction.commit())

    def cancelled(self, connection: Any, text: str, after: float) -> str:
        # It cancels by itself what is given up, and knows of no SQLSTATE then.
        try:
            self.wait(asyncio.wait_for(connection.fetch(text), after))
        except TimeoutError:
            return "57014"
        raise AssertionError("it was not cancelled")

    def close(self, connection: Any) -> None:
        connection.terminate()

    def broken(self, error: Exception) -> bool:
        words = ("connection is closed", "connection was closed", "connection has been closed", "closed in the middle")
        return isinstance(error, (OSError, TimeoutError)) or any(word in str(error) for word in words)


class SqlAlchemy(Adapter):
    def __init__(self) -> None:
        import sqlalchemy

        def engine(reading: bool) -> Any:
            return sqlalchemy.create_engine(url(reading), pool_size=2)

        self.engines = {reading: engine(reading) for reading in (False, True)}
        self.text = sqlalchemy.text

    def connect(self, reading: bool = False) -> Any:
        return self.engines[reading].connect().execution_options(isolation_level="AUTOCOMMIT")

    def run(self, connection: Any, text: str, *arguments: Any) -> list[Any]:
        named = {"a": arguments[0]} if arguments else {}
        result = connection.execute(self.text(text.replace("%s", ":a")), named)
        return list(result.fetchall()) if result.returns_rows else []

    def rows(self, connection: Any, text: str, *arguments: Any) -> list[Any]:
        with connection.begin():
            return self.run(connection, text, *arguments)

    def transaction(self, connection: Any, work: Work) -> None:
        with connection.engine.begin() as own:
            work(lambda text, *arguments: self.run(own, text, *arguments))

    def cancel(self, connection: Any) -> None:
        connection.connection.driver_connection.cancel_safe()

    def state(self, error: Exception) -> str:
        return super().state(getattr(error, "orig", None) or error)


class Django(Adapter):
    """docs/clients.md has the settings."""

    def __init__(self) -> None:
        import django
        from django.conf import settings

        base = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "DISABLE_SERVER_SIDE_CURSORS": True,
        }
        reads = {**base, "PORT": os.environ["READ_PORT"], "OPTIONS": {"target_session_attrs": "any"}}
        settings.configure(DATABASES={"default": base, "reads": reads}, INSTALLED_APPS=["orders"], USE_TZ=True)
        django.setup()

    def connect(self, reading: bool = False) -> Any:
        from django.db import connections

        connection = connections.create_connection("reads" if reading else "default")
        connection.inc_thread_sharing()  # the timer's thread cancels
        connection.ensure_connection()
        return connection

    def rows(self, connection: Any, text: str, *arguments: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(text, arguments or None)
            return list(cursor.fetchall()) if cursor.description else []

    def transaction(self, connection: Any, work: Work) -> None:
        from django.db import connections, transaction

        connections["default"] = connection
        with transaction.atomic():
            work(lambda text, *arguments: self.rows(connection, text, *arguments))

    def cancel(self, connection: Any) -> None:
        connection.connection.cancel_safe()

    def state(self, error: Exception) -> str:
        return super().state(error.__cause__ if isinstance(error.__cause__, Exception) else error)

    def own(self) -> Any:
        """Rows by iterator(), which without the setting would use a cursor that outlasts its transaction."""
        from orders.models import Entry

        return len(list(Entry.objects.iterator(chunk_size=1)))


adapters: dict[str, Callable[[], Adapter]] = {
    "psycopg": Psycopg,
    "psycopg2": Psycopg2,
    "asyncpg": Asyncpg,
    "sqlalchemy": SqlAlchemy,
    "django": Django,
}
