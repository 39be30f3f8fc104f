"""A file put together from pieces: its partial, their map, and the checksum that follows."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from pathlib import Path

from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.checksum import Hasher, new_hasher
from video_censor_personal.transfer.follower import Follower
from video_censor_personal.transfer.partial import Partial
from video_censor_personal.transfer.pieces import Identity, PieceMap, crc_mark, prefix_mark
from video_censor_personal.transfer.segments import Kind, Segment

__all__ = ["Assembly"]


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
        self._prefixes: dict[int, str] = {}
        self.streamed_bytes = 0  # of a file whose size is not known
        self.repaired = 0  # pieces replaced since the checksum was last computed
        self.follow()

    @property
    def pieces(self) -> PieceMap | None:
        return self.partial.pieces

    @property
    def hashing(self) -> bool:
        return self._follower is not None

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
            on_end=self._hashed,
            on_stretch=self._note_prefix,
            on_damage=lambda _, start: self._on_damage(self, start),
            on_error=lambda _, error: self._on_error(self, error),
        )
        if pieces is not None:
            for index in sorted(pieces.have):
                mark = pieces.marks.get(index)
                follower.landed(pieces.start(index), pieces.end(index), mark=mark)
            follower.end_at(pieces.identity.size)
        self._follower = self._latest = follower
        follower.start()

    def room(self, segment: Segment) -> int:
        """How many bytes of `segment` one buffer may take: to the end of its piece at most."""
        if self.pieces is None or segment.end is None:
            return self._buffers.size
        piece_end = self.pieces.end(self.pieces.index_at(segment.position))
        return min(self._buffers.size, piece_end - segment.position, segment.end - segment.position)

    def land(self, segment: Segment, buffer: bytearray, count: int) -> bool:
        """Write what arrived at the segment's position; whether the buffer is kept for the hash.

        Raises:
            OSError: it cannot be written.
        """
        view = memoryview(buffer)[:count]
        start, end = segment.position, segment.position + count
        pieces = self.pieces
        if pieces is None:
            self.partial.write(view, start)
            self.streamed_bytes = end
            return self._pass_on(start, end, buffer)
        index = pieces.index_at(start)
        if segment.kind is Kind.STREAM and index in pieces.have:
            return False  # an earlier run has this piece; a stream cannot leave it out
        if segment.kind is Kind.COMPARE:
            segment.differs = segment.differs or not self._is_on_disk(view, start)
            return False
        if start == pieces.start(index):
            # In order, the checksum itself says what the bytes up to here are.
            in_order = self._follower is not None and self._follower.awaits(start)
            segment.crc = None if in_order else 0
        if segment.crc is not None:
            segment.crc = zlib.crc32(view, segment.crc)
        self.partial.write(view, start)
        if end == pieces.end(index):
            if segment.crc is not None:
                self.partial.note_piece(index, crc_mark(segment.crc))
            else:
                pieces.have.add(index)
        return self._pass_on(start, end, buffer)

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
        return self.pieces.start(index), self.pieces.end(index)

    def close(self) -> None:
        """Stop the checksum and let go of the files, which stay."""
        if self._follower:
            self._follower.stop()
            self._follower = None
            with contextlib.suppress(OSError):  # what is not noted is fetched again
                self._note_the_rest()
        self.partial.release()

    def join(self, seconds: float) -> None:
        """Wait for the checksum's thread to end, after `close`."""
        if self._latest is not None:
            self._latest.join(seconds)

    def _pass_on(self, start: int, end: int, buffer: bytearray) -> bool:
        follower = self._follower
        return follower is not None and follower.landed(start, end, buffer)

    def _hashed(self, follower: Follower, digest: str) -> None:
        if follower is self._follower:
            self._follower = None
            self._on_hash(self, digest)

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
        for index in sorted(pieces.have - pieces.marks.keys()) if pieces else ():
            self.partial.note_piece(index, crc_mark(self._crc_on_disk(index)))

    def _crc_on_disk(self, index: int) -> int:
        assert self.pieces is not None
        crc, offset = 0, self.pieces.start(index)
        scratch = memoryview(bytearray(self._buffers.size))
        while count := self.partial.readinto(scratch[: self.pieces.end(index) - offset], offset):
            crc = zlib.crc32(scratch[:count], crc)
            offset += count
        return crc

    def _is_on_disk(self, view: memoryview, start: int) -> bool:
        found = memoryview(bytearray(len(view)))
        return self.partial.readinto(found, start) == len(view) and found == view
