"""A fixed number of large buffers for all connections: the engine's memory, whatever the size."""

from __future__ import annotations

import queue

__all__ = ["Buffers"]


class Buffers:
    """At most `count` buffers of `size` bytes, made when they are first needed."""

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self._free: queue.LifoQueue[bytearray | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)

    def take(self) -> bytearray:
        """A buffer with any content; waits while all are in use."""
        return self._free.get() or bytearray(self.size)

    def give(self, buffer: bytearray) -> None:
        """Return a buffer, which must not be touched afterwards."""
        self._free.put(buffer)
