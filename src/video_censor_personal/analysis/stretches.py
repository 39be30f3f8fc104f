"""The time between two looks, and where in it to look next for what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from video_censor_personal.analysis.cuts import CutFinder
from video_censor_personal.analysis.sampling import Moment, Sample
from video_censor_personal.findings import Sighting
from video_censor_personal.media.base import Frame

__all__ = ["Stretch"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The moments after one look up to the next one, and what was `seen` in that.

    `shots`: the times of moments with which a shot may begin; None before anybody needs them.
    """

    moments: Sequence[Moment]
    seen: Sequence[Sighting]
    shots: frozenset[Fraction] | None = None

    @property
    def since(self) -> Fraction:
        """The time of the first frame after the look before."""
        return self.moments[0].since

    @property
    def end(self) -> Frame:
        """The frame in which it was seen."""
        return self.moments[-1].frame

    def searched(self, item: Sample) -> Stretch:
        """The same, ready to be divided. Where there is nothing between the two looks, that is what
        can still be decoded of it; `item` is the sample that the moments are of."""
        moments = self.moments
        if len(moments) == 1 and self.end.unseen is not None:
            moments = item.opened(moments[0])
        elif self.shots is not None:
            return self
        return replace(self, moments=moments, shots=_shots(moments))

    @property
    def middle(self) -> int | None:
        """The number of the moment to look at next; None where there is none between the looks.

        Halfway, but first at the pictures to either side of a cut: with these comes most of what
        comes and goes, so that two looks tell what takes four by halving a second.
        """
        shots = [n for n, m in enumerate(self.moments) if m.frame.time in (self.shots or ())]
        if len(self.moments) == 1:
            return None
        if shots:
            return max(0, shots[0] - 1)
        return len(self.moments) // 2 - 1

    def divided(self, middle: int, seen: Sequence[Sighting]) -> tuple[Stretch, Stretch]:
        """Up to a look at the moment `middle`, and from there on."""
        after = middle + 1
        first = Stretch(self.moments[:after], seen, self.shots)
        return first, Stretch(self.moments[after:], self.seen, self.shots)


def _shots(moments: Sequence[Moment]) -> frozenset[Fraction]:
    """With what was not decoded ends a group of pictures, and encoders begin those at cuts."""
    finder = CutFinder()
    return frozenset(
        moment.frame.time
        for moment in moments
        if finder.starts_shot(moment.frame) or moment.frame.unseen is not None
    )
