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
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

__all__ = ["Lock", "Owner"]

log = logging.getLogger(__name__)

# File systems without locks (some NFS and Lustre mounts) answer with one of these.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_SHARED_FILE = "slots"
# Two names of two thousand share one in 1 run of 500; they then only wait for each other.
_SLOTS = 1 << 30
# Who has a slot is written in one of these notes: of two that share one, the later is named.
_NOTES = 1 << 16
_NOTE_BYTES = 64
# Windows keeps others from reading what is locked: what is locked lies behind what is written.
_LOCKED_FROM = _NOTES * _NOTE_BYTES
_ASK_AGAIN_S = 0.01


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, as far as that was written down."""

    pid: int
    host: str

    @classmethod
    def myself(cls) -> Owner:
        """This process."""
        return _process(os.getpid())

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@cache
def _process(pid: int) -> Owner:
    return Owner(pid, socket.gethostname()[:30])


class Lock:
    """The right to write one file of the store. Use `acquire` and, if it said yes, `release`.

    `folder` is where the locks of a store lie, `name` tells its locks apart.
    """

    def __init__(self, folder: Path, name: str) -> None:
        digest = hashlib.sha256(name.encode()).digest()
        self._slot = int.from_bytes(digest[:4]) % _SLOTS if _LOCKS_RANGES else 0
        self._path = os.path.join(folder, _SHARED_FILE if _LOCKS_RANGES else digest.hex()[:24])
        self._held: _LockFile | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Where it lies: two locks of one place are one lock, held once."""
        return self._path, self._slot

    def acquire(self) -> bool:
        """Take the lock if nobody has it; never waits.

        Raises:
            OSError: the lock file cannot be made.
        """
        self._held = (_take_slot if _LOCKS_RANGES else _take_file)(self._path, self._slot)
        if self._held is None:
            return False
        with contextlib.suppress(OSError):  # a full disk must not keep anyone from the lock
            self._held.introduce(self._slot)
        return True

    def release(self) -> None:
        """Let go. Idempotent."""
        held, self._held = self._held, None
        if held is None:
            return
        if not _LOCKS_RANGES:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        held.leave(self._slot)

    def owner(self) -> Owner | None:
        """Who has the lock now or had it last, None if that is not known."""
        try:
            with open(self._path, "rb") as file:
                file.seek(_note_at(self._slot))
                known = json.loads(file.read(_NOTE_BYTES))
            return Owner(int(known["pid"]), str(known["host"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class _LockFile:
    """An open lock file; this process has the lock of its `slots`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.slots: set[int] = set()
        self._seen_at = time.monotonic()
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._fd = os.open(path, flags, 0o644)

    def take(self, slot: int) -> bool:
        if slot in self.slots or not _lock(self._fd, slot):
            return False
        self.slots.add(slot)
        return True

    def introduce(self, slot: int) -> None:
        """Write down who has the lock."""
        _write_at(self._fd, _introduction(Owner.myself()), _note_at(slot))

    def leave(self, slot: int) -> None:
        with _mutex:
            if slot not in self.slots:
                return  # a child of the process that took it
            self.slots.remove(slot)
            # Closing lets go too, but Windows takes its time then, and a child that was forked
            # while the file was being opened may have it open still.
            _unlock(self._fd, slot)
            if not self.slots:
                self.close()

    def close(self) -> None:
        if _open_files.get(self.path) is self:
            del _open_files[self.path]
        os.close(self._fd)

    def is_current(self) -> bool:
        """As `has_its_name`, which thousands of files a second do not ask anew each."""
        now = time.monotonic()
        if now - self._seen_at > _ASK_AGAIN_S:
            if not self.has_its_name():
                return False
            self._seen_at = now
        return True

    def has_its_name(self) -> bool:
        """Whether nobody removed or replaced it."""
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self.path))
        except FileNotFoundError:
            return False


# The files of slots in which this process holds any: opening one for each lock took as long as
# fetching a small model.
_open_files: dict[str, _LockFile] = {}
_mutex = threading.Lock()


def _take_slot(path: str, slot: int) -> _LockFile | None:
    """One file for all locks of a folder, as ranges of it."""
    with _mutex:
        file = _open_files.get(path)
        if file is None or not file.is_current():
            # People delete folders of locks; others lock in the new file from then on.
            file = _LockFile(path)
        _open_files[path] = file
        taken = False
        try:
            taken = file.take(slot)
        finally:
            if not file.slots:
                file.close()
        return file if taken else None


def _take_file(path: str, slot: int) -> _LockFile | None:
    """One file for each lock, removed with it."""
    while True:
        file = _LockFile(path)
        try:
            if not file.take(slot):
                return None
            # Whoever had it may have removed the file between our open and our lock.
            if file.has_its_name():
                return file
            file.slots.clear()
        finally:
            if not file.slots:
                file.close()


def _forget_open_files() -> None:
    """In a child after a fork: the locks are the parent's, and shall end with it."""
    global _mutex
    _mutex = threading.Lock()
    for file in list(_open_files.values()):
        file.slots.clear()
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_open_files)


def _note_at(slot: int) -> int:
    return slot % _NOTES * _NOTE_BYTES


@cache
def _introduction(owner: Owner) -> bytes:
    who = {"pid": owner.pid, "host": owner.host}
    return json.dumps(who).encode()[:_NOTE_BYTES].ljust(_NOTE_BYTES)


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

    def _unlock(fd: int, slot: int) -> None:
        os.lseek(fd, _LOCKED_FROM + slot, os.SEEK_SET)
        with contextlib.suppress(OSError):
            msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

    def _write_at(fd: int, data: bytes, position: int) -> None:
        with _mutex:
            os.lseek(fd, position, os.SEEK_SET)
            os.write(fd, data)

else:
    import fcntl

    # Locks of an open file, not of the process: threads exclude each other too. Other systems that
    # have them lay their arguments out in another way.
    _OFD_SETLK = fcntl.F_OFD_SETLK if sys.platform == "linux" else None
    _LOCKS_RANGES = _OFD_SETLK is not None

    def _lock(fd: int, slot: int) -> bool:
        try:
            if _OFD_SETLK is None:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                fcntl.fcntl(fd, _OFD_SETLK, _range(fcntl.F_WRLCK, slot))
        except (BlockingIOError, PermissionError):
            return False
        except OSError as exc:
            if exc.errno not in _NO_LOCKS:
                raise
            _warn_of_no_locks(exc.strerror)
        return True

    def _unlock(fd: int, slot: int) -> None:
        with contextlib.suppress(OSError):  # a file system without locks
            if _OFD_SETLK is None:
                fcntl.flock(fd, fcntl.LOCK_UN)
            else:
                fcntl.fcntl(fd, _OFD_SETLK, _range(fcntl.F_UNLCK, slot))

    def _write_at(fd: int, data: bytes, position: int) -> None:
        os.pwrite(fd, data, position)

    @cache
    def _warn_of_no_locks(reason: str) -> None:
        """Say it once, not for each of a thousand files."""
        log.warning("this file system has no locks (%s): run one download at a time here", reason)

    def _range(kind: int, slot: int) -> bytes:
        return struct.pack("hhqqi", kind, os.SEEK_SET, _LOCKED_FROM + slot, 1, 0)
