"""Where things move to when spans are cut out."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from video_censor_personal.media.base import Chapter
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["Retiming", "snapped"]

_FOREVER = Fraction(10**9)


class Retiming:
    """The time line of the copy: that of the source without `cuts`.

    What was removed is always summed up from the start of the film, so rounding at one joint is
    not carried to the next.
    """

    def __init__(self, cuts: Sequence[Span] = ()) -> None:
        self.cuts = tuple(union(cuts))

    def removed_before(self, time: Fraction) -> Fraction:
        """Seconds cut out before `time`; within a cut, those up to `time`."""
        return sum(
            (min(cut.end, time) - cut.start for cut in self.cuts if cut.start < time), Fraction(0)
        )

    def moved(self, time: Fraction) -> Fraction:
        """Where `time` lies in the copy; within a cut, where the joint does."""
        return time - self.removed_before(time)

    def keeps(self, time: Fraction) -> bool:
        return not any(cut.contains(time) for cut in self.cuts)

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


def snapped(cuts: Sequence[Span], container: Any, stream: Any, origin: Fraction) -> list[Span]:
    """`cuts` widened so that each starts and ends where a frame of `stream` is first shown.

    Then the frames on both sides of a joint follow each other without a gap, and the sound is cut
    at the very same instants. A cut that reaches past the last frame keeps its end.

    Args:
        container: open for reading; its position is lost.
        origin: the container's time of our time 0.
    """
    widened = []
    for cut in cuts:
        start = max(
            (
                time
                for time in _frame_times(container, stream, cut.start, origin)
                if time <= cut.start
            ),
            default=cut.start,
        )
        end = min(
            (time for time in _frame_times(container, stream, cut.end, origin) if time >= cut.end),
            default=cut.end,
        )
        widened.append(Span(start, end))
    return union(widened)


_REORDERED_S = 2
"""Frames come in decoding order; none is shown this long before one that is stored before it."""


def _frame_times(container: Any, stream: Any, around: Fraction, origin: Fraction) -> list[Fraction]:
    """The times of the frames from the last key frame before `around` to a little after it."""
    container.seek(int((around + origin) / stream.time_base), stream=stream, backward=True)
    times = []
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        time = packet.pts * stream.time_base - origin
        times.append(time)
        if time > around + _REORDERED_S:
            break
    return times
