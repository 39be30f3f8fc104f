"""An excerpt of a film: the groups of pictures around some spans, packet for packet, one after the
other, with their sound and subtitles. It is looked at instead of all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error

from video_censor_personal.media.avi_times import demuxed
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.remediation.container import (
    copied_stream,
    holds,
    open_container,
    text_codec,
    text_stream,
)
from video_censor_personal.remediation.packets import with_data
from video_censor_personal.remediation.pictures.picture_codings import PictureCoding, coding_of
from video_censor_personal.remediation.plain_track import SubtitleTrack
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.subtitles import TEXT_CODECS
from video_censor_personal.timeline import Span

__all__ = ["Excerpt", "ExcerptError", "write_excerpt"]

_MUXER = "matroska"
_INTERLEAVED_S = 2
"""How much later than the picture a file may store the sound that belongs to it."""


_LEADING_S = 1
"""How long before an open entry pictures may be shown that need it."""


class ExcerptError(Exception):
    """No excerpt can be made of this file; all of it has to be looked at instead."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Where each part of an excerpt comes from; the parts follow each other from 0 on."""

    parts: tuple[Span, ...]

    def sources(self, span: Span) -> Iterator[Span]:
        """The time of the film that `span` of the excerpt shows."""
        begun = Fraction(0)
        for part in self.parts:
            here = Span(begun, begun + part.duration)
            if span.overlaps(here) or here.contains(span.start):
                start, end = max(span.start, here.start), min(span.end, here.end)
                yield Span(part.start + start - begun, part.start + max(start, end) - begun)
            begun = here.end

    def places(self, span: Span) -> Iterator[Span]:
        """The time of the excerpt that shows some of `span` of the film."""
        begun = Fraction(0)
        for part in self.parts:
            if (shown := span.clipped(part)) is not None:
                yield Span(begun + shown.start - part.start, begun + shown.end - part.start)
            begun += part.duration


def write_excerpt(info: MediaInfo, spans: Sequence[Span], output: Path) -> Excerpt:
    """Writes to `output`, a Matroska file, what `info`'s shows during `spans` (in order, apart).

    Each part begins at the last entry before its span and ends at an entry after it. Streams that
    `info` does not list are left out.

    Raises:
        ExcerptError: its pictures cannot be entered anywhere else than at the start, or packets
            lack times.
    """
    video = info.video
    if video is None or not video.decodable:
        raise ExcerptError("there is no picture to enter at")
    try:
        with open_media(info.path) as source, open_container(output, _MUXER) as out:
            writer = _Writer(info, video, source, out)
            out.start_encoding()
            for span in spans:
                writer.write(span)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise ExcerptError(str(error)) from error
    if not writer.parts:
        raise ExcerptError("nothing lies in these spans")
    return Excerpt(tuple(writer.parts))


