"""A lock between processes that ends with its owner, however that ends.

The operating system holds the lock and lets go when the process dies; what is written down beside
it only tells others who has it. Where ranges of a file can be locked, all locks share one file, in
which each has a slot: making and removing a file for each of a thousand small models took longer
than fetching them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import socket
import struct
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

__all__ = ["Lock", "Owner"]

log = logging.getLogger(__name__)

# File systems without locks (some NFS and Lustre mounts) answer with one of these.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_SHARED_FILE = "slots"
# Two names share a slot once in 65,536; they then only wait for each other.
_SLOTS = 1 << 16
_SLOT_BYTES = 64
# Windows keeps others from reading what is locked: what is locked lies behind what is written.
_LOCKED_FROM = _SLOTS * _SLOT_BYTES


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, as far as that was written down."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lock:
    """The right to write one file of the store. Use `acquire` and, if it said yes, `release`.

    `folder` is where the locks of a store lie, `name` tells its locks apart.
    """

    def __init__(self, folder: Path, name: str) -> None:
        digest = hashlib.sha256(name.encode()).digest()
        self._slot = int.from_bytes(digest[:2]) % _SLOTS if _LOCKS_RANGES else 0
        self._path = folder / (_SHARED_FILE if _LOCKS_RANGES else digest.hex()[:24])
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it; never waits.

        Raises:
            OSError: the lock file cannot be made.
        """
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
            try:
                if not _lock(fd, self._slot):
                    os.close(fd)
                    return False
                # Whoever had it may have removed the file between our open and our lock.
                if _LOCKS_RANGES or os.path.samestat(os.fstat(fd), os.stat(self._path)):
                    break
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        self._fd = fd
        with contextlib.suppress(OSError):  # a full disk must not keep anyone from the lock
            os.lseek(fd, self._slot * _SLOT_BYTES, os.SEEK_SET)
            os.write(fd, _introduction(os.getpid()))
        return True

    def release(self) -> None:
        """Let go. Idempotent."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        if not _LOCKS_RANGES:
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(fd)

    def owner(self) -> Owner | None:
        """Who has the lock now or had it last, None if that is not known."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._slot * _SLOT_BYTES)
                known = json.loads(file.read(_SLOT_BYTES))
            return Owner(int(known["pid"]), str(known["host"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@cache
def _introduction(pid: int) -> bytes:
    who = {"pid": pid, "host": socket.gethostname()[:30]}
    return json.dumps(who).encode()[:_SLOT_BYTES].ljust(_SLOT_BYTES)


if sys.platform == "win32":
    import msvcrt

    _LOCKS_RANGES = True

    def _lock(fd: int, slot: int) -> bool:
        os.lseek(fd, _LOCKED_FROM + slot, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    # Locks of an open file, not of the process: threads exclude each other too (Linux).
    _OFD_SETLK = getattr(fcntl, "F_OFD_SETLK", None)
    _LOCKS_RANGES = _OFD_SETLK is not None

    def _lock(fd: int, slot: int) -> bool:
        try:
            if _OFD_SETLK is None:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_FROM + slot, 1, 0)
                fcntl.fcntl(fd, _OFD_SETLK, wanted)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as exc:
            if exc.errno not in _NO_LOCKS:
                raise
            log.warning(
                "this file system has no locks (%s): run one download at a time here", exc.strerror
            )
        return True
