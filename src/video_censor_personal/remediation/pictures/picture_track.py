"""A track of the copy whose picture is decoded, edited and encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
from av.sidedata.sidedata import Type

from video_censor_personal.remediation.encoders import PictureOutput
from video_censor_personal.remediation.pictures.hdr import lost_dynamic_hdr
from video_censor_personal.remediation.pictures.video import PictureEditor, planar_format
from video_censor_personal.remediation.retiming import Retiming

__all__ = ["PictureTrack"]


class PictureTrack:
    """Every frame keeps its own time stamp (less what was cut out before it), so a variable frame
    rate stays as it is.

    What cannot be decoded is not in the copy: the frame before it is shown for longer.
    """

    def __init__(
        self,
        output: PictureOutput,
        source: Any,
        editor: PictureEditor,
        retiming: Retiming,
        origin: Fraction,
    ) -> None:
        self.stream = output.stream
        self.notes = list(output.notes)
        self.joints: list[Fraction] = []
        self._encoder = output.encoder
        self._editor = editor
        self._retiming = retiming
        self._origin = origin
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._decoder = source.codec_context
        self._decoder.thread_type = "AUTO"
        self._bits = av.VideoFormat(self._encoder.pix_fmt).components[0].bits
        self._time_base = source.time_base
        self._interval = round(1 / (self._encoder.framerate * self._time_base)) or 1
        self._durations: dict[int, int] = {}  # encoders forget that of the last frame
        self._last: int | None = None
        self._undecoded = 0
        self._loses_hdr = False

    def push(self, packet: Any) -> Iterable[Any]:
        if packet.size:
            yield from self._decode(packet)

    def finish(self) -> Iterable[Any]:
        yield from self._decode(None)
        yield from self._sent(self._encoder.encode(None))
        if self._loses_hdr:
            self.notes.append(lost_dynamic_hdr(self.stream.index))
        if self._undecoded:
            self.notes.append(
                f"video stream {self.stream.index} has damaged packets ({self._undecoded}); "
                "the copy shows the picture before them instead"
            )

    def _decode(self, packet: Any) -> Iterator[Any]:
        try:
            frames = self._decoder.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            self._undecoded += 1
            return
        for frame in frames:
            yield from self._frame(frame)

    def _frame(self, frame: Any) -> Iterator[Any]:
        pts = self._pts(frame)
        if pts is None:
            return
        time = pts * self._time_base - self._origin
        if not self._retiming.keeps(time):
            return
        # Edited as planes, which is what hardware does not always take.
        planar = planar_format(self._encoder.pix_fmt, self._bits)
        self._loses_hdr |= frame.side_data.get(Type.DYNAMIC_HDR_PLUS) is not None
        picture = self._fitting(frame, planar)
        self._editor.apply(picture, time)
        picture = self._fitting(picture, self._encoder.pix_fmt)
        moved = self._retiming.moved(time) + self._origin
        picture.pts, picture.time_base = round(moved / self._time_base), self._time_base
        picture.pict_type = 0  # the encoder chooses its own key frames
        self._durations[picture.pts] = frame.duration or self._interval
        yield from self._sent(self._encoder.encode(picture))

    def _pts(self, frame: Any) -> int | None:
        """The time stamp of `frame`, a likely one where it has none; None if it is not after that
        of the frame before, as no encoder takes such a frame."""
        pts = frame.pts
        if pts is None:
            pts = 0 if self._last is None else self._last + self._interval
        if self._last is not None and pts <= self._last:
            return None
        self._last = int(pts)
        return self._last

    def _fitting(self, frame: Any, pixel_format: str) -> Any:
        width, height = self._encoder.width, self._encoder.height
        if (frame.format.name, frame.width, frame.height) == (pixel_format, width, height):
            return frame
        return self._reformatter.reformat(frame, width, height, pixel_format)

    def _sent(self, packets: Iterable[Any]) -> Iterator[Any]:
        for packet in packets:
            packet.stream = self.stream
            packet.time_base = self._time_base
            packet.duration = self._durations.pop(packet.pts, self._interval)
            yield packet
