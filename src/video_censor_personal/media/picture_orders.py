"""In which order pictures are shown, told from their packets: for files that store only the order
in which they are decoded.

Rec. ITU-T H.264, 7.3.3 (slice header) and 8.2.1 (picture order count); ISO/IEC 14496-2, 6.2.5
(VOP).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from video_censor_personal.media.bits import BitReader, unescaped
from video_censor_personal.media.h264_sequences import SequenceSet
from video_censor_personal.media.picture_types import unit_starts

__all__ = ["Order", "PictureOrders", "orders_of"]

Order = tuple[int, int]
"""Of two pictures the lesser is shown first."""

_SPS, _SLICE, _IDR_SLICE = 7, 1, 5
_SPS_BYTES, _SLICE_BYTES = 512, 64  # as far as they are read

_VOP = b"\0\0\1\xb6"
_B_VOP = 2


class PictureOrders(Protocol):
    """Reads the pictures of one stream, in the order in which they are decoded."""

    def read(self, data: bytes) -> Order:
        """The order of the next picture, whose packet is `data`."""
        ...


def orders_of(codec: str, setup: bytes) -> PictureOrders | None:
    """Who reads pictures of `codec`; None where nobody here can."""
    if codec == "h264":
        return _H264Orders(setup)
    return _Mpeg4Orders() if codec == "mpeg4" else None


class _Mpeg4Orders:
    """MPEG-4: a B-picture is shown at once, any other when the next that is none is decoded.

    DivX and Xvid may pack a B-picture into the packet of the one it is built on. A decoder then
    shows it with the next packet, which holds the next B-picture, or nothing ("N-VOP").
    """

    def __init__(self) -> None:
        self._anchors = self._between = 0
        self._packed = False

    def read(self, data: bytes) -> Order:
        first = data.find(_VOP)
        kind = data[first + len(_VOP)] >> 6 if 0 <= first < len(data) - len(_VOP) else 0
        if kind == _B_VOP or self._packed:
            self._packed = self._packed and kind == _B_VOP
            self._between += 1
            return self._anchors - 1, self._between
        self._packed = data.find(_VOP, first + 1) > 0
        self._anchors, self._between = self._anchors + 1, 0
        return self._anchors, 0


class _H264Orders:
    """H.264: by picture order count, anew from every IDR picture on; what does not count is taken
    to be shown in the order of decoding."""

    def __init__(self, setup: bytes) -> None:
        self._length_bytes = (setup[4] & 3) + 1 if setup[:1] == b"\1" else 0
        self._counting: SequenceSet | None = None
        self._sequence = 0
        self._order = 0
        self._reference = 0  # the count of the last picture that others are built on
        sets = setup[8:] if self._length_bytes else setup
        for unit in self._units(sets, 0) if not self._length_bytes else [sets]:
            self._learn(unit)

    def read(self, data: bytes) -> Order:
        for unit in self._units(data, self._length_bytes):
            kind = unit[0] & 31
            if kind == _SPS:
                self._learn(unit)
            elif kind in (_SLICE, _IDR_SLICE):
                self._count(unit, idr=kind == _IDR_SLICE)
                break
        return self._sequence, self._order

    def _units(self, data: bytes, length_bytes: int) -> Iterator[bytes]:
        for start in unit_starts(memoryview(data), length_bytes):
            if start < len(data):
                yield data[start : start + _SPS_BYTES]

    def _learn(self, unit: bytes) -> None:
        try:
            if unit[:1] and unit[0] & 31 == _SPS:
                self._counting = SequenceSet.parse(unit)
        except ValueError:
            self._counting = None

    def _count(self, unit: bytes, *, idr: bool) -> None:
        if idr:
            self._sequence, self._reference, self._order = self._sequence + 1, 0, -1
        lowest = _lowest_bits(unit, self._counting, idr=idr)
        if self._counting is None or lowest is None:
            self._order += 1
            return
        # 8.2.1.1: the count whose lowest bits these are, and which is nearest to the reference.
        span = 1 << self._counting.order_bits
        ahead = (lowest - self._reference + span // 2) % span - span // 2
        self._order = self._reference + ahead
        if unit[0] >> 5 & 3:
            self._reference = self._order


def _lowest_bits(slice_unit: bytes, counting: SequenceSet | None, *, idr: bool) -> int | None:
    """`pic_order_cnt_lsb` of a slice, where it has one."""
    if counting is None or not counting.order_bits:
        return None
    bits = BitReader(unescaped(slice_unit[1:_SLICE_BYTES]))
    try:
        bits.exp_golomb(), bits.exp_golomb(), bits.exp_golomb()
        bits.number(counting.number_bits + 2 * counting.planes)
        if not counting.frames_only and bits.number(1):
            bits.number(1)
        if idr:
            bits.exp_golomb()
        return bits.number(counting.order_bits)
    except ValueError:
        return None
