"""The service's memory: one SQLite file, one thread that writes, any number that read.

Whoever changes something hands a function to the writer. It runs inside a transaction, which the
functions that arrive at the same time share; events it emits become visible, to readers and to
listeners, when the transaction is on disk and not before.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from video_censor_personal.errors import ConfigError
from video_censor_personal.service.schema import SCHEMA, VERSION
from video_censor_personal.service.state_files import make_private_file, make_state_folder

__all__ = ["Event", "Ledger", "Transaction"]

log = logging.getLogger(__name__)

T = TypeVar("T")
_MOST_PER_COMMIT = 64
_BUSY_MS = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `id` grows and is never used again. `body` is JSON."""

    id: int
    kind: str
    job_id: str | None
    body: str


class Transaction:
    """What a function that changes the ledger may use."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.events: list[Event] = []

    def execute(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Run one statement; its rows."""
        return self._connection.execute(sql, values).fetchall()

    def execute_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(sql, rows)

    def emit(self, kind: str, job_id: str | None, facts: dict[str, Any]) -> None:
        """Tell everyone who listens, now or after a reconnect.

        Of progress only the latest is kept for each job: who comes back later needs no other.
        """
        if kind == "progress":
            self.execute("DELETE FROM event WHERE job_id = ? AND kind = 'progress'", job_id)
        body = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
        (row,) = self.execute(
            "INSERT INTO event(kind, job_id, body) VALUES(?, ?, ?) RETURNING id", kind, job_id, body
        )
        self.events.append(Event(row["id"], kind, job_id, body))


Write = Callable[[Transaction], T]


class Ledger:
    """The file at `path`. Call `open` before anything else, and `close` at the end.

    `on_events` is called by the writer with what was committed, in order; it must be quick.
    """

    def __init__(self, path: Path, on_events: Callable[[list[Event]], None]) -> None:
        self.path = path
        self._on_events = on_events
        self._tasks: queue.SimpleQueue[tuple[Write[Any], Future[Any] | None] | None] = (
            queue.SimpleQueue()
        )
        self._writer: threading.Thread | None = None
        self._is_open = False
        self._gate = threading.Lock()  # nothing is put behind the task that ends the writer
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._mutex = threading.Lock()

    def open(self) -> None:
        """Make the file, or bring an older one up to date, and start the writer.

        Raises:
            ConfigError: it cannot be made, is damaged, or belongs to a newer version.
        """
        try:
            make_state_folder(self.path.parent)
            make_private_file(self.path)
            connection = self._connect()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                connection.close()
                raise ConfigError(
                    f"{self.path} was written by another version of this program; "
                    "name another folder with --state-dir",
                    file=self.path,
                )
            connection.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as exc:
            raise ConfigError(
                f"{self.path} cannot be used ({exc}). Make the folder writable, name another one "
                "with --state-dir, or move the file away if it is damaged.",
                file=self.path,
            ) from exc
        self._writer = threading.Thread(
            target=self._work, args=(connection,), name="ledger", daemon=True
        )
        self._writer.start()
        with self._gate:
            self._is_open = True

    def close(self) -> None:
        """Write what was posted and end. Idempotent."""
        with self._gate:
            if self._is_open:
                self._tasks.put(None)
            self._is_open = False
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        with self._mutex:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        self._local = threading.local()

    # -- changing

    def write(self, change: Write[T]) -> T:
        """Run `change` in the writer and wait until it is on disk; what it returned.

        Raises:
            sqlite3.Error: the disk refused, or the ledger is closed; and whatever `change` raises.
                Nothing was changed.
        """
        done: Future[T] = Future()
        if not self._put((change, done)):
            raise sqlite3.ProgrammingError("the ledger is closed")
        return done.result()

    def post(self, change: Write[Any]) -> None:
        """Run `change` in the writer soon; a failure is logged. Lost if the ledger is closed."""
        self._put((change, None))

    def _put(self, task: tuple[Write[Any], Future[Any] | None]) -> bool:
        with self._gate:
            if self._is_open:
                self._tasks.put(task)
            return self._is_open

    # -- reading

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a query, as of the last commit. From any thread."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            with self._mutex:
                self._readers.append(connection)
        rows: list[sqlite3.Row] = connection.execute(sql, values).fetchall()
        return rows

    # -- the writer

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", f"busy_timeout = {_BUSY_MS}"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _work(self, connection: sqlite3.Connection) -> None:
        ended = False
        while not ended:
            batch = [self._tasks.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < _MOST_PER_COMMIT:
                    batch.append(self._tasks.get_nowait())
            ended = None in batch
            self._commit(connection, [task for task in batch if task is not None])
        connection.close()

    def _commit(
        self,
        connection: sqlite3.Connection,
        batch: list[tuple[Write[Any], Future[Any] | None]],
    ) -> None:
        results: list[tuple[Future[Any], Any]] = []
        events: list[Event] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for change, done in batch:
                self._apply(connection, change, done, results, events)
            connection.execute("COMMIT")
        except sqlite3.Error as exc:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            log.error("the ledger cannot be written: %s", exc)
            for _, done in batch:
                if done is not None and not done.done():
                    done.set_exception(exc)
            return
        # First those who listen, then the one who waits: what it does next comes later for all.
        if events:
            self._on_events(events)
        for done, result in results:
            done.set_result(result)

    def _apply(
        self,
        connection: sqlite3.Connection,
        change: Write[Any],
        done: Future[Any] | None,
        results: list[tuple[Future[Any], Any]],
        events: list[Event],
    ) -> None:
        transaction = Transaction(connection)
        connection.execute("SAVEPOINT change")
        try:
            result = change(transaction)
        except Exception as exc:
            connection.execute("ROLLBACK TO change")
            if done is not None:
                done.set_exception(exc)
            else:
                log.error("a change of the ledger failed", exc_info=exc)
            return
        finally:
            connection.execute("RELEASE change")
        events += transaction.events
        if done is not None:
            results.append((done, result))
