"""What a person decided in one report, carried to another report of the same video.

They may be of one analysis, judged by two configurations, or of two. A decision is carried where
the new segment holds nothing that the person did not decide about. Where that would lose something
and yet nothing else was found, the segments stay as the person left them. Otherwise a sentence says
what was not carried. What was not found again stays too, marked as not found. That a segment was
deleted cannot be seen, so `allow` is the way to let something stay.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from video_censor_personal import categories
from video_censor_personal.findings import Detection, Report, Segment
from video_censor_personal.reports.recognition import are_equal, covers, is_same, reaches
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["carry_decisions", "holds_decisions"]

_NAMED = 3
"""How many segments one sentence names."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Segments of both reports that speak of the same things."""

    before: list[Segment] = field(default_factory=list)
    now: list[Segment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Carried:
    """The segments that take the place of a group, and what a person must know of them."""

    segments: list[Segment]
    sentences: list[str] = field(default_factory=list)


def carry_decisions(old: Report, new: Report) -> tuple[Report, list[str]]:
    """`new` with the decisions in `old`; and sentences on those that could not be carried, and on
    what is not found any more.

    What a person made by hand is taken over as it is, unless `new` has it already. Decisions that
    were carried to `new` before, from another report, stay where `old` has none; where it has
    others, they count, and a sentence says so. That an option allowed everything was nobody's
    decision about any of it.
    """
    written, found = _by_origin(_reviewed(old))
    there, judged = _by_origin(new.segments)
    groups = _groups(found, judged)
    carried = [_carry(group) for group in groups]
    segments = [segment for each in carried for segment in each.segments]
    by_hand = _with_written(there, written)
    segments += by_hand.segments
    sentences = [sentence for each in (*carried, by_hand) for sentence in each.sentences]
    sentences += _dropped(groups)
    kept = any(not segment.found for segment in segments)
    in_order = sorted(segments, key=lambda segment: segment.span)
    labels = old.labels | new.labels if kept else new.labels
    return replace(new, segments=tuple(in_order), labels=labels), sentences


def holds_decisions(report: Report) -> bool:
    """Whether a person decided anything in it that can be seen."""
    return any(not s.detections or _is_decided(s) for s in _reviewed(report))


def _reviewed(report: Report) -> list[Segment]:
    """Its segments, allowed only where a person and not an option did so."""
    return [replace(s, allow=s.allow and not report.all_allowed) for s in report.segments]


def _is_decided(segment: Segment) -> bool:
    return segment.allow or _has_actions(segment) or _was_moved(segment) or not segment.found


def _has_actions(segment: Segment) -> bool:
    return (segment.video_action, segment.audio_action) != (None, None)


def _was_moved(segment: Segment) -> bool:
    """Whether its times are not those of its detections any more."""
    return segment.span != _extent(segment.detections)


def _extent(detections: Iterable[Detection]) -> Span:
    spans = [detection.span for detection in detections]
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def _by_origin(segments: Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Those that a person made by hand, and the others."""
    written: list[Segment] = []
    found: list[Segment] = []
    for segment in segments:
        (written if _is_by_hand(segment, segments) else found).append(segment)
    return written, found


def _with_written(there: Sequence[Segment], written: Sequence[Segment]) -> _Carried:
    """Those `there`, as decided in those `written`; and those of these that are not there."""
    left = [replace(segment, found=False) for segment in written]
    carried = _Carried([])
    for segment in sorted(there, key=lambda each: each not in left):  # equal ones first
        twins = [each for each in left if _place(each) == _place(segment)]
        twin = segment if segment in twins or not twins else twins[0]
        if twins:
            left.remove(twin)
        now = twin if twin.allow or _has_actions(twin) else segment
        carried.segments.append(now)
        carried.sentences.extend(_overridden(segment, [now]))
    carried.segments.extend(left)
    return carried


def _place(segment: Segment) -> tuple[Span, frozenset[str]]:
    """What makes two segments made by hand the same one."""
    return segment.span, frozenset(categories.key(label) for label in segment.labels)


def _is_by_hand(segment: Segment, all_of: Sequence[Segment]) -> bool:
    """Whether it was written, or copied from another segment to another place."""
    return _lies_apart(segment) and all(
        any(found in other.detections and not _lies_apart(other) for other in all_of)
        for found in segment.detections
    )


def _lies_apart(segment: Segment) -> bool:
    return not any(found.span.overlaps(segment.span) for found in segment.detections)


def _groups(before: Sequence[Segment], now: Sequence[Segment]) -> list[_Group]:
    """What hangs together, be it by way of others; found by time, as there may be thousands."""
    in_order = sorted(now, key=lambda segment: segment.span)
    groups = [_Group(now=[new]) for new in in_order]
    starts = [new.span.start for new in in_order]
    ends = list(accumulate((new.span.end for new in in_order), max))
    alone = []
    for old in before:
        extent = _extent(old.detections)
        near = range(bisect_right(ends, extent.start), bisect_left(starts, extent.end))
        about = [number for number in near if _holds_some_of(old, in_order[number])]
        if not about:
            alone.append(_Group(before=[old]))
            continue
        joined = groups[about[0]]
        for other in {id(groups[n]): groups[n] for n in about}.values():
            if other is not joined:
                joined.before.extend(other.before)
                joined.now.extend(other.now)
                groups = [joined if group is other else group for group in groups]
        joined.before.append(old)
    return [*{id(group): group for group in groups}.values(), *alone]


def _holds_some_of(old: Segment, new: Segment) -> bool:
    return any(is_same(one, other) for one in old.detections for other in new.detections)


def _carry(group: _Group) -> _Carried:
    carried = _joined(group)
    for new in group.now:
        successors = [segment for segment in carried.segments if _holds_some_of(new, segment)]
        near = [segment for segment in successors if segment.span.overlaps(new.span)]
        carried.sentences.extend(_overridden(new, near or successors))
    return carried


def _joined(group: _Group) -> _Carried:
    decided = [segment for segment in group.before if _is_decided(segment)]
    if not decided:
        return _Carried(group.now)
    again = [_decided(segment, group.before) for segment in group.now]
    lost = [list(_lost(old, again, group.before)) for old in decided]
    if any(lost) and (same := _as_they_were(group)):
        return _Carried(same)
    missing = [_not_found(old, group.now) for old in decided]
    kept = [left for left in missing if left is not None]
    carried = _Carried([*again, *(replace(left, found=False) for left in kept)])
    for old, left, sentences in zip(decided, missing, lost, strict=True):
        if left != old:  # else all of it is kept
            carried.sentences.extend(sentences)
        if left is not None and left.found:
            carried.sentences.append(_told(left))
    return carried


def _decided(new: Segment, before: Sequence[Segment]) -> Segment:
    """`new` with what was decided about all that is in it."""
    about = [[old for old in before if _is_about(old, found)] for found in new.detections]
    if not all(about):
        return new
    olds = [old for some in about for old in some]
    if not any(_is_decided(old) for old in olds):
        return new
    video, audio = {old.video_action for old in olds}, {old.audio_action for old in olds}
    return replace(
        new,
        allow=all(old.allow for old in olds),
        video_action=video.pop() if len(video) == 1 else None,
        audio_action=audio.pop() if len(audio) == 1 else None,
    )


def _is_about(old: Segment, found: Detection) -> bool:
    return any(
        covers(known, found) and (reaches(known.span, found.span) or reaches(old.span, found.span))
        for known in old.detections
    )


def _as_they_were(group: _Group) -> list[Segment]:
    """The segments before, with the detections of now; empty where those are not the same."""
    # Once each: the halves of a split segment have the same ones.
    left = list(dict.fromkeys(found for new in group.now for found in new.detections))
    again: dict[Detection, Detection] = {}
    for known in dict.fromkeys(known for old in group.before for known in old.detections):
        equal = next((found for found in left if are_equal(known, found)), None)
        if equal is None:
            return []
        left.remove(equal)
        again[known] = equal
    return [] if left else [_renewed(old, again) for old in group.before]


def _renewed(old: Segment, again: dict[Detection, Detection]) -> Segment:
    detections = tuple(again[known] for known in old.detections)
    span = old.span if _was_moved(old) else _extent(detections)
    return replace(old, span=span, detections=detections, found=True)


def _not_found(old: Segment, now: Sequence[Segment]) -> Segment | None:
    """`old` with those of its detections that were not found again; None where all were, and where
    it was moved away from them, all of it."""
    found = [detection for new in now for detection in new.detections]
    missing = [k for k in old.detections if not any(is_same(k, each) for each in found)]
    if len(missing) == len(old.detections) or _lies_apart(old):
        return old
    if not missing:
        return None
    keys = {detection.category for detection in missing}
    labels = tuple(label for label in old.labels if categories.key(label) in keys)
    extent = _extent(missing)
    return replace(
        old,
        span=extent.clipped(old.span) or old.span,
        labels=labels or old.labels,
        detections=tuple(missing),
    )


def _lost(old: Segment, now: Sequence[Segment], before: Sequence[Segment]) -> Iterator[str]:
    """What of the decisions about `old` is in none of the segments that took its place."""
    successors = [new for new in now if _holds_some_of(old, new)]
    strange = [
        f"{found.label} at {format_timecode(found.span.start)}"
        for new in successors
        for found in new.detections
        if not any(_is_about(known, found) for known in before)
    ]
    why = "what was found there now is not the same"
    if strange:
        why = f"{_listed(strange)} is new there, or there for longer"
    for what in _differences(old, successors):
        yield f"{_name(old)}: {what}, but {why}; decide again"


def _overridden(before: Segment, now: Sequence[Segment]) -> Iterator[str]:
    """What of the decisions about `before` gave way to those of the other report."""
    if before in now:
        return
    lost = _differences(before, now)
    if _has_actions(before) and not before.allow and any(new.allow for new in now):
        lost.append("it was not allowed")
    if lost:
        yield (
            f"{_name(before)}: {', '.join(lost)} in the report that is replaced; "
            "what was decided in the other one counts"
        )


def _differences(old: Segment, now: Sequence[Segment]) -> list[str]:
    """What was decided about `old`, and is not so in every segment of `now`."""
    lost = {}
    for new in now:
        if old.allow and not new.allow:
            lost["it was allowed"] = True
        if old.video_action not in (None, new.video_action):
            lost[f"its picture had the action {old.video_action!r}"] = True
        if old.audio_action not in (None, new.audio_action):
            lost[f"its sound had the action {old.audio_action!r}"] = True
        if old.detections and _was_moved(old) and new.span != old.span:
            lost["its times were edited"] = True
    return list(lost)


def _dropped(groups: Iterable[_Group]) -> list[str]:
    """Says what is gone because nobody decided about it; somebody may have made it by hand, times
    of its detections and all."""
    gone = [s for group in groups if not group.now for s in group.before if not _is_decided(s)]
    if not gone:
        return []
    names = _listed([_name(segment) for segment in gone])
    return [f"not found any more, and gone, as nothing was decided about it: {names}"]


def _told(missing: Segment) -> str:
    still = "still allowed" if missing.allow else "still censored"
    return f"{_name(missing)}: not found any more; it stays in the report, {still}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _name(segment: Segment) -> str:
    start, end = format_timecode(segment.span.start), format_timecode(segment.span.end)
    return f"{start} – {end} {', '.join(segment.labels)}"
