"""Small pictures of what was found, as JPEG."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from video_censor_personal.errors import InputError
from video_censor_personal.findings import Box, Report, Segment
from video_censor_personal.media.base import Frame, MediaInfo
from video_censor_personal.media.frame_at import frame_at
from video_censor_personal.media.jpeg import encode_jpeg

__all__ = ["Thumbnail", "blurred_frames", "make_thumbnails"]

_LIMIT = 200
_WIDTH = 320
_BLURRED_WIDTH = 160
_COLUMNS_LEFT = 12  # of detail in a blurred picture: colours remain, shapes do not
_JPEG_QUALITY = 6  # FFmpeg's quantiser, 2 (best) to 31


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A JPEG picture of the video at `time`, and where in it something was found."""

    time: Fraction
    jpeg: bytes
    width: int
    height: int
    boxes: tuple[Box, ...] = ()

    @property
    def address(self) -> str:
        """The picture as a `data:` address."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode('ascii')}"


def make_thumbnails(report: Report, info: MediaInfo) -> dict[int, Thumbnail]:
    """A picture for each segment, by its number from 0 on; of 200 at most, the most certain ones.

    A segment whose picture cannot be decoded gets none.
    """
    return dict(_pictures(report, info, _WIDTH, columns=None))


def blurred_frames(report: Report, info: MediaInfo) -> dict[int, str]:
    """As `make_thumbnails`, smaller and blurred beyond recognition, as `data:` addresses."""
    pictures = _pictures(report, info, _BLURRED_WIDTH, columns=_COLUMNS_LEFT)
    return {index: thumbnail.address for index, thumbnail in pictures}


def _pictures(
    report: Report, info: MediaInfo, width: int, columns: int | None
) -> Iterator[tuple[int, Thumbnail]]:
    if info.video is None:
        return
    order = sorted(enumerate(report.segments), key=lambda pair: -pair[1].confidence)
    for index, segment in sorted(order[:_LIMIT], key=lambda pair: pair[0]):
        time, boxes = _strongest_moment(segment)
        try:
            frame = frame_at(info, time)
        except InputError:
            continue  # the page says that there is no picture
        yield index, _thumbnail(frame, time, boxes, width, columns)


def _strongest_moment(segment: Segment) -> tuple[Fraction, tuple[Box, ...]]:
    """The time at which something was seen best, and all the boxes of that time."""
    points = [point for detection in segment.detections for point in detection.track]
    inside = [point for point in points if segment.span.contains(point.time)]
    if not inside:
        return segment.span.start + segment.span.duration / 2, ()
    best = max(inside, key=lambda point: point.score)
    return best.time, tuple(point.box for point in inside if point.time == best.time)


def _thumbnail(
    frame: Frame, time: Fraction, boxes: tuple[Box, ...], width: int, columns: int | None
) -> Thumbnail:
    height = max(2, round(width * frame.height / frame.width / 2) * 2)
    picture = frame.rgb(max(width, height) if columns is None else columns)
    upright = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    scaled = upright.reformat(width, height, "yuvj420p", interpolation="BICUBIC")
    jpeg = encode_jpeg(scaled, _JPEG_QUALITY)
    return Thumbnail(time, jpeg, width, height, boxes)
