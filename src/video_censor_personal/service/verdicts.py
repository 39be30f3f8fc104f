"""Which blobs of a cache are right: known at once, or found out in the background.

A blob is right if its checksum is the one that its name promises. Whoever verified a file leaves
a record of what it looked like; as long as it looks the same, nobody reads it again. The others
(fetched by another program, or changed since) are read by one thread, and what it found is kept
as long as the file does not change.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from video_censor_personal.hub_cache import HubCache
from video_censor_personal.transfer import (
    CancelToken,
    FileState,
    PlannedFile,
    Source,
    inspect,
    verify,
)

__all__ = ["Verdicts"]

Signature = tuple[int, int, int, int]


class Verdicts:
    """What is known about the blobs of `cache`. From any thread."""

    def __init__(self, cache: HubCache) -> None:
        self._cache = cache
        self._seen: dict[str, tuple[Signature, PlannedFile]] = {}
        self._queue: deque[Source] = deque()
        self._queued: set[str] = set()
        self._changed = threading.Condition()
        self._cancel = CancelToken()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread that reads."""
        self._cancel = CancelToken()
        self._thread = threading.Thread(target=self._work, name="verdicts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop within a fraction of a second, whatever is being read. Idempotent."""
        self._cancel.cancel()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def known(self, source: Source) -> PlannedFile | None:
        """What is there for `source`; None if it would have to be read first. Reads no content."""
        store = self._cache.store
        found = store.stat(source.target)
        if found is None or found.st_size != source.size_bytes:
            try:
                return inspect(source, store)
            except FileNotFoundError:  # its unfinished file has just become the file
                return inspect(source, store)
        record = store.fingerprint(source.target)
        if record is not None and record.algorithm == source.algorithm:
            return inspect(source, store)
        kept = self._seen.get(source.target)
        if kept is not None and kept[0] == _signature(found):
            return kept[1]
        return None

    def look(
        self, sources: Sequence[Source], *, wait_s: float = 0.0
    ) -> tuple[list[PlannedFile], list[Source]]:
        """What is known, and what is still to be read; waits for that up to `wait_s`."""
        self._ask([source for source in sources if self.known(source) is None])
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._cancel.cancelled
                    or not any(source.target in self._queued for source in sources)
                ),
                wait_s,
            )
        files, unread = [], []
        for source in sources:
            found = self.known(source)
            if found is None:
                unread.append(source)
            else:
                files.append(found)
        return files, unread

    def forget(self, targets: Iterable[str]) -> None:
        """Files are about to be replaced or deleted."""
        for target in targets:
            self._seen.pop(target, None)

    def _ask(self, sources: Iterable[Source]) -> None:
        with self._changed:
            for source in sources:
                if source.target not in self._queued:
                    self._queued.add(source.target)
                    self._queue.append(source)
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._cancel.cancelled)
                if self._cancel.cancelled:
                    return
                source = self._queue.popleft()
            try:
                self._read(source)
            finally:
                with self._changed:
                    self._queued.discard(source.target)
                    self._changed.notify_all()

    def _read(self, source: Source) -> None:
        store = self._cache.store
        before = store.stat(source.target)
        (file,) = verify([source], store, cancel=self._cancel)
        if file.state is FileState.UNREADABLE:
            file = replace(file, state=FileState.DAMAGED, reason="it cannot be read")
        if before is None or self._cancel.cancelled:
            return
        # Also what is right, should the record of it not have been writable.
        if file.state in (FileState.DAMAGED, FileState.VERIFIED):
            self._seen[source.target] = (_signature(before), file)


def _signature(stat: os.stat_result) -> Signature:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
