"""What the scores of earlier analyses say of what this one would find out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path

from video_censor_personal.analysis.archive import (
    halves,
    hindrance,
    joined,
    joined_making,
    records_of,
)
from video_censor_personal.analysis.making import Making
from video_censor_personal.analysis.scores import Scores, read_scores
from video_censor_personal.errors import ReportError
from video_censor_personal.findings import Modality
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.pipeline import AnalysisPipeline
from video_censor_personal.reports.likeness import fingerprint, modified_ns

__all__ = ["Findings", "KeptScores", "find_kept", "kept_records"]

_HALF: Mapping[Modality, str] = {"video": "what is seen", "audio": "what is heard"}


@dataclass(frozen=True, slots=True)
class KeptScores:
    """Scores that say all that an analysis would find, and where they lie."""

    path: Path
    scores: Scores

    @property
    def date(self) -> str:
        """When they were made, for people."""
        return f"{self.scores.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Findings:
    """What is kept of one video.

    Attributes:
        kept: scores that say all that an analysis would find.
        known: else, those that say all that would be seen, or heard.
        records: all there are, the newest first.
        problem: a sentence on why an analysis is needed all the same; empty: nothing is kept, or it
            is not needed.
    """

    kept: KeptScores | None = None
    known: Mapping[Modality, Scores] = field(default_factory=dict)
    records: Sequence[Scores] = ()
    problem: str = ""

    @property
    def told(self) -> Mapping[Modality, Scores]:
        """What need not be found out again of what is seen, and of what is heard."""
        return self.known if self.kept is None else dict.fromkeys(_HALF, self.kept.scores)


def kept_records(path: Path, info: MediaInfo) -> Findings:
    """The scores at `path`, as far as they are of this video; nobody was asked whether they say
    all that is wanted.

    Raises:
        InputError: the video cannot be read.
    """
    if not path.exists():
        return Findings()
    try:
        scores = read_scores(path)
    except ReportError as error:
        return Findings(problem=str(error))
    if problem := _other_video(scores, info):
        return Findings(problem=f"the scores {path} are not used again: {problem}")
    return Findings(records=[replace(each, source=info.path) for each in records_of(scores)])


def find_kept(
    path: Path, pipeline: AnalysisPipeline, info: MediaInfo, *, downloads: bool
) -> Findings:
    """What the scores at `path` say of what `pipeline` would find in this video.

    `downloads`: missing models would be fetched before an analysis.

    Raises:
        InputError: the video cannot be read.
    """
    found = kept_records(path, info)
    if not found.records:
        return found
    records = found.records
    wanted = [pipeline.making(info.path)]
    if not downloads and (missing := pipeline.missing_optional()):
        # Optional models that were missing then are missing now.
        wanted.append(pipeline.making(info.path, missing))
    for record in records:
        if any(not hindrance(record, making) for making in wanted):
            return replace(found, kept=KeptScores(path, record))
    known = halves(records, wanted)
    if len(known) == len(_HALF):  # each in a record of its own
        whole = replace(
            records[0],
            evidence=joined(records[0].evidence, known),
            making=joined_making(records[0].making, known),
        )
        return replace(found, kept=KeptScores(path, whole))
    return replace(found, known=known, problem=_why(path, records[0], wanted[-1], known))


def _other_video(scores: Scores, info: MediaInfo) -> str:
    """Why they are not of this video, or may not be; empty: they are."""
    if (scores.size_bytes, scores.fingerprint) != (info.size_bytes, fingerprint(info.path)):
        return "they are of another video, or it was changed"
    if scores.modified_ns is None:
        return "they do not say which state of the video they are of"
    if scores.modified_ns != modified_ns(info.path):
        return (
            "the video has another time of change than when they were made; it looks the same in "
            "samples, but may have been changed between them"
        )
    return ""


def _why(path: Path, newest: Scores, wanted: Making, known: Mapping[Modality, Scores]) -> str:
    """Why an analysis is needed, of the newest record."""
    parts = tuple(part for part in wanted.parts if part.modality not in known)
    problem = hindrance(newest, replace(wanted, parts=parts))
    if not known:
        return f"the scores {path} are not used again: {problem}"
    return f"the scores {path} are only used again for {_HALF[next(iter(known))]}: {problem}"
