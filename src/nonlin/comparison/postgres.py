"""The ledger in PostgreSQL, for workers on many machines; the checkpoints are there too, so nothing else is shared."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from nonlin.comparison.extras import require
from nonlin.errors import OutputError

# A machine that is cut off is noticed by both sides, and what it holds is freed.
CONNECTION = {
    "application_name": "nonlin",
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "40000",
}
LONGEST = "SET LOCAL idle_in_transaction_session_timeout = '60s'"  # a process that is suspended in `alone`
LARGEST = 2**29  # bytes of a checkpoint: a value in PostgreSQL is smaller than 2^30
TABLE = "nonlin_checkpoints"


class Postgres:
    """A store in a PostgreSQL database: an Optuna study, and a table of checkpoints."""

    def __init__(self, url: str, study: str):
        self._url = _checked(url)
        self.study = study
        self._engine = create_engine(self._url, **_pool(self._url))
        self._opened: RDBStorage | None = None
        self._key = int.from_bytes(sha256(study.encode()).digest()[:8], "big", signed=True)

    @property
    def address(self) -> dict[str, Any]:
        return {"url": self._url.render_as_string(hide_password=False), "study": self.study}

    @property
    def name(self) -> str:
        return f"{self.study!r} in {self._shown()}"

    def open(self) -> BaseStorage:
        with self._engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE IF NOT EXISTS {TABLE} (study text, trial integer, content bytea, "
                                    "PRIMARY KEY (study, trial))"))  # fmt: skip
        url = self._url.render_as_string(hide_password=False)
        try:
            self._opened = RDBStorage(url, engine_kwargs=_pool(self._url))
        except RuntimeError as error:  # tables of another version of Optuna
            raise OutputError(f"database of another version: {self.name}: {_line(error)}") from None
        return get_storage(self._opened)

    def close(self) -> None:
        self._engine.dispose()
        if self._opened is not None:
            self._opened.engine.dispose()

    @contextmanager
    def alone(self) -> Generator[float]:
        with self._answering():
            connection = self._engine.connect()
            try:
                connection.execute(text(LONGEST))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": self._key})
                now = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
                yield float(now)
            finally:
                with suppress(SQLAlchemyError):  # the server has ended it already
                    connection.rollback()
                    connection.close()

    def checkpoint(self, number: int) -> Row:
        return Row(self, number)

    def run(self, statement: str, number: int, **values: Any) -> Any:
        """The first column of the first row that a statement about one checkpoint gives, if any."""
        with self._answering(), self._engine.begin() as connection:
            done = connection.execute(text(statement), {"study": self.study, "trial": number, **values})
            return done.scalar() if done.returns_rows else None

    def _shown(self) -> str:
        """The URL for messages: without the password."""
        return self._url.set(drivername="postgresql").render_as_string()

    @contextmanager
    def _answering(self) -> Generator[None]:
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            first = error.__cause__ if isinstance(error, StorageInternalError) else error
            reason = _line(getattr(first, "orig", None) or first)
            raise OutputError(f"database does not answer: {self._shown()}: {reason}: mend it, and give "
                              "the same command again; finished trials are kept") from None  # fmt: skip


class Row:
    """A checkpoint as a row; one that is too large for a row is not kept, and its trial begins anew."""

    def __init__(self, store: Postgres, number: int):
        self._store, self._number = store, number

    def read(self) -> bytes | None:
        found = self._store.run(f"SELECT content FROM {TABLE} WHERE study = :study AND trial = :trial", self._number)
        return None if found is None else bytes(found)

    def write(self, content: bytes) -> None:
        if len(content) <= LARGEST:
            self._store.run(
                f"INSERT INTO {TABLE} VALUES (:study, :trial, :content) "
                "ON CONFLICT (study, trial) DO UPDATE SET content = excluded.content",
                self._number,
                content=content,
            )

    def remove(self) -> None:
        self._store.run(f"DELETE FROM {TABLE} WHERE study = :study AND trial = :trial", self._number)


def _checked(url: str) -> URL:
    example = "give postgresql://user@host/database"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise OutputError(f"storage: {url!r}: not the URL of a database: {example}") from None
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise OutputError(f"storage: {parsed.render_as_string()!r}: not PostgreSQL: {example}")
    require("psycopg")
    return parsed.set(drivername="postgresql+psycopg")


def _pool(url: URL) -> dict[str, Any]:
    settings = {name: value for name, value in CONNECTION.items() if name not in url.query}
    return {"connect_args": settings, "pool_pre_ping": True, "pool_size": 1, "max_overflow": 8}


def _line(error: Any) -> str:
    return " ".join(str(error).split())
