"""A lock between processes that ends with its owner, however that ends.

The operating system holds the lock on the open file and lets go when the process dies; what is
written in the file only tells others who has it. The file is removed on release, so a thousand
models leave no thousand lock files behind.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["Lock", "Owner"]

log = logging.getLogger(__name__)

# File systems without locks (some NFS and Lustre mounts) answer with one of these.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
# Windows locks bytes for readers too; the one it locks lies behind what others want to read.
_LOCKED_BYTE = 1 << 30


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, as far as that was written down."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lock:
    """The right to write one file of the store. Use `acquire` and, if it said yes, `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it; never waits.

        Raises:
            OSError: the lock file cannot be made.
        """
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
            try:
                if not _lock(fd):
                    os.close(fd)
                    return False
                # Whoever had it may have removed the file between our open and our lock.
                if os.path.samestat(os.fstat(fd), os.stat(self.path)):
                    break
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        self._fd = fd
        who = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        with contextlib.suppress(OSError):  # a full disk must not keep anyone from the lock
            os.ftruncate(fd, 0)
            os.write(fd, who.encode())
        return True

    def release(self) -> None:
        """Let go. Idempotent."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        with contextlib.suppress(OSError):  # Windows cannot remove an open file: it stays, unlocked
            self.path.unlink()
        os.close(fd)

    def owner(self) -> Owner | None:
        """Who has the lock now or had it last, None if that is not known."""
        try:
            known = json.loads(self.path.read_bytes())
            return Owner(int(known["pid"]), str(known["host"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> bool:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as exc:
            if exc.errno not in _NO_LOCKS:
                raise
            log.warning(
                "this file system has no locks (%s): run one download at a time here", exc.strerror
            )
        return True
