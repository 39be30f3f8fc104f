"""Whether two detections, of two judgements or two analyses, are of the same thing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

from video_censor_personal.findings import Box, Detection
from video_censor_personal.timeline import Span

__all__ = ["WIDER_S", "are_equal", "covers", "is_same", "reaches"]

WIDER_S = Fraction(1, 2)
"""Another sensitivity may time the same thing a little wider: by a step of the usual sampling."""

_SAME_PLACE = 0.3
"""Boxes (IoU) of one thing at one time, as the tracker has it for what changes its name."""


def is_same(one: Detection, other: Detection) -> bool:
    """Whether both speak of one thing at a time that they share.

    A word is a word. What is seen is the same where it is in the same place, as a model may name
    one thing otherwise in another frame; what has no place must have the same name.
    """
    if not _is_alike(one, other):
        return False
    return not _have_places(one, other) or any(_meetings(one, other))


def covers(known: Detection, found: Detection) -> bool:
    """Whether `found` is nothing but `known`: the same thing, wherever both say where it is.

    How long it is there is not looked at; see `reaches`.
    """
    return _is_alike(known, found) and (
        not _have_places(known, found) or all(_meetings(known, found))
    )


def are_equal(one: Detection, other: Detection) -> bool:
    """Whether each is nothing but the other, at about the same time."""
    return (
        reaches(one.span, other.span)
        and reaches(other.span, one.span)
        and covers(one, other)
        and covers(other, one)
    )


def reaches(span: Span, inner: Span) -> bool:
    """Whether `inner` lies in `span`, or is a little longer."""
    return span.start - WIDER_S <= inner.start and inner.end <= span.end + WIDER_S


def _is_alike(one: Detection, other: Detection) -> bool:
    return (
        (one.category, one.detector, one.modality)
        == (other.category, other.detector, other.modality)
        and one.span.overlaps(other.span)
        and (_have_places(one, other) or one.label.casefold() == other.label.casefold())
    )


def _have_places(one: Detection, other: Detection) -> bool:
    return bool(one.track and other.track)


def _meetings(known: Detection, found: Detection) -> list[bool]:
    """Of every sighting of `found` while `known` was seen, whether it is in the same place; at
    least of the one that is nearest in time."""
    if known.track == found.track:
        return [True]
    # Floats: a box is no more exact than they are, and there are thousands of sightings.
    track = sorted(
        ((float(point.time), point.box) for point in known.track), key=lambda sighting: sighting[0]
    )
    first, last = track[0][0], track[-1][0]
    seen = [(float(point.time), point.box) for point in found.track]
    shared = [(time, box) for time, box in seen if first <= time <= last]
    nearest = min(seen, key=lambda sighting: max(first - sighting[0], sighting[0] - last))
    return [_box_at(track, time).overlap(box) >= _SAME_PLACE for time, box in shared or [nearest]]


def _box_at(track: Sequence[tuple[float, Box]], time: float) -> Box:
    """Moving straight from one sighting to the next; outside them, standing still."""
    number = bisect_right(track, time, key=lambda sighting: sighting[0])
    if number == 0 or number == len(track):
        return track[max(0, number - 1)][1]
    (start, before), (end, after) = track[number - 1], track[number]
    return before.towards(after, (time - start) / (end - start))
