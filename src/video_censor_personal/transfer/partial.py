"""The unfinished file and its piece map: opened, resumed, written, and given up or published."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from pathlib import Path

from video_censor_personal.store import Store, piece_map_path
from video_censor_personal.transfer.pieces import Identity, PieceMap, begun_line, read_piece_map
from video_censor_personal.transfer.reservation import reserve

__all__ = ["DISK_FULL", "PAGE_BYTES", "Partial", "SmallPartial", "adopt_damaged", "known_pieces"]

# What the system says when there is no room: full disk, quota, file-size limit.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# What a disk is written in, at most.
PAGE_BYTES = 4096

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS = os.O_RDWR | os.O_CREAT | _NO_LINK | getattr(os, "O_BINARY", 0)
_APPEND = os.O_WRONLY | os.O_APPEND | _NO_LINK
_DIRECT = getattr(os, "O_DIRECT", 0)
# Bytes and size; the times of the file may be lost.
_sync = getattr(os, "fdatasync", os.fsync)
_seek_lock = threading.Lock()


class Partial:
    """An open partial file. `pieces` is None while the size of the file is not known.

    Whoever reads or writes it does so between `retain` and `release`: a descriptor that were closed
    under a thread could be another file's by the time that thread writes.
    """

    def __init__(self, path: Path, fd: int, pieces: PieceMap | None, map_fd: int | None) -> None:
        self.path, self.pieces = path, pieces
        self._fd = fd
        self._map_fd = map_fd
        self._direct_fd: int | None = None
        self._takes_direct = False
        self._lost: OSError | None = None
        self._users = 1
        self._mutex = threading.Lock()

    def retain(self) -> None:
        with self._mutex:
            self._users += 1

    def release(self) -> None:
        """The last one to release closes; the files stay."""
        with self._mutex:
            self._users -= 1
            if self._users:
                return
        for fd in (self._fd, self._map_fd, self._direct_fd):
            if fd is not None:
                os.close(fd)

    @classmethod
    def open(cls, path: Path, identity: Identity | None) -> Partial:
        """Resume the partial of `identity` if that is what lies there, else begin anew.

        Raises:
            OSError: it cannot be written, or there is no room for all of it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        pieces = known_pieces(path, identity) if identity else None
        fresh = pieces is None
        if fresh and identity:
            pieces = PieceMap(identity)
        fd = os.open(path, _FLAGS | (os.O_TRUNC if fresh else 0), 0o644)
        map_fd = None
        try:
            if identity and pieces is not None:
                # The map is written anew: what a torn line left behind must not spoil the next.
                pieces.write(piece_map_path(path))
                map_fd = os.open(piece_map_path(path), _APPEND)
                reserve(fd, identity.size)
                # A damaged file that is repaired may be longer than it should be.
                os.ftruncate(fd, identity.size)
            else:
                piece_map_path(path).unlink(missing_ok=True)
            return cls(path, fd, pieces, map_fd)
        except BaseException:
            os.close(fd)
            if map_fd is not None:
                os.close(map_fd)
            raise

    def prepare_direct(self) -> None:
        """Open it once more, to write around the system's cache, where that is possible."""
        if _DIRECT:
            with contextlib.suppress(OSError):  # the file system cannot
                self._direct_fd = os.open(self.path, os.O_WRONLY | _NO_LINK | _DIRECT)
                self._takes_direct = True

    def write(self, view: memoryview, offset: int, *, direct: bool = False) -> None:
        """Write all of `view` at `offset`; `direct`: to the disk at once if that is possible.

        Writing directly needs whole pages, in memory too. It saves a copy of every byte and leaves
        nothing for the sync at the end: 2 GiB took 1.1 instead of 1.9 s of processor time a GB.

        Raises:
            OSError: the disk is full, or worse.
        """
        if direct and self._takes_direct and not (offset | len(view)) % PAGE_BYTES:
            written = self._write_direct(view, offset)
            view, offset = view[written:], offset + written
        while view:
            count = _pwrite(self._fd, view, offset)
            offset += count
            view = view[count:]

    def _write_direct(self, view: memoryview, offset: int) -> int:
        """How many bytes the disk took; the rest goes the usual way, which says what is wrong."""
        assert self._direct_fd is not None
        try:
            return os.pwrite(self._direct_fd, view, offset)
        except OSError as exc:
            self._takes_direct = exc.errno != errno.EINVAL  # that: it has larger pages
            return 0

    def readinto(self, view: memoryview, offset: int) -> int:
        return _pread(self._fd, view, offset)

    def note_piece(self, index: int, mark: str) -> None:
        """Note how to check a piece whose bytes have been written.

        Raises:
            OSError: the piece map cannot be written.
        """
        assert self.pieces is not None
        assert self._map_fd is not None
        os.write(self._map_fd, f"{index} {mark}\n".encode())
        self.pieces.marks[index] = mark
        self.pieces.have.add(index)

    def note_begun(self, index: int, count: int, crc: int) -> None:
        """Note that the first `count` bytes of a piece have been written.

        Raises:
            OSError: the piece map cannot be written.
        """
        assert self._map_fd is not None
        os.write(self._map_fd, f"{begun_line(index, count, crc)}\n".encode())

    def sync(self) -> None:
        """Have the bytes on the disk itself, not only in the system's memory.

        Raises:
            OSError: the disk failed, now or at an earlier sync: Linux says it only once, and has
                dropped the bytes by then (https://lwn.net/Articles/752063).
        """
        if self._lost is None:
            try:
                _sync(self._fd)
            except OSError as exc:
                self._lost = exc
        if self._lost is not None:
            raise self._lost

    @property
    def is_lost(self) -> bool:
        """Whether the disk did not keep what was written; the system may still show it."""
        return self._lost is not None

    def has_its_name(self) -> bool:
        """Whether it still lies at its path: people clear caches, and others may begin anew."""
        mine = os.fstat(self._fd)
        if mine.st_nlink:  # a file has no name any more only if this says so too
            return True
        try:
            return os.path.samestat(mine, os.lstat(self.path))
        except FileNotFoundError:
            return False

    def cut(self, size: int) -> None:
        """Drop whatever lies behind `size`."""
        os.ftruncate(self._fd, size)

    def delete(self) -> None:
        """Remove it from the disk; whoever still writes to it harms nothing."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            piece_map_path(self.path).unlink(missing_ok=True)


class SmallPartial:
    """A small partial file, written at once and kept open.

    Raises:
        OSError: the disk refused; nothing is left of it.
    """

    def __init__(self, path: Path, content: memoryview) -> None:
        self.path = path
        self._published = False
        try:
            self._fd = os.open(path, _FLAGS | os.O_TRUNC, 0o644)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, _FLAGS | os.O_TRUNC, 0o644)
        try:
            offset = 0
            while offset < len(content):
                offset += os.write(self._fd, content[offset:])
        except OSError:
            self.discard()
            raise

    def sync(self) -> None:
        """Wait until its bytes are on the disk.

        Raises:
            OSError: the disk refused.
        """
        os.fsync(self._fd)

    def publish(self, store: Store, target: str, *, durable: bool) -> Path:
        """Close it, and give it its name; see `Store.publish`."""
        self._close()
        path = store.publish(self.path, target, durable=durable)
        self._published = True
        return path

    def discard(self) -> None:
        """Remove it, unless it was published. Idempotent."""
        with contextlib.suppress(OSError):
            self._close()
            if not self._published:
                os.unlink(self.path)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def known_pieces(path: Path, identity: Identity | None) -> PieceMap | None:
    """The piece map of the partial at `path` if it is about `identity` (None: about anything)."""
    pieces = read_piece_map(piece_map_path(path))
    if pieces is None or (identity is not None and pieces.identity != identity):
        return None
    try:
        held = os.lstat(path).st_size
    except OSError:
        return None
    for index in [i for i in (*pieces.have, *pieces.begun) if pieces.end(i) > held]:
        pieces.forget(index)
    return pieces


def adopt_damaged(damaged: Path, kept_map: Path, partial: Path, identity: Identity) -> bool:
    """Make a damaged file the partial of its own repair, if the map of its pieces was kept.

    Only the pieces that are no longer what their marks say will be fetched. Whether that was
    possible.

    Raises:
        OSError: the files cannot be moved.
    """
    pieces = read_piece_map(kept_map)
    if pieces is None or pieces.identity != identity or damaged.is_symlink():
        return False
    partial.parent.mkdir(parents=True, exist_ok=True)
    # In this order a kill in between leaves a partial without a map, which is fetched anew.
    os.replace(damaged, partial)
    os.replace(kept_map, piece_map_path(partial))
    return True


if sys.platform == "win32":  # it has one file position for all

    def _pwrite(fd: int, view: memoryview, offset: int) -> int:
        with _seek_lock:
            os.lseek(fd, offset, os.SEEK_SET)
            return os.write(fd, view)

    def _pread(fd: int, view: memoryview, offset: int) -> int:
        with _seek_lock:
            os.lseek(fd, offset, os.SEEK_SET)
            data = os.read(fd, len(view))
        view[: len(data)] = data
        return len(data)

else:

    def _pwrite(fd: int, view: memoryview, offset: int) -> int:
        return os.pwrite(fd, view, offset)

    def _pread(fd: int, view: memoryview, offset: int) -> int:
        return os.preadv(fd, [view], offset)
