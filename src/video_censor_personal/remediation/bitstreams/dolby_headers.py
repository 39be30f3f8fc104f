"""A new frame of AC-3 or E-AC-3 under the header of the one that it replaces.

A player takes loudness (`dialnorm`), compression (`compr`, `dynrng`), mixing levels and much more
from the header of every frame, and no encoder writes all of it. So the header is the source's own,
bit for bit, around the encoder's sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from math import frexp

from video_censor_personal.remediation.bitstreams.dolby_frames import (
    TAIL_BITS,
    DolbyFrame,
    Field,
    FrameError,
)

__all__ = ["gain_code", "reheaded"]

_CRC_BITS = 16
_CRC_POLYNOMIAL = 0x18005
_MOST_WORDS = 2048  # of E-AC-3
_SYNC_WORD = b"\x0b\x77"
# What is left out of a header that has too little room, most dispensable first. The time codes and
# the language mean nothing to players, and only studios adjust to the loudness of a mixing room.
_DISPENSABLE = ("timecod2", "timecod1", "langcod", "audprod", "xbsi2", "xbsi1", "compr")


def reheaded(new: DolbyFrame, source: DolbyFrame, gain: int) -> Iterator[bytes]:
    """Frames with the sound of `new`, the header of `source` and a `gain` for players, best first.

    A frame of AC-3 has room for as much as the encoder of `new` left. Where zeros at its end had to
    give way, only decoding tells whether they meant something: then the next frame, with less in
    its header, is to be tried.

    Args:
        gain: the code (`gain_code`) of what a player that compresses multiplies the frame with.

    Raises:
        FrameError: the two are not alike.
    """
    if new.kind != source.kind:
        raise FrameError("its frames are not all alike")
    sound = _sound(new, gain)
    if source.enhanced:
        yield _enhanced(new, source, sound)
        return
    room = len(source.data) * 8 - source.header_at - TAIL_BITS
    fields = source.fields
    for name in ("", *_DISPENSABLE):
        fewer = _without(fields, name)
        if name and fewer == fields:
            continue
        fields = fewer
        content = _joined([*fields, *sound], room)
        if content is not None:
            yield _plain(source, content)


def gain_code(gain: float) -> int:
    """The code of `dynrng` for a factor of 1/16 to 16: exponent and five bits of mantissa
    (7.7.1.2)."""
    mantissa, exponent = frexp(gain)
    steps = round(mantissa * 64) + 32 * (exponent - 1) - 32
    return min(max(steps, -128), 127) & 0xFF


def _sound(new: DolbyFrame, gain: int) -> tuple[Field, ...]:
    """All bits of `new` between its header and its tail, with `gain` in the first block."""
    size = len(new.data) * 8
    bits = int.from_bytes(new.data, "big")

    def part(name: str, start: int, end: int) -> Field:
        return Field(name, bits >> (size - end) & ((1 << (end - start)) - 1), end - start)

    gain_at = new.gain_at()
    before = part("before", new.body_at, gain_at)
    after = part("after", gain_at + 1, size - TAIL_BITS)
    if part("flag", gain_at, gain_at + 1).value:
        raise FrameError("new frames have a gain of their own")
    dynrng = Field("dynrng", 1 << 8 | gain, 9) if gain else Field("dynrng", 0, 1)
    return before, dynrng, after


def _without(fields: tuple[Field, ...], name: str) -> tuple[Field, ...]:
    return tuple(Field(name, 0, 1) if field.name == name else field for field in fields)


def _joined(fields: Sequence[Field], room: int) -> int | None:
    """`fields` one after the other in `room` bits; None where more than zeros would be cut off."""
    value = width = 0
    for field in fields:
        value = value << field.width | field.value
        width += field.width
    if width <= room:
        return value << (room - width)
    over = width - room
    return None if value & ((1 << over) - 1) else value >> over


def _plain(source: DolbyFrame, content: int) -> bytes:
    """A frame of AC-3: its first check sum makes that over five eighths 0, its last that of the
    rest (7.10.1)."""
    size = len(source.data)
    head = int.from_bytes(source.data[: source.header_at // 8], "big")
    value = head << (size * 8 - source.header_at) | content << TAIL_BITS
    frame = bytearray(value.to_bytes(size, "big"))
    part = ((size >> 2) + (size >> 4)) << 1
    first = _product(_crc(frame[4:part]), _inverse_power((part - 4) * 8 + _CRC_BITS))
    frame[2:4] = first.to_bytes(2, "big")
    return _closed(frame, part)


def _enhanced(new: DolbyFrame, source: DolbyFrame, sound: Sequence[Field]) -> bytes:
    """A frame of E-AC-3, which may be of any number of words."""
    width = sum(field.width for field in (*source.fields, *sound))
    bits = source.header_at + width + TAIL_BITS
    words = max(len(new.data) // 2, -(-bits // 16))
    if words > _MOST_WORDS:
        raise FrameError("its frames are as long as can be")
    fields = [replace(f, value=words - 1) if f.name == "frmsiz" else f for f in source.fields]
    room = words * 16 - source.header_at - TAIL_BITS
    content = _joined([*fields, *sound], room)
    assert content is not None
    head = int.from_bytes(_SYNC_WORD, "big")
    value = (head << room | content) << TAIL_BITS
    return _closed(bytearray(value.to_bytes(words * 2, "big")), len(_SYNC_WORD))


def _closed(frame: bytearray, start: int) -> bytes:
    """`frame` with the check sum of what comes from `start` on at its end."""
    frame[-2:] = _crc(frame[start:-2]).to_bytes(2, "big")
    if frame[-2:] == _SYNC_WORD:  # the reserved bit before it is there so that it never is
        frame[-3] ^= 1
        frame[-2:] = _crc(frame[start:-2]).to_bytes(2, "big")
    return bytes(frame)


def _crc(data: bytes | bytearray) -> int:
    """The remainder of `data`, 16 zeros added, by x^16 + x^15 + x^2 + 1."""
    remainder = 0
    for byte in data:
        remainder = (remainder << 8 & 0xFFFF) ^ _TABLE[remainder >> 8 ^ byte]
    return remainder


def _remainder(byte: int) -> int:
    value = byte << 8
    for _ in range(8):
        value = value << 1 ^ (_CRC_POLYNOMIAL if value & 0x8000 else 0)
    return value & 0xFFFF


_TABLE = tuple(_remainder(byte) for byte in range(256))


def _product(a: int, b: int) -> int:
    """Of two remainders, as polynomials modulo the CRC's."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1, b >> 1
        if a >> _CRC_BITS:
            a ^= _CRC_POLYNOMIAL
    return product


@cache
def _inverse_power(power: int) -> int:
    """What 1 is when divided by x `power` times, modulo the CRC's polynomial."""
    remainder = 1
    for _ in range(power):
        remainder = (remainder ^ _CRC_POLYNOMIAL if remainder & 1 else remainder) >> 1
    return remainder
