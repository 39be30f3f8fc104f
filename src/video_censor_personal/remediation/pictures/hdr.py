"""HDR10's static metadata: read from a decoded picture, written as an encoder's option.

MP4 and Matroska say it too, and there it is copied with the stream; many televisions only look
into the picture data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.sidedata.sidedata import Type

from video_censor_personal.media.container import open_media

__all__ = ["HdrMetadata", "first_hdr", "hdr_of", "lost_dynamic_hdr"]

_DISPLAY = struct.Struct("=20i2i")  # AVMasteringDisplayMetadata: ten rationals, two flags
_LIGHT = struct.Struct("=2I")  # AVContentLightMetadata


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """The display a film was made on, and how bright it gets.

    Attributes:
        primaries: x and y of red, green, blue and white (CIE 1931).
        luminance: the darkest and the brightest of the display, in cd/m².
        content_light: MaxCLL and MaxFALL, in cd/m².
        dynamic: every picture speaks for itself as well (HDR10+), which no encoder here writes.
    """

    primaries: tuple[Fraction, ...] = ()
    luminance: tuple[Fraction, Fraction] | None = None
    content_light: tuple[int, int] | None = None
    dynamic: bool = False

    def x265_params(self) -> str:
        """As options of x265, beginning with a colon; empty if there is nothing to say."""
        display = self._display(Fraction(50_000), Fraction(10_000))
        parts = [f"master-display={display}"] if display else []
        if self.content_light:
            parts.append("max-cll={},{}".format(*self.content_light))
        return "".join(f":{part}" for part in parts)

    def svtav1_params(self) -> str:
        """As `x265_params`, for SVT-AV1."""
        display = self._display(Fraction(1), Fraction(1))
        parts = [f"mastering-display={display}"] if display else []
        if self.content_light:
            parts.append("content-light={},{}".format(*self.content_light))
        return "".join(f":{part}" for part in parts)

    def _display(self, chroma_unit: Fraction, light_unit: Fraction) -> str:
        if not self.primaries or self.luminance is None:
            return ""
        red, green, blue, white = (
            "({},{})".format(
                *(_number(value * chroma_unit) for value in self.primaries[at : at + 2])
            )
            for at in (0, 2, 4, 6)
        )
        dark, bright = (_number(value * light_unit) for value in self.luminance)
        return f"G{green}B{blue}R{red}WP{white}L({bright},{dark})"


def hdr_of(frame: Any) -> HdrMetadata:
    """What a decoded picture (`av.VideoFrame`) says of itself."""
    primaries: tuple[Fraction, ...] = ()
    luminance = light = None
    if (data := frame.side_data.get(Type.MASTERING_DISPLAY_METADATA)) is not None:
        numbers = _DISPLAY.unpack_from(bytes(data))
        rationals = [
            Fraction(top, bottom or 1)
            for top, bottom in zip(numbers[0:20:2], numbers[1:20:2], strict=True)
        ]
        has_primaries, has_luminance = numbers[20:]
        primaries = tuple(rationals[:8]) if has_primaries else ()
        luminance = (rationals[8], rationals[9]) if has_luminance else None
    if (data := frame.side_data.get(Type.CONTENT_LIGHT_LEVEL)) is not None:
        light = _LIGHT.unpack_from(bytes(data))
    dynamic = frame.side_data.get(Type.DYNAMIC_HDR_PLUS) is not None
    return HdrMetadata(primaries, luminance, light, dynamic)


def first_hdr(path: Path, index: int) -> HdrMetadata:
    """What the first picture of stream `index` says of itself."""
    with open_media(path) as source:
        frame = next(source.decode(source.streams[index]), None)
        return HdrMetadata() if frame is None else hdr_of(frame)


def lost_dynamic_hdr(index: int) -> str:
    """For people, of a picture that is encoded from end to end."""
    return (
        f"the HDR10+ data of video stream {index} is not in the copy, as no encoder here writes "
        "it; HDR10 is"
    )


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.4f}"
