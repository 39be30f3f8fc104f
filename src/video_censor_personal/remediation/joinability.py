"""Which streams can be changed in parts: new packets between the source's own.

Every rule here was found by playing joints, not by reading standards. What is not known to join is
encoded anew from end to end, and the plan says so before it is done.
"""

from __future__ import annotations

from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.remediation.hevc_numbers import has_our_number
from video_censor_personal.remediation.parameter_sets import (
    HEVC_PPS,
    HEVC_SPS,
    HEVC_VPS,
    AvcSetup,
    HevcSetup,
    avc_is_frames_only,
)

__all__ = ["JoinError", "picture_obstacle", "sound_obstacle"]


class JoinError(Exception):
    """`stream_index` turned out not to be joinable when it was tried; `reason` says why."""

    def __init__(self, stream_index: int, reason: str) -> None:
        super().__init__(f"stream {stream_index} is encoded anew, as {reason}")
        self.stream_index = stream_index
        self.reason = reason


# Kinds of file that keep packets, their times and their set-up apart. From one of them to the other
# times change: one has a list of edits for what an encoder puts first, the other counts from 0.
_SUFFIXES = {"mov": (".mp4", ".m4v", ".m4a", ".mov"), "matroska": (".mkv", ".mka", ".webm")}

_PIXEL_FORMATS = {
    "h264": ("yuv420p", "yuvj420p"),
    "hevc": ("yuv420p", "yuvj420p", "yuv420p10le"),
    "vp9": ("yuv420p",),
}
_AVC_PROFILES = (66, 77, 100)  # baseline, main, high
_LENGTH_BYTES = 4

_AAC_LOW_COMPLEXITY = 2
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_AAC_MOST_CHANNELS = 6
_AAC_EXTENSION = 0x2B7
_SPECTRAL_BAND_REPLICATION = 5


def picture_obstacle(info: MediaInfo, stream: StreamInfo, suffix: str) -> str:
    """Why the picture of `stream` cannot be joined in a file that ends in `suffix`, or nothing.

    What only the packets tell is found while the copy is made, and has a `JoinError` for an end.
    """
    formats = _PIXEL_FORMATS.get(stream.codec)
    if formats is None:
        return f"{stream.codec or 'unknown'} pictures cannot be joined"
    if obstacle := _container_obstacle(info, suffix):
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
        if not avc.sps or not all(avc_is_frames_only(sps) for sps in avc.sps):
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
    return ""


def sound_obstacle(info: MediaInfo, stream: StreamInfo, suffix: str) -> str:
    """Why the sound of `stream` cannot be joined in a file that ends in `suffix`; empty if it can.

    Opus and MP3 packets build on those before them; packets of FLAC are numbered. AC-3 was not
    proven to join.
    """
    if stream.codec != "aac":
        return f"{stream.codec or 'unknown'} packets cannot be joined"
    if obstacle := _container_obstacle(info, suffix):
        return obstacle
    return _aac_obstacle(stream)


def _container_obstacle(info: MediaInfo, suffix: str) -> str:
    kind = info.container.split(",")[0]
    if kind not in _SUFFIXES:
        return f"packets of a {kind} file cannot be joined"
    return "" if suffix in _SUFFIXES[kind] else f"its times change in a {suffix} file"


def _aac_obstacle(stream: StreamInfo) -> str:
    """Reads an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1)."""
    setup = stream.setup
    if len(setup) < 2:
        return "the kind of AAC is unknown"
    head = int.from_bytes(setup[:2], "big")
    kind, rate, channels = head >> 11, head >> 7 & 15, head >> 3 & 15
    if kind != _AAC_LOW_COMPLEXITY or stream.profile not in ("", "LC") or _is_replicated(setup):
        return f"{stream.profile or 'this kind of'} AAC cannot be joined"
    if rate >= len(_AAC_RATES) or _AAC_RATES[rate] != stream.sample_rate_hz:
        return "its sampling rate is not the one it is played at"
    if not 1 <= channels <= _AAC_MOST_CHANNELS:
        return "its channels are in no usual order"
    return "its packets are of an unusual length" if head & 7 else ""


def _is_replicated(setup: bytes) -> bool:
    """Whether an extension announces SBR (HE-AAC)."""
    bits = int.from_bytes(setup[2:5].ljust(3, b"\0"), "big")
    extension, kind, present = bits >> 13, bits >> 8 & 31, bits >> 7 & 1
    return bool(extension == _AAC_EXTENSION and kind == _SPECTRAL_BAND_REPLICATION and present)
