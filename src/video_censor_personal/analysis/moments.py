"""The pictures shown at some moments of a film, decoded as cheaply as the film allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame, MediaInfo
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.picture_groups import Chosen, Picture, Selection

__all__ = ["Shown", "shown_at"]


@dataclass(frozen=True, slots=True)
class Shown:
    """The picture that is shown at each of `times`."""

    frame: Frame
    times: tuple[Fraction, ...]


def shown_at(
    info: MediaInfo, times: Sequence[Fraction], *, threads: int = 0
) -> Generator[Shown | Gap]:
    """The pictures at `times` (in order), each once, and a gap for what is damaged around them.

    Groups of pictures that none of the times lies in are not decoded. A time after the last picture
    gets that one.

    Raises:
        InputError: the file cannot be read any more.
    """
    if not times:
        return
    due = deque(times)
    before: Frame | None = None
    frames = decode_frames(info, threads=threads, selection=_Around(times))
    try:
        for item in frames:
            if isinstance(item, Gap):
                yield item
                continue
            if before is not None and (passed := _taken(due, item.time)):
                yield Shown(before, passed)
            before = item
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()
    if before is not None and due:
        yield Shown(before, tuple(due))


def _taken(due: deque[Fraction], until: Fraction) -> tuple[Fraction, ...]:
    """Those before `until`, which are then no longer due."""
    taken = []
    while due and due[0] < until:
        taken.append(due.popleft())
    return tuple(taken)


class _Around(Selection):
    """The pictures that are shown at some times, and what they are built on."""

    def __init__(self, times: Sequence[Fraction]) -> None:
        self._times = times

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        """See `Selection`."""
        shown = {self._shown(pictures, time) for time in self._times_in(pictures, until)}
        if not shown and until is not None:
            return Chosen(())
        if until is not None and all(picture.entry for picture in shown):
            return Chosen(shown)
        return Chosen(shown, [picture for picture in pictures if picture.reference])

    def _times_in(self, pictures: Sequence[Picture], until: Fraction | None) -> Iterator[Fraction]:
        for time in self._times:
            if pictures and pictures[0].time <= time and (until is None or time < until):
                yield time

    def _shown(self, pictures: Sequence[Picture], time: Fraction) -> Picture:
        return max((p for p in pictures if p.time <= time), key=lambda picture: picture.time)
