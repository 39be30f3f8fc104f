"""Pictures as JPEG, without any library but the one that decodes the film."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

__all__ = ["encode_jpeg"]


def encode_jpeg(picture: av.VideoFrame, quality: int) -> bytes:
    """`picture` as a JPEG file of its size; `quality` is FFmpeg's quantiser, 2 (best) to 31."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": str(quality), "qmax": str(quality)}
    frame = picture.reformat(format="yuvj420p")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
