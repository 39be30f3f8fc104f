"""One detector that looks: asked, its looks kept, its failures recorded."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from fractions import Fraction

from video_censor_personal.analysis.blackout import Blackout
from video_censor_personal.analysis.evidence import kept_sighting
from video_censor_personal.analysis.fusion import combine, counts
from video_censor_personal.analysis.sampling import Moment, Sample
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
            looks: dict[int, Seen] = {}
            if before is not None and (before or after):
                near = [o for o in others if not self._scales.keys().isdisjoint(o._scales)]
                support = [[other.strengths(number + n) for other in near] for n in (0, 1)]
                looks = self._bisect(item.passed, before, after, support)
            self._keep(item, looks | {len(item.passed): after})

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
            return [tuple(map(kept_sighting, sightings)) for sightings in seen]
        except Exception as error:
            raise DetectorError(f"detector {name!r} failed: {error!r}", detector=name) from error

    def _keep(self, item: Sample, looks: Mapping[int, Seen]) -> None:
        moments = (*item.passed, item.moment)
        previous = -1
        for position in sorted(looks):
            since, self._unseen_since = self._unseen_since, None
            look = Look(
                time=moments[position].frame.time,
                since=moments[previous + 1].since if since is None else since,
                sightings=looks[position],
                regular=position == len(item.passed),
                starts_shot=item.starts_shot,
            )
            self.looks.append(look)
            previous = position

    def _bisect(
        self,
        passed: Sequence[Moment],
        before: Seen,
        after: Seen,
        support: Sequence[Sequence[Mapping[str, float]]],
    ) -> dict[int, Seen]:
        """Looks at moments in `passed`, by position: halving every stretch whose ends differ in
        what counts. `support` is what the others saw before and after."""
        both = [_strongest(strengths) for strengths in zip(*support, strict=True)]
        seen: dict[int, Seen] = {}
        counting = {
            -1: self._counting(before, support[0]),
            len(passed): self._counting(after, support[1]),
        }
        stretches = deque([(-1, len(passed))])
        while stretches and len(seen) < _MOST_EXTRA_LOOKS:
            low, high = stretches.popleft()
            middle = (low + high) // 2
            if middle == low or same_scene(counting[low], counting[high]):
                continue
            try:
                seen[middle] = self._ask([passed[middle].frame])[0]
            except DetectorError as error:
                # The spans stay as wide as the samples made them: nothing is missed.
                _log.warning("%s (at a look in between)", error)
                break
            counting[middle] = self._counting(seen[middle], both)
            stretches += [(low, middle), (middle, high)]
        return seen

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
