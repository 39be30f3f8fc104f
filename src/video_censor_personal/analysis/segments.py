"""From detections to the segments that a person reviews.

First the detections of each category are joined: those at most `merge_threshold` seconds apart are
one stretch. Then stretches of different categories that overlap are one segment, because what
happens at one moment is reviewed once. Without merging only detections that overlap share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from video_censor_personal import categories
from video_censor_personal.config import SegmentMerge
from video_censor_personal.findings import Detection, Segment, in_order
from video_censor_personal.timeline import Span, seconds

__all__ = ["describe", "merge"]

_MOST_WORDS = 6
"""How many different things a description names per category."""

Stretch = tuple[Span, list[Detection]]


def merge(
    detections: Iterable[Detection],
    merging: SegmentMerge,
    labels: Mapping[str, str] | None = None,
) -> tuple[Segment, ...]:
    """Segments in order of time, disjoint; every detection is in exactly one, span and all.

    A segment's confidence is the highest of its detections: it says how sure it is that there is
    something to review. `labels` (key -> label) name the categories as their user wrote them.
    """
    ordered = sorted(detections, key=in_order)
    stretches: list[Stretch] = [(detection.span, [detection]) for detection in ordered]
    if merging.enabled:
        threshold = seconds(merging.merge_threshold)
        stretches = [
            stretch
            for key in dict.fromkeys(detection.category for detection in ordered)
            for stretch in _join([s for s in stretches if s[1][0].category == key], threshold)
        ]
    return tuple(_segment(*stretch, labels or {}) for stretch in _join(stretches, None))


def _join(stretches: Iterable[Stretch], threshold: Fraction | None) -> list[Stretch]:
    """Stretches at most `threshold` apart become one; with None, only those that overlap.

    The end that counts is the latest so far, not that of the last one: a short detection inside a
    long one must not hide how far the long one reaches.
    """
    joined: list[Stretch] = []
    for span, detections in sorted(
        stretches, key=lambda stretch: (float(stretch[0].start), stretch[0])
    ):
        if joined and _belongs(span, joined[-1][0], threshold):
            reached, known = joined[-1]
            joined[-1] = (Span(reached.start, max(reached.end, span.end)), known + detections)
        else:
            joined.append((span, list(detections)))
    return joined


def _by_time(stretch: Stretch) -> tuple[float, Span]:
    return float(stretch[0].start), stretch[0]


def _belongs(span: Span, reached: Span, threshold: Fraction | None) -> bool:
    if threshold is None:
        return span.overlaps(reached) or span == reached
    return span.gap_to(reached) <= threshold


def _segment(span: Span, detections: Sequence[Detection], labels: Mapping[str, str]) -> Segment:
    ordered = sorted(detections, key=in_order)
    return Segment(
        span=span,
        labels=tuple(dict.fromkeys(_label(d, labels) for d in ordered)),
        detections=tuple(ordered),
        description=describe(ordered, labels),
        confidence=max(d.confidence for d in ordered),
    )


def describe(detections: Sequence[Detection], labels: Mapping[str, str]) -> str:
    """A sentence for the person who reviews: `Profanity heard: hell, damn; Faces seen: a face.`"""
    things: dict[str, list[str]] = {}
    for detection in detections:
        verb = "seen" if detection.modality == "video" else "heard"
        words = things.setdefault(f"{_label(detection, labels)} {verb}", [])
        word = _word(detection)
        if word not in words:
            words.append(word)
    parts = []
    for what, words in things.items():
        more = ", …" if len(words) > _MOST_WORDS else ""
        parts.append(f"{what}: {', '.join(words[:_MOST_WORDS])}{more}")
    return "; ".join(parts) + "." if parts else ""


def _word(detection: Detection) -> str:
    """A heard word as it was said; a class name such as `FACE_FEMALE` in plain letters."""
    if detection.modality == "audio":
        return detection.label
    return detection.label.replace("_", " ").lower()


def _label(detection: Detection, labels: Mapping[str, str]) -> str:
    return labels.get(detection.category) or categories.label(detection.category)
