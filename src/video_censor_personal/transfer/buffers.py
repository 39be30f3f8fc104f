"""A fixed number of large buffers for all connections: the engine's memory, whatever the size."""

from __future__ import annotations

import threading

__all__ = ["Buffers"]


class Buffers:
    """At most `count` buffers of `size` bytes, made when they are first needed.

    The one that was used last is given out first: it is still in the processor's cache.
    """

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self._free: list[bytearray] = []
        self._left = threading.Semaphore(count)

    def take(self) -> bytearray:
        """A buffer with any content; waits while all are in use."""
        self._left.acquire()
        try:
            return self._free.pop()
        except IndexError:
            return bytearray(self.size)

    def give(self, buffer: bytearray) -> None:
        """Return a buffer, which must not be touched afterwards."""
        self._free.append(buffer)
        self._left.release()
