"""What a configuration makes of scores, its own or kept ones: no video is opened, and no detector
built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from video_censor_personal import __version__
from video_censor_personal.analysis.conclusion import conclude
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
        searches = {
            a.settings.name: frozenset(a.settings.categories)
            for assignment in assignments
            for a in (assignment, assignment.stand_in)
            if a is not None
        }
        reasons = (self._here or asked).unlooked()
        unlooked = {key: f"not looked for: {reason}" for key, reason in reasons.items()}
        stand_ins = {a.settings.name: a.stand_in.settings.name for a in assignments if a.stand_in}
        return conclude(scores, self._config, searches, unlooked, stand_ins)

    def _asked(self, scores: Scores) -> Requirements:
        """Whom the configuration asks, as if all that said something in `scores` could run here."""
        manager = None if self._here is None else self._here.manager
        had = {part.type for part in scores.making.parts}
        return Requirements(self._config, manager, anywhere=True, had=had)

    def making(self, scores: Scores) -> Making:
        """What scores would be made with that hold all that the configuration asks for; with the
        subtitles of `scores`, as the video need not be here."""
        asked = self._asked(scores)
        making = making_of(self._config, asked.assignments, asked.revision)
        given = {part.name: part.subtitles for part in scores.making.parts}
        parts = (replace(part, subtitles=given.get(part.name, "")) for part in making.parts)
        return replace(making, parts=tuple(parts))


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
