"""Whether the scores of an earlier analysis say all that this one would find out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

from video_censor_personal.analysis.differences import lacking
from video_censor_personal.analysis.scores import Scores, read_scores
from video_censor_personal.errors import ReportError
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.pipeline import AnalysisPipeline
from video_censor_personal.reports.likeness import fingerprint, modified_ns

__all__ = ["KeptScores", "find_kept"]

_CHANGED = (
    "the video has another time of change than when they were made; it looks the same in samples, "
    "but may have been changed between them"
)


@dataclass(frozen=True, slots=True)
class KeptScores:
    """Scores that say all that an analysis would find, and where they lie."""

    path: Path
    scores: Scores

    @property
    def date(self) -> str:
        """When they were made, for people."""
        return f"{self.scores.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def find_kept(
    path: Path, pipeline: AnalysisPipeline, info: MediaInfo, *, downloads: bool
) -> tuple[KeptScores | None, str]:
    """The scores at `path` if they are those of this video and all that `pipeline` would find,
    else a sentence on why they are not (empty: there are none).

    `downloads`: missing models would be fetched before an analysis.

    Raises:
        InputError: the video cannot be read.
    """
    if not path.exists():
        return None, ""
    try:
        scores = read_scores(path)
    except ReportError as error:
        return None, str(error)
    if problem := _problem(scores, pipeline, info, downloads):
        return None, f"the scores {path} are not used again: {problem}"
    return KeptScores(path, replace(scores, source=info.path)), ""


def _problem(
    scores: Scores, pipeline: AnalysisPipeline, info: MediaInfo, downloads: bool
) -> str | None:
    if (scores.size_bytes, scores.fingerprint) != (info.size_bytes, fingerprint(info.path)):
        return "they are of another video, or it was changed"
    if scores.modified_ns != modified_ns(info.path):
        return (
            _CHANGED
            if scores.modified_ns
            else "they do not say which state of the video they are of"
        )
    if scores.evidence.passing:
        return f"something failed when they were made ({scores.evidence.passing[0].reason})"
    problem = lacking(scores.making, pipeline.making(info.path))
    if problem and not downloads and (missing := pipeline.missing_optional()):
        # Optional models that were missing then are missing now.
        problem = lacking(scores.making, pipeline.making(info.path, missing))
    return problem or None
