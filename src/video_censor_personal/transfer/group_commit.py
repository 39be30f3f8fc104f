"""The end of many small files at once: their records, their locks, the sync of their folders."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from video_censor_personal.store import Fingerprint, Lock, Store, sync_folder

__all__ = ["GroupCommit"]


class GroupCommit:
    """What has been published and not been written down yet. Usable from several threads."""

    def __init__(self, store: Store, *, durable: bool) -> None:
        self._store, self._durable = store, durable
        self._mutex = threading.Lock()
        self._unrecorded: dict[str, Fingerprint] = {}
        self._being_recorded: dict[str, Fingerprint] = {}
        self._locks: dict[str, Lock] = {}
        self._unsynced: set[str] = set()

    def add(self, target: str, path: Path, seen: Fingerprint) -> None:
        """`target` lies at `path`, and looked like this when it got its name."""
        with self._mutex:
            self._unrecorded[target] = seen
            self._unsynced.add(os.path.dirname(path))

    def release(self, target: str, lock: Lock) -> None:
        """Let go of a file's lock, once its record is there for whoever waits for the lock."""
        with self._mutex:
            if target in self._unrecorded or target in self._being_recorded:
                self._locks[target] = lock
                return
        lock.release()

    def write_records(self) -> None:
        """Write down what was published so far. A failure is harmless."""
        with self._mutex:
            fresh, self._unrecorded = self._unrecorded, {}
            self._being_recorded = fresh
        self._store.remember_all(fresh)
        with self._mutex:
            self._being_recorded = {}
            done = [target for target in self._locks if target not in self._unrecorded]
            locks = [self._locks.pop(target) for target in done]
        for lock in locks:
            lock.release()

    def finish(self) -> None:
        """Write down the rest, and make the names survive a power loss."""
        self.write_records()
        for folder in self._unsynced if self._durable else ():
            with contextlib.suppress(OSError):
                sync_folder(Path(folder))
