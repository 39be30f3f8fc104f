"""What a person's review leaves of a segment: the detections to act on, each with its own time.

A person may have moved the ends of a segment. Then what was found first begins, and what was found
last ends, exactly where the segment now does; what lies outside is no longer acted on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from video_censor_personal import categories
from video_censor_personal.findings import Detection, Modality, Segment
from video_censor_personal.timeline import Span

__all__ = ["fitted"]


def fitted(segment: Segment) -> tuple[Detection, ...]:
    """The detections of `segment`; together they reach exactly from its start to its end.

    A segment that no detection of its own lies in is one detection as long as the segment, of
    everything that was found there (or, without any, of its labels).
    """
    inside = []
    for detection in segment.detections:
        span = _within(segment.span, detection.span)
        if span is not None:
            inside.append(replace(detection, span=span))
    if not inside:
        found = segment.detections or tuple(_named(segment))
        return tuple(replace(detection, span=segment.span, track=()) for detection in found)
    first = min(detection.span.start for detection in inside)
    last = max(detection.span.end for detection in inside)
    return tuple(_stretched(detection, segment, first, last) for detection in inside)


def _within(whole: Span, span: Span) -> Span | None:
    """What of `span` lies in `whole`; a moment without length may."""
    if not span.duration and whole.start <= span.start <= whole.end:
        return span
    return span.clipped(whole)


def _stretched(
    detection: Detection, segment: Segment, first: Fraction, last: Fraction
) -> Detection:
    span = detection.span
    start = segment.span.start if span.start == first else span.start
    end = segment.span.end if span.end == last else span.end
    return replace(detection, span=replace(span, start=start, end=end))


def _named(segment: Segment) -> Iterable[Detection]:
    """Detections of a segment that somebody wrote by hand, with nothing but labels.

    Profanity is heard and everything else is seen; without any label it is both.
    """
    named: list[tuple[str, Modality]] = [
        (label, "audio" if categories.key(label) == categories.PROFANITY else "video")
        for label in segment.labels
    ]
    for label, modality in named or [("segment", "audio"), ("segment", "video")]:
        yield Detection(
            category=categories.key(label),
            label=label,
            span=segment.span,
            confidence=segment.confidence,
            reasoning=segment.description,
            detector="",
            modality=modality,
        )
