"""What a player does to a film by itself: it can skip, and it can mute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from video_censor_personal.timeline import Span, subtract, union

__all__ = ["PlayerSpans"]


@dataclass(frozen=True, slots=True)
class PlayerSpans:
    """Spans of the uncut film in order, none of which overlaps another."""

    skipped: tuple[Span, ...]
    muted: tuple[Span, ...]

    @classmethod
    def of(cls, skips: Iterable[Span], mutes: Iterable[Span]) -> PlayerSpans:
        """Of spans that may overlap; what is skipped is not muted as well, because players take
        overlapping entries for a mistake."""
        skipped = union(skips)
        muted = [part for span in union(mutes) for part in subtract(span, skipped)]
        return cls(tuple(skipped), tuple(muted))
