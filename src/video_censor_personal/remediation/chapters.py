"""Chapters that let a player skip what was found, merged with the film's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from video_censor_personal.findings import Segment
from video_censor_personal.media.base import Chapter
from video_censor_personal.timeline import Span, subtract

__all__ = ["merged_chapters"]

_FILM = "film"
"""What the time between two skip chapters is called where the film names no chapter of its own."""

_WORTH_A_NAME_S = 1


def merged_chapters(
    own: Sequence[Chapter],
    segments: Iterable[Segment],
    name_format: str,
    duration: Fraction | None,
) -> tuple[Chapter, ...]:
    """The film's chapters with one for every segment that is not allowed, in order, side by side.

    MP4 stores where a chapter starts, not where it ends: it runs to the next one. So the film's
    chapter goes on, as a chapter of the same name, where a skip chapter ends, and time that
    no chapter of the film covers becomes one too.
    """
    skips: list[Chapter] = []
    for segment in sorted(segments, key=lambda segment: segment.span):
        start = max(segment.span.start, skips[-1].span.end if skips else Fraction(0))
        end = segment.span.end if duration is None else min(segment.span.end, duration)
        if not segment.allow and start < end:
            span = Span(start, end)
            skips.append(Chapter(span, _title(segment, name_format)))
    if not skips:
        return tuple(own)
    known = [chapter.span for chapter in own]
    end = max([span.end for span in known] + [skips[-1].span.end, duration or Fraction(0)])
    bare = subtract(Span(Fraction(0), end), known)
    film = [*own, *(Chapter(span, _FILM) for span in bare if span.duration >= _WORTH_A_NAME_S)]
    holes = [skip.span for skip in skips]
    rest = [
        Chapter(left, chapter.title) for chapter in film for left in subtract(chapter.span, holes)
    ]
    return tuple(sorted([*rest, *skips], key=lambda chapter: chapter.span))


def _title(segment: Segment, name_format: str) -> str:
    return name_format.format(
        labels=", ".join(segment.labels), confidence=f"{segment.confidence:.0%}"
    )
