"""Where a detector that may do so said no to what others saw, and what that leaves of it.

The strength of all that was seen there is multiplied by `score / lenient`, with the score of the
second look and the `lenient` of its scale: a doubtful no changes little, a certain one leaves
nothing. What was heard is not lowered: a picture says nothing about it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
from fractions import Fraction

from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.detectors.base import STRENGTHS
from video_censor_personal.timeline import Span, subtract

__all__ = ["Clearing"]


class Clearing:
    """What the second looks of the detectors of these names leave of the strength of evidence."""

    def __init__(self, evidence: Evidence, names: Collection[str]) -> None:
        self._noes: dict[str, list[_Noes]] = defaultdict(list)
        for witness in evidence.witnesses:
            if witness.again and witness.name in names:
                for category in witness.search.categories:
                    self._noes[category].append(_Noes(witness, category))

    def share(self, category: str, span: Span) -> float:
        """0–1, by which the strength of what was seen of `category` is multiplied over `span`, or
        at the moment that it is. A no has to cover all of it."""
        left = 1.0
        for noes in self._noes.get(category, ()):
            left *= noes.share(span)
        return left


class _Noes:
    """The stretches for which one detector said no to one category."""

    def __init__(self, witness: Witness, category: str) -> None:
        lenient = witness.scales.get(category, STRENGTHS).lenient
        self._parts = sorted(
            (said.span, (said.score or 0.0) / lenient)
            for said in witness.heard
            if said.category == category and (said.score or 0.0) < lenient
        )
        self._starts: list[Fraction] = [span.start for span, _ in self._parts]

    def share(self, span: Span) -> float:
        number = max(0, bisect_right(self._starts, span.start) - 1)
        covering: list[tuple[Span, float]] = []
        for part in self._parts[number:]:
            if part[0].start > span.end:
                break
            if part[0].overlaps(span) or part[0].contains(span.start):
                covering.append(part)
        if not covering or subtract(span, [part for part, _ in covering]):
            return 1.0
        return max(share for _, share in covering)