class _Writer:
    """Writes one part after the other.

    Attributes:
        parts: the film's time of what was written.
    """

    def __init__(self, info: MediaInfo, video: StreamInfo, source: Any, out: Any) -> None:
        self.parts: list[Span] = []
        self._origin = info.origin
        self._source, self._out = source, out
        self._video = source.streams[video.index]
        self._coding = _coding(video)
        self._delay = int(self._video.codec_context.reorder_depth)
        self._interval = max(
            1, round(1 / ((self._video.average_rate or 25) * self._video.time_base))
        )
        self._length = Fraction(0)
        self._last_dts: int | None = None
        self._tracks: dict[int, SubtitleTrack] = {}
        self._streams: dict[int, Any] = {}
        for stream in info.streams:
            if stream is video or (stream.kind == "audio" and stream.decodable):
                chosen = source.streams[stream.index]
                self._streams[stream.index] = copied_stream(out, chosen)
            elif stream.kind == "subtitle" and stream.codec in TEXT_CODECS:
                self._add_subtitles(stream)

    def _add_subtitles(self, stream: StreamInfo) -> None:
        source, codec = self._source.streams[stream.index], stream.codec
        if holds(_MUXER, source):
            new = copied_stream(self._out, source)
        else:
            new, codec = text_stream(self._out, source), text_codec(_MUXER)
        self._streams[stream.index] = new
        self._tracks[stream.index] = SubtitleTrack(
            new, stream.codec, (), Retiming(), self._origin, codec
        )

    def write(self, span: Span) -> None:
        """A part that shows all of `span`, unless what was written already does."""
        if self.parts and span.end <= self.parts[-1].end:
            return
        if self.parts and span.start < self.parts[-1].end:
            span = Span(self.parts[-1].end, span.end)
        base = self._video.time_base
        target = int((span.start + self._origin) / base)
        self._source.seek(target, stream=self._video)
        part = _Part(self._entered(span))
        chosen = [self._source.streams[index] for index in self._streams]
        for packet in demuxed(self._source, chosen):
            if packet.size and packet.pts is not None and not self._take(part, packet, span):
                break
        if part.start is None:
            if part.waited:
                raise ExcerptError(f"no decoder can begin before {float(span.start):.1f} s")
            return  # past the end of the film
        end = part.latest if part.end is None else part.end
        self._mux_waiting(part, end)
        self.parts.append(Span(part.start, end))
        self._length += end - part.start

    def _entered(self, span: Span) -> Fraction:
        """The latest time at which the part may begin."""
        return span.start if not self.parts else max(span.start, self.parts[-1].end)

    def _take(self, part: _Part, packet: Any, span: Span) -> bool:
        """Puts `packet` where it belongs; False when the part is complete."""
        time = packet.pts * packet.time_base - self._origin
        if packet.stream_index != self._video.index:
            part.waiting.append((time, packet))  # until it is known how far the part reaches
            return True
        entry = self._entry(packet)
        if part.end is not None:
            return bool(time < part.end + _INTERLEAVED_S)
        if part.start is None:
            part.waited = True
            if entry == "none":
                return True
            if time > part.at_latest:
                raise ExcerptError(f"no decoder can begin before {float(span.start):.1f} s")
            part.start = part.latest = time
        elif time < part.start:
            return True  # shown before an open entry: needs what is not there
        elif entry != "none" and time >= span.end + (_LEADING_S if entry == "open" else 0):
            part.end = time
            return True
        shown_until = time + (packet.duration or self._interval) * packet.time_base
        part.latest = max(part.latest, shown_until)
        self._mux(packet, part)
        self._mux_waiting(part, part.latest)
        return True

    def _mux_waiting(self, part: _Part, end: Fraction) -> None:
        """Writes the sound and subtitles of the part up to `end`."""
        waiting, part.waiting = part.waiting, []
        for time, packet in waiting:
            if time >= end:
                part.waiting.append((time, packet))
            elif part.start is not None and time >= part.start:
                self._mux(packet, part)

    def _entry(self, packet: Any) -> str:
        if not packet.is_keyframe:
            return "none"
        return "open" if self._coding is None else self._coding.entry(bytes(packet))

    def _mux(self, packet: Any, part: _Part) -> None:
        assert part.start is not None
        index, base = packet.stream_index, packet.time_base
        first = index == self._video.index and not part.began
        part.began = part.began or first
        if first and self.parts and self._coding is not None:
            packet = with_data(packet, self._coding.after_new(bytes(packet)))
        shift = round((self._length - part.start) / base)
        packet.pts += shift
        if packet.dts is not None:
            packet.dts += shift
        if index == self._video.index:
            packet.dts = self._decoded_at(packet, first)
        track = self._tracks.get(index)
        if track is None:
            packet.stream = self._streams[index]
            self._out.mux_one(packet)
            return
        for new in track.push(packet):
            self._out.mux_one(new)

    def _decoded_at(self, packet: Any, first: bool) -> int:
        """Matroska gives no decoding times before it knows how far pictures are reordered."""
        dts = packet.dts
        if dts is None:
            early = packet.pts - self._delay * self._interval
            dts = early if first or self._last_dts is None else self._last_dts + 1
        if self._last_dts is not None and dts <= self._last_dts:
            dts = self._last_dts + 1
        if dts > packet.pts:
            raise ExcerptError("decoding times leave no room between two parts")
        self._last_dts = int(dts)
        return self._last_dts


@dataclass(slots=True)
class _Part:
    """One part in the making, on the film's time; `latest` is how far its pictures are shown."""

    at_latest: Fraction
    start: Fraction | None = None
    end: Fraction | None = None
    latest: Fraction = Fraction(0)
    waited: bool = False
    began: bool = False
    waiting: list[tuple[Fraction, Any]] = field(default_factory=list)


def _coding(video: StreamInfo) -> PictureCoding | None:
    """How its pictures are entered; None: at every key frame."""
    if video.codec not in ("h264", "hevc", "vp9", "av1"):
        return None
    with suppress(ValueError, IndexError):
        return coding_of(video.codec, video.setup)
    raise ExcerptError("what its decoder is told cannot be read")
