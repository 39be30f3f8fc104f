"""A video's pictures with exact times, and what could not be decoded: `decode_frames`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from heapq import heappop, heappush
from itertools import chain, islice
from typing import Any

from av.codec import CodecContext
from av.video.format import VideoFormat

from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame, MediaInfo, StreamInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.media.damage import PictureLedger
from video_censor_personal.media.group_decoders import GroupDecoders
from video_censor_personal.media.packets import (
    PacketReader,
    declares_length,
    missing_end,
    try_decode,
    undecodable,
)
from video_censor_personal.media.picture_groups import PictureGroup, Selection, choose_groups
from video_censor_personal.media.picture_types import PictureTypes
from video_censor_personal.media.postponed import Postponed, postpone
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["decode_frames"]

_DAMAGED = "the picture data is damaged here"
_SMOOTHING = ("h264", "hevc")  # for these it was measured what leaving the filter out costs

# Formats that store when a picture is shown. In the others (AVI, bare H.264) FFmpeg guesses it, and
# only a decoder finds out: there nobody can say beforehand which picture is due.
_STAMPING = ("mov", "matroska", "mpegts", "flv")

# Those of the others in which a packet is known to get another stamp than its frame.
_GUESSED = ("avi", "h264", "hevc", "m4v", "mpegvideo")

_USUAL_INTERVAL = Fraction(1, 25)
_JUMPED = "the time stamps jump back here: later times may not be what players show"


def decode_frames(
    info: MediaInfo, *, threads: int = 0, selection: Selection | None = None, smooth: bool = True
) -> Generator[Frame | Gap, None, None]:
    """The frames of the video stream in order of presentation, and a gap for what is damaged.

    Times strictly increase. A stretch of damage reaches from the first picture that is damaged,
    or built on a damaged one, to the next good key picture. Its `Gap` comes right before the
    first good frame after it, or last. Frames inside it that the decoder patched up are handed
    out all the same, before the gap: they show something, and may be looked at, but cannot be
    trusted. A file that ends before its declared end has a gap there.

    Without a `selection` that is every frame; with one it is those it chooses, where the codec
    allows leaving any out, and the damage reported is that which concerns them. The last frame
    always comes.

    `threads` is for the decoders, 0 for as many as there are cores: one each for as many groups of
    pictures at once, or all for a single decoder where that would take too much memory, where
    something is wrong with the file, or without a selection. `smooth=False` leaves out the
    filter that smooths the edges of blocks, where the decoder can do so: cheaper, and good enough
    to look at scaled down (43 dB at 320 pixels, measured), not to show. The file is closed when
    the generator ends or is closed; memory does not grow with the length of the video.

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
        yield from _Decoding(info, video, container, threads, smooth).run(selection)


