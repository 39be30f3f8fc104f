"""Units of AV1 (OBUs): splitting packets into them, and what a sequence says of its pictures.

The names of fields are those of the AV1 Bitstream & Decoding Process Specification, 5.3 to 5.9.
In MP4 and Matroska a packet is one shown picture with the hidden ones that it needs; the units
between which programs that stream put delimiters have none there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from video_censor_personal.media.bits import BitReader

__all__ = [
    "FRAME_UNITS",
    "METADATA",
    "SEQUENCE_HEADER",
    "TEMPORAL_DELIMITER",
    "Colour",
    "Sequence",
    "Unit",
    "is_plain_size",
    "setup_sequence",
    "shows_key_frame",
    "split_units",
]

SEQUENCE_HEADER, TEMPORAL_DELIMITER, METADATA = 1, 2, 5
FRAME_UNITS = (3, 6)  # a frame's header alone, and with its tiles

_SETUP_HEAD = 4  # bytes of `av1C` before its units
_SETUP_MARKER = 0x81
_HEADER_BYTES = 64  # of a frame, in which all that is asked for is found
_HAS_SIZE, _HAS_EXTENSION = 0b10, 0b100
_SELECT = 2  # for every picture anew
_KEY_FRAME = 0
_UNSPECIFIED = 2  # of colour
_HIGHEST_WITHOUT_TIER = 7  # level


@dataclass(frozen=True, slots=True)
class Unit:
    """`head`: its one or two bytes of header, which say that a size follows."""

    head: bytes
    payload: bytes

    @property
    def kind(self) -> int:
        return self.head[0] >> 3 & 15

    def __bytes__(self) -> bytes:
        size, sizes = len(self.payload), b""
        while size > 127:
            sizes, size = sizes + bytes([size & 127 | 128]), size >> 7
        return self.head + sizes + bytes([size]) + self.payload


def split_units(data: bytes) -> Iterator[Unit]:
    """The units of a packet; only the last may go without its size.

    Raises:
        ValueError: the sizes do not fit the packet.
    """
    position = 0
    while position < len(data):
        head = data[position : position + (2 if data[position] & _HAS_EXTENSION else 1)]
        position += len(head)
        size = len(data) - position
        if head[0] & _HAS_SIZE:
            size, position = _leb128(data, position)
        if size > len(data) - position:
            raise ValueError("the sizes within a packet do not fit it")
        yield Unit(bytes([head[0] | _HAS_SIZE]) + head[1:], data[position : position + size])
        position += size


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    number = 0
    for place, byte in enumerate(data[position : position + 8]):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, position + place + 1
    raise ValueError("a size within a packet is cut off")


@dataclass(frozen=True, slots=True)
class Colour:
    """`deep`: 10 bits. The next three are of H.273; `full_range`: 0 or 1; `chroma_position`: where
    chroma samples lie: 0 unknown, 1 left, 2 top left."""

    deep: int
    primaries: int
    transfer: int
    matrix: int
    full_range: int
    chroma_position: int


@dataclass(frozen=True, slots=True)
class _Tools:
    """What has to be known to read on in a frame's header."""

    screen_content: int
    integer_vectors: int
    order_hint_bits: int
    superres: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence header.

    Attributes:
        level: seq_level_idx.
        size: of the largest picture, less 1.
        colour: `Colour`.
        obstacle: why its pictures were not proven to join; empty if they were.
    """

    level: int
    size: tuple[int, int]
    colour: Colour
    obstacle: str
    tools: _Tools

    @classmethod
    def parse(cls, payload: bytes) -> Sequence:
        """Raises `ValueError` where it is cut off, or of still pictures, or not 4:2:0."""
        bits = BitReader(payload)
        profile = bits.number(3)
        if profile or bits.number(2):
            raise ValueError("it is no film in 4:2:0 of 8 or 10 bits")
        level, obstacle = _operating_points(bits)
        lengths = (bits.number(4) + 1, bits.number(4) + 1)
        size = (bits.number(lengths[0]), bits.number(lengths[1]))
        if bits.number(1):
            bits.number(7)
            obstacle = obstacle or "its frames are numbered"
        tools = _read_tools(bits)
        return cls(level, size, _read_colour(bits), obstacle, tools)

    @property
    def form(self) -> tuple[object, ...]:
        """What new pictures must have as well."""
        return self.size, self.colour


def _operating_points(bits: BitReader) -> tuple[int, str]:
    """Reads on to the size of the pictures: the level, and the obstacle."""
    delay_bits = _delay_bits(bits)
    delayed = bits.number(1)
    points = bits.number(5) + 1
    layers, levels = 0, []
    for _ in range(points):
        layers |= bits.number(12)
        levels.append(bits.number(5))
        if levels[-1] > _HIGHEST_WITHOUT_TIER:
            bits.number(1)
        if delay_bits and bits.number(1):
            bits.number(2 * delay_bits + 1)
        if delayed and bits.number(1):
            bits.number(4)
    if layers or points > 1:
        return levels[0], "it has several layers"
    return levels[0], "its buffers are modelled" if delay_bits else ""


def _delay_bits(bits: BitReader) -> int:
    """Reads timing_info and decoder_model_info: how long the latter's delays are, or 0."""
    if not bits.number(1):
        return 0
    bits.number(64)
    if bits.number(1):
        bits.exp_golomb()
    if not bits.number(1):
        return 0
    delay_bits = bits.number(5) + 1
    bits.number(42)
    return delay_bits


