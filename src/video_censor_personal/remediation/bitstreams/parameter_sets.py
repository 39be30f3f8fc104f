"""What a decoder of H.264 or HEVC is told beforehand: `avcC` and `hvcC`, and the sets in them.

New pictures need sets of their own beside the source's, under numbers that the source does not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from video_censor_personal.media.bits import BitReader, unescaped

__all__ = [
    "HEVC_PPS",
    "HEVC_SPS",
    "HEVC_VPS",
    "AvcSetup",
    "HevcSetup",
    "avc_number",
]

HEVC_VPS, HEVC_SPS, HEVC_PPS = 32, 33, 34

_AVC_SPS = 7
_AVC_SPS_HEADER = 4  # bytes: the unit's, then profile, compatibility and level
_HEVC_ARRAYS = 22  # bytes of `hvcC` before its arrays


class _Bytes:
    """Reads fields of whole bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def number(self, size: int = 1) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        taken = self._data[self._position : self._position + size]
        if len(taken) != size:
            raise ValueError("the decoder's set-up is cut off")
        self._position += size
        return taken

    def units(self, count: int) -> tuple[bytes, ...]:
        return tuple(self.take(self.number(2)) for _ in range(count))

    def rest(self) -> bytes:
        return self._data[self._position :]


@dataclass(frozen=True, slots=True)
class AvcSetup:
    """An `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3.1).

    `head` is its version, profile, compatibility and level.
    """

    head: bytes
    length_bytes: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    rest: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> AvcSetup:
        """Raises `ValueError` for anything that is none."""
        fields = _Bytes(data)
        head = fields.take(4)
        if head[0] != 1:
            raise ValueError("the decoder's set-up is of another kind")
        length_bytes = (fields.number() & 3) + 1
        sps = fields.units(fields.number() & 31)
        return cls(head, length_bytes, sps, fields.units(fields.number()), fields.rest())

    @property
    def profile(self) -> int:
        return self.head[1]

    @property
    def level(self) -> int:
        """Ten times the level's name."""
        return self.head[3]

    def free_number(self) -> int | None:
        """The first number that no set has; below 32, the most that a sequence's set may have."""
        taken = {avc_number(unit) for unit in (*self.sps, *self.pps)}
        return next((number for number in range(1, 32) if number not in taken), None)

    def with_sets(self, sps: list[bytes], pps: list[bytes]) -> AvcSetup:
        level = max(self.level, *(unit[3] for unit in sps))
        head = self.head[:3] + bytes([level])
        return replace(self, head=head, sps=(*self.sps, *sps), pps=(*self.pps, *pps))

    def __bytes__(self) -> bytes:
        counts = bytes([0xFC | self.length_bytes - 1, 0xE0 | len(self.sps)])
        pps = bytes([len(self.pps)]) + _with_sizes(self.pps)
        return self.head + counts + _with_sizes(self.sps) + pps + self.rest


def avc_number(unit: bytes) -> int:
    """The number of a sequence's or a picture's set."""
    header = _AVC_SPS_HEADER if unit[0] & 31 == _AVC_SPS else 1
    return BitReader(unescaped(unit[header:])).exp_golomb()


@dataclass(frozen=True, slots=True)
class HevcSetup:
    """An `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 8.3.3.1).

    `arrays` are (completeness and type of unit, units).
    """

    head: bytes
    arrays: tuple[tuple[int, tuple[bytes, ...]], ...]

    @classmethod
    def parse(cls, data: bytes) -> HevcSetup:
        """Raises `ValueError` for anything that is none."""
        fields = _Bytes(data)
        head = fields.take(_HEVC_ARRAYS)
        if head[0] != 1:
            raise ValueError("the decoder's set-up is of another kind")
        count = fields.number()
        arrays = tuple((fields.number(), fields.units(fields.number(2))) for _ in range(count))
        return cls(head, arrays)

    @property
    def length_bytes(self) -> int:
        return (self.head[21] & 3) + 1

    def sets(self, kind: int) -> Iterator[bytes]:
        """The units of this type."""
        for flags, units in self.arrays:
            if flags & 63 == kind:
                yield from units

    def with_sets(self, sets: dict[int, list[bytes]]) -> HevcSetup:
        arrays = tuple((flags, (*units, *sets.get(flags & 63, ()))) for flags, units in self.arrays)
        return replace(self, arrays=arrays)

    def __bytes__(self) -> bytes:
        arrays = (
            bytes([flags]) + len(units).to_bytes(2, "big") + _with_sizes(units)
            for flags, units in self.arrays
        )
        return self.head + bytes([len(self.arrays)]) + b"".join(arrays)


def _with_sizes(units: tuple[bytes, ...]) -> bytes:
    return b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
