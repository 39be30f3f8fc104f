"""Which encoders of graphics hardware there are on this machine.

That FFmpeg was built with an encoder says little: the driver, or the device itself, may be missing.
So each is opened once for a small picture.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import av.error

from video_censor_personal.errors import ConfigError

__all__ = ["hardware_encoder", "memory_format"]

_KINDS = ("nvenc", "qsv", "videotoolbox", "vaapi")
_NAMES = {"h264": "h264_{}", "hevc": "hevc_{}", "av1": "av1_{}", "vp9": "vp9_{}"}
_TRIAL_SIZE = 256  # pixels; some refuse smaller pictures

_INTERLEAVED = {"yuv420p": "nv12", "yuv420p10le": "p010le"}


def hardware_encoder(codec: str, wanted: str) -> str:
    """FFmpeg's name of the encoder for `codec` that `remediation.video.encoder` asks for; empty for
    software, which `auto` takes where there is nothing else.

    Raises:
        ConfigError: a kind is named that does not work here.
    """
    if wanted == "software":
        return ""
    if wanted == "auto":
        return next((name for kind in _KINDS if (name := _working(codec, kind))), "")
    if name := _working(codec, wanted):
        return name
    there = [kind for kind in _KINDS if _working(codec, kind)]
    choices = ", ".join(["software", "auto", *there])
    raise ConfigError(
        f"remediation.video.encoder is {wanted}, and no {wanted} encoder for {codec} works on this "
        f"machine (its driver, its device, or FFmpeg's part for it is missing); what works here: "
        f"{choices}"
    )


def memory_format(planar: str, known: set[str]) -> str:
    """The format among `known` in which an encoder takes pictures of the format `planar` with all
    their bits; empty where there is none."""
    return next((name for name in (planar, _INTERLEAVED.get(planar, "")) if name in known), "")


@lru_cache(maxsize=32)
def _working(codec: str, kind: str) -> str:
    """The name of `kind`'s encoder for `codec` if it opens, else nothing."""
    name = _NAMES.get(codec, "").format(kind)
    try:
        encoder: Any = av.CodecContext.create(name, "w")
    except av.codec.codec.UnknownCodecError:
        return ""
    known = {format.name for format in encoder.codec.video_formats or ()}
    encoder.width = encoder.height = _TRIAL_SIZE
    encoder.pix_fmt = memory_format("yuv420p", known) or "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    level = av.logging.get_level()
    av.logging.set_level(None)  # that a driver is missing is an answer here
    try:
        encoder.open()
    except (av.error.FFmpegError, ValueError):
        return ""
    finally:
        av.logging.set_level(level)
    return name
