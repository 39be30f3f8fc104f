"""Which pieces of a file have arrived, kept so that a killed run loses only those in flight.

The map lies beside the partial file as an append-only text: a head that says what file it is
about, then one line `index crc32` for each piece, appended in one call after the piece's bytes
were written. After `kill -9` the kernel still has both, in that order. After a power loss either
may be missing; a piece whose line survived and whose bytes did not is found by its CRC, when the
next run reads the file to compute its checksum, and fetched again alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["Identity", "PieceMap", "piece_size_for", "read_piece_map"]

_VERSION = 1
_LARGEST_PIECE = 4 << 20
_SMALLEST_PIECE = 256 << 10
_WANTED_PIECES = 64


def piece_size_for(size_bytes: int) -> int:
    """Bytes of a piece: small enough that many connections can share a small file."""
    piece = _LARGEST_PIECE
    while piece > _SMALLEST_PIECE and size_bytes < piece * _WANTED_PIECES:
        piece //= 2
    return piece


@dataclass(frozen=True, slots=True)
class Identity:
    """What a partial file is a part of. Another identity means other bytes.

    `validator` (ETag or date of the server) stands in where no checksum is known.
    """

    size: int
    piece_size: int
    algorithm: str
    checksum: str | None
    validator: str | None = None


@dataclass(slots=True)
class PieceMap:
    """The pieces of one file: index -> CRC-32 of those that have arrived."""

    identity: Identity
    crcs: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        size, piece = self.identity.size, self.identity.piece_size
        return (size + piece - 1) // piece

    @property
    def complete(self) -> bool:
        return len(self.crcs) == self.count

    @property
    def have_bytes(self) -> int:
        last = self.count - 1
        total = len(self.crcs) * self.identity.piece_size
        return total - (self.start(last + 1) - self.end(last) if last in self.crcs else 0)

    def start(self, index: int) -> int:
        return index * self.identity.piece_size

    def end(self, index: int) -> int:
        return min(self.start(index + 1), self.identity.size)

    def index_at(self, offset: int) -> int:
        return offset // self.identity.piece_size

    def missing(self) -> list[tuple[int, int]]:
        """Byte ranges `(start, end)` that have not arrived, in order, as long as possible."""
        ranges: list[tuple[int, int]] = []
        for index in range(self.count):
            if index in self.crcs:
                continue
            if ranges and ranges[-1][1] == self.start(index):
                ranges[-1] = (ranges[-1][0], self.end(index))
            else:
                ranges.append((self.start(index), self.end(index)))
        return ranges

    # -- on disk

    def create(self, path: Path) -> int:
        """Replace the map at `path` by one with what is known; the descriptor to `append` to.

        Raises:
            OSError: it cannot be written.
        """
        head = json.dumps({"version": _VERSION, **asdict(self.identity)})
        lines = [head, *(_line(i, crc) for i, crc in self.crcs.items()), ""]
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes("\n".join(lines).encode())
        os.replace(fresh, path)
        return os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))

    @staticmethod
    def append(fd: int, index: int, crc: int) -> None:
        """Note one piece whose bytes have been written.

        Raises:
            OSError: it cannot be written.
        """
        os.write(fd, f"{_line(index, crc)}\n".encode())


def read_piece_map(path: Path) -> PieceMap | None:
    """The map at `path`, without lines that a crash tore; None if there is none."""
    try:
        head, *lines = path.read_text("ascii").split("\n")
        fields = json.loads(head)
        if fields.pop("version") != _VERSION:
            return None
        pieces = PieceMap(Identity(**fields))
        if pieces.identity.piece_size <= 0 or pieces.identity.size <= 0:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    for line in lines[:-1]:  # what follows the last newline is empty, or torn
        index, _, crc = line.partition(" ")
        if len(crc) == 8 and index.isdigit() and int(index) < pieces.count:
            try:
                pieces.crcs[int(index)] = int(crc, 16)
            except ValueError:
                continue
    return pieces


def _line(index: int, crc: int) -> str:
    return f"{index} {crc:08x}"
