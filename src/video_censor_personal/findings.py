"""What an analysis finds: values that detectors, reports and the copy hand to each other.

A *sighting* is what a frame detector says of one frame. A *detection* is what one detector says
of one span of time. A *segment* is merged detections that a person reviews. A *gap* is time that
could not be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from video_censor_personal.timeline import Span

__all__ = [
    "MODALITIES",
    "Box",
    "Coverage",
    "CoverageStatus",
    "Detection",
    "Gap",
    "Modality",
    "Report",
    "Segment",
    "Sighting",
    "TrackPoint",
    "in_order",
]

Modality = Literal["video", "audio"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
CoverageStatus = Literal["analysed", "partial", "unknown", "not_requested"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle as fractions (0–1) of the upright picture a viewer sees; origin top left."""

    x: float
    y: float
    width: float
    height: float

    def padded(self, share: float) -> Box:
        """Larger by `share` of its own size on every side, kept inside the picture."""
        dx, dy = self.width * share, self.height * share
        left, top = max(0.0, self.x - dx), max(0.0, self.y - dy)
        right = min(1.0, self.x + self.width + dx)
        bottom = min(1.0, self.y + self.height + dy)
        return Box(left, top, max(0.0, right - left), max(0.0, bottom - top))

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0–1."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.width * self.height + other.width * other.height - shared)

    def towards(self, other: Box, share: float) -> Box:
        """The rectangle `share` (0–1) of the way to `other`, each side moving straight."""
        return Box(
            self.x + (other.x - self.x) * share,
            self.y + (other.y - self.y) * share,
            self.width + (other.width - self.width) * share,
            self.height + (other.height - self.height) * share,
        )


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a frame detector says of one frame; `box` is None where it means the whole frame."""

    category: str
    label: str
    score: float
    box: Box | None = None
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """Where a tracked thing was seen at one sampled time, and how strong the evidence was then."""

    time: Fraction
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Detection:
    """What one detector says of one span of time.

    Attributes:
        category: the key (see `categories.key`).
        label: the detector's own word for it: `FEMALE_BREAST_EXPOSED`, `hell`.
        span: the time to act on. What was seen has the analysis's padding in it; what was heard
            is padded when it is acted on.
        confidence: how strong the evidence is, 0–1, that of other detectors at the same time
            included: what has `x` counts from a sensitivity of `1 - x` on.
        reasoning: a sentence for the person who reviews it.
        detector: the name of the detector.
        modality: whether it was seen or heard.
        track: where it was, in time order; empty means the whole frame (or sound).
        evidence: how a spoken word was timed: `aligned`, `cue` (not at all), `recognised` (no
            subtitle tells of it) or `reheard` (one does); `sound` of one window of other sound;
            else empty.
        replacement: what a cleaned subtitle says instead of `label`; empty: asterisks.
        score: the detector's own, on a scale of its own (`detectors.base.Scale`); None: not known.
        model: the revision of the model that said it.
    """

    category: str
    label: str
    span: Span
    confidence: float
    reasoning: str
    detector: str
    modality: Modality
    track: tuple[TrackPoint, ...] = ()
    evidence: str = ""
    replacement: str = ""
    score: float | None = None
    model: str = ""


def in_order(detection: Detection) -> tuple[float, Span, str, str]:
    """The key by which detections are sorted: by time. (The float only spares most comparisons of
    exact times; it never contradicts them.)"""
    span = detection.span
    return float(span.start), span, detection.category, detection.label


@dataclass(frozen=True, slots=True)
class Gap:
    """Time that could not be looked at for `category` (None: for none of its modality), and why.

    `passing`: it may well succeed another time, because something failed that usually works.
    """

    span: Span
    reason: str
    category: str | None = None
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well one category was looked for.

    `analysed`: all of it. `partial`: all but `gaps`. `unknown`: asked for, and not looked for at
    all, or not by the senses that it takes. `not_requested`: nobody asked. `notes` are sentences
    for the person who reads the report.
    """

    category: str
    status: CoverageStatus
    detectors: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """Merged detections that a person reviews as one thing.

    Attributes:
        span: what the person sees, and may have edited.
        labels: of the categories in it, in order of first appearance.
        detections: each with its own span.
        allow: a person said it may stay.
        video_action, audio_action: what to do here instead of the configured action; None: as
            configured.
        found: False where the latest analysis did not find it; it is there because a person made
            it by hand, or decided about it when it was found.
    """

    span: Span
    labels: tuple[str, ...]
    detections: tuple[Detection, ...]
    description: str = ""
    confidence: float = 0.0
    allow: bool = False
    video_action: str | None = None
    audio_action: str | None = None
    found: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an analysis of one video says; the only thing the copy is made from.

    Attributes:
        source: the video.
        duration: seconds, or None where the file does not say and could not be read to its end.
        size_bytes, fingerprint: by which a report recognises its video again.
        labels: key -> label of every category that is named in it.
        all_allowed: everything was allowed by an option, and not segment by segment by a person.
        profile: the name of the profile that lay under the configuration, if one did.
    """

    source: Path
    duration: Fraction | None
    processed_at: datetime
    config: str
    segments: tuple[Segment, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    size_bytes: int | None = None
    fingerprint: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    all_allowed: bool = False
    profile: str = ""
