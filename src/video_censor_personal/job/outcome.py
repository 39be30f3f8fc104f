"""What a job came to, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_censor_personal.findings import Report, Segment
from video_censor_personal.job.kept_scores import KeptScores
from video_censor_personal.job.proof import Proof
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.reports.unknown import unknown_of
from video_censor_personal.timeline import format_timecode

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to; paths are None where nothing was written.

    `reused`: the kept scores that made an analysis needless.
    """

    info: MediaInfo
    report: Report
    report_path: Path | None = None
    scores: Path | None = None
    page: Path | None = None
    copy: Path | None = None
    others: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    proof: Proof | None = None
    reused: KeptScores | None = None

    @property
    def unknown(self) -> list[str]:
        """What was asked for and could not be looked at everywhere, in sentences."""
        return list(unknown_of(self.report))

    @property
    def unproven(self) -> list[str]:
        """What a proof could not look at in the copy, in sentences."""
        return [] if self.proof is None else list(unknown_of(self.proof.report))

    @property
    def _proved(self) -> str | list[list[float]] | None:
        """What of the copy was looked at: `whole`, or from and to in seconds; None: nothing."""
        if self.proof is None:
            return None
        if self.proof.looked_at is None:
            return "whole"
        return [[round(float(at), 3) for at in (s.start, s.end)] for s in self.proof.looked_at]

    @property
    def exit_code(self) -> int:
        """0; 1 where a proof found something left in the copy; 3 where part of the video (or, for
        a proof, of the copy) could not be analysed."""
        if self.proof is not None and self.proof.left:
            return 1
        return 3 if (self.report_path and self.unknown) or self.unproven else 0

    def facts(self) -> dict[str, Any]:
        """The outcome for a program."""
        flagged = [segment for segment in self.report.segments if not segment.allow]
        return {
            "video": str(self.info.path),
            "report": _text(self.report_path),
            "scores": _text(self.scores),
            "reused_scores": None if self.reused is None else str(self.reused.path),
            "page": _text(self.page),
            "copy": _text(self.copy),
            "others": [str(path) for path in self.others],
            "segments": len(self.report.segments),
            "flagged_segments": len(flagged),
            "flagged_seconds": round(float(sum(s.span.duration for s in flagged)), 3),
            "unknown": self.unknown,
            "left": None if self.proof is None else [_segment_line(s) for s in self.proof.left],
            "proved": self._proved,
            "unproven": self.unproven,
            "notes": list(self.notes),
            "exit_code": self.exit_code,
        }

    def describe(self) -> str:
        """The outcome for a person: what was found, what was not looked at, where it lies."""
        lines = [_segment_line(segment) for segment in self.report.segments] or [
            "nothing was found"
        ]
        if self.reused is not None:
            lines.append(
                f"reused the scores of {self.reused.date} ({self.reused.path}); --reanalyse looks "
                "and listens again"
            )
        lines += [f"note: {note}" for note in self.notes]
        if self.report_path:
            lines += [f"UNKNOWN: {sentence}" for sentence in self.unknown]
        if self.proof is not None:
            lines += [f"UNKNOWN in the copy: {sentence}" for sentence in self.unproven]
            lines += [f"LEFT in the copy: {_segment_line(s)}" for s in self.proof.left] or [
                f"proof: {_looked_at(self.proof)} analysed again, and nothing is left"
            ]
        written = {
            "report": self.report_path,
            "scores": self.scores,
            "page": self.page,
            "copy": self.copy,
        }
        for name, path in written.items():
            if path:
                lines.append(f"{name:<7} {path}")
        lines += [f"{path.suffix[1:]:<7} {path}" for path in self.others]
        return "\n".join(lines)


def _looked_at(proof: Proof) -> str:
    if proof.looked_at is None:
        return "the whole copy was"
    length = sum(span.duration for span in proof.looked_at)
    return f"{float(length):.0f} s of the copy around what was changed were"


def _segment_line(segment: Segment) -> str:
    allowed = "  (allowed)" if segment.allow else ""
    return (
        f"{format_timecode(segment.span.start)} – {format_timecode(segment.span.end)}  "
        f"{', '.join(segment.labels)}  {segment.confidence:.0%}  {segment.description}{allowed}"
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
