"""The encoder SVT-AV1 kept from changing the process that it runs in."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

__all__ = ["contained"]

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of <malloc.h>
_LARGE_BYTES = 1 << 20


@contextmanager
def contained() -> Iterator[None]:
    """Open an encoder of SVT-AV1 within the block: it stays quiet, memory that it frees goes back
    to the system, and no thread keeps a priority that it was not started with."""
    os.environ.setdefault("SVT_LOG", "1")  # it would write to standard error by itself
    _release_large_blocks()
    if sys.platform != "linux":
        yield
        return
    # Where it runs as root it makes its threads real-time ones of the highest priority, and the
    # calling thread too, for good, so that all that is started from there is as well. Such threads
    # leave nothing to anybody else: a browser that a test had started so stopped the machine.
    before = {thread: _scheduling(thread) for thread in _threads()}
    usual = before[0] = _scheduling(0)
    try:
        yield
    finally:
        for thread in (0, *_threads()):
            with suppress(OSError):  # it has ended, or may not be changed and so was not
                wanted = before.get(thread, usual)
                if wanted is not None and _scheduling(thread) != wanted:
                    policy, priority = wanted
                    os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _threads() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc/self/task")]
    return []


def _scheduling(thread: int) -> tuple[int, int] | None:
    """The policy and the real-time priority of a thread (0: this one)."""
    with suppress(OSError):
        return os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority
    return None


@cache
def _release_large_blocks() -> None:
    """From now on, blocks of a megabyte or more go back to the system when they are freed.

    The GNU C library would keep them once the first was freed. SVT-AV1 takes its memory in such
    blocks, one encoder after the other: a copy of 1080p in 10 bits with six joints took 430 MB
    instead of 340. Elsewhere nothing is done.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
