"""The bits within a unit of H.264 or HEVC, or of an AV1 header."""

from __future__ import annotations

import re

__all__ = ["BitReader", "unescaped"]

_ESCAPE = re.compile(rb"\x00\x00\x03(?=[\x00-\x03]|\Z)", re.DOTALL)


def unescaped(payload: bytes) -> bytes:
    """`payload` without the bytes that keep it from looking like a start code."""
    return _ESCAPE.sub(b"\0\0", payload)


class BitReader:
    """Reads bits from the front of `data`.

    Attributes:
        bits: all of them, in characters 0 and 1.
        position: of the next one.
    """

    def __init__(self, data: bytes) -> None:
        marked = int.from_bytes(b"\x01" + data, "big")  # so that zeros in front are not lost
        self.bits = f"{marked:b}"[1:]
        self.position = 0

    def number(self, count: int) -> int:
        """The next `count` bits.

        Raises:
            ValueError: there are not so many left.
        """
        found = self.bits[self.position : self.position + count]
        if len(found) < count:
            raise ValueError("the data is cut off")
        self.position += count
        return int(found, 2)

    def exp_golomb(self) -> int:
        """The next ue(v).

        Raises:
            ValueError: there is none.
        """
        zeros = self.bits.index("1", self.position) - self.position
        self.position += zeros
        return self.number(zeros + 1) - 1
