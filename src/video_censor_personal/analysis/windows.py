"""What was heard in overlapping windows of time, as the one thing that it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from video_censor_personal.findings import Detection, in_order
from video_censor_personal.timeline import Span

__all__ = ["joined"]


def joined(detections: Iterable[Detection]) -> list[Detection]:
    """Those that count of one detector, with the sounds that touch and are the same made one, as
    sure as the surest of its windows; words and all else stay as they are."""
    found: list[Detection] = []
    latest: dict[tuple[str, str], int] = {}
    for detection in sorted(detections, key=in_order):
        if detection.evidence != "sound":
            found.append(detection)
            continue
        kind = (detection.category, detection.label)
        number = latest.get(kind)
        if number is not None and found[number].span.end >= detection.span.start:
            found[number] = _one(found[number], detection)
        else:
            latest[kind] = len(found)
            found.append(detection)
    return found


def _one(before: Detection, after: Detection) -> Detection:
    surest = max(before, after, key=lambda detection: detection.confidence)
    span = Span(before.span.start, max(before.span.end, after.span.end))
    return replace(surest, span=span)