class _Decoding:
    """One pass over a video stream."""

    def __init__(
        self, info: MediaInfo, video: StreamInfo, container: Any, threads: int, smooth: bool
    ) -> None:
        self._info, self._video = info, video
        self._stream = container.streams[video.index]
        self._threads = threads or os.cpu_count() or 1
        rough = not smooth and video.codec in _SMOOTHING
        self._options = {"skip_loop_filter": "all"} if rough else {}
        self._stream.codec_context.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.options = self._options
        self._base = Fraction(self._stream.time_base)
        self._interval = 1 / video.frame_rate if video.frame_rate else _USUAL_INTERVAL
        self._reader = PacketReader(container)
        step = max(1, round(self._interval / self._base))
        stamped = not info.container.startswith(_GUESSED)
        self._ledger = PictureLedger(step, stamped=stamped)
        self._last: Fraction | None = None
        self._last_end = Fraction(0)
        self._passed: list[int] = []
        self._due: set[int] = set()
        self._postponed: deque[Postponed] = deque()

    def run(self, selection: Selection | None) -> Iterator[Frame | Gap]:
        if not self._info.container.startswith(_STAMPING):
            selection = None
        types = PictureTypes(self._video)
        groups = choose_groups(self._reader, self._stream, types, selection, self._time)
        rest = yield from self._in_parallel(groups)
        whole = True
        for group, following in _with_next(rest):
            if group.sent[0].type.entry and not whole:
                yield from self._restart()
            whole = not self._postpone(group, following) and group.whole
            self._account(group)
            for sent in group.sent:
                if sent.jumped:
                    at = self._time(sent.packet.dts if sent.pts is None else sent.packet.pts)
                    yield Gap(Span(at - self._interval, at), _JUMPED)
                if sent.decode:
                    yield from self._decode(sent.packet)
        yield from self._decode(None)
        yield from self._final_gap()

    def _in_parallel(
        self, groups: Iterator[PictureGroup]
    ) -> Generator[Frame | Gap, None, Iterator[PictureGroup]]:
        """Decode several groups at once as long as nothing is wrong with any, and memory suffices;
        returns the groups that are left for a single decoder."""
        if not self._video.pixel_format:  # no picture is there, or none that tells what it is
            return groups
        size = VideoFormat(self._video.pixel_format, self._video.width, self._video.height)
        picture_bytes = size.width * size.height * size.padded_bits_per_pixel // 8
        with GroupDecoders(self._new_decoder, self._threads, picture_bytes) as decoders:
            if not decoders.affordable:
                return groups
            read = list(islice(groups, 2))
            while len(read) == 2 and read[0].decodable_before(read[1]):
                group, following = read
                self._postpone(group, following)
                self._account(group)
                decoders.begin(group, following)
                if decoders.full:
                    yield from self._present_oldest(decoders)
                read = [following, *islice(groups, 1)]
            if decoders.busy and read:
                self._account(read[0])
                for sent in read[0].leading:  # which the group before shows
                    sent.decode = False
            while decoders.busy:
                yield from self._present_oldest(decoders)
        return chain(read, groups)

    def _new_decoder(self) -> Any:
        context: Any = self._stream.codec_context
        decoder: Any = CodecContext.create(context.name, "r")
        decoder.extradata = context.extradata
        decoder.thread_count = 1
        decoder.options = self._options
        return decoder

    def _postpone(self, group: PictureGroup, following: PictureGroup | None) -> bool:
        """Leave the last pictures of `group` to whoever asks for them, if that is worth it; returns
        whether it was."""
        if following is None or not group.decodable_before(following):
            return False
        left = postpone(group, following, self._new_decoder, self._time)
        if left is not None:
            self._postponed.append(left)
        return left is not None

    def _restart(self) -> Iterator[Frame | Gap]:
        """Begin with an entry as with a film. HEVC counts pictures on from the one before, unless
        the entry is an IDR picture (Rec. ITU-T H.265, 8.3.1), and that one may be left out."""
        if self._video.codec == "hevc":
            yield from self._decode(None)
            self._stream.codec_context.flush_buffers()

    def _present_oldest(self, decoders: GroupDecoders) -> Iterator[Frame | Gap]:
        for frame in decoders.oldest():
            if frame is None:
                self._ledger.refuse()
            else:
                yield from self._present(frame)

    def _account(self, group: PictureGroup) -> None:
        """Tell the ledger what becomes of the group's packets, once."""
        for sent in group.sent:
            if sent.accounted:
                continue
            sent.accounted = True
            if sent.decode:
                self._ledger.send(sent.packet, sent.broken, sent.torn)
            else:
                self._ledger.pass_over(sent.packet, sent.broken, sent.torn)
                if not sent.packet.is_discard:
                    heappush(self._passed, sent.packet.pts)
            if sent.due:
                self._due.add(sent.packet.pts)

    def _decode(self, packet: Any) -> Iterator[Frame | Gap]:
        decoded = try_decode(self._stream, packet)
        if decoded is None:
            self._ledger.refuse()
            return
        for frame in decoded:
            yield from self._present(frame)

    def _present(self, frame: Any) -> Iterator[Frame | Gap]:
        frame.time_base = self._base  # frames flushed at the end come without
        last = self._last
        if frame.pts is None:
            time = Fraction(0) if last is None else last + self._interval
        else:
            time = self._time(frame.pts)
        if last is not None and time <= last:
            time = last + self._base
        since, self._last = self._since(frame.pts, time), time
        unseen: list[Postponed] = []
        if frame.pts is not None:
            while self._postponed and self._postponed[0].stamps[0] < frame.pts:
                unseen.append(self._postponed.popleft())
            key, corrupt = bool(frame.key_frame), bool(frame.is_corrupt)
            damaged_since = self._ledger.show(frame.pts, key=key, corrupt=corrupt)
            if damaged_since is not None:
                # Of what was to be seen before the damage, nobody looks at the end.
                damaged_since = min([damaged_since, *(left.stamps[0] for left in unseen)])
                unseen.clear()
                yield Gap(Span(min(self._time(damaged_since), time), time), _DAMAGED)
        self._last_end = time + (frame.duration * self._base or self._interval)
        due = frame.pts in self._due
        self._due.discard(frame.pts)
        left = unseen[-1] if unseen else None
        yield Frame(time, frame, self._video.rotation, since=since, due=due, unseen=left)

    def _since(self, pts: int | None, time: Fraction) -> Fraction:
        """The time of the first picture after the last frame; call it before that is replaced."""
        since = time
        while self._passed and pts is not None and self._passed[0] < pts:
            passed = self._time(heappop(self._passed))
            if self._last is None or passed > self._last:
                since = min(since, passed)
        return since

    def _time(self, pts: int) -> Fraction:
        return pts * self._base - self._info.origin

    def _final_gap(self) -> Iterator[Gap]:
        read_until = self._reader.end - self._info.origin
        declared = missing_end(self._info, self._video, self._last_end, read_until, self._interval)
        cut_off = declared is not None or not declares_length(self._info)
        damaged_since = self._ledger.finish(cut_off=cut_off)
        if self._postponed:  # and no picture came after it
            stamps = (self._postponed[0].stamps[0], damaged_since)
            damaged_since = min(stamp for stamp in stamps if stamp is not None)
        start = self._last_end if damaged_since is None else self._time(damaged_since)
        if declared is not None:
            reason = f"the file ends early: no good picture after {format_timecode(start)}"
            yield Gap(Span(start, max(start, declared)), reason)
        elif damaged_since is not None:
            ends = [start, self._last_end, self._video_end or read_until]
            yield Gap(Span(start, max(ends)), _DAMAGED)

    @property
    def _video_end(self) -> Fraction | None:
        video = self._video
        return None if video.duration is None else video.start + video.duration


def _with_next(
    groups: Iterator[PictureGroup],
) -> Iterator[tuple[PictureGroup, PictureGroup | None]]:
    group = next(groups, None)
    while group is not None:
        following = next(groups, None)
        yield group, following
        group = following
