"""When to look at a film, and which of its pictures must be decoded for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

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


def selection(sampling: FrameSampling, *, sparing: bool = False) -> Selection | None:
    """Which pictures `sample` needs; None where it needs every one.

    `sparing`: rather look a little more often than decode more pictures (see `_Placed`).
    """
    step = seconds(sampling.sample_rate)
    usual = _Placed(step) if sparing else _Uniform(step)
    if sampling.strategy == "uniform":
        return usual
    if sampling.strategy == "keyframes":
        return _KeyFrames(step, usual)
    return None  # cuts are found, and every frame is looked at, only where every frame is decoded


class _Uniform:
    """What is due by a grid, and all that other pictures are built on: most of those have to be
    decoded anyway, and they tell later where a change came."""

    def __init__(self, step: Fraction) -> None:
        self._grid = Grid(step)

    @property
    def looked(self) -> Fraction | None:
        """When a picture was chosen to be looked at last."""
        return self._grid.looked

    def look_at(self, picture: Picture) -> None:
        """Somebody else chose it; go on from there."""
        self._grid.restart()
        self._grid.takes(picture.time)

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        """See `Selection`."""
        due = [picture for picture in pictures if self._grid.takes(picture.time)]
        return Chosen(due, [picture for picture in pictures if picture.reference])


class _Placed:
    """Looks placed where pictures are decoded anyway: at entries, and from the next entry backwards
    at pictures that others are built on, so that all after the last look of a group, a whole step,
    need not be decoded where nothing changes.

    As by a grid, the picture looked at next is no later than the first one a step after a look.
    """

    def __init__(self, step: Fraction) -> None:
        self._step = step
        self._interval = Fraction(0)  # between two pictures
        self.looked: Fraction | None = None

    def look_at(self, picture: Picture) -> None:
        """Somebody else chose it; go on from there."""
        self.looked = picture.time

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        """See `Selection`."""
        looks: set[Picture] = set()
        if self.looked is None:
            looks.add(pictures[0])
        if until is None:  # what comes is not known: as if the last picture were an entry
            looks.add(pictures[-1])
        since = pictures[0].time if self.looked is None else self.looked
        end = pictures[-1].time if until is None else until
        times = [*(picture.time for picture in pictures if picture.time < end), end]
        self._interval = min((b - a for a, b in pairwise(times)), default=Fraction(0))
        entry = next((picture for picture in pictures if picture.entry), None)
        if entry is not None and self._steps(since, end):
            looks |= {entry, *self._between(pictures, since, entry.time)}
            since = entry.time
        looks.update(self._between(pictures, since, end))
        self.looked = max((look.time for look in looks), default=self.looked)
        return Chosen(looks, [picture for picture in pictures if picture.reference])

    def _between(
        self, pictures: Sequence[Picture], since: Fraction, until: Fraction
    ) -> Iterator[Picture]:
        """What to look at besides `since` and `until`, the latest first."""
        while self._steps(since, until):
            between = [picture for picture in pictures if since < picture.time < until]
            near = [each for each in between if not self._steps(each.time, until)]
            candidates = near or between[-1:]
            if not candidates:
                return
            # The first one leaves most; a reference is cheaper, but not if it takes one look more.
            steps = self._steps(since, candidates[0].time)
            equal = [each for each in candidates if self._steps(since, each.time) == steps]
            look = next((each for each in equal if each.reference), equal[0])
            yield look
            until = look.time

    def _steps(self, since: Fraction, until: Fraction) -> int:
        """How many steps after `since` a picture may be shown that comes before `until`."""
        return max(0, (until - self._interval - since) // self._step)


class _KeyFrames:
    """Entries alone wherever they come at least every `step` seconds, and of those only as many as
    that takes; the rest as `usual`."""

    def __init__(self, step: Fraction, usual: _Uniform | _Placed) -> None:
        self._step, self._usual = step, usual

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        """See `Selection`."""
        entry = next((picture for picture in pictures if picture.entry), None)
        looked = self._usual.looked
        if entry is None or until is None or until - entry.time > self._step:
            return self._usual.choose(pictures, until)
        if entry is not pictures[0] and (looked is None or entry.time - looked > self._step):
            return self._usual.choose(pictures, until)  # what is shown before it counts too
        if looked is not None and until - looked <= self._step:
            return Chosen(())
        self._usual.look_at(entry)
        return Chosen((entry,))
