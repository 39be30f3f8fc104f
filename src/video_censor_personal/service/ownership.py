"""Makes sure that one process at a time serves a cache; the right ends with its owner."""

from __future__ import annotations

import sqlite3
from pathlib import Path

__all__ = ["Ownership"]


class Ownership:
    """The right to be the service of one ledger. SQLite's own lock works on every platform."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def acquire(self) -> bool:
        """Take it if nobody has it; never waits.

        Raises:
            sqlite3.Error: the file cannot be made.
        """
        connection = sqlite3.connect(
            self._path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as exc:
            connection.close()
            if exc.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                return False
            raise
        self._connection = connection
        return True

    def release(self) -> None:
        """Let go. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
