"""From what was seen in single frames to what was there for a span of time.

Between two frames that were looked at, nobody knows. So a thing is taken to be there from right
after the last look that did not show it until the first look that does not show it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from video_censor_personal.findings import Box, Detection, Sighting, TrackPoint, in_order
from video_censor_personal.timeline import Span

__all__ = ["Look", "Tracker", "same_scene"]

_NEAR = 0.75
"""Two boxes can be one thing if their centres are at most this share of their summed widths (and
heights) apart; at 0.5 they touch."""

_ALIKE = 2.5
"""... and their widths (and heights) differ at most by this factor."""

_OTHER_LABEL_OVERLAP = 0.3
"""A model may call one thing by another name in the next frame (a man's face, a woman's face); if
the boxes overlap this much (IoU), it is still one thing."""

_LONGEST_MISS = 1
"""How many regular looks in a row may miss a thing that is seen again afterwards."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one detector saw in one frame.

    Attributes:
        since: the time of the first frame that nobody looked at before this one; `time` itself if
            the frame before was looked at.
        regular: part of the sampling, not a look in between to find an edge.
        starts_shot: there is a cut right before this frame.
    """

    time: Fraction
    since: Fraction
    sightings: Sequence[Sighting]
    regular: bool = True
    starts_shot: bool = False


@dataclass(slots=True, eq=False)
class _Track:
    """A thing that is being followed."""

    start: Fraction
    best: Sighting
    strength: float
    latest: Sighting
    points: list[TrackPoint] = field(default_factory=list)
    missed_at: Fraction | None = None
    misses: int = 0


class Tracker:
    """Turns the looks of one detector into detections. Give it every look, in order of time.

    `model` is the revision of its model; `padding` (seconds) is added to both ends of every
    detection.
    """

    def __init__(self, detector: str, padding: Fraction = Fraction(0), model: str = "") -> None:
        self._detector, self._padding, self._model = detector, padding, model
        self._open: list[_Track] = []
        self._closed: list[_Track] = []

    def see(self, look: Look, strengths: Sequence[float] | None = None) -> None:
        """Take in the next look, and how strong each of its sightings is (None: as their scores).

        What was strongest says how sure the whole detection is.
        """
        if not self._open and not look.sightings:
            return
        if strengths is None:
            strengths = [sighting.score for sighting in look.sightings]
        if look.starts_shot:
            self._close(self._open, look.time)
        pairs = _pair([track.latest for track in self._open], look.sightings)
        for position, seen in pairs.items():
            _extend(self._open[position], look.time, look.sightings[seen], strengths[seen])
        unseen = [t for position, t in enumerate(self._open) if position not in pairs]
        for track in unseen:
            track.misses += look.regular
            track.missed_at = look.time if track.missed_at is None else track.missed_at
        self._close([t for t in unseen if t.misses > _LONGEST_MISS], look.time)
        start = look.time if look.starts_shot else look.since
        known = set(pairs.values())
        for position, sighting in enumerate(look.sightings):
            if position not in known:
                track = _Track(start, sighting, 0.0, sighting)
                _extend(track, look.time, sighting, strengths[position])
                self._open.append(track)

    def finish(self, end: Fraction) -> list[Detection]:
        """All detections in order of time; what was there last is taken to stay until `end`."""
        self._close(self._open, end)
        detections = [self._detection(track, end) for track in self._closed]
        return sorted(detections, key=in_order)

    def _close(self, tracks: Sequence[_Track], time: Fraction) -> None:
        closing = list(tracks)
        for track in closing:
            track.missed_at = time if track.missed_at is None else track.missed_at
        self._closed += closing
        self._open = [track for track in self._open if track not in closing]

    def _detection(self, track: _Track, end: Fraction) -> Detection:
        assert track.missed_at is not None, "closing a track gives it an end"
        padded = Span(track.start, track.missed_at).padded(self._padding, self._padding)
        return Detection(
            category=track.best.category,
            label=track.best.label,
            span=Span(padded.start, max(track.missed_at, min(padded.end, end))),
            confidence=track.strength,
            reasoning=track.best.reasoning,
            detector=self._detector,
            modality="video",
            track=tuple(track.points),
            score=track.best.score,
            model=self._model,
        )


def same_scene(before: Sequence[Sighting], after: Sequence[Sighting]) -> bool:
    """Whether two looks show the same things in about the same places, so that between them each
    can be taken to have moved straight from the one place to the other."""
    return all(
        any(_distance(here, there) is not None for there in others)
        for some, others in ((before, after), (after, before))
        for here in some
    )


def _extend(track: _Track, time: Fraction, sighting: Sighting, strength: float) -> None:
    if sighting.score > track.best.score:
        track.best = sighting
    track.strength = max(track.strength, strength)
    track.latest, track.missed_at, track.misses = sighting, None, 0
    if sighting.box is not None:
        track.points.append(TrackPoint(time, sighting.box, strength))


def _pair(before: Sequence[Sighting], after: Sequence[Sighting]) -> dict[int, int]:
    """Positions in `before` -> those in `after` that go on with them; the closest pairs first."""
    candidates = []
    for old, earlier in enumerate(before):
        for new, later in enumerate(after):
            distance = _distance(earlier, later)
            if distance is not None:
                candidates.append((earlier.label != later.label, distance, old, new))
    pairs: dict[int, int] = {}
    for _, _, old, new in sorted(candidates):
        if old not in pairs and new not in pairs.values():
            pairs[old] = new
    return pairs


def _distance(one: Sighting, other: Sighting) -> float | None:
    """How far apart two sightings are, 0–`_NEAR`; None where they cannot be the same thing."""
    if one.category != other.category or (one.box is None) != (other.box is None):
        return None
    if one.box is None or other.box is None:
        return 0.0 if one.label == other.label else None
    if one.label != other.label and one.box.overlap(other.box) < _OTHER_LABEL_OVERLAP:
        return None
    distance = _centre_distance(one.box, other.box)
    return distance if distance <= _NEAR and _alike_in_size(one.box, other.box) else None


def _centre_distance(one: Box, other: Box) -> float:
    """Between the centres, as a share of the summed widths or heights, whichever is more."""
    across = abs((one.x + one.width / 2) - (other.x + other.width / 2))
    down = abs((one.y + one.height / 2) - (other.y + other.height / 2))
    width, height = one.width + other.width, one.height + other.height
    if not width or not height:
        return 0.0 if one == other else float("inf")
    return max(across / width, down / height)


def _alike_in_size(one: Box, other: Box) -> bool:
    narrow, wide = sorted((one.width, other.width))
    low, high = sorted((one.height, other.height))
    return wide <= _ALIKE * narrow and high <= _ALIKE * low