def _read_tools(bits: BitReader) -> _Tools:
    bits.number(7)  # 128x128 blocks, filter and edges within, three of compound, dual filter
    ordered = bits.number(1)
    if ordered:
        bits.number(2)
    screen_content = _SELECT if bits.number(1) else bits.number(1)
    integer_vectors = _SELECT
    if screen_content and not bits.number(1):
        integer_vectors = bits.number(1)
    order_hint_bits = bits.number(3) + 1 if ordered else 0
    superres = bool(bits.number(1))
    bits.number(2)  # cdef, restoration
    return _Tools(screen_content, integer_vectors, order_hint_bits, superres)


def _read_colour(bits: BitReader) -> Colour:
    deep = bits.number(1)
    if bits.number(1):
        raise ValueError("it has no colour")
    described = (_UNSPECIFIED,) * 3
    if bits.number(1):
        described = (bits.number(8), bits.number(8), bits.number(8))
    return Colour(deep, *described, bits.number(1), bits.number(2))


def setup_sequence(setup: bytes) -> Sequence:
    """The sequence header that the container hands out, in an `av1C`.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    if not setup or setup[0] != _SETUP_MARKER:
        raise ValueError("the decoder's set-up is of another kind")
    for unit in split_units(setup[_SETUP_HEAD:]):
        if unit.kind == SEQUENCE_HEADER:
            return Sequence.parse(unit.payload)
    raise ValueError("there is no sequence header")


def shows_key_frame(frame: bytes) -> bool:
    """Whether `frame`, the payload of a frame's unit, is a key frame that is shown at once.

    Only such a one empties the decoder. One that is kept to be shown later does so only then, with
    pictures before that need both sides of it.
    """
    head = BitReader(frame[:1])
    return not head.number(1) and head.number(2) == _KEY_FRAME and bool(head.number(1))


def is_plain_size(frame: bytes, tools: _Tools) -> bool:
    """Whether a shown key frame has its sequence's size, and is to be shown in it."""
    bits = BitReader(frame[:_HEADER_BYTES])
    bits.number(5)  # up to disable_cdf_update
    screen_content = bits.number(1) if tools.screen_content == _SELECT else tools.screen_content
    if screen_content and tools.integer_vectors == _SELECT:
        bits.number(1)
    if bits.number(1):  # frame_size_override_flag
        return False
    if tools.order_hint_bits:
        bits.number(tools.order_hint_bits)
    if tools.superres and bits.number(1):  # coded narrower; decoders give the full width
        bits.number(3)
    return not bits.number(1)  # render_and_frame_size_different
