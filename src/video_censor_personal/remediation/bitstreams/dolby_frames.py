"""Frames of AC-3 and E-AC-3: what their headers say (ATSC A/52:2018, with its annexes D and E)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SAMPLES", "TAIL_BITS", "DolbyFrame", "Field", "FrameError"]

SAMPLES = 1536
"""Samples a frame of six blocks adds."""

TAIL_BITS = 18
"""At the end of a frame: auxdatae, crcrsv or encinfo, crc2."""

_SYNC_WORD = 0x0B77
_RATES_HZ = (48_000, 44_100, 32_000)
_CHANNELS = (2, 1, 2, 3, 3, 4, 4, 5)  # by acmod, without the effects channel
_AC3_KBIT_S = (
    *(32, 40, 48, 56, 64, 80, 96, 112, 128, 160),
    *(192, 224, 256, 320, 384, 448, 512, 576, 640),
)
_AC3_PLAIN = (6, 8)  # bsid: with the alternate syntax of annex D, and without
_AC3_LAST = 10  # bsid above which frames are E-AC-3's
_ENHANCED = 16
_SIX_BLOCKS = 3  # numblkscod


class FrameError(ValueError):
    """A frame that cannot be replaced, or cannot replace one; the message says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """`width` bits of a header. An optional field holds its flag, too."""

    name: str
    value: int
    width: int


@dataclass(frozen=True, slots=True)
class DolbyFrame:
    """A frame, which should be all of its packet.

    Attributes:
        enhanced: E-AC-3.
        fields: the header, after the check sum (AC-3) or the sync word (E-AC-3); if there is an
            obstacle, as much of it as could be read.
        rate_hz, bit_rate: 0 where they could not be read.
        obstacle: why it cannot be replaced by a new frame; empty if it can.
    """

    data: bytes
    enhanced: bool
    fields: tuple[Field, ...]
    rate_hz: int
    bit_rate: int
    obstacle: str = ""

    @classmethod
    def read(cls, data: bytes) -> DolbyFrame:
        """What there is to be read of the packet `data`, whatever it is."""
        bits, enhanced, obstacle = _Bits(data), False, ""
        try:
            if bits.read(16) != _SYNC_WORD:
                raise FrameError("its packets do not begin with frames")
            enhanced = bits.peek(24, 5) > _AC3_LAST
            (_read_enhanced if enhanced else _read_plain)(bits)
            if bits.frame_size != len(data):
                raise FrameError("its packets are not one frame each")
        except FrameError as error:
            obstacle = str(error)
        except IndexError:
            obstacle = "its headers are incomplete"
        return cls(data, enhanced, tuple(bits.fields), bits.rate_hz, bits.bit_rate, obstacle)

    @classmethod
    def parse(cls, data: bytes) -> DolbyFrame:
        """The frame that the packet `data` consists of.

        Raises:
            FrameError: there is an obstacle.
        """
        frame = cls.read(data)
        if frame.obstacle:
            raise FrameError(frame.obstacle)
        return frame

    def value(self, name: str) -> int | None:
        return next((field.value for field in self.fields if field.name == name), None)

    @property
    def kind(self) -> tuple[object, ...]:
        """What all frames of a track that are to be joined have in common."""
        size = 0 if self.enhanced else len(self.data)
        return (self.enhanced, self.rate_hz, self.value("acmod"), self.value("lfeon"), size)

    @property
    def header_at(self) -> int:
        """The bit that `fields` begin with."""
        return 16 if self.enhanced else 40

    @property
    def body_at(self) -> int:
        """The bit after the header."""
        return self.header_at + sum(field.width for field in self.fields)

    def gain_at(self) -> int:
        """The bit that says whether the first block has a gain for players (`dynrng`).

        Raises:
            FrameError: there are tools in use that encoders here do not have.
        """
        bits = _Bits(self.data)
        bits.read(self.body_at)
        mode = self.value("acmod") or 0
        if self.enhanced:
            _skip_frame_setup(bits, mode, self.value("lfeon") or 0)
        else:
            bits.read(2 * _CHANNELS[mode])  # blksw, dithflag
        return bits.at


