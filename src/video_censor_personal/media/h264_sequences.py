"""What a sequence parameter set of H.264 says of its pictures (Rec. ITU-T H.264, 7.3.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from video_censor_personal.media.bits import BitReader, unescaped

__all__ = ["SequenceSet"]

_HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134)
_SEPARABLE_CHROMA = 3  # 4:4:4


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """The part of it that slice headers depend on.

    Attributes:
        planes: each slice names its colour plane.
        number_bits: of `frame_num`.
        order_bits: of `pic_order_cnt_lsb`; 0: slice headers have none.
        frames_only: pictures are always whole frames, never fields.
    """

    planes: bool
    number_bits: int
    order_bits: int
    frames_only: bool

    @classmethod
    def parse(cls, unit: bytes) -> SequenceSet:
        """Read a unit, its header included; raises `ValueError` for what is cut off."""
        bits = BitReader(unescaped(unit[1:]))
        profile = bits.number(8)
        bits.number(16)
        bits.exp_golomb()
        planes = profile in _HIGH_PROFILES and _skip_format(bits)
        number_bits = bits.exp_golomb() + 4
        kind = bits.exp_golomb()
        order_bits = bits.exp_golomb() + 4 if kind == 0 else 0
        if kind == 1:
            bits.number(1)
            bits.exp_golomb(), bits.exp_golomb()
            for _ in range(bits.exp_golomb()):
                bits.exp_golomb()
        bits.exp_golomb()
        bits.number(1)
        bits.exp_golomb(), bits.exp_golomb()
        return cls(planes, number_bits, order_bits, bool(bits.number(1)))


def _skip_format(bits: BitReader) -> bool:
    """Pass over what only high profiles have; whether each slice names its colour plane."""
    chroma = bits.exp_golomb()
    planes = chroma == _SEPARABLE_CHROMA and bool(bits.number(1))
    bits.exp_golomb(), bits.exp_golomb()
    bits.number(1)
    if bits.number(1):
        for index in range(12 if chroma == _SEPARABLE_CHROMA else 8):
            if bits.number(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return planes


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    """7.3.2.1.1.1: each entry is the difference to the last; an entry of 0 ends the list."""
    entry = 8
    for _ in range(size):
        code = bits.exp_golomb()
        entry = (entry + (code + 1 >> 1 if code & 1 else -(code >> 1))) % 256
        if not entry:
            return
