"""Where to look a second time: a bounded list of moments, decided before the first is decoded."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

from video_censor_personal.analysis.evidence import Evidence, Witness, candidates
from video_censor_personal.detectors.second_look import SecondLookOptions
from video_censor_personal.timeline import Span, seconds, subtract

__all__ = ["LookPlan", "Stretch", "plan_looks"]

_A_LOOK_S = 1
"""Stretches get a look for every second of theirs, up to `frames_per_span`: frames that are nearer
to each other show the same."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of film in which one category is looked for a second time.

    Attributes:
        strength: how strong the evidence of others is, 0–1; 0 where there is none.
        seen: another detector looks at pictures for this category.
        times: the moments to look at; empty: there was no budget left for any.
    """

    category: str
    span: Span
    strength: float = 0.0
    seen: bool = True
    times: tuple[Fraction, ...] = ()


@dataclass(frozen=True, slots=True)
class LookPlan:
    """What will be looked at.

    Attributes:
        stretches: in order of time.
        passed_over: by category, what nobody looks at pictures of for it.
    """

    stretches: tuple[Stretch, ...]
    passed_over: Mapping[str, Sequence[Span]] = field(default_factory=dict)

    @property
    def moments(self) -> dict[Fraction, frozenset[str]]:
        """Time -> the categories to ask for, in order of time."""
        asked: dict[Fraction, set[str]] = {}
        for stretch in self.stretches:
            for time in stretch.times:
                asked.setdefault(time, set()).add(stretch.category)
        return {time: frozenset(asked[time]) for time in sorted(asked)}


def plan_looks(
    evidence: Evidence, categories: frozenset[str], options: SecondLookOptions
) -> LookPlan:
    """The looks at a film on the first `evidence`, until its `end`.

    Every category has its stretches: where there is any evidence of it at all, and, with `look:
    scenes`, every shot for those that nobody looks at pictures for, by one frame each. The budget
    goes to one look for each stretch first, the strongest evidence before the rest, then to a
    second one, and so on.
    """
    stretches: list[Stretch] = []
    passed_over: dict[str, list[Span]] = {}
    film, longest = Span(Fraction(0), evidence.end), seconds(options.every_s)
    for category in sorted(categories):
        seen = any(
            witness.search.modality == "video" and category in witness.search.categories
            for witness in evidence.witnesses
        )
        found = [
            Stretch(category, part, strength, seen)
            for span, strength in _candidates(evidence, category)
            for part in _parts(span, longest)
        ]
        rest = [] if seen else subtract(film, [s.span for s in found])
        if options.look == "scenes":
            shots = _shots(evidence.witnesses, rest)
            found += [Stretch(category, p, 0.0, seen) for s in shots for p in _parts(s, longest)]
        elif rest:
            passed_over[category] = rest
        stretches += found
    given = _within_budget(stretches, options)
    return LookPlan(tuple(sorted(given, key=lambda s: (s.span, s.category))), passed_over)


def _candidates(evidence: Evidence, category: str) -> Iterator[tuple[Span, float]]:
    """Disjoint stretches with evidence, and how strong it is at most, in order of time."""
    film = Span(Fraction(0), evidence.end)
    spans = [
        span for each in candidates(evidence, [category])[category] if (span := each.clipped(film))
    ]
    starts = [span.start for span in spans]
    strongest = [0.0] * len(spans)
    for witness in evidence.witnesses:
        for about, span, strength in witness.presences(evidence.end):
            if about == category and strength > 0 and span.start < evidence.end:
                number = bisect_right(starts, span.start) - 1
                strongest[number] = max(strongest[number], strength)
    return zip(spans, strongest, strict=True)


def _parts(span: Span, longest: Fraction) -> Iterator[Span]:
    """Parts of about the same length, at most `longest` seconds (or a
    millisecond more), divided at whole milliseconds."""
    count = max(1, math.ceil(span.duration / longest))
    inner = [span.start + span.duration * number / count for number in range(1, count)]
    edges = [span.start, *(Fraction(round(edge * 1000), 1000) for edge in inner), span.end]
    yield from (Span(*edge) for edge in pairwise(edges))


def _shots(witnesses: Sequence[Witness], spans: Sequence[Span]) -> Iterator[Span]:
    """The `spans`, divided where anybody noticed a cut."""
    cuts = sorted({look.time for w in witnesses for look in w.looks if look.starts_shot})
    for span in spans:
        edges = [span.start, *(cut for cut in cuts if span.start < cut < span.end), span.end]
        yield from (Span(*edge) for edge in pairwise(edges))


def _within_budget(stretches: Sequence[Stretch], options: SecondLookOptions) -> Iterator[Stretch]:
    wanted = [
        list(_times(stretch.span, options.frames_per_span if stretch.strength else 1))
        for stretch in stretches
    ]
    order = sorted(range(len(stretches)), key=lambda n: (-stretches[n].strength, _spread(n)))
    given: list[list[Fraction]] = [[] for _ in stretches]
    looked: set[Fraction] = set()
    for turn in range(options.frames_per_span):
        for number in order:
            times = wanted[number][turn : turn + 1]
            if times and (times[0] in looked or len(looked) < options.most_frames):
                looked.add(times[0])
                given[number].append(times[0])
    for stretch, times in zip(stretches, given, strict=True):
        yield replace(stretch, times=tuple(sorted(times)))


def _spread(number: int) -> float:
    """0, 1, 2, ... in an order such that those first in it lie all over the film (van der Corput's
    sequence)."""
    return sum(0.5 ** (place + 1) for place in range(number.bit_length()) if number >> place & 1)


def _times(span: Span, most: int) -> Iterator[Fraction]:
    """Moments evenly inside `span`, the middle ones first."""
    count = min(most, 1 + math.floor(span.duration / _A_LOOK_S))
    middle = (count - 1) / 2
    for number in sorted(range(count), key=lambda n: abs(n - middle)):
        yield span.start + span.duration * (2 * number + 1) / (2 * count)