class _Bits:
    """Reads bits from the front, and keeps what was read as a field."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._size = len(data) * 8
        self.at = 0
        self.fields: list[Field] = []
        self.rate_hz = self.bit_rate = self.frame_size = 0

    def peek(self, ahead: int, count: int) -> int:
        end = self.at + ahead + count
        if end > self._size:
            raise IndexError
        return self._value >> (self._size - end) & ((1 << count) - 1)

    def read(self, count: int) -> int:
        value = self.peek(0, count)
        self.at += count
        return value

    def field(self, name: str, width: int) -> int:
        value = self.read(width)
        self.fields.append(Field(name, value, width))
        return value

    def optional(self, name: str, width: int) -> bool:
        """Reads a flag and, where it is set, `width` bits more."""
        there = bool(self.peek(0, 1))
        self.field(name, 1 + (width if there else 0))
        return there


def _read_plain(bits: _Bits) -> None:
    bits.read(16)  # crc1
    rate, size = bits.read(2), bits.read(6)
    if rate >= len(_RATES_HZ) or size >= 2 * len(_AC3_KBIT_S):
        raise FrameError("its headers hold what is reserved")
    bits.rate_hz, bits.bit_rate = _RATES_HZ[rate], 1000 * _AC3_KBIT_S[size >> 1]
    words = bits.bit_rate * SAMPLES // (16 * bits.rate_hz)
    bits.frame_size = 2 * (words + (size & 1 if bits.rate_hz == 44_100 else 0))
    if bits.field("bsid", 5) not in _AC3_PLAIN:
        raise FrameError("its frames are of an unusual version")
    bits.field("bsmod", 3)
    mode = bits.field("acmod", 3)
    if mode & 1 and mode > 1:
        bits.field("cmixlev", 2)
    if mode & 4:
        bits.field("surmixlev", 2)
    if mode == 2:
        bits.field("dsurmod", 2)
    bits.field("lfeon", 1)
    bits.field("dialnorm", 5)
    _expect_one_programme(mode)
    for name, width in (("compr", 8), ("langcod", 8), ("audprod", 7)):
        bits.optional(name, width)
    bits.field("copyright", 2)
    alternate = bits.fields[0].value == _AC3_PLAIN[0]
    for name in ("xbsi1", "xbsi2") if alternate else ("timecod1", "timecod2"):
        bits.optional(name, 14)
    _expect_no_extension(bits)


def _read_enhanced(bits: _Bits) -> None:
    if bits.field("strmtyp", 2) or bits.field("substreamid", 3):
        raise FrameError("it has several substreams")
    bits.frame_size = 2 * (bits.field("frmsiz", 11) + 1)
    rate = bits.field("fscod", 2)
    if rate >= len(_RATES_HZ):
        raise FrameError("its sampling rate is halved")
    bits.rate_hz = _RATES_HZ[rate]
    bits.bit_rate = bits.frame_size * 8 * bits.rate_hz // SAMPLES
    blocks = bits.field("numblkscod", 2)
    mode = bits.field("acmod", 3)
    lfe = bits.field("lfeon", 1)
    if bits.field("bsid", 5) != _ENHANCED:
        raise FrameError("its frames are of an unusual version")
    bits.field("dialnorm", 5)
    _expect_one_programme(mode)
    bits.optional("compr", 8)
    if blocks != _SIX_BLOCKS:
        raise FrameError("its frames have less than six blocks")
    if bits.field("mixmdate", 1):
        _mixing(bits, mode, lfe)
    if bits.field("infomdate", 1):
        bits.field("bsmod", 5)  # with copyrightb, origbs
        if mode == 2:
            bits.field("dsurmod", 4)  # with dheadphonmod
        if mode >= 6:
            bits.field("dsurexmod", 2)
        bits.optional("audprod", 8)
        bits.field("sourcefscod", 1)
    _expect_no_extension(bits)


def _mixing(bits: _Bits, mode: int, lfe: int) -> None:
    """`mixmdate` and what it announces, in an independent substream."""
    if mode > 2:
        bits.field("dmixmod", 2)
    if mode & 1 and mode > 2:
        bits.field("cmixlev", 6)  # ltrt, loro
    if mode & 4:
        bits.field("surmixlev", 6)
    if lfe:
        bits.optional("lfemixlevcod", 5)
    bits.optional("pgmscl", 6)
    bits.optional("extpgmscl", 6)
    kind = bits.field("mixdef", 2)
    if kind == 3:
        bits.field("mixdata", 8 * (bits.field("mixdeflen", 5) + 2))
    elif kind:
        bits.field("mixdata", (0, 5, 12)[kind])
    if mode < 2:
        bits.optional("paninfo", 14)
    if bits.field("frmmixcfginfoe", 1):
        for _ in range(6):
            bits.optional("blkmixcfginfo", 5)


def _skip_frame_setup(bits: _Bits, mode: int, lfe: int) -> None:
    """Reads `audfrm` of a frame of six blocks, and its first block up to its gain."""
    channels = _CHANNELS[mode]
    by_block, adaptive = bits.read(1), bits.read(1)
    offsets, transients, switched, dithered = (bits.read(n) for n in (2, 1, 1, 1))
    bits.read(4)  # bamode, frmfgaincode, dbaflde, skipflde
    attenuated = bits.read(1)
    if adaptive or transients or attenuated:
        raise FrameError("new frames use what no encoder here is known to use")
    coupled = _coupled_blocks(bits) if mode > 1 else 0
    if by_block:
        bits.read(2 * (coupled + 6 * channels))
    else:
        bits.read(5 * (bool(coupled) + channels))
    bits.read((6 if lfe else 0) + 5 * channels)  # lfeexpstr, convexpstr
    if offsets == 0:
        bits.read(10)
    if bits.read(1):
        raise FrameError("new frames say where their blocks begin")
    bits.read(channels * (switched + dithered))


def _coupled_blocks(bits: _Bits) -> int:
    """In how many blocks channels are coupled."""
    used = [bits.read(1)]
    for _ in range(5):
        used.append(bits.read(1) if bits.read(1) else used[-1])
    return sum(used)


def _expect_one_programme(mode: int) -> None:
    if mode == 0:
        raise FrameError("it holds two programmes")


def _expect_no_extension(bits: _Bits) -> None:
    if bits.optional("addbsi", 0):
        raise FrameError("its headers are extended, as those of sound objects (Atmos) are")
