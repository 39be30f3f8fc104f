"""A single picture of a video, found by seeking."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import Any

from video_censor_personal.errors import InputError
from video_censor_personal.media.base import Frame, MediaInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.media.packets import packets, try_decode
from video_censor_personal.timeline import format_timecode

__all__ = ["frame_at"]


def frame_at(info: MediaInfo, time: Fraction) -> Frame:
    """The frame shown at `time`, found by seeking; the first or last where `time` lies outside.

    For thumbnails. For many frames in a row, `decode_frames` is cheaper.

    Raises:
        InputError: there is no picture there that can be decoded.
    """
    video = info.video
    if video is None or not video.decodable:
        raise InputError(f"{info.path} has no video that can be decoded.", path=info.path)
    with open_media(info.path) as container:
        stream: Any = container.streams[video.index]
        stream.codec_context.thread_type = "AUTO"
        base = Fraction(stream.time_base)
        target = (max(time, Fraction(0)) + info.origin) / base
        container.seek(int(target), stream=stream)
        found = _frame_before(container, stream, target)
        if found is None:
            raise InputError(
                f"{info.path} has no picture at {format_timecode(time)} that can be decoded.",
                path=info.path,
            )
        return Frame(found.pts * base - info.origin, found, video.rotation)


def _frame_before(container: Any, stream: Any, target: Fraction) -> Any:
    """The last frame stamped at most `target`, else the first; None where there is none at all."""
    found = None
    for packet in chain(packets(container, [stream]), [None]):
        for frame in try_decode(stream, packet) or ():
            if frame.pts is None:
                continue
            if found is not None and frame.pts > target:
                return found
            found = frame
    return found
