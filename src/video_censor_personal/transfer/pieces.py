"""Which pieces of a file have arrived, kept so that a killed run loses only those in flight.

The map lies beside the partial file as an append-only text: a head that says what file it is
about, then one line `index mark` for each piece, appended in one call after the piece's bytes
were written. After `kill -9` the kernel still has both, in that order. After a power loss either
may be missing; a piece whose line survived and whose bytes did not is found by its mark, when the
next run reads the file to compute its checksum, and fetched again alone.

A line `index+count mark` says that the piece has begun: its first `count` bytes were written.
On slow lines many connections have a piece under way for long.

A mark is `p` and the beginning of the file's own checksum from its start to the end of the piece,
which costs nothing for pieces that arrive in order; for the others it is `c` and a CRC-32.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = [
    "CRC",
    "SMALL_BYTES",
    "Identity",
    "PieceMap",
    "begun_line",
    "crc_mark",
    "piece_size_for",
    "prefix_mark",
    "read_piece_map",
]

# A file of this size at most has no pieces: it is fetched with one request, into one buffer.
SMALL_BYTES = 256 << 10

_VERSION = 1
_LARGEST_PIECE = 4 << 20
_SMALLEST_PIECE = 256 << 10
_WANTED_PIECES = 256
PREFIX, CRC = "p", "c"
_LINE = re.compile(r"(\d{1,12}) (p[0-9a-f]{16}|c[0-9a-f]{8})")
_BEGUN = re.compile(r"(\d{1,12})\+(\d{1,9}) c([0-9a-f]{8})")


def piece_size_for(size_bytes: int) -> int:
    """Bytes of a piece: small enough that many connections can share a small file."""
    piece = _LARGEST_PIECE
    while piece > _SMALLEST_PIECE and size_bytes < piece * _WANTED_PIECES:
        piece //= 2
    return piece


def crc_mark(crc: int) -> str:
    """The mark of a piece that arrived out of order."""
    return f"{CRC}{crc:08x}"


def begun_line(index: int, count: int, crc: int) -> str:
    """The line about a piece of which `count` bytes have landed."""
    return f"{index}+{count} {crc_mark(crc)}"


def prefix_mark(hexdigest: str) -> str:
    """The mark of a piece up to whose end the file has this checksum."""
    return PREFIX + hexdigest[:16]


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
    """The pieces of one file: `have` are those on disk, `marks` says how to check them.

    `begun`: of pieces that an earlier run had under way, how many bytes landed, and their CRC.
    """

    identity: Identity
    marks: dict[int, str] = field(default_factory=dict)
    have: set[int] = field(default_factory=set)
    begun: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        size, piece = self.identity.size, self.identity.piece_size
        return (size + piece - 1) // piece

    @property
    def complete(self) -> bool:
        return len(self.have) == self.count

    @property
    def have_bytes(self) -> int:
        last = self.count - 1
        total = len(self.have) * self.identity.piece_size
        total -= self.start(last + 1) - self.end(last) if last in self.have else 0
        return total + self.begun_bytes

    @property
    def begun_bytes(self) -> int:
        return sum(count for count, _ in self.begun.values())

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
            if index in self.have:
                continue
            start = self.start(index) + self.begun.get(index, (0, 0))[0]
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], self.end(index))
            else:
                ranges.append((start, self.end(index)))
        return ranges

    def forget(self, index: int) -> None:
        """The piece is not right."""
        self.have.discard(index)
        self.marks.pop(index, None)
        self.begun.pop(index, None)

    def forget_prefixes(self) -> None:
        """The checksum was wrong, so those from the start to each piece may be too."""
        self.marks = {i: m for i, m in self.marks.items() if m[0] != PREFIX}

    # -- on disk

    def write(self, path: Path) -> None:
        """Replace the map at `path` by what is known.

        Raises:
            OSError: it cannot be written.
        """
        head = json.dumps({"version": _VERSION, **asdict(self.identity)})
        lines = [head, *(f"{i} {mark}" for i, mark in self.marks.items())]
        lines += [*(begun_line(i, count, crc) for i, (count, crc) in self.begun.items()), ""]
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes("\n".join(lines).encode())
        os.replace(fresh, path)


def read_piece_map(path: Path) -> PieceMap | None:
    """The map at `path`, without lines that a crash tore; None if there is none."""
    try:
        with open(path, "rb") as file:
            head, *lines = file.read().decode("ascii").split("\n")
        fields = json.loads(head)
        if fields.pop("version") != _VERSION:
            return None
        pieces = PieceMap(Identity(**fields))
        if pieces.identity.piece_size <= 0 or pieces.identity.size <= 0:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    for line in lines[:-1]:  # what follows the last newline is empty, or torn
        found = _LINE.fullmatch(line)
        if found and int(found[1]) < pieces.count:
            pieces.marks[int(found[1])] = found[2]
        elif begun := _BEGUN.fullmatch(line):
            index, count = int(begun[1]), int(begun[2])
            if pieces.start(index) + count < pieces.end(index):
                pieces.begun[index] = (count, int(begun[3], 16))
    pieces.have = set(pieces.marks)
    for index in pieces.have & pieces.begun.keys():
        del pieces.begun[index]
    return pieces
