"""What a person decided in one report, carried to another report of the same video.

They may be of one analysis, judged by two configurations, or of two. A decision is carried where
the new segment holds nothing that the person did not decide about; otherwise a sentence says that
it was not. That a segment was deleted cannot be seen, so `allow` is the way to let something stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from video_censor_personal.findings import Detection, Report, Segment
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["carry_decisions", "holds_decisions"]

_WIDER_S = Fraction(1, 2)
"""Another sensitivity may time the same thing a little wider: by a step of the usual sampling."""


def carry_decisions(old: Report, new: Report) -> tuple[Report, list[str]]:
    """`new` with the decisions in `old`, and a sentence for each that could not be carried.

    What a person wrote by hand (segments without detections) is taken over as it is. That an
    option allowed everything was nobody's decision about any of it.
    """
    before = _reviewed(old)
    written = [segment for segment in before if not segment.detections]
    decided = [s for s in before if s.detections and _is_decided(s)]
    segments = [_decided(segment, decided) for segment in new.segments]
    lost = [
        sentence
        for segment in decided
        for sentence in _lost(segment, [s for s in segments if _holds_some_of(segment, s)])
    ]
    labels = old.labels | new.labels if written else new.labels
    in_order = sorted([*segments, *written], key=lambda segment: segment.span)
    return replace(new, segments=tuple(in_order), labels=labels), lost


def holds_decisions(report: Report) -> bool:
    """Whether a person decided anything in it that can be seen."""
    return any(not s.detections or _is_decided(s) for s in _reviewed(report))


def _reviewed(report: Report) -> list[Segment]:
    """Its segments, allowed only where a person and not an option did so."""
    return [replace(s, allow=s.allow and not report.all_allowed) for s in report.segments]


def _is_decided(segment: Segment) -> bool:
    actions = segment.video_action, segment.audio_action
    return segment.allow or actions != (None, None) or _was_moved(segment)


def _was_moved(segment: Segment) -> bool:
    """Whether its times are not those of its detections any more."""
    return segment.span != _extent(segment.detections)


def _extent(detections: Sequence[Detection]) -> Span:
    return Span(min(d.span.start for d in detections), max(d.span.end for d in detections))


def _decided(new: Segment, decided: Sequence[Segment]) -> Segment:
    """`new` with what was decided about all that is in it."""
    about = [[old for old in decided if _is_about(old, detection)] for detection in new.detections]
    if not all(about):
        return new
    first = about[0][0]
    same = all(olds[0] == first for olds in about)
    if same and _was_moved(first) and len(first.detections) == len(new.detections):
        new = replace(new, span=first.span)
    return replace(
        new,
        allow=all(any(old.allow for old in olds) for olds in about),
        video_action=first.video_action if same else None,
        audio_action=first.audio_action if same else None,
    )


def _is_about(old: Segment, detection: Detection) -> bool:
    reach = old.span.padded(_WIDER_S, _WIDER_S)
    inside = reach.start <= detection.span.start and detection.span.end <= reach.end
    return inside and any(_is_same(known, detection) for known in old.detections)


def _is_same(one: Detection, other: Detection) -> bool:
    """A model may name the same body part otherwise in another frame, but a word is a word."""
    return (
        (one.category, one.detector, one.modality)
        == (other.category, other.detector, other.modality)
        and one.span.overlaps(other.span)
        and (one.modality == "video" or one.label.casefold() == other.label.casefold())
    )


def _holds_some_of(old: Segment, new: Segment) -> bool:
    return any(_is_same(one, other) for one in old.detections for other in new.detections)


def _lost(old: Segment, successors: Sequence[Segment]) -> list[str]:
    """What of the decisions about `old` is in none of the segments that took its place."""
    lost = []
    for new in successors:
        if old.allow and not new.allow:
            lost.append("it was allowed")
        if old.video_action not in (None, new.video_action):
            lost.append(f"its picture had the action {old.video_action!r}")
        if old.audio_action not in (None, new.audio_action):
            lost.append(f"its sound had the action {old.audio_action!r}")
        if _was_moved(old) and new.span != old.span:
            lost.append("its times were edited")
    return [
        f"{_name(old)}: {what}, but what was found there now is not the same; decide again"
        for what in dict.fromkeys(lost)
    ]


def _name(segment: Segment) -> str:
    start, end = format_timecode(segment.span.start), format_timecode(segment.span.end)
    return f"{start} – {end} {', '.join(segment.labels)}"
