"""What a packet of H.264 or HEVC holds, told from its first bytes: is the picture built upon, and
can decoding begin with it?

Rec. ITU-T H.264, 7.3.1 and 7.4.1 (`nal_ref_idc`, `nal_unit_type`); Rec. ITU-T H.265, 7.3.1.2 and
table 7-1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from video_censor_personal.media.base import StreamInfo

__all__ = ["PictureType", "PictureTypes", "unit_starts"]

_START_CODE = b"\0\0\1"

_MOST_UNITS = 64
"""Parameter sets and messages before a picture; more of them is no picture we understand."""


@dataclass(frozen=True, slots=True)
class PictureType:
    """One picture's part in its stream.

    Attributes:
        reference: other pictures may be built on it. Where that is not known, it is taken to be.
        entry: nothing shown after it is built on anything sent before it.
        layer: its temporal sublayer. A picture that no other of its own sublayer is built on may
            still be needed by one of a higher sublayer.
    """

    reference: bool = True
    entry: bool = False
    layer: int = 0


_UNKNOWN = PictureType()


class PictureTypes:
    """Reads the types of one stream's pictures; `known` says whether that is possible at all.

    An interlaced stream counts as unknown: of a picture sent as two fields, only one may be
    built on.
    """

    def __init__(self, video: StreamInfo) -> None:
        self._hevc = video.codec == "hevc"
        self.known = video.codec in ("h264", "hevc") and not video.interlaced
        setup = video.setup
        self._length_bytes = 0  # with start codes instead of lengths
        if setup[:1] == b"\1":
            self._length_bytes = (setup[21 if self._hevc else 4] & 3) + 1

    def read(self, packet: Any) -> PictureType:
        """The type of the picture in `packet`; a cautious guess where there is none to be found."""
        data = memoryview(packet)
        for count, unit in enumerate(unit_starts(data, self._length_bytes)):
            if count == _MOST_UNITS or unit + 2 > len(data):
                break
            found = (self._read_hevc if self._hevc else _read_h264)(data[unit], data[unit + 1])
            if found is not None:
                return found
        return _UNKNOWN

    @staticmethod
    def _read_hevc(first: int, second: int) -> PictureType | None:
        kind = first >> 1 & 0x3F
        if kind > 31:  # not of a picture
            return None
        sublayer_only = kind < 16 and not kind % 2
        return PictureType(not sublayer_only, 16 <= kind <= 21, (second & 7) - 1)


def _read_h264(first: int, _second: int) -> PictureType | None:
    kind = first & 0x1F
    if kind not in (1, 2, 5):
        return None
    return PictureType(bool(first >> 5 & 3), kind == 5)


def unit_starts(data: memoryview, length_bytes: int) -> Iterator[int]:
    """Where each NAL unit of a packet begins; with `length_bytes` 0, they have start codes."""
    if not length_bytes:
        yield from _after_start_codes(data)
        return
    position = 0
    while position + length_bytes < len(data):
        yield position + length_bytes
        position += length_bytes
        position += int.from_bytes(data[position - length_bytes : position], "big")


def _after_start_codes(data: memoryview) -> Iterator[int]:
    # The parameter sets and messages before a picture are short, so its first bytes suffice.
    head = bytes(data[:65536])
    position = head.find(_START_CODE)
    while position >= 0:
        yield position + 3
        position = head.find(_START_CODE, position + 3)
