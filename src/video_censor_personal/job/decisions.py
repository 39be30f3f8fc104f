"""What a person decided in the report that a job replaces: found usable before the analysis, and
carried over after it."""

from __future__ import annotations

from pathlib import Path

from video_censor_personal.errors import ReportError
from video_censor_personal.findings import Report
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.reports.carrying import carry_decisions, holds_decisions
from video_censor_personal.reports.json_report import check_belongs, check_times, read_report

__all__ = ["check_decisions", "with_decisions"]


def check_decisions(path: Path | None, info: MediaInfo) -> list[str]:
    """Sentences on what is doubtful about the decisions in the report at `path`; empty where there
    is no report, or nothing was decided.

    Raises:
        ReportError: they cannot be carried over, so replacing the report would lose them; or a
            segment would censor nothing, as it begins after the end of the video.
        InputError: the video cannot be read.
    """
    return [] if path is None else _decided_before(path, info)[1]


def with_decisions(path: Path | None, report: Report, info: MediaInfo) -> tuple[Report, list[str]]:
    """`report` with what was decided in the one at `path`, and a sentence for each decision that a
    person must look at again.

    It is read again, as a person may have gone on editing while the video was analysed.

    Raises:
        ReportError: as `check_decisions`.
        InputError: the video cannot be read.
    """
    old = None if path is None else _decided_before(path, info)[0]
    return (report, []) if old is None else carry_decisions(old, report)


def _decided_before(path: Path, info: MediaInfo) -> tuple[Report | None, list[str]]:
    """The report at `path` where something was decided in it, and what is doubtful about that."""
    if not path.exists():
        return None, []
    try:
        report = read_report(path)
    except ReportError as error:
        raise _refusal(path, f"cannot be read: {error}") from error
    if not holds_decisions(report):
        return None, []
    likeness = check_belongs(report, info)
    if likeness.verdict == "other":
        raise _refusal(path, f"belongs to another video: {likeness.sentence}")
    check_times(report, info, path)
    doubts = [f"{path}: {likeness.sentence}"] if likeness.verdict == "probably" else []
    return report, doubts


def _refusal(path: Path, problem: str) -> ReportError:
    return ReportError(
        f"{path} is not replaced, as what was decided in it would be lost: it {problem}. To keep "
        "it, name another --output; to start afresh, use --reanalyse"
    )
