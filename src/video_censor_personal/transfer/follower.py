"""The checksum of a file while it arrives: a thread that follows the bytes in their order.

Bytes that arrive just where the thread stands are handed over in the buffer they came in; bytes
that came earlier or out of order are read back from the file (then still in the system's cache).
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.checksum import Hasher
from video_censor_personal.transfer.partial import Partial

__all__ = ["Follower"]

# Buffers that wait for the hash; more would only take memory: the line is faster than the hash.
_MOST_WAITING = 4
_READ_BYTES = 256 << 10


@dataclass(slots=True)
class _Stretch:
    """Bytes `[start, end)`: in `buffer`, or on disk; `crc` is checked there if it is given."""

    start: int
    end: int
    buffer: bytearray | None = None
    crc: int | None = None


class Follower:
    """Hashes one file in order.

    `on_end(hexdigest)` is called from the thread once `end_at` was told and reached;
    `on_damage(start)` when a stretch on disk is not what its CRC says (it must land again);
    `on_error` when the file cannot be read.
    """

    def __init__(
        self,
        partial: Partial,
        hasher: Hasher,
        buffers: Buffers,
        on_end: Callable[[Follower, str], None],
        on_damage: Callable[[Follower, int], None],
        on_error: Callable[[Follower, OSError], None],
    ) -> None:
        self._partial, self._hasher, self._buffers = partial, hasher, buffers
        self._on_end, self._on_damage, self._on_error = on_end, on_damage, on_error
        self._changed = threading.Condition()
        self._queue: deque[_Stretch] = deque()
        self._landed: dict[int, _Stretch] = {}
        self._expected = 0  # everything before it is hashed or queued
        self._end: int | None = None
        self._stopped = False
        self.hashed_bytes = 0
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self._partial.retain()
        self._thread.start()

    def landed(
        self, start: int, end: int, buffer: bytearray | None = None, crc: int | None = None
    ) -> bool:
        """Bytes `[start, end)` have been written. Whether the follower took the buffer over."""
        with self._changed:
            if self._stopped:
                return False
            if start > self._expected:
                self._landed[start] = _Stretch(start, end, None, crc)
                return False
            if end <= self._expected:
                return False  # a stream that began again brings what was hashed already
            if start < self._expected:
                start, buffer = self._expected, None
            takes = buffer is not None and len(self._queue) < _MOST_WAITING
            self._queue.append(_Stretch(start, end, buffer if takes else None, crc))
            self._advance(end)
            self._changed.notify_all()
            return takes

    def end_at(self, size: int) -> None:
        """The file has `size` bytes; call it once."""
        with self._changed:
            self._end = size
            self._changed.notify_all()

    def stop(self) -> None:
        """Give up; no callback comes after the one that may be running."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _advance(self, to: int) -> None:
        self._expected = to
        while (stretch := self._landed.pop(self._expected, None)) is not None:
            self._queue.append(stretch)
            self._expected = stretch.end

    def _run(self) -> None:
        try:
            finished = self._follow()
        finally:
            self._partial.release()
        if finished:
            self._on_end(self, self._hasher.hexdigest())

    def _follow(self) -> bool:
        scratch = memoryview(bytearray(_READ_BYTES))
        while (stretch := self._next()) is not None:
            if stretch.buffer is not None:
                self._hasher.update(memoryview(stretch.buffer)[: stretch.end - stretch.start])
                self._buffers.give(stretch.buffer)
            else:
                try:
                    sound = self._hash_from_disk(stretch, scratch)
                except OSError as exc:
                    self.stop()
                    self._on_error(self, exc)
                    break
                if not sound:
                    self._step_back(stretch)
                    self._on_damage(self, stretch.start)
                    continue
            self.hashed_bytes = stretch.end
        with self._changed:
            for stretch in self._queue:
                if stretch.buffer is not None:
                    self._buffers.give(stretch.buffer)
            self._queue.clear()
            return not self._stopped

    def _next(self) -> _Stretch | None:
        with self._changed:
            while not self._stopped:
                if self._queue:
                    return self._queue.popleft()
                if self._end is not None and self._expected >= self._end:
                    return None
                self._changed.wait()
            return None

    def _hash_from_disk(self, stretch: _Stretch, scratch: memoryview) -> bool:
        before = self._hasher.copy() if stretch.crc is not None else None
        offset, crc = stretch.start, 0
        while offset < stretch.end and not self._stopped:
            count = self._partial.readinto(scratch[: stretch.end - offset], offset)
            if not count:
                break
            if before is not None:
                crc = zlib.crc32(scratch[:count], crc)
            self._hasher.update(scratch[:count])
            offset += count
        if before is None or crc == stretch.crc or self._stopped:
            return True
        self._hasher = before
        return False

    def _step_back(self, damaged: _Stretch) -> None:
        """Wait for `damaged` to land again; what was queued behind it is read from disk then."""
        with self._changed:
            for stretch in self._queue:
                if stretch.buffer is not None:
                    self._buffers.give(stretch.buffer)
                    stretch.buffer = None
                self._landed[stretch.start] = stretch
            self._queue.clear()
            self._expected = damaged.start
