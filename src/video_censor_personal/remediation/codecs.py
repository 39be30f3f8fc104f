"""Which encoder writes a changed track: the track's own codec wherever there is one for it.

The names are FFmpeg's. What is said here of encoders is true of the FFmpeg libraries in the PyAV
wheels: they hold no encoder for DTS or TrueHD, and none for Vorbis that is worth hearing.
"""

from __future__ import annotations

from dataclasses import dataclass

from video_censor_personal.config import VideoRemediation
from video_censor_personal.media.base import StreamInfo
from video_censor_personal.remediation.hardware import hardware_encoder

__all__ = ["Encoding", "audio_encoding", "video_encoding"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a changed track is written.

    Attributes:
        codec: what the track will be (`aac`).
        encoder: who writes it (`aac`, `libx264`).
        bit_rate: of sound, in bits per second; None for lossless codecs and for pictures.
        why_other: why it is not the codec of the source; empty if it is.
        quality, preset: of pictures, in x264's terms.
    """

    codec: str
    encoder: str
    bit_rate: int | None = None
    why_other: str = ""
    quality: int = 18
    preset: str = "superfast"

    @property
    def is_hardware(self) -> bool:
        return self.codec in _VIDEO and self.encoder != _VIDEO[self.codec]


_VIDEO = {
    "h264": "libx264",
    "hevc": "libx265",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
}
_AUDIO = {
    "aac": "aac",
    "ac3": "ac3",
    "eac3": "eac3",
    "mp2": "mp2",
    "mp3": "libmp3lame",
    "opus": "libopus",
    "flac": "flac",
    "alac": "alac",
}
_LOSSLESS = {"flac", "alac"}
_MOST_CHANNELS = {"ac3": 6, "eac3": 6, "mp2": 2, "mp3": 2}

# Bits per second and channel: below the first, a second generation of the codec can be heard;
# the second is what a track of unknown bit rate gets.
_FLOOR_PER_CHANNEL = 48_000
_DEFAULT_PER_CHANNEL = 96_000
# Above the one of E-AC-3 its frames have fewer blocks, of which MP4 makes other packets.
_CEILING = {
    "aac": 512_000,
    "ac3": 640_000,
    "eac3": 1_024_000,
    "mp2": 384_000,
    "mp3": 320_000,
    "opus": 510_000,
}


def video_encoding(stream: StreamInfo, suffix: str, video: VideoRemediation) -> Encoding:
    """How the changed picture of `stream` is written into a file that ends in `suffix`.

    Raises:
        ConfigError: `video` names hardware that is not there.
    """
    codec, why = stream.codec, ""
    if codec not in _VIDEO:
        codec = "vp9" if suffix == ".webm" else "h264"
        why = f"there is no encoder for {stream.codec or 'its codec'} here"
    encoder = hardware_encoder(codec, video.encoder) or _VIDEO[codec]
    return Encoding(codec, encoder, None, why, video.quality, video.preset)


def audio_encoding(stream: StreamInfo, suffix: str) -> Encoding:
    """How the changed sound of `stream` is written into a file that ends in `suffix`."""
    codec, why = stream.codec, ""
    encoder = codec if codec.startswith("pcm_") else _AUDIO.get(codec, "")
    if not encoder:
        why = f"there is no good encoder for {codec or 'its codec'} here"
    elif stream.channels > _MOST_CHANNELS.get(codec, 8):
        why = f"no encoder here writes {codec} with {stream.channels} channels"
    if why:
        codec = "opus" if suffix == ".webm" or codec == "vorbis" else "aac"
        encoder = _AUDIO[codec]
    return Encoding(codec, encoder, _bit_rate(stream, codec), why)


def _bit_rate(stream: StreamInfo, codec: str) -> int | None:
    if codec in _LOSSLESS or codec.startswith("pcm_"):
        return None
    channels = max(1, stream.channels)
    rate = max(stream.bit_rate or channels * _DEFAULT_PER_CHANNEL, channels * _FLOOR_PER_CHANNEL)
    return min(rate, _CEILING.get(codec, rate))
