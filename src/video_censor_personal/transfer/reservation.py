"""Taking the room for a file on the disk before its bytes come."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["allocated_bytes", "reserve"]

_CANNOT = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def reserve(fd: int, size: int) -> None:
    """Take `size` bytes now, so that a full disk shows before the download; where the file system
    cannot (ext2, ext3, NFS before 4.2), only make the file that long. It is never shortened.

    Raises:
        OSError: there is no room, or the disk failed.
    """
    try:
        _allocate(fd, size)
        return
    except OSError as exc:
        if exc.errno not in _CANNOT:
            raise
    if os.fstat(fd).st_size < size:
        os.ftruncate(fd, size)


def allocated_bytes(path: Path) -> int:
    """Room that the file at `path` takes; 0 if there is none, or the system does not say."""
    try:
        return getattr(os.stat(path), "st_blocks", 0) * 512
    except FileNotFoundError:  # published just now, by another process
        return 0


def _allocate(fd: int, size: int) -> None:
    call = _system_call()
    if call is not None:
        while call(fd, 0, 0, size):
            if (number := ctypes.get_errno()) != errno.EINTR:
                raise OSError(number, os.strerror(number))
    elif hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@cache
def _system_call() -> Any:
    """Linux's own. The C library's `posix_fallocate` writes to every block where a file system
    cannot reserve room: 13 s for 2 GiB of ext2 (measured), and each a round trip over a network."""
    if sys.platform != "linux":
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if call is not None:
        call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return call
