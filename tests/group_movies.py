"""Kinds of movies by what their pictures are built on: options for `make_movie`."""

from __future__ import annotations

from typing import Any

from movies import Sound

__all__ = ["SELECTABLE", "WHOLE"]

_PYRAMID = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal", "b-adapt": "0", "g": "24"}
_OPEN_GROUPS = "log-level=none:keyint=20:min-keyint=20:bframes=4:open-gop=1:pools=1:b-adapt=0"
_HEVC = {"x265-params": _OPEN_GROUPS, "preset": "veryfast"}
_FASTSTART = {"movflags": "faststart"}

SELECTABLE: dict[str, dict[str, Any]] = {
    "pyramid.mp4": {"video_options": _PYRAMID, "container_options": _FASTSTART},
    "pyramid.mkv": {"video_options": _PYRAMID},
    "pyramid.ts": {"video_options": _PYRAMID},
    "open-groups.mkv": {
        "video_options": {**_PYRAMID, "x264-params": "open-gop=1:keyint=12:scenecut=0"}
    },
    "hevc-10-bit.mkv": {
        "video_codec": "libx265",
        "video_options": _HEVC,
        "pixel_format": "yuv420p10le",
    },
    "hevc.mp4": {"video_codec": "libx265", "video_options": _HEVC},
    "hevc-layers.mkv": {
        "video_codec": "libx265",
        "video_options": {"x265-params": f"{_OPEN_GROUPS}:temporal-layers=3"},
    },
    "vfr.mp4": {"video_options": {**_PYRAMID, "g": "12"}, "vfr": True},
    "turned.mp4": {"video_options": _PYRAMID, "rotation": 90},
    "late.mp4": {"video_options": _PYRAMID, "start": 5, "sounds": [Sound()]},
    "one-key-frame.mp4": {"video_options": {**_PYRAMID, "g": "1000"}},
}
"""Whose unneeded pictures are left out."""

WHOLE: dict[str, dict[str, Any]] = {
    "vp9.webm": {"video_codec": "libvpx-vp9"},
    "mpeg4.mov": {"video_codec": "mpeg4"},
    "intra-only.mkv": {"video_options": {"g": "1", "bf": "0"}},
}
"""Of which every picture is decoded, because none can be spared or nobody can tell which."""
