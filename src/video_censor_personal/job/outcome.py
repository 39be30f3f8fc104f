"""What a job came to, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_censor_personal import categories
from video_censor_personal.findings import Coverage, Report, Segment
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.timeline import format_timecode

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to; paths are None where nothing was written."""

    info: MediaInfo
    report: Report
    report_path: Path | None = None
    page: Path | None = None
    copy: Path | None = None
    others: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unknown(self) -> list[str]:
        """What was asked for and could not be looked at everywhere, in sentences."""
        return [
            sentence
            for part in self.report.coverage
            if part.status in ("partial", "unknown")
            for sentence in _unknown(part, self.report)
        ]

    @property
    def exit_code(self) -> int:
        """0, or 3 where part of the video could not be analysed."""
        return 3 if self.report_path and self.unknown else 0

    def facts(self) -> dict[str, Any]:
        """The outcome for a program."""
        flagged = [segment for segment in self.report.segments if not segment.allow]
        return {
            "video": str(self.info.path),
            "report": _text(self.report_path),
            "page": _text(self.page),
            "copy": _text(self.copy),
            "others": [str(path) for path in self.others],
            "segments": len(self.report.segments),
            "flagged_segments": len(flagged),
            "flagged_seconds": round(float(sum(s.span.duration for s in flagged)), 3),
            "unknown": self.unknown,
            "notes": list(self.notes),
            "exit_code": self.exit_code,
        }

    def describe(self) -> str:
        """The outcome for a person: what was found, what was not looked at, where it lies."""
        lines = [_segment_line(segment) for segment in self.report.segments] or [
            "nothing was found"
        ]
        lines += [f"note: {note}" for note in self.notes]
        if self.report_path:
            lines += [f"UNKNOWN: {sentence}" for sentence in self.unknown]
        for name, path in (("report", self.report_path), ("page", self.page), ("copy", self.copy)):
            if path:
                lines.append(f"{name:<7} {path}")
        lines += [f"{path.suffix[1:]:<7} {path}" for path in self.others]
        return "\n".join(lines)


def _segment_line(segment: Segment) -> str:
    allowed = "  (allowed)" if segment.allow else ""
    return (
        f"{format_timecode(segment.span.start)} – {format_timecode(segment.span.end)}  "
        f"{', '.join(segment.labels)}  {segment.confidence:.0%}  {segment.description}{allowed}"
    )


def _unknown(part: Coverage, report: Report) -> list[str]:
    label = report.labels.get(part.category, categories.label(part.category))
    if part.gaps:
        return [f"{label}, {gap.span}: {gap.reason}" for gap in part.gaps]
    return [f"{label}: {note}" for note in part.notes] or [f"{label}: not looked for"]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
