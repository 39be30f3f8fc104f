"""The kinds of movies that the media layer is tested with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from movies import Sound, impulses

__all__ = ["CLICKS", "KINDS"]

CLICKS = (0.3, 1.1, 1.75)
_CLICKS = impulses(*CLICKS)
_FASTSTART = {"movflags": "faststart"}

KINDS: dict[str, dict[str, Any]] = {
    "h264+aac.mp4": {"sounds": [Sound(_CLICKS)], "container_options": _FASTSTART},
    "h264+aac.mkv": {"sounds": [Sound(_CLICKS)]},
    "hevc+ac3.mkv": {"video_codec": "libx265", "sounds": [Sound(_CLICKS, "ac3", "5.1")]},
    "vp9+opus.webm": {"video_codec": "libvpx-vp9", "sounds": [Sound(_CLICKS, "libopus")]},
    "mpeg4+pcm.mov": {"video_codec": "mpeg4", "sounds": [Sound(_CLICKS, "pcm_s16le")]},
    "h264+mp3.mkv": {"sounds": [Sound(_CLICKS, "libmp3lame", rate_hz=44_100)]},
    "h264+aac.ts": {"sounds": [Sound(_CLICKS)]},
    "vfr.mp4": {"vfr": True, "sounds": [Sound(_CLICKS)]},
    "vfr.mkv": {"vfr": True},
    "turned.mp4": {"rotation": 90},
    "turned.mkv": {"rotation": 270},
    "upside-down.mov": {"rotation": 180},
    "ten-bit.mkv": {
        "video_codec": "libx265",
        "pixel_format": "yuv420p10le",
        "color": {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
    },
    "odd.webm": {"video_codec": "libvpx-vp9", "size": (161, 121)},
    "odd.mkv": {"video_codec": "ffv1", "size": (161, 121)},
    "late.mp4": {"start": 5, "sounds": [Sound(_CLICKS)]},
    "late.mkv": {"start": 5, "sounds": [Sound(_CLICKS)]},
    "ntsc.mp4": {"fps": Fraction(24000, 1001)},
}
