"""Where sound is changed, in samples, and which packets of a track that concerns.

Packets lie on a grid of `FRAME` samples. A packet of AAC holds a transform of two frames: its own
and the one after it; what is heard in a frame is the sum of two halves. So to change the samples
`[start, end)`, every packet whose two frames touch them must be new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from video_censor_personal.remediation.edits import SoundEdit
from video_censor_personal.timeline import Span, union

__all__ = ["FRAME", "JOINT_FADE_S", "RUN_UP", "Window", "frame_cuts", "windows_of"]

FRAME = 1024
"""Samples a packet adds."""

RUN_UP = 5
"""Packets before a window that decoder and encoder are warmed up with."""

JOINT_FADE_S = 0.005
"""How long the sound fades out before a cut, and in after it."""

_GUARD = 4  # packets on each side among which the seam is chosen
_APART = 2 * _GUARD + RUN_UP + 4


@dataclass(frozen=True, slots=True)
class Window:
    """Packets that are encoded anew to change the samples `[start, end)`, and some on both sides
    to choose the seams among. Positions are of a packet's first sample."""

    start: int
    end: int

    def span(self, rate_hz: int) -> Span:
        """The time in which new packets are heard, seams as near as they can be."""
        first, end = max(0, self.start - FRAME), max(0, self.end + FRAME)
        return Span(Fraction(first, rate_hz), Fraction(end, rate_hz))

    @property
    def run_up_start(self) -> int:
        """Packets that begin before play no part in it."""
        return self.start - (_GUARD + 2 + RUN_UP + 1) * FRAME

    def holds(self, position: int) -> bool:
        first = self.start - (_GUARD + 2) * FRAME
        return first < position < self.end + _GUARD * FRAME

    def may_begin(self, position: int) -> bool:
        """Whether the first new packet may be there: its own frame is still as it was."""
        return position <= self.start - FRAME

    def may_end(self, position: int) -> bool:
        """Whether the last new packet may be there: the frame after it is as it was again."""
        return position + FRAME >= self.end

    def is_over(self, position: int) -> bool:
        return position >= self.end + _GUARD * FRAME


def windows_of(
    edits: Iterable[SoundEdit], cuts: Iterable[Span], rate_hz: int, fade_s: float
) -> list[Window]:
    """The windows of a track in order, far enough apart to be made one by one."""
    touched = [_widened(edit.span, fade_s) for edit in edits]
    touched += [_widened(cut, JOINT_FADE_S + FRAME / rate_hz) for cut in cuts]
    joined = union(touched, Fraction(_APART * FRAME, rate_hz))
    return [Window(floor(span.start * rate_hz), ceil(span.end * rate_hz)) for span in joined]


def _widened(span: Span, by_s: float) -> Span:
    margin = Fraction(by_s).limit_denominator(10**6)
    return Span(span.start - margin, span.end + margin)


def frame_cuts(cuts: Sequence[Span], rate_hz: int, first: int) -> list[tuple[int, int, int]]:
    """(first frame left out, first frame kept again, frames left out up to there) of every cut.

    Frames are counted from the one at the sample `first`. The sum of what was cut is rounded, not
    each cut, so sound and picture are never more than half a frame (11 ms at 48 kHz) apart.
    """
    found, removed, total = [], 0, Fraction(0)
    for cut in cuts:
        total += cut.duration
        whole = round(total * rate_hz / FRAME)
        start = round((cut.start * rate_hz - first) / FRAME)
        found.append((start, start + whole - removed, whole))
        removed = whole
    return found
