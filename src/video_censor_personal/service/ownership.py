"""Makes sure that one process at a time serves a cache; the right ends with its owner."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from video_censor_personal.errors import ModelCacheError
from video_censor_personal.service.state_files import make_private_file
from video_censor_personal.store import Lock, Store

__all__ = ["Ownership"]

log = logging.getLogger(__name__)


class Ownership:
    """The right to be the service of one ledger and of one cache.

    Both, because another service may have its ledger elsewhere, and because a cache that cannot be
    written has no lock. The ledger's is SQLite's own, which works on every platform.
    """

    def __init__(self, path: Path, store: Store) -> None:
        self._path, self._store = path, store
        # In a folder of its own: locks of one folder may share a slot, and what shared this one
        # could not be fetched for as long as the service runs.
        self._folder = store.private / "service"
        self._lock = Lock(self._folder, "service")
        self._connection: sqlite3.Connection | None = None

    def acquire(self) -> bool:
        """Take it if nobody has it; never waits.

        Raises:
            OSError, sqlite3.Error: the file beside the ledger cannot be made.
        """
        make_private_file(self._path)
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
        if not self._take_cache():
            self.release()
            return False
        return True

    def release(self) -> None:
        """Let go. Idempotent."""
        self._lock.release()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take_cache(self) -> bool:
        try:
            self._store.prepare()
            self._folder.mkdir(exist_ok=True)
            return self._lock.acquire()
        except (ModelCacheError, OSError) as exc:
            log.warning("nothing can be downloaded: %s", exc)
            return True
