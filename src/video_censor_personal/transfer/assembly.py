"""A file put together from pieces: its partial, their map, and the checksum that follows."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.checksum import new_hasher
from video_censor_personal.transfer.follower import Follower
from video_censor_personal.transfer.partial import Partial
from video_censor_personal.transfer.pieces import Identity, PieceMap
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
        self.streamed_bytes = 0  # of a file whose size is not known
        self.repaired = 0  # pieces replaced since the checksum was last computed
        self.follow()

    @property
    def pieces(self) -> PieceMap | None:
        return self.partial.pieces

    @property
    def hashing(self) -> bool:
        return self._follower is not None

    @property
    def hashed_bytes(self) -> int:
        return self._follower.hashed_bytes if self._follower else 0

    def follow(self) -> None:
        """Compute the checksum, of what is there at once and of the rest as it arrives."""
        pieces = self.pieces
        size = pieces.identity.size if pieces else None
        self.repaired = 0
        follower = Follower(
            self.partial,
            new_hasher(self._algorithm, size),
            self._buffers,
            on_end=self._hashed,
            on_damage=lambda _, start: self._damaged(start),
            on_error=lambda _, error: self._on_error(self, error),
        )
        if pieces is not None:
            for index, crc in sorted(pieces.crcs.items()):
                follower.landed(pieces.start(index), pieces.end(index), crc=crc)
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
        if segment.kind is Kind.STREAM and index in pieces.crcs:
            return False  # an earlier run has this piece; a stream cannot leave it out
        segment.crc = zlib.crc32(view, segment.crc)
        if segment.kind is Kind.COMPARE:
            return False
        self.partial.write(view, start)
        if end == pieces.end(index):
            self.partial.piece_arrived(index, segment.crc)
        return self._pass_on(start, end, buffer)

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
        self.pieces.crcs.pop(index, None)
        return self.pieces.start(index), self.pieces.end(index)

    def close(self) -> None:
        """Stop the checksum and let go of the files, which stay."""
        if self._follower:
            self._follower.stop()
            self._follower = None
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

    def _damaged(self, start: int) -> None:
        self._on_damage(self, start)
