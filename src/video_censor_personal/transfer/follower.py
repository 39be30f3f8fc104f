"""The checksum of a file while it arrives: a thread that follows the bytes in their order.

Bytes that arrive just where the thread stands are handed over in the buffer they came in; bytes
that came earlier or out of order are read back from the file (then still in the system's cache).
"""

from __future__ import annotations

import queue
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.checksum import Hasher
from video_censor_personal.transfer.partial import Partial
from video_censor_personal.transfer.pieces import CRC, crc_mark, prefix_mark

__all__ = ["Follower"]

# Buffers that wait for the hash; more would only take memory.
_MOST_WAITING = 6
_WAIT_S = 0.1
_READ_BYTES = 256 << 10


@dataclass(slots=True)
class _Stretch:
    """Bytes `[start, end)`: in `buffer`, or on disk, where they must fit `mark` if it is given."""

    start: int
    end: int
    buffer: memoryview | None = None
    mark: str | None = None


class Follower:
    """Hashes one file in order.

    `on_end(hexdigest)` is called from the thread once `end_at` was told and reached;
    `on_stretch(end, hasher)` after each stretch, to take the checksum up to there;
    `on_damage(start)` when a stretch on disk is not what its mark says (it must land again);
    `on_error` when the file cannot be read, or `on_stretch` raised an OSError.
    """

    def __init__(
        self,
        partial: Partial,
        hasher: Hasher,
        buffers: Buffers,
        on_end: Callable[[Follower, str], None],
        on_stretch: Callable[[int, Hasher], None],
        on_damage: Callable[[Follower, int], None],
        on_error: Callable[[Follower, OSError], None],
    ) -> None:
        self._partial, self._hasher, self._buffers = partial, hasher, buffers
        self._on_end, self._on_stretch = on_end, on_stretch
        self._on_damage, self._on_error = on_damage, on_error
        self._lock = threading.Lock()
        # None wakes the thread to look whether it is stopped, or at the end.
        self._queue: queue.SimpleQueue[_Stretch | None] = queue.SimpleQueue()
        self._places = threading.Semaphore(_MOST_WAITING)
        self._unread = 0  # queued stretches that have to be read from disk
        self._landed: dict[int, _Stretch] = {}
        self._expected = 0  # everything before it is hashed or queued
        self._end: int | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self._partial.retain()
        self._thread.start()

    def landed(
        self,
        start: int,
        end: int,
        buffer: memoryview | None = None,
        mark: str | None = None,
        *,
        waits: bool = False,
    ) -> bool:
        """Bytes `[start, end)` have been written. Whether the follower took the buffer over.

        `waits`: a moment, where hashing is slower than the line just now, so that it can take it.
        """
        place = buffer is not None and self._places.acquire(waits, _WAIT_S if waits else None)
        takes = self._line_up(_Stretch(start, end, buffer if place else None, mark))
        if place and not takes:
            self._places.release()
        return takes

    def _line_up(self, stretch: _Stretch) -> bool:
        with self._lock:
            if self._stopped or stretch.end <= self._expected:
                return False  # a stream that began again brings what was hashed already
            if stretch.start > self._expected:
                stretch.buffer = None
                self._landed[stretch.start] = stretch
                return False
            if stretch.start < self._expected:
                stretch.start, stretch.buffer = self._expected, None
            takes = stretch.buffer is not None
            self._put(stretch)
            self._advance(stretch.end)
            return takes

    def awaits(self, offset: int) -> bool:
        """Whether what lands at `offset` will be hashed soon."""
        return self._expected == offset and not self._unread and not self._stopped

    def end_at(self, size: int) -> None:
        """The file has `size` bytes; call it once."""
        with self._lock:
            self._end = size
            self._advance(self._expected)

    def stop(self) -> None:
        """Give up; no callback comes after the one that may be running."""
        with self._lock:
            self._stopped = True
            self._queue.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _advance(self, to: int) -> None:
        self._expected = to
        while (stretch := self._landed.pop(self._expected, None)) is not None:
            self._put(stretch)
            self._expected = stretch.end
        if self._expected == self._end:
            self._queue.put(None)

    def _put(self, stretch: _Stretch) -> None:
        self._unread += stretch.buffer is None
        self._queue.put(stretch)

    def _run(self) -> None:
        try:
            finished = self._follow()
        finally:
            self._partial.release()
        if finished:
            self._on_end(self, self._hasher.hexdigest())

    def _follow(self) -> bool:
        """Hash to the end; False if stopped before."""
        scratch = memoryview(bytearray(_READ_BYTES))
        while not self._stopped:
            stretch = self._queue.get()
            if stretch is None:
                break
            try:
                sound = self._hash(stretch, scratch)
                if sound:
                    self._on_stretch(stretch.end, self._hasher)
            except OSError as exc:
                self.stop()
                self._on_error(self, exc)
                break
            if not sound:
                self._step_back(stretch)
                self._on_damage(self, stretch.start)
        with self._lock:
            finished = not self._stopped
            self._stopped = True
            self._empty_queue()
        return finished

    def _hash(self, stretch: _Stretch, scratch: memoryview) -> bool:
        """Take a stretch into the checksum; False, and nothing taken, if it is damaged."""
        if stretch.buffer is not None:
            self._hasher.update(stretch.buffer[: stretch.end - stretch.start])
            self._let_go(stretch)
            return True
        with self._lock:
            self._unread -= 1
        before = self._hasher.copy() if stretch.mark else None
        offset, crc = stretch.start, 0
        while offset < stretch.end and not self._stopped:
            count = self._partial.readinto(scratch[: stretch.end - offset], offset)
            if not count:
                break
            if stretch.mark and stretch.mark[0] == CRC:
                crc = zlib.crc32(scratch[:count], crc)
            self._hasher.update(scratch[:count])
            offset += count
        if before is None or self._stopped:
            return True
        marks = (crc_mark(crc), prefix_mark(self._hasher.copy().hexdigest()))
        if offset == stretch.end and stretch.mark in marks:
            return True
        self._hasher = before
        return False

    def _step_back(self, damaged: _Stretch) -> None:
        """Wait for `damaged` to land again; what was queued behind it is read from disk then."""
        with self._lock:
            for stretch in self._empty_queue():
                self._landed[stretch.start] = stretch
            self._expected = damaged.start

    def _empty_queue(self) -> list[_Stretch]:
        """Take everything out of the queue, giving its buffers back."""
        found = []
        while not self._queue.empty():
            stretch = self._queue.get()
            if stretch is None:
                continue
            if stretch.buffer is None:
                self._unread -= 1
            self._let_go(stretch)
            found.append(stretch)
        return found

    def _let_go(self, stretch: _Stretch) -> None:
        if stretch.buffer is not None:
            self._buffers.give(stretch.buffer)
            self._places.release()
            stretch.buffer = None
