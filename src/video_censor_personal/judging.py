"""What a configuration makes of scores, its own or kept ones: no video is opened, and no detector
built."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from video_censor_personal import __version__
from video_censor_personal.analysis.archive import records_of
from video_censor_personal.analysis.conclusion import Asked, conclude
from video_censor_personal.analysis.differences import Difference, differences
from video_censor_personal.analysis.making import Making, model_of, parts_of
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.config import Config
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.findings import Report
from video_censor_personal.requirements import Requirements

__all__ = ["Judging", "making_of"]


class Judging:
    """Judges scores by a configuration.

    Whose evidence counts has nothing to do with who could look here: what was seen with a library
    or a model that this machine lacks counts like everything else.

    `requirements`: who would look here, where somebody would; they tell what is missing.
    """

    def __init__(self, config: Config, requirements: Requirements | None = None) -> None:
        self._config, self._here = config, requirements

    def conclude(self, scores: Scores) -> Report:
        """The report on `scores`.

        Raises:
            ConfigError: the configuration asks for detectors or models that nobody knows.
        """
        asked = self._asked(scores)
        assignments = asked.assignments
        found = self._differences(asked, scores)
        elsewhere = {
            (d.detector, key) for d in found if d.kind == "meaning" for key in d.categories
        }
        searches = {
            a.settings.name: frozenset(
                key for key in a.settings.categories if (a.settings.name, key) not in elsewhere
            )
            for assignment in assignments
            for a in (assignment, assignment.stand_in)
            if a is not None
        }
        here = self._here or asked
        witnesses = {witness.name for witness in scores.evidence.witnesses}
        if any(a.settings.name not in witnesses for a in assignments):
            here.find_missing()  # kept scores are judged without `verify`
        spots = here.blind_spots(scores.evidence.modalities)
        stand_ins = {a.settings.name: a.stand_in.settings.name for a in assignments if a.stand_in}
        return conclude(
            scores,
            self._config,
            Asked(
                searches=searches,
                stand_ins=stand_ins,
                needed=asked.needed,
                telling=asked.telling,
                blind={(spot.category, spot.modality): spot.sentence for spot in spots},
                absentees=here.absentees(),
                clearing=frozenset(a.settings.name for a in assignments if a.may_clear),
                differences=found,
                required=[a.settings.name for a in assignments if not self._may_be_missing(a)],
            ),
        )

    def fittest(self, scores: Scores) -> Scores:
        """Of all records of the video, the one that tells most of what the configuration asks for;
        of several the newest."""

        def untold(record: Scores) -> int:
            found = self._differences(self._asked(record), record)
            less = [each for each in found if each.kind in ("absence", "extent", "meaning")]
            return sum(len(each.categories) for each in less)

        return min(records_of(scores), key=untold)

    def notes(self, scores: Scores) -> list[str]:
        """What is different about `scores`, without their telling any less: who looked for the same
        with another version of something, and who was not asked and may be missing."""
        asked = self._asked(scores)
        spared = {a.settings.name for a in asked.assignments if self._may_be_missing(a)}
        return [
            str(each)
            for each in self._differences(asked, scores)
            if each.kind == "revision" or (each.kind == "absence" and each.detector in spared)
        ]

    def _asked(self, scores: Scores) -> Requirements:
        """Whom the configuration asks, as if all that said something in `scores` could run here."""
        manager = None if self._here is None else self._here.manager
        had = {part.type for part in scores.making.parts}
        return Requirements(self._config, manager, anywhere=True, had=had)

    def _differences(self, asked: Requirements, scores: Scores) -> list[Difference]:
        """What is different about `scores`. Not which subtitles were given: the video need not be
        here; nor what nobody here can tell, where it takes a model to do so."""
        parts = {part.name: part for part in scores.making.parts}
        asked_then = [_of_the_two(assignment, parts) for assignment in asked.assignments]
        making = making_of(self._config, asked_then, asked.revision)
        wanted = replace(
            making,
            parts=tuple(
                replace(part, subtitles=parts[part.name].subtitles if part.name in parts else "")
                for part in making.parts
            ),
        )
        return [each for each in differences(scores.making, wanted) if each.kind != "doubt"]

    def _may_be_missing(self, assignment: Assignment) -> bool:
        """Whether an analysis goes on without it."""
        optional = {source.name for source in self._config.models.sources if source.optional}
        needs = {need.name for need in assignment.needs if not need.optional}
        return assignment.settings.optional or not needs.isdisjoint(optional)


def _of_the_two(assignment: Assignment, known: Collection[str]) -> Assignment:
    """It, or what stood in for it when those of `known` names looked."""
    other = assignment.stand_in
    if other is None or assignment.settings.name in known or other.settings.name not in known:
        return assignment
    return other


def making_of(
    config: Config,
    assignments: Sequence[Assignment],
    revision: Callable[[str], str],
    subtitles: str = "",
) -> Making:
    """What the scores of an analysis by these detectors are made with.

    `revision` tells which revision a model is; `subtitles` tells apart the files that lie beside
    the video.
    """
    sampling = config.processing.frame_sampling
    models = {a.settings.name: model_of(a, revision) for a in assignments}
    return Making(
        program=__version__,
        strategy=sampling.strategy,
        sample_rate=sampling.sample_rate,
        parts=parts_of(assignments, models, subtitles),
    )
