"""Reports to try the copy with while nothing is known of the film."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

from video_censor_personal.findings import Detection, Modality, Report, Segment
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.timeline import Span

__all__ = ["clean_report", "flagged_report"]

_FLAGGED = Span(Fraction(1, 10), Fraction(2, 5))


def clean_report(info: MediaInfo) -> Report:
    """As if nothing had been found in `info`'s file."""
    return Report(info.path, info.duration, datetime.now(UTC), "")


def flagged_report(info: MediaInfo) -> Report:
    """As if something had been seen and heard right at the beginning of it."""
    segments = (_segment("nudity", "video"), _segment("profanity", "audio"))
    return Report(info.path, info.duration, datetime.now(UTC), "", segments)


def _segment(category: str, modality: Modality) -> Segment:
    found = Detection(category, category, _FLAGGED, 1.0, "", "", modality)
    return Segment(_FLAGGED, (category,), (found,))
