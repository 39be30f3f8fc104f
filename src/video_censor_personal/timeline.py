"""Time in a video: exact seconds, half-open spans, and the one timecode format.

A time is a `Fraction` of seconds since the first presented frame. A `Span` is the half-open
interval `[start, end)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Span", "format_timecode", "parse_timecode", "seconds", "subtract", "union", "within"]

Number = Fraction | float | int

_MILLISECOND = Fraction(1, 1000)
_TIMECODE = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?([0-5]?\d(?:[.,]\d+)?|\d+(?:[.,]\d+)?)\Z")


def seconds(value: Number) -> Fraction:
    """`value` as an exact number of seconds; a float is taken to the nearest microsecond.

    A float such as 0.1 has no exact binary form. Rounding to a microsecond gives the number its
    writer meant (1/10), which keeps sums and comparisons of times exact.
    """
    if isinstance(value, float):
        return Fraction(round(value * 1_000_000), 1_000_000)
    return Fraction(value)


def parse_timecode(text: str) -> Fraction:
    """Seconds of `"HH:MM:SS.mmm"`, `"MM:SS"`, or plain seconds such as `"83.5"`.

    Raises:
        ValueError: the text is none of these.
    """
    match = _TIMECODE.match(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a time; write HH:MM:SS.mmm, MM:SS or seconds")
    hours, minutes, rest = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(rest.replace(",", "."))


def format_timecode(time: Number) -> str:
    """`HH:MM:SS.mmm`, rounded to the nearest millisecond."""
    total_ms = round(seconds(time) / _MILLISECOND)
    sign, total_ms = ("-", -total_ms) if total_ms < 0 else ("", total_ms)
    total_s, ms = divmod(total_ms, 1000)
    minutes, second = divmod(total_s, 60)
    hours, minute = divmod(minutes, 60)
    return f"{sign}{hours:02d}:{minute:02d}:{second:02d}.{ms:03d}"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The half-open interval `[start, end)` in seconds.

    Raises:
        ValueError: the end lies before the start.
    """

    start: Fraction
    end: Fraction

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a span cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def of(cls, start: Number, end: Number) -> Span:
        """A span from numbers of any kind."""
        return cls(seconds(start), seconds(end))

    @property
    def duration(self) -> Fraction:
        return self.end - self.start

    def contains(self, time: Number) -> bool:
        return self.start <= time < self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two share any time; spans that only touch do not."""
        return self.start < other.end and other.start < self.end

    def gap_to(self, other: Span) -> Fraction:
        """Seconds between the two, 0 where they touch or overlap."""
        return max(Fraction(0), other.start - self.end, self.start - other.end)

    def padded(self, before: Number, after: Number) -> Span:
        """Longer at both ends; the start never goes below 0."""
        return Span(max(Fraction(0), self.start - seconds(before)), self.end + seconds(after))

    def clipped(self, to: Span) -> Span | None:
        """The part inside `to`, or None where there is none."""
        start, end = max(self.start, to.start), min(self.end, to.end)
        return Span(start, end) if start < end else None

    def __str__(self) -> str:
        return f"{format_timecode(self.start)}–{format_timecode(self.end)}"


def union(spans: Iterable[Span], gap: Number = 0) -> list[Span]:
    """The same time as disjoint spans in order; spans at most `gap` seconds apart become one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end + gap:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def within(spans: Iterable[Span], duration: Fraction | None) -> list[Span]:
    """What of `spans` lies between 0 and `duration`; all of them where that is not known."""
    if duration is None:
        return list(spans)
    whole = Span(Fraction(0), duration)
    return [part for span in spans if (part := span.clipped(whole)) is not None]


def subtract(span: Span, holes: Sequence[Span]) -> list[Span]:
    """What is left of `span` without `holes`, in order."""
    left, position = [], span.start
    for hole in union(holes):
        if hole.end <= position or hole.start >= span.end:
            continue
        if hole.start > position:
            left.append(Span(position, hole.start))
        position = max(position, hole.end)
    if position < span.end:
        left.append(Span(position, span.end))
    return left
