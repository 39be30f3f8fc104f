"""When to look at a film, and which of its pictures must be decoded for that."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from video_censor_personal.config import FrameSampling
from video_censor_personal.media.picture_groups import Chosen, Picture, Selection
from video_censor_personal.timeline import seconds

__all__ = ["Grid", "selection"]


class Grid:
    """Times `step` seconds apart, counted from the first frame looked at after a (re)start.

    Attributes:
        looked: when a frame was looked at last.
    """

    def __init__(self, step: Fraction) -> None:
        self._step = step
        self._origin: Fraction | None = None
        self._due = Fraction(0)
        self.looked: Fraction | None = None

    def restart(self) -> None:
        self._origin = None

    def takes(self, time: Fraction) -> bool:
        """Whether the frame at `time` is to be looked at: the first one at or after the next time
        of the grid. Ask once for every frame, in order."""
        if self._origin is None:
            self._origin = self._due = time
        if time < self._due:
            return False
        if self._step:
            steps = (time - self._origin) // self._step + 1
            self._due = self._origin + steps * self._step
        self.looked = time
        return True


def selection(sampling: FrameSampling) -> Selection | None:
    """Which pictures `sample` needs; None where it needs every one."""
    if sampling.strategy == "uniform":
        return _Uniform(seconds(sampling.sample_rate))
    if sampling.strategy == "keyframes":
        return _KeyFrames(seconds(sampling.sample_rate))
    return None  # cuts are found, and every frame is looked at, only where every frame is decoded


class _Uniform:
    """What is due, and all that other pictures are built on: most of those have to be decoded
    anyway, and they tell later where a change came."""

    def __init__(self, step: Fraction) -> None:
        self._step = step
        self._grid = Grid(step)

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        """See `Selection`."""
        due = [picture for picture in pictures if self._grid.takes(picture.time)]
        return Chosen(due, [picture for picture in pictures if picture.reference])


class _KeyFrames(_Uniform):
    """Entries alone wherever they come at least every `step` seconds, and of those only as many as
    that takes; the rest as `_Uniform`."""

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        """See `Selection`."""
        entry = next((picture for picture in pictures if picture.entry), None)
        if entry is None or until is None or until - entry.time > self._step:
            return super().choose(pictures, until)
        if self._grid.looked is not None and until - self._grid.looked <= self._step:
            return Chosen(())
        self._grid.restart()
        self._grid.takes(entry.time)
        return Chosen((entry,))
