"""NAL units of H.264 and HEVC: splitting packets into them, and joining them.

In MP4 and Matroska a packet is a row of units, each after its length. Encoders put start codes
between them (Annex B of both standards).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

__all__ = [
    "escaped",
    "exp_golomb",
    "joined",
    "split_annexb",
    "split_lengths",
]

_START_CODE = re.compile(rb"\x00\x00\x01")
_ESCAPED = re.compile(rb"\x00\x00(?=[\x00-\x03])", re.DOTALL)
_LENGTH_BYTES = 4


def split_lengths(data: bytes) -> Iterator[bytes]:
    """The units of a packet with four bytes of length before each.

    Raises:
        ValueError: the lengths do not fit the packet.
    """
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + _LENGTH_BYTES], "big")
        position += _LENGTH_BYTES
        if not 0 < size <= len(data) - position:
            raise ValueError("the lengths within a packet do not fit it")
        yield data[position : position + size]
        position += size


def split_annexb(data: bytes) -> list[bytes]:
    """The units between start codes; a unit never ends in a zero byte."""
    pieces = _START_CODE.split(data)[1:]
    return [unit for piece in pieces if (unit := piece.rstrip(b"\0"))]


def joined(units: Iterable[bytes]) -> bytes:
    """A packet of `units`, each after its length in four bytes."""
    return b"".join(len(unit).to_bytes(_LENGTH_BYTES, "big") + unit for unit in units)


def escaped(payload: bytes) -> bytes:
    """`payload` with bytes that keep it from looking like a start code."""
    return _ESCAPED.sub(b"\0\0\x03", payload)


def exp_golomb(number: int) -> str:
    """`number` as the standards' ue(v), in characters 0 and 1."""
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits
