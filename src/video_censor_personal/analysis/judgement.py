"""From the record of an analysis to the detections that count: a pure function.

It gives the same whether it judges right after the analysis or a record that was kept; so another
sensitivity needs no second analysis. The rule is in `fusion`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.fusion import combine, counts
from video_censor_personal.analysis.tracks import Look, Tracker
from video_censor_personal.findings import Detection, Sighting
from video_censor_personal.timeline import Number, Span, seconds

__all__ = ["judge"]


def judge(
    evidence: Evidence, sensitivities: Mapping[str, float], *, padding: Number = 0
) -> tuple[Detection, ...]:
    """What counts, in order of time.

    Args:
        sensitivities: 0–1, of every category that matters.
        padding: seconds added to both ends of everything that was seen.

    The edges of what was seen are exact where frames in between were looked at. That was done for
    the sensitivities of the analysis; for others a span may be as wide as the samples make it. At a
    higher one nobody knows whether a milder word would count as well, so words lose theirs.
    """
    standing = _Standing(evidence, sensitivities)
    found = [
        detection
        for witness in evidence.witnesses
        for detection in (
            *_seen(witness, standing, seconds(padding), evidence.end),
            *_heard(witness, standing, evidence.sensitivities),
        )
    ]
    return tuple(sorted(found, key=lambda d: (d.span, d.category, d.label)))


def _seen(
    witness: Witness, standing: _Standing, padding: Fraction, end: Fraction
) -> Sequence[Detection]:
    if not witness.looks:
        return ()
    tracker = Tracker(witness.name, padding, witness.model)
    for look in witness.looks:
        if not look.sightings:
            tracker.see(look, ())
            continue
        kept = list(_counting(witness, look, standing))
        judged = replace(look, sightings=[sighting for sighting, _ in kept])
        tracker.see(judged, [strength for _, strength in kept])
    return tracker.finish(end)


def _counting(
    witness: Witness, look: Look, standing: _Standing
) -> Iterator[tuple[Sighting, float]]:
    for sighting in look.sightings:
        own = witness.strength(sighting.category, sighting.score)
        strength = standing.at(look.time, sighting.category, witness, own)
        if strength is not None:
            yield sighting, strength


def _heard(
    witness: Witness, standing: _Standing, known: Mapping[str, float]
) -> Iterator[Detection]:
    for detection in witness.heard:
        own = witness.strength(detection.category, detection.score or 0)
        strength = standing.during(detection.span, detection.category, witness, own)
        if strength is None:
            continue
        stricter = standing.sensitivities[detection.category] > known.get(detection.category, 0)
        yield replace(
            detection,
            confidence=strength,
            model=witness.model,
            replacement="" if stricter else detection.replacement,
        )


class _Presence:
    """When one detector has evidence of one category, and how strong it is."""

    def __init__(self, parts: Sequence[tuple[Span, float]]) -> None:
        in_order = sorted(parts, key=lambda part: part[0].start)
        self._spans = [span for span, _ in in_order]
        self._strengths = [strength for _, strength in in_order]
        self._starts = [span.start for span in self._spans]
        self._longest = max(span.duration for span in self._spans)

    def strongest(self, span: Span) -> float:
        """During `span`, or at the moment that it is."""
        first = bisect_left(self._starts, span.start - self._longest)
        last = (bisect_right if span.start == span.end else bisect_left)(self._starts, span.end)
        return max(
            (
                self._strengths[number]
                for number in range(first, last)
                if self._spans[number].end > span.start
            ),
            default=0.0,
        )


class _Standing:
    """What each detector has to say of each category at any time."""

    def __init__(self, evidence: Evidence, sensitivities: Mapping[str, float]) -> None:
        self.sensitivities = sensitivities
        self._presences: dict[str, dict[str, _Presence]] = {}
        shared = _shared(evidence, sensitivities)
        for witness in evidence.witnesses:
            parts: dict[str, list[tuple[Span, float]]] = defaultdict(list)
            if shared.isdisjoint(witness.search.categories):
                continue
            for category, span, strength in witness.presences(evidence.end):
                if strength > 0 and category in shared:
                    parts[category].append((span, strength))
            for category, pieces in parts.items():
                others = self._presences.setdefault(category, {})
                others[witness.name] = _Presence(pieces)

    def at(self, time: Fraction, category: str, witness: Witness, own: float) -> float | None:
        """The combined strength at a time, None where it does not count."""
        return self.during(Span(time, time), category, witness, own)

    def during(self, span: Span, category: str, witness: Witness, own: float) -> float | None:
        """The combined strength over a span, None where it does not count."""
        if category not in witness.search.categories or category not in self.sensitivities:
            return None
        others = self._presences.get(category, {})
        strength = combine(
            own, (p.strongest(span) for name, p in others.items() if name != witness.name)
        )
        return strength if counts(strength, self.sensitivities[category]) else None


def _shared(evidence: Evidence, sensitivities: Mapping[str, float]) -> set[str]:
    """The categories that more than one detector looks for: only those can add up."""
    return {
        category
        for category in sensitivities
        if sum(category in witness.search.categories for witness in evidence.witnesses) > 1
    }
