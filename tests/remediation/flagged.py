"""Findings as an analysis would make them, and the copy that is made because of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from video_censor_personal.config import Remediation, SkipChapters
from video_censor_personal.findings import Box, Detection, Report, Segment, TrackPoint
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.plan import make_plan
from video_censor_personal.remediation.writer import CopyResult, write_copy
from video_censor_personal.timeline import Span, seconds

Box4 = tuple[float, float, float, float]


def heard(word: str, start: float, end: float, **more: Any) -> Detection:
    """A spoken word."""
    return Detection(
        category=more.pop("category", "profanity"),
        label=word,
        span=Span.of(start, end),
        confidence=0.95,
        reasoning=f"the word {word}",
        detector="speech-profanity",
        modality="audio",
        **more,
    )


def seen(
    category: str, start: float, end: float, boxes: Sequence[tuple[float, Box4]] = ()
) -> Detection:
    """Something in the picture; `boxes` are (time, (x, y, width, height))."""
    track = tuple(TrackPoint(seconds(time), Box(*box), 0.8) for time, box in boxes)
    return Detection(
        category=category,
        label=category.upper(),
        span=Span.of(start, end),
        confidence=0.8,
        reasoning=f"{category} was seen",
        detector="nudenet",
        modality="video",
        track=track,
    )


def segment(*detections: Detection, **more: Any) -> Segment:
    """The segment that merging makes of these; `start` and `end` are a person's edits."""
    span = Span(
        seconds(more.pop("start", min(d.span.start for d in detections))),
        seconds(more.pop("end", max(d.span.end for d in detections))),
    )
    labels = tuple(dict.fromkeys(detection.category for detection in detections))
    made = Segment(span=span, labels=labels, detections=detections, confidence=0.93)
    return replace(made, **more)


def report_of(*segments: Segment, source: Path = Path("a.mp4")) -> Report:
    return Report(source, Fraction(10), datetime.now(UTC), "", segments)


def copy(
    source: Path,
    output: Path,
    *segments: Segment,
    remediation: Remediation | None = None,
    skip_chapters: SkipChapters | None = None,
    **more: Any,
) -> CopyResult:
    """`output` made of `source` because of `segments`."""
    remediation = remediation or Remediation()
    info = probe(source)
    plan = make_plan(
        report_of(*segments, source=source),
        remediation,
        info,
        skip_chapters=skip_chapters,
        output=output,
    )
    return write_copy(info, plan, output, remediation=remediation, **more)
