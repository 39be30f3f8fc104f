"""Which pictures can be changed in parts; see `joinability`."""

from __future__ import annotations

from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.media.h264_sequences import SequenceSet
from video_censor_personal.remediation.bitstreams.av1_units import setup_sequence
from video_censor_personal.remediation.bitstreams.hevc_numbers import has_our_number
from video_censor_personal.remediation.bitstreams.parameter_sets import (
    HEVC_PPS,
    HEVC_SPS,
    HEVC_VPS,
    AvcSetup,
    HevcSetup,
)
from video_censor_personal.remediation.joinability import container_obstacle

__all__ = ["picture_obstacle"]


_PIXEL_FORMATS = {
    "h264": ("yuv420p", "yuvj420p"),
    "hevc": ("yuv420p", "yuvj420p", "yuv420p10le"),
    "vp9": ("yuv420p",),  # the wheels' libvpx writes no more than 8 bits
    "av1": ("yuv420p", "yuv420p10le"),
}
_AVC_PROFILES = (66, 77, 100)  # baseline, main, high
_LENGTH_BYTES = 4


def picture_obstacle(info: MediaInfo, stream: StreamInfo, suffix: str) -> str:
    """Why the picture of `stream` cannot be joined in a file that ends in `suffix`, or nothing.

    What only the packets tell is found while the copy is made, and has a `JoinError` for an end.
    """
    formats = _PIXEL_FORMATS.get(stream.codec)
    if formats is None:
        return f"{stream.codec or 'unknown'} pictures cannot be joined"
    if obstacle := container_obstacle(info, suffix):
        return obstacle
    if stream.interlaced:
        return "interlaced pictures cannot be joined"
    if stream.pixel_format not in formats:
        return f"{stream.pixel_format or 'unknown'} pictures cannot be joined"
    try:
        return _setup_obstacle(stream)
    except (ValueError, IndexError):
        return "what its decoder is told cannot be read"


def _setup_obstacle(stream: StreamInfo) -> str:
    if stream.codec == "h264":
        avc = AvcSetup.parse(stream.setup)
        if avc.profile not in _AVC_PROFILES or avc.length_bytes != _LENGTH_BYTES:
            return "its kind of H.264 cannot be joined"
        if not avc.sps or not all(SequenceSet.parse(sps).frames_only for sps in avc.sps):
            return "interlaced pictures cannot be joined"
        return "" if avc.free_number() else "it has too many parameter sets"
    if stream.codec == "hevc":
        hevc = HevcSetup.parse(stream.setup)
        if hevc.length_bytes != _LENGTH_BYTES:
            return "its kind of HEVC cannot be joined"
        kinds = (HEVC_VPS, HEVC_SPS, HEVC_PPS)
        taken = any(has_our_number(unit) for kind in kinds for unit in hevc.sets(kind))
        there = all(any(hevc.sets(kind)) for kind in kinds)
        return "" if there and not taken else "its parameter sets have unusual numbers"
    return setup_sequence(stream.setup).obstacle if stream.codec == "av1" else ""
