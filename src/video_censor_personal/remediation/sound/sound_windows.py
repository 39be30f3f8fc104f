"""Where sound is changed, in samples, and which packets of a track that concerns.

Packets lie on a grid of frames. A packet is heard in its own frame and at the beginning of the one
after it, where the sum of two overlapping transforms is heard. So to change the samples
`[start, end)`, every packet that is heard in them must be new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from video_censor_personal.remediation.bitstreams.dolby_frames import SAMPLES
from video_censor_personal.remediation.edits import SoundEdit
from video_censor_personal.timeline import Span, union

__all__ = [
    "JOINT_FADE_S",
    "PacketGrid",
    "Window",
    "frame_cuts",
    "grid_of",
    "windows_of",
]

JOINT_FADE_S = 0.005
"""How long the sound fades out before a cut, and in after it."""


@dataclass(frozen=True, slots=True)
class PacketGrid:
    """How the packets of a coding lie; all but the last two in samples.

    Attributes:
        frame: what a packet adds.
        overlap: how far into the frame after its own a packet is heard. Encoders are late by as
            much.
        guard: packets on each side of an edit among which the seam is chosen.
        run_up: packets before a window that decoder and encoder are warmed up with.
    """

    frame: int
    overlap: int
    guard: int
    run_up: int

    @property
    def lead(self) -> int:
        """By how much an encoder's input is to be ahead of the grid, so that what it makes lies on
        the grid."""
        return self.overlap % self.frame


_AAC = PacketGrid(frame=1024, overlap=1024, guard=4, run_up=5)
_DOLBY = PacketGrid(frame=SAMPLES, overlap=256, guard=3, run_up=2)


def grid_of(codec: str) -> PacketGrid:
    """The grid of a codec whose packets can be joined."""
    return _AAC if codec == "aac" else _DOLBY


@dataclass(frozen=True, slots=True)
class Window:
    """Packets that are encoded anew to change the samples `[start, end)`, and some on both sides
    to choose the seams among. Positions are of a packet's first sample."""

    start: int
    end: int
    grid: PacketGrid

    def span(self, rate_hz: int) -> Span:
        """The time in which new packets are heard, seams as near as they can be."""
        first = max(0, self.start - self.grid.frame)
        end = max(0, self.end + self.grid.frame)
        return Span(Fraction(first, rate_hz), Fraction(end, rate_hz))

    @property
    def run_up_start(self) -> int:
        """Packets that begin before play no part in it."""
        return self._start - (self.grid.run_up + 1) * self.grid.frame

    @property
    def _start(self) -> int:
        return self.start - (self.grid.guard + 2) * self.grid.frame

    @property
    def _end(self) -> int:
        return self.end + self.grid.guard * self.grid.frame

    def holds(self, position: int) -> bool:
        return self._start < position < self._end

    def may_begin(self, position: int) -> bool:
        """Whether the first new packet may be there: where it overlaps the one before it, the
        sound is still as it was."""
        return position <= self.start - self.grid.overlap

    def may_end(self, position: int) -> bool:
        """Whether the last new packet may be there: the frame after it is as it was again."""
        return position + self.grid.frame >= self.end

    def is_over(self, position: int) -> bool:
        return position >= self._end


def windows_of(
    edits: Iterable[SoundEdit],
    cuts: Iterable[Span],
    grid: PacketGrid,
    rate_hz: int,
    fade_s: float,
) -> list[Window]:
    """The windows of a track in order, far enough apart to be made one by one."""
    touched = [_widened(edit.span, fade_s) for edit in edits]
    touched += [_widened(cut, JOINT_FADE_S + grid.frame / rate_hz) for cut in cuts]
    apart = 2 * grid.guard + grid.run_up + 4
    joined = union(touched, Fraction(apart * grid.frame, rate_hz))
    return [Window(floor(span.start * rate_hz), ceil(span.end * rate_hz), grid) for span in joined]


def _widened(span: Span, by_s: float) -> Span:
    margin = Fraction(by_s).limit_denominator(10**6)
    return Span(span.start - margin, span.end + margin)


def frame_cuts(
    cuts: Sequence[Span], grid: PacketGrid, rate_hz: int, first: int
) -> list[tuple[int, int, int]]:
    """(first frame left out, first frame kept again, frames left out up to there) of every cut.

    Frames are counted from the one at the sample `first`. The sum of what was cut is rounded, not
    each cut, so sound and picture are never more than half a frame (11 ms of AAC at 48 kHz) apart.
    """
    found, removed, total = [], 0, Fraction(0)
    for cut in cuts:
        total += cut.duration
        whole = round(total * rate_hz / grid.frame)
        start = round((cut.start * rate_hz - first) / grid.frame)
        found.append((start, start + whole - removed, whole))
        removed = whole
    return found
