"""What a report does not know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from video_censor_personal import categories
from video_censor_personal.findings import Coverage, Report

__all__ = ["unknown_of"]


def unknown_of(report: Report) -> Iterator[str]:
    """What was asked for and could not be looked at everywhere, in sentences."""
    for part in report.coverage:
        if part.status in ("partial", "unknown"):
            yield from _unknown(part, report)


def _unknown(part: Coverage, report: Report) -> list[str]:
    label = report.labels.get(part.category, categories.label(part.category))
    if part.gaps:
        return [f"{label}, {gap.span}: {gap.reason}" for gap in part.gaps]
    return [f"{label}: {note}" for note in part.notes] or [f"{label}: not looked for"]
