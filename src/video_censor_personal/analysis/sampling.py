"""Which frames of a video are looked at.

Sampling follows time, not frame numbers, so it holds for variable frame rates. Whatever the
strategy, the first and the last frame are looked at, and the frames to either side of a gap. Where
a selection chose what is decoded, its choice holds; the grid sees that no step goes by without a
look, even where a chosen frame never came.

A sample also carries the frames that were passed over since the sample before it: when the two
turn out to differ, looking at some of those tells when the change came, at no cost in decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from video_censor_personal.analysis.cuts import CutFinder
from video_censor_personal.analysis.schedule import Grid
from video_censor_personal.config import FrameSampling
from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame
from video_censor_personal.timeline import seconds

__all__ = ["Moment", "Sample", "sample"]

_KEPT_BYTES = 48 * 1024 * 1024
"""How much of passed-over frames is kept for one sample: 15 of 1080p, 7 of 10-bit 1080p."""

_OPENED_BYTES = 16 * 1024 * 1024
"""And how much of what is decoded only afterwards."""

_REDUCED_SIDE = 640
"""The longer side of frames that are made smaller to keep more of them."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that can be looked at.

    `since` is the time of the first frame after the moment before: its own, unless frames between
    the two had to be let go or were not decoded.
    """

    frame: Frame
    since: Fraction

    @property
    def size_bytes(self) -> int:
        unseen = self.frame.unseen
        planes_bytes: int = sum(plane.buffer_size for plane in self.frame.video_frame.planes)
        return planes_bytes + (unseen.size_bytes if unseen else 0)


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame to look at, and the moments passed over since the sample before it.

    `starts_shot`: there is a cut right before this frame, and the frame before the cut was the
    previous sample.
    """

    moment: Moment
    passed: tuple[Moment, ...] = ()
    starts_shot: bool = False
    _opened: dict[Fraction, tuple[Moment, ...]] = field(default_factory=dict)

    @property
    def frame(self) -> Frame:
        return self.moment.frame

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Those passed over and, last, the sample's own."""
        return (*self.passed, self.moment)

    @property
    def since(self) -> Fraction:
        """The time of the first frame after the sample before."""
        return self.moments[0].since

    def opened(self, moment: Moment) -> tuple[Moment, ...]:
        """What was not decoded right before one of the `moments` but can be, which happens once for
        all who ask, and last the moment itself."""
        time = moment.frame.time
        if time not in self._opened:
            self._opened[time] = _opened(moment)
        return self._opened[time]

    @property
    def size_bytes(self) -> int:
        return self.moment.size_bytes + sum(moment.size_bytes for moment in self.passed)


def sample(
    frames: Iterable[Frame | Gap], sampling: FrameSampling, *, kept_bytes: int = _KEPT_BYTES
) -> Iterator[Sample | Gap]:
    """The frames to look at, in order; gaps pass through.

    `kept_bytes` bounds the memory of the moments passed over for one sample. Where it does not
    suffice, the oldest are kept smaller, and where that does not suffice either, only every second,
    fourth, ... is kept.
    """
    grid = Grid(seconds(sampling.sample_rate) if sampling.strategy != "all" else Fraction(0))
    cuts = CutFinder() if sampling.strategy == "scene_based" else None
    passed = _Passed(kept_bytes)
    for item in frames:
        if isinstance(item, Gap):
            yield from passed.last()
            yield item
            grid.restart()
            if cuts is not None:
                cuts.restart()
            continue
        cut = cuts is not None and cuts.starts_shot(item)
        if cut:
            yield from passed.last()
        if cut or item.due:
            grid.restart()
        if grid.takes(item.time):
            yield passed.sample(item, starts_shot=cut)
        else:
            passed.add(item)
    yield from passed.last()


def _opened(moment: Moment) -> tuple[Moment, ...]:
    if moment.frame.unseen is None:
        return (moment,)
    passed, last = _Passed(_OPENED_BYTES), moment.frame
    for frame in moment.frame.unseen.before(last):
        if frame.time < last.time:
            passed.add(frame)
        else:
            last = frame
    first, *others = passed.sample(last).moments
    return (Moment(first.frame, moment.since), *others)


class _Passed:
    """The moments since the last sample, made smaller and then thinned out evenly when they outgrow
    `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._forget()

    def _forget(self) -> None:
        self._moments: list[Moment] = []
        self._size_bytes = 0
        self._stride = 1
        self._latest: Moment | None = None
        self._let_go: list[Fraction] = []

    def add(self, frame: Frame) -> None:
        self._flush_latest()
        self._latest = Moment(frame, frame.since)

    def sample(self, frame: Frame, *, starts_shot: bool = False) -> Sample:
        """The sample of `frame`; the next moments count from here."""
        self._flush_latest()
        since = self._let_go[0] if self._let_go else frame.since
        found = Sample(Moment(frame, since), tuple(self._moments), starts_shot)
        self._forget()
        return found

    def last(self) -> Iterator[Sample]:
        """The sample of the last frame passed over, if it is not a sample already."""
        if self._latest is not None:
            frame = self._latest.frame
            self._latest = None
            yield self.sample(frame)

    def _flush_latest(self) -> None:
        """Keep the newest moment, unless it is one of those that are let go.

        The newest is held apart because the last frame before a cut or a gap becomes a sample.
        """
        latest, self._latest = self._latest, None
        if latest is None:
            return
        self._let_go.append(latest.since)
        if len(self._let_go) < self._stride:
            return
        self._moments.append(Moment(latest.frame, self._let_go[0]))
        self._let_go.clear()
        self._size_bytes += latest.size_bytes
        while self._size_bytes > self._limit_bytes and self._reduce():
            pass
        if self._size_bytes > self._limit_bytes:
            self._thin_out()

    def _reduce(self) -> bool:
        """Make the oldest moment that is still large small, if there is one."""
        for position, moment in enumerate(self._moments):
            if max(moment.frame.width, moment.frame.height) > _REDUCED_SIDE:
                reduced = Moment(moment.frame.reduced(_REDUCED_SIDE), moment.since)
                self._moments[position] = reduced
                self._size_bytes += reduced.size_bytes - moment.size_bytes
                return True
        return False

    def _thin_out(self) -> None:
        pairs = zip(self._moments[::2], self._moments[1::2], strict=False)
        if len(self._moments) % 2:
            self._let_go.append(self._moments[-1].since)
        self._moments = [Moment(second.frame, first.since) for first, second in pairs]
        self._size_bytes = sum(moment.size_bytes for moment in self._moments)
        self._stride *= 2
