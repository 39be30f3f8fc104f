"""What a configuration makes of scores, its own or kept ones: no video is opened, and no detector
built."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from video_censor_personal import __version__
from video_censor_personal.analysis.conclusion import conclude
from video_censor_personal.analysis.making import Making, model_of, parts_of
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.findings import Report
from video_censor_personal.requirements import Requirements, with_models

__all__ = ["Judging"]


class Judging:
    """Judges scores by the configuration of `requirements`."""

    def __init__(self, requirements: Requirements) -> None:
        self._requirements = requirements

    def conclude(self, scores: Scores) -> Report:
        """The report on `scores`."""
        assignments = self._requirements.assignments
        asked = {
            a.settings.name: frozenset(a.settings.categories)
            for assignment in assignments
            for a in (assignment, assignment.stand_in)
            if a is not None
        }
        witnesses = {witness.name for witness in scores.evidence.witnesses}
        if any(a.settings.name not in witnesses for a in assignments):
            self._requirements.find_missing()  # kept scores are judged without `verify`
        spots = self._requirements.blind_spots(scores.evidence.modalities)
        stand_ins = {a.settings.name: a.stand_in.settings.name for a in assignments if a.stand_in}
        clearing = frozenset(a.settings.name for a in assignments if a.may_clear)
        return conclude(
            scores,
            self._requirements.config,
            asked,
            {(spot.category, spot.modality): spot.sentence for spot in spots},
            stand_ins,
            needed=self._requirements.needed,
            absentees=self._requirements.absentees(),
            clearing=clearing,
        )

    def making(self, subtitles: str = "", missing: Collection[str] = ()) -> Making:
        """What the scores of an analysis would be made with if no model but `missing` ones were
        missing; `subtitles` tells apart the files that lie beside the video."""
        served = [with_models(each, missing) for each in self._requirements.assignments]
        return self.made_with(subtitles, [each for each in served if each is not None])

    def made_with(self, subtitles: str, assignments: Sequence[Assignment]) -> Making:
        """The same of an analysis by these detectors."""
        revision = self._requirements.revision
        sampling = self._requirements.config.processing.frame_sampling
        models = {a.settings.name: model_of(a, revision) for a in assignments}
        return Making(
            program=__version__,
            strategy=sampling.strategy,
            sample_rate=sampling.sample_rate,
            parts=parts_of(assignments, models, subtitles),
        )
