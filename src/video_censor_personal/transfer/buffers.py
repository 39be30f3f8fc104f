"""A fixed number of large buffers for all connections: the engine's memory, whatever the size."""

from __future__ import annotations

import mmap
import threading

__all__ = ["Buffers"]


class Buffers:
    """At most `count` buffers of `size` bytes, made when they are first needed.

    They begin with a page of memory, as writing around the system's cache wants it. The one that
    was used last is given out first: it is still in the processor's cache.
    """

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self._free: list[memoryview] = []
        self._left = threading.Semaphore(count)

    def take(self) -> memoryview:
        """A buffer with any content; waits while all are in use."""
        self._left.acquire()
        try:
            return self._free.pop()
        except IndexError:
            return memoryview(mmap.mmap(-1, self.size))

    def give(self, buffer: memoryview) -> None:
        """Return a buffer, which must not be touched afterwards."""
        self._free.append(buffer)
        self._left.release()
