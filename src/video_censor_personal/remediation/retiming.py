"""Where things move to when spans are cut out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

import av.error

from video_censor_personal.media.avi_times import demuxed
from video_censor_personal.media.base import Chapter, MediaInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["Retiming", "frame_exact", "leaves_anything"]

_FOREVER = Fraction(10**9)
_AUDIBLE_S = Fraction(1, 20)


class Retiming:
    """The time line of the copy: that of the source without `cuts`.

    What was removed is always summed up from the start of the film, so rounding at one joint is
    not carried to the next.
    """

    def __init__(self, cuts: Sequence[Span] = ()) -> None:
        self.cuts = tuple(union(cuts))
        self._starts = [cut.start for cut in self.cuts]
        lengths = (cut.duration for cut in self.cuts)
        self._removed = list(accumulate(lengths, initial=Fraction(0)))  # before each cut

    def removed_before(self, time: Fraction) -> Fraction:
        """Seconds cut out before `time`; within a cut, those up to `time`."""
        place = bisect_left(self._starts, time) - 1
        if place < 0:
            return Fraction(0)
        cut = self.cuts[place]
        return self._removed[place] + min(cut.end, time) - cut.start

    def moved(self, time: Fraction) -> Fraction:
        """Where `time` lies in the copy; within a cut, where the joint does."""
        return time - self.removed_before(time)

    def keeps(self, time: Fraction) -> bool:
        place = bisect_right(self._starts, time) - 1
        return place < 0 or time >= self.cuts[place].end

    def kept(self, span: Span) -> list[Span]:
        """What is left of `span`, still on the source's time."""
        return subtract(span, self.cuts)

    def pieces(self) -> list[Span]:
        """All that is kept, on the source's time; the last piece has no end to speak of."""
        return subtract(Span(-_FOREVER, _FOREVER), self.cuts)

    def chapters(self, chapters: Sequence[Chapter]) -> tuple[Chapter, ...]:
        """`chapters` on the copy's time, without those that were cut out entirely."""
        moved = (
            Chapter(Span(self.moved(c.span.start), self.moved(c.span.end)), c.title)
            for c in chapters
        )
        return tuple(chapter for chapter in moved if chapter.span.duration > 0)


def frame_exact(cuts: Sequence[Span], info: MediaInfo) -> list[Span]:
    """`cuts` of `info`'s file, widened to its frames; see `_snapped`. As they are without picture.

    Raises:
        InputError: it cannot be read.
    """
    if not cuts or info.video is None:
        return list(cuts)
    with open_media(info.path) as source:
        return _snapped(cuts, source, source.streams[info.video.index], info.origin)


def leaves_anything(cuts: Sequence[Span], info: MediaInfo) -> bool:
    """Whether a frame of `info`'s file is left without `cuts`, or, if it has no picture, enough
    sound to be heard.

    Raises:
        InputError: it cannot be read.
    """
    if not cuts or info.duration is None:
        return True
    if info.video is None:
        kept = subtract(Span(Fraction(0), info.duration), cuts)
        return any(span.duration >= _AUDIBLE_S for span in kept)
    with open_media(info.path) as source:
        stream = source.streams[info.video.index]
        first, *more = _snapped(cuts, source, stream, info.origin)
        if more or first.start > 0:  # a frame begins at 0, and one where a cut ends before another
            return True
        times = _frame_times(source, stream, first.end + info.origin)
        return any(time - info.origin >= first.end for time in times)


def _snapped(cuts: Sequence[Span], container: Any, stream: Any, origin: Fraction) -> list[Span]:
    """`cuts` widened so that each starts and ends where a frame of `stream` is first shown.

    Then the frames on both sides of a joint follow each other without a gap, and the sound is cut
    at the very same instants. A cut that reaches past the last frame keeps its end.

    Args:
        container: open for reading; its position is lost.
        origin: the container's time of our time 0.
    """
    widened = []
    for cut in cuts:
        starts = _frame_times(container, stream, cut.start + origin)
        ends = _frame_times(container, stream, cut.end + origin)
        start = max((at for at in starts if at - origin <= cut.start), default=cut.start + origin)
        end = min((at for at in ends if at - origin >= cut.end), default=cut.end + origin)
        widened.append(Span(start - origin, end - origin))
    return union(widened)


# Frames are stored in decoding order; none is shown this long before one stored before it.
_REORDERED_S = 1
_RUN_UP_S = 3


def _frame_times(container: Any, stream: Any, around: Fraction) -> list[Fraction]:
    """Times of frames, by the container's clock: all of those near `around`, and others.

    Some kinds of file cannot be entered at a wanted time, only somewhere near it. What comes from
    too late is read again from the very beginning.
    """
    early_enough = around - _REORDERED_S
    times: list[Fraction] = []
    for target in (max(Fraction(0), around - _RUN_UP_S), Fraction(0)):
        try:
            container.seek(int(target / stream.time_base), stream=stream)
        except av.error.FFmpegError:
            continue
        times = list(_times_until(container, stream, around + _REORDERED_S))
        if times and min(times) <= early_enough:
            break
    return times


def _times_until(container: Any, stream: Any, end: Fraction) -> Iterator[Fraction]:
    for packet in demuxed(container, [stream]):
        if packet.pts is not None:
            time = Fraction(packet.pts * stream.time_base)
            yield time
            if time > end:
                return
