"""A video's pictures with exact times, and what could not be decoded: `decode_frames`."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av.error

from video_censor_personal.errors import InputError
from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame, MediaInfo, StreamInfo
from video_censor_personal.media.container import PacketReader, missing_end, open_media, undecodable
from video_censor_personal.media.damage import PictureLedger
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["decode_frames", "frame_at"]

_DAMAGED = "the picture data is damaged here"
_USUAL_INTERVAL = Fraction(1, 25)
_JUMP = 1  # second: stamps that go back further are not just out of order


def decode_frames(info: MediaInfo, *, threads: int = 0) -> Iterator[Frame | Gap]:
    """Every frame of the video stream in order of presentation, and a gap for what is damaged.

    Times strictly increase. A stretch of damage reaches from the first picture that is damaged,
    or built on a damaged one, to the next good key picture. Its `Gap` comes right before the
    first good frame after it, or last. Frames inside it that the decoder patched up are handed
    out all the same, before the gap: they show something, and may be looked at, but cannot be
    trusted. A file that ends before its declared end has a gap there.

    `threads` is for the decoder, 0 for as many as there are cores. The file is closed when the
    generator ends or is closed; memory does not grow with the length of the video.

    Raises:
        InputError: the file cannot be read any more.
    """
    video = info.video
    if video is None:
        return
    if not video.decodable:
        yield undecodable(info, video)
        return
    with open_media(info.path) as container:
        yield from _Decoding(info, video, container, threads).run()


class _Decoding:
    """One pass over a video stream."""

    def __init__(self, info: MediaInfo, video: StreamInfo, container: Any, threads: int) -> None:
        self._info, self._video = info, video
        self._stream = container.streams[video.index]
        self._stream.codec_context.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        self._base = Fraction(self._stream.time_base)
        self._interval = 1 / video.frame_rate if video.frame_rate else _USUAL_INTERVAL
        self._reader = PacketReader(container)
        self._ledger = PictureLedger(max(1, round(self._interval / self._base)))
        self._last: Fraction | None = None
        self._shift = Fraction(0)
        self._last_end = Fraction(0)

    def run(self) -> Iterator[Frame | Gap]:
        for packet in self._reader.read(self._stream):
            self._ledger.send(packet, self._reader.broken)
            for frame in self._decoded(packet):
                yield from self._present(frame)
        for frame in self._decoded(None):
            yield from self._present(frame)
        yield from self._final_gap()

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            return list(self._stream.decode(packet))
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            self._ledger.refuse()
            return []

    def _present(self, frame: Any) -> Iterator[Frame | Gap]:
        frame.time_base = self._base  # frames flushed at the end come without
        time = self._placed(frame)
        last, self._last = self._last, time
        if last is not None and time <= last:
            yield Gap(Span(time, last), "the time stamps run backwards here")
            self._shift += last + self._interval - time
            self._last = time = last + self._interval
        if frame.pts is not None:
            key, corrupt = bool(frame.key_frame), bool(frame.is_corrupt)
            damaged_since = self._ledger.show(frame.pts, key=key, corrupt=corrupt)
            if damaged_since is not None:
                yield Gap(Span(min(self._time(damaged_since), time), time), _DAMAGED)
        self._last_end = time + (frame.duration * self._base or self._interval)
        yield Frame(time, frame, self._video.rotation)

    def _placed(self, frame: Any) -> Fraction:
        """When to show it: by its stamp, or after the last frame where it has none or a stale one.

        Before the last frame only where the stamps have really jumped back.
        """
        last = self._last
        if frame.pts is None:
            return Fraction(0) if last is None else last + self._interval
        time = self._time(frame.pts)
        if last is not None and last - _JUMP <= time <= last:
            return last + self._base
        return time

    def _time(self, pts: int) -> Fraction:
        return pts * self._base - self._info.origin + self._shift

    def _final_gap(self) -> Iterator[Gap]:
        read_until = self._reader.end - self._info.origin
        declared = missing_end(
            self._info, self._video, self._last_end, read_until, 2 * self._interval
        )
        damaged_since = self._ledger.finish(cut_off=declared is not None)
        start = self._last_end if damaged_since is None else self._time(damaged_since)
        if declared is not None:
            yield Gap(
                Span(start, max(start, declared)),
                f"the file ends early: no good picture after {format_timecode(start)}",
            )
        elif damaged_since is not None:
            yield Gap(Span(start, max(start, self._last_end, read_until)), _DAMAGED)


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
        found = None
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in decoded:
                if found is not None and frame.pts is not None and frame.pts > target:
                    return Frame(found.pts * base - info.origin, found, video.rotation)
                found = frame if frame.pts is not None else found
        if found is None:
            raise InputError(
                f"{info.path} has no picture at {format_timecode(time)} that can be decoded.",
                path=info.path,
            )
        return Frame(found.pts * base - info.origin, found, video.rotation)
