"""One detector that looks: asked, its looks kept, its failures recorded."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from fractions import Fraction

from video_censor_personal.analysis.blackout import Blackout
from video_censor_personal.analysis.evidence import kept_sighting
from video_censor_personal.analysis.fusion import combine, counts
from video_censor_personal.analysis.sampling import Sample
from video_censor_personal.analysis.stretches import Stretch
from video_censor_personal.analysis.tracks import Look, same_scene
from video_censor_personal.detectors.base import STRENGTHS, FrameDetector, scales_of
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Gap, Sighting
from video_censor_personal.media.base import Frame

__all__ = ["Eye"]

_log = logging.getLogger(__name__)

_MOST_EXTRA_LOOKS = 8
"""Looks between two samples to find what changed there; where they do not suffice (a crowd whose
faces come and go), the span stays as wide as the samples made it."""

Seen = Sequence[Sighting]


class Eye:
    """One detector at work: asks it, keeps what it sees, records where it failed.

    For each batch of samples `look` comes first, of all eyes, and then `look_between`.
    """

    def __init__(self, detector: FrameDetector, sensitivities: Mapping[str, float]) -> None:
        self._detector = detector
        self._scales = scales_of(detector)
        self._sensitivities = sensitivities
        self._blackout = Blackout(detector)
        self._seen: list[Seen | None] = [None]  # of the last sample before this batch, then of each
        self._unseen_since: Fraction | None = None
        self.looks: list[Look] = []

    @property
    def gaps(self) -> list[Gap]:
        return self._blackout.gaps

    def look(self, samples: Sequence[Sample]) -> None:
        """Look at the next samples."""
        if not samples:
            return
        self._seen = [self._seen[-1]]
        try:
            self._seen += self._ask([item.frame for item in samples])
        except DetectorError as error:
            self._blackout.failed(error.__cause__ or error, samples[0].since)
            self._seen += [None] * len(samples)
            return
        self._unseen_since = self._blackout.worked(samples[0].frame.time)

    def look_between(self, samples: Sequence[Sample], others: Sequence[Eye]) -> None:
        """Look between samples of this batch that differ in what counts, and keep all looks.

        `others` see the same samples; what they see there supports what this one sees.
        """
        for number, item in enumerate(samples):
            before, after = self._seen[number : number + 2]
            if after is None:
                continue
            stretches = [Stretch(item.moments, after)]
            if before is not None and (before or after):
                near = [o for o in others if not self._scales.keys().isdisjoint(o._scales)]
                support = [[other.strengths(number + n) for other in near] for n in (0, 1)]
                stretches = self._bisect(item, before, after, support)
            self._keep(item, stretches)

    def strengths(self, number: int) -> dict[str, float]:
        """How strong the evidence was, by category: in the sample before this batch (0) or in one
        of it (from 1 on)."""
        found: dict[str, float] = {}
        for sighting in self._seen[number] or ():
            strength = self._strength(sighting)
            found[sighting.category] = max(found.get(sighting.category, 0), strength)
        return found

    def finish(self, end: Fraction) -> None:
        """There is no more to see."""
        self._blackout.worked(end)

    def _ask(self, frames: Sequence[Frame]) -> list[Seen]:
        """One tuple a frame; whatever a detector raises becomes a `DetectorError`."""
        name = self._detector.name
        try:
            seen = self._detector.look(frames)
            if len(seen) != len(frames):
                raise ValueError(f"{len(seen)} answers for {len(frames)} frames")
            assigned = self._detector.categories
            return [tuple(kept_sighting(each, assigned) for each in some) for some in seen]
        except Exception as error:
            raise DetectorError(f"detector {name!r} failed: {error!r}", detector=name) from error

    def _keep(self, item: Sample, stretches: Sequence[Stretch]) -> None:
        for stretch in sorted(stretches, key=lambda stretch: stretch.end.time):
            since, self._unseen_since = self._unseen_since, None
            look = Look(
                time=stretch.end.time,
                since=stretch.since if since is None else since,
                sightings=stretch.seen,
                regular=stretch.end.time == item.frame.time,
                starts_shot=item.starts_shot,
            )
            self.looks.append(look)

    def _bisect(
        self,
        item: Sample,
        before: Seen,
        after: Seen,
        support: Sequence[Sequence[Mapping[str, float]]],
    ) -> list[Stretch]:
        """The stretches between looks up to the sample `item`, halved wherever their ends differ
        in what counts. `support` is what the others saw before and after."""
        both = [_strongest(strengths) for strengths in zip(*support, strict=True)]
        ends = [self._counting(seen, by) for seen, by in zip((before, after), support, strict=True)]
        waiting = deque([(ends[0], Stretch(item.moments, after), ends[1])])
        done: list[Stretch] = []
        looks_left = _MOST_EXTRA_LOOKS
        while waiting:
            low, stretch, high = waiting.popleft()
            if looks_left and not same_scene(low, high):
                stretch = stretch.searched(item)
                middle = stretch.middle
            else:
                middle = None
            if middle is None:
                done.append(stretch)
                continue
            looks_left -= 1
            try:
                seen = self._ask([stretch.moments[middle].frame])[0]
            except DetectorError as error:
                # The spans stay as wide as the samples made them: nothing is missed.
                _log.warning("%s (at a look in between)", error)
                done.append(stretch)
                looks_left = 0
                continue
            counting = self._counting(seen, both)
            first, second = stretch.divided(middle, seen)
            waiting += [(low, first, counting), (counting, second, high)]
        return done

    def _counting(self, seen: Seen, support: Sequence[Mapping[str, float]]) -> Seen:
        return [
            sighting
            for sighting in seen
            if counts(
                combine(
                    self._strength(sighting),
                    (strengths.get(sighting.category, 0) for strengths in support),
                ),
                self._sensitivities.get(sighting.category, 0.5),
            )
        ]

    def _strength(self, sighting: Sighting) -> float:
        return self._scales.get(sighting.category, STRENGTHS).strength(sighting.score)


def _strongest(strengths: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        category: max(said.get(category, 0) for said in strengths)
        for category in {key for said in strengths for key in said}
    }
