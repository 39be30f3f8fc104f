"""Another report from kept scores: another configuration, and no second analysis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_censor_personal.analysis.scores import SUFFIX, read_scores
from video_censor_personal.config import Config
from video_censor_personal.errors import ReportError, UsageError
from video_censor_personal.findings import Report
from video_censor_personal.judging import Judging
from video_censor_personal.outputs import check_output
from video_censor_personal.reports.carrying import carry_decisions, holds_decisions
from video_censor_personal.reports.json_report import read_report, write_json
from video_censor_personal.reports.unknown import unknown_of

__all__ = ["Application", "apply_scores"]


@dataclass(frozen=True, slots=True)
class Application:
    """What came of it.

    Attributes:
        notes: what a person must know: decisions that could not be carried, and what is different
            about the analysis without leaving anything unknown.
    """

    report: Report
    path: Path
    scores: Path
    notes: tuple[str, ...] = ()

    @property
    def unknown(self) -> list[str]:
        """What the configuration asks for and the scores do not tell, in sentences."""
        return list(unknown_of(self.report))

    @property
    def exit_code(self) -> int:
        return 3 if self.unknown else 0

    def facts(self) -> dict[str, Any]:
        """For a program."""
        segments = self.report.segments
        return {
            "report": str(self.path),
            "scores": str(self.scores),
            "segments": len(segments),
            "flagged_segments": sum(not segment.allow for segment in segments),
            "unknown": self.unknown,
            "notes": list(self.notes),
            "exit_code": self.exit_code,
        }

    def describe(self) -> str:
        """For a person."""
        segments = self.report.segments
        allowed = sum(segment.allow for segment in segments)
        lines = [f"{len(segments)} segments, {allowed} of them allowed"]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"UNKNOWN: {sentence}" for sentence in self.unknown]
        return "\n".join([*lines, f"report  {self.path}"])


def apply_scores(source: Path, config: Config, output: Path, *, force: bool = False) -> Application:
    """Write to `output` the report that `config` makes of the scores at `source`, or of those that
    lie beside the report `source`. What a person decided in that report, and in the one that is
    replaced, is carried over; where both decided about the same, `source` counts, and a note says
    what gave way.

    Raises:
        UsageError: `output` is no name of a report.
        ReportError: the scores or a report cannot be read, or they are not of one video.
        ConfigError: the configuration asks for detectors or models that nobody knows.
        OutputError: the report cannot be written.
    """
    if output.suffix.lower() != ".json":
        raise UsageError(f"--output {output}: end it in .json; it is a report")
    scores_path, report_path = _places(source)
    scores = read_scores(scores_path)
    check_output(scores.source, output, force=force)
    judging = Judging(config)
    scores = judging.fittest(scores)
    report = judging.conclude(scores)
    notes = judging.notes(scores)
    lost: list[str] = []
    if output.exists() and (report_path is None or not output.samefile(report_path)):
        report, lost = _replacing(output, report)
    if report_path is not None:  # after the other, as what was named counts
        report, more = _carried(report_path, report)
        lost += more
    notes += dict.fromkeys(lost)  # both may say the same
    write_json(report, output, config.output)
    page = output.with_suffix(".html")
    if page.exists():
        notes.append(f"{page} still shows the report that was there before")
    return Application(report, output, scores_path, tuple(notes))


def _carried(path: Path, new: Report) -> tuple[Report, list[str]]:
    """`new` with what a person decided in the report at `path`; see `carry_decisions`.

    Raises:
        ReportError: that cannot be read, or is of another video.
    """
    old = read_report(path)
    if old.fingerprint != new.fingerprint:
        raise ReportError(f"{path} is a report of another video, {old.source.name or 'unnamed'}")
    return carry_decisions(old, new)


def _replacing(path: Path, new: Report) -> tuple[Report, list[str]]:
    """As `_carried`, of the report that `new` takes the place of.

    Raises:
        ReportError: what was decided in it would be lost.
    """
    try:
        old = read_report(path)
        if not holds_decisions(old):
            return new, []
        return _carried(path, new)
    except ReportError as error:
        raise ReportError(
            f"{path} is not replaced, as what was decided in it would be lost: {error}. "
            "Name another --output, or delete it"
        ) from error


def _places(source: Path) -> tuple[Path, Path | None]:
    """Where the scores lie, and the report, if there is one."""
    if source.name.endswith(SUFFIX):
        report = source.with_name(source.name.removesuffix(SUFFIX) + ".json")
        return source, report if report.exists() else None
    scores = source.with_name(source.stem + SUFFIX)
    if source.exists() and not scores.exists():
        raise ReportError(
            f"no scores lie beside {source} ({scores.name}); name them, or analyse the video again"
        )
    return scores, source
