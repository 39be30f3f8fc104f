"""A file put together from pieces: its partial, their map, and the checksum that follows."""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.checksum import Hasher, new_hasher
from video_censor_personal.transfer.flusher import Flusher
from video_censor_personal.transfer.follower import Follower
from video_censor_personal.transfer.partial import PAGE_BYTES, Partial
from video_censor_personal.transfer.pieces import Identity, PieceMap, crc_mark, prefix_mark
from video_censor_personal.transfer.segments import Kind, Segment

__all__ = ["Assembly"]

# A file smaller than this is synced in one go at its end, and stays in the system's cache.
_FLUSHED_BYTES = 128 << 20
# What goes through the system's cache is written in parts that fit a core's own cache: with 1 MiB
# it took half as much processor time again.
_CACHED_WRITE_BYTES = 256 << 10
# What lands in smaller parts comes slowly; of such a piece the parts are noted, if not every one.
_LEAST_NOTED_BYTES = 16 << 10
_MOST_NOTES_A_PIECE = 64


@dataclass(slots=True)
class _Arriving:
    """A piece of which some has landed: its bytes before `landed_to`, and their CRC if needed."""

    landed_to: int
    crc: int | None
    noted_to: int
    lock: threading.Lock = field(default_factory=threading.Lock)


class Assembly:
    """The bytes of one attempt at a file. A file that changed under way gets a new one.

    `on_hash(assembly, hexdigest)`, `on_damage(assembly, piece_start)` and
    `on_error(assembly, error)` are called from the thread that computes the checksum.
    """

    def __init__(
        self,
        path: Path,
        identity: Identity | None,
        algorithm: str,
        buffers: Buffers,
        on_hash: Callable[[Assembly, str], None],
        on_damage: Callable[[Assembly, int], None],
        on_error: Callable[[Assembly, OSError], None],
        *,
        durable: bool,
    ) -> None:
        """Open the partial at `path`, resuming it if it is of `identity`.

        Raises:
            OSError: it cannot be written, or there is no room for all of it.
        """
        self.partial = Partial.open(path, identity)
        self._algorithm, self._buffers = algorithm, buffers
        self._on_hash, self._on_damage, self._on_error = on_hash, on_damage, on_error
        self._follower: Follower | None = None
        self._latest: Follower | None = None
        self._closed = False
        self._prefixes: dict[int, str] = {}
        self._arriving: dict[int, _Arriving] = {}
        self.repaired = 0  # pieces replaced since the checksum was last computed
        self._flusher: Flusher | None = None
        if durable and identity is not None and identity.size >= _FLUSHED_BYTES:
            self._flusher = Flusher(self.partial)
            self.partial.prepare_direct()
        self._go_on_with_begun()
        self.follow()

    @property
    def pieces(self) -> PieceMap | None:
        return self.partial.pieces

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a file in pieces has arrived that a later run could go on with."""
        pieces = self.pieces
        if pieces is None or pieces.have:
            return False
        return all(p.noted_to == pieces.start(i) for i, p in self._arriving.items())

    @property
    def hashing(self) -> bool:
        """Whether a checksum is being computed whose result nobody has taken yet."""
        return self._follower is not None

    def take_result(self) -> None:
        """The checksum has been computed and looked at. Under the job's lock."""
        self._follower = None

    def follow(self) -> None:
        """Compute the checksum, of what is there at once and of the rest as it arrives."""
        pieces = self.pieces
        size = pieces.identity.size if pieces else None
        self.repaired = 0
        self._prefixes.clear()
        follower = Follower(
            self.partial,
            new_hasher(self._algorithm, size),
            self._buffers,
            on_end=lambda _, digest: self._on_hash(self, digest),
            on_stretch=self._note_prefix,
            on_damage=lambda _, start: self._on_damage(self, start),
            on_error=lambda _, error: self._on_error(self, error),
        )
        if pieces is not None:
            for index in sorted(pieces.have):
                mark = pieces.marks.get(index)
                follower.landed(pieces.start(index), pieces.end(index), mark=mark)
            for index, piece in self._arriving.items():
                follower.landed(pieces.start(index), piece.landed_to)
            follower.end_at(pieces.identity.size)
        self._follower = self._latest = follower
        follower.start()

    def room(self, segment: Segment) -> int:
        """How many bytes of `segment` one buffer may take: to the end of its piece at most."""
        if self.pieces is None or segment.end is None:
            return _CACHED_WRITE_BYTES
        start = segment.position
        index = self.pieces.index_at(start)
        room = self._buffers.size
        if not self._is_written_directly(index, start):
            room = min(room, _CACHED_WRITE_BYTES)
        elif start % PAGE_BYTES:
            room = PAGE_BYTES - start % PAGE_BYTES
        return min(room, self.pieces.end(index) - start, segment.end - start)

    def _is_written_directly(self, index: int, start: int) -> bool:
        if self._flusher is None:
            return False
        piece = self._arriving.get(index)
        return piece.crc is None if piece else self._is_next(start)

    def _is_next(self, start: int) -> bool:
        """Whether the checksum waits for just these bytes."""
        return self._follower is not None and self._follower.awaits(start)

    def land(self, segment: Segment, buffer: memoryview, count: int) -> bool:
        """Write what arrived at the segment's position; whether the buffer is kept for the hash.

        What has landed once is never written again: it may have gone into the checksum, and a
        second connection may bring other bytes.

        Raises:
            OSError: it cannot be written.
        """
        view = buffer[:count]
        start, end = segment.position, segment.position + count
        index = self.pieces.index_at(start) if self.pieces else 0
        if segment.kind is Kind.COMPARE:
            segment.differs = segment.differs or not self._is_on_disk(view, start)
            return False
        if self.pieces and index in self.pieces.have:
            return False  # a stream brings what an earlier one, or an earlier run, has brought
        piece = self._arriving.get(index) or self._begin_piece(index, count)
        with piece.lock:
            seen = piece.landed_to - start
            if seen >= count:
                return False
            view = view[seen:]
            if piece.crc is not None:
                piece.crc = zlib.crc32(view, piece.crc)
            in_order = piece.crc is None
            # What the checksum may have to read again shall stay in the system's cache.
            direct = in_order and not seen and self._flusher is not None
            self.partial.write(view, piece.landed_to, direct=direct)
            start, piece.landed_to = piece.landed_to, end
            if self._flusher and not direct:
                self._flusher.landed(len(view))
            if self.pieces and end == self.pieces.end(index):
                self._end_piece(index, piece)
            elif self.pieces and piece.crc is not None:
                self._note_begun(index, piece, self.pieces)
        follower = self._follower
        return follower is not None and follower.landed(
            start, end, None if seen else buffer, waits=in_order
        )

    def _begin_piece(self, index: int, count: int) -> _Arriving:
        pieces = self.pieces
        start = pieces.start(index) if pieces else 0
        is_slow = count < _CACHED_WRITE_BYTES and pieces and start + count < pieces.end(index)
        # In order, the checksum itself says what the bytes up to here are, once it is there.
        is_told = self._is_next(start) and not is_slow
        return self._arriving.setdefault(index, _Arriving(start, None if is_told else 0, start))

    def _note_begun(self, index: int, piece: _Arriving, pieces: PieceMap) -> None:
        step = max(_LEAST_NOTED_BYTES, pieces.identity.piece_size // _MOST_NOTES_A_PIECE)
        if piece.crc is not None and piece.landed_to - piece.noted_to >= step:
            piece.noted_to = piece.landed_to
            self.partial.note_begun(index, piece.landed_to - pieces.start(index), piece.crc)

    def _go_on_with_begun(self) -> None:
        """Take up the pieces that an earlier run had under way, if they are what it noted."""
        pieces = self.pieces
        if pieces is None:
            return
        for index, (count, crc) in list(pieces.begun.items()):
            start = pieces.start(index)
            pieces.forget(index)
            with contextlib.suppress(OSError):  # what cannot be read is fetched again
                if self._crc_on_disk(start, start + count) == crc:
                    pieces.begun[index] = (count, crc)
                    self._arriving[index] = _Arriving(start + count, crc, start + count)

    def _end_piece(self, index: int, piece: _Arriving) -> None:
        assert self.pieces is not None
        if piece.crc is not None:
            self.partial.note_piece(index, crc_mark(piece.crc))
        else:
            self.pieces.have.add(index)
        self.pieces.begun.pop(index, None)
        self._arriving.pop(index, None)

    def kept_map(self) -> PieceMap | None:
        """What to keep of a file whose checksum is right, for repairing it later."""
        pieces = self.pieces
        if pieces is None or pieces.count < 2 or len(self._prefixes) < pieces.count:
            return None
        return PieceMap(pieces.identity, dict(self._prefixes))

    def end_at(self, size: int) -> None:
        """A file of unknown size has ended.

        Raises:
            OSError: the disk failed.
        """
        self.partial.cut(size)
        if self._follower:
            self._follower.end_at(size)

    def drop_piece(self, index: int) -> tuple[int, int]:
        """Forget a piece that is not right; its byte range."""
        assert self.pieces is not None
        self.pieces.forget(index)
        self._arriving.pop(index, None)
        return self.pieces.start(index), self.pieces.end(index)

    def close(self) -> None:
        """Stop the checksum and let go of the files, which stay. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._flusher:
            self._flusher.stop()
        if self._follower:
            self._follower.stop()
            self._follower = None
            with contextlib.suppress(OSError):  # what is not noted is fetched again
                self._note_the_rest()
        self.partial.release()

    def join(self, seconds: float) -> None:
        """Wait for the threads of checksum and disk to end, after `close`."""
        for thread in (self._latest, self._flusher):
            if thread is not None:
                thread.join(seconds)

    def _note_prefix(self, end: int, hasher: Hasher) -> None:
        pieces = self.pieces
        if pieces is None or end != pieces.end(index := pieces.index_at(end - 1)):
            return
        mark = prefix_mark(hasher.copy().hexdigest())
        self._prefixes[index] = mark
        if index not in pieces.marks:
            self.partial.note_piece(index, mark)

    def _note_the_rest(self) -> None:
        """Note the pieces that arrived in order and whose turn in the checksum never came."""
        pieces = self.pieces
        if pieces is None:
            return
        for index in sorted(pieces.have - pieces.marks.keys()):
            crc = self._crc_on_disk(pieces.start(index), pieces.end(index))
            self.partial.note_piece(index, crc_mark(crc))

    def _crc_on_disk(self, start: int, end: int) -> int:
        crc, offset = 0, start
        scratch = memoryview(bytearray(self._buffers.size))
        while count := self.partial.readinto(scratch[: end - offset], offset):
            crc = zlib.crc32(scratch[:count], crc)
            offset += count
        return crc

    def _is_on_disk(self, view: memoryview, start: int) -> bool:
        found = memoryview(bytearray(len(view)))
        return self.partial.readinto(found, start) == len(view) and found == view
