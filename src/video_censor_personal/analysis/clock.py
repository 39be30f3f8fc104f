"""Exact times as whole numbers, for where there are very many of them.

Comparing two `Fraction`s takes a microsecond; a record of two hours has a hundred thousand times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from video_censor_personal.analysis.evidence import Evidence
from video_censor_personal.timeline import Span

__all__ = ["Clock"]


class Clock:
    """Counts in ticks, `rate` of them a second; every time of a record is a whole number."""

    def __init__(self, evidence: Evidence) -> None:
        self.rate = math.lcm(*{time.denominator for time in _times(evidence)})

    def ticks(self, time: Fraction) -> int:
        return time.numerator * (self.rate // time.denominator)

    def span(self, span: Span) -> tuple[int, int]:
        return self.ticks(span.start), self.ticks(span.end)


def _times(evidence: Evidence) -> Iterator[Fraction]:
    yield evidence.end
    yield evidence.duration or Fraction(0)
    spans = [gap.span for gaps in evidence.gaps.values() for gap in gaps]
    for witness in evidence.witnesses:
        spans += [detection.span for detection in witness.heard]
        for look in witness.looks:
            yield look.time
            yield look.since
    for span in spans:
        yield span.start
        yield span.end
