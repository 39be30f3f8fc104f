"""Which sound can be changed in parts; see `joinability`."""

from __future__ import annotations

from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.remediation.bitstreams.dolby_frames import DolbyFrame
from video_censor_personal.remediation.joinability import container_obstacle

__all__ = ["sound_obstacle"]

_AAC_LOW_COMPLEXITY = 2
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_AAC_MOST_CHANNELS = 6
_AAC_EXTENSION = 0x2B7
_SPECTRAL_BAND_REPLICATION = 5

_DOLBY_RATE_HZ = 48_000  # at 44.1 kHz frames of two sizes alternate; 32 kHz was not tried


def sound_obstacle(info: MediaInfo, stream: StreamInfo, suffix: str, *, cut: bool) -> str:
    """Why the sound of `stream` cannot be joined in a file that ends in `suffix`; empty if it can.

    Opus and MP3 packets build on those before them; packets of FLAC are numbered.

    Args:
        cut: whether parts are to be cut out of it, too.
    """
    obstacle_of = {"aac": _aac_obstacle, "ac3": _dolby_obstacle, "eac3": _dolby_obstacle}
    if stream.codec not in obstacle_of:
        return f"{stream.codec or 'unknown'} packets cannot be joined"
    if obstacle := container_obstacle(info, suffix) or obstacle_of[stream.codec](stream):
        return obstacle
    if cut and stream.codec != "aac":
        # A cut takes whole packets: those of AAC are 21 ms long, and half of that is the most by
        # which sound and picture may be apart.
        return f"packets of {stream.codec} are too long to be cut with the picture"
    return ""


def _dolby_obstacle(stream: StreamInfo) -> str:
    if not stream.setup:
        return "the kind of AC-3 is unknown"
    frame = DolbyFrame.read(stream.setup)
    if frame.rate_hz != _DOLBY_RATE_HZ and not frame.obstacle:
        return f"at {frame.rate_hz} Hz its frames are not known to join"
    return frame.obstacle


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
