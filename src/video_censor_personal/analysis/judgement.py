"""From the record of an analysis to the detections that count: a pure function.

It gives the same whether it judges right after the analysis or a record that was kept; so another
sensitivity needs no second analysis. The rule is in `fusion`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from video_censor_personal.analysis.clearing import Clearing
from video_censor_personal.analysis.clock import Clock
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.fusion import combine, counts
from video_censor_personal.analysis.tracks import Look, Tracker
from video_censor_personal.analysis.windows import joined
from video_censor_personal.findings import Detection, Modality, Sighting, in_order
from video_censor_personal.timeline import Number, Span, seconds, within

__all__ = ["judge"]


def judge(
    evidence: Evidence,
    sensitivities: Mapping[str, float],
    *,
    padding: Number = 0,
    clearing: Collection[str] = (),
) -> tuple[Detection, ...]:
    """What counts, in order of time.

    Args:
        sensitivities: 0–1, of every category that matters.
        padding: seconds added to both ends of everything that was seen.
        clearing: the names of detectors whose no lowers what others saw (`clearing`).

    The edges of what was seen are exact where frames in between were looked at. That was done for
    the sensitivities of the analysis; for others a span may be as wide as the samples make it. At a
    higher one nobody knows whether a milder word would count as well, so words lose theirs.
    """
    standing = _Standing(evidence, sensitivities, Clearing(evidence, clearing))
    found = [
        detection
        for witness in evidence.witnesses
        for detection in (
            *_seen(witness, standing, seconds(padding), evidence.end),
            *joined(_stretches(witness, standing, evidence, seconds(padding))),
        )
    ]
    return tuple(sorted(found, key=in_order))


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


def _stretches(
    witness: Witness, standing: _Standing, evidence: Evidence, padding: Fraction
) -> Iterator[Detection]:
    """What was said of whole stretches: all that was heard, and second looks."""
    known = evidence.sensitivities
    for detection in _in_film(witness.heard, evidence):
        own = witness.strength(detection.category, detection.score or 0)
        strength = standing.during(detection.span, detection.category, witness, own)
        if strength is None:
            continue
        stricter = standing.sensitivities[detection.category] > known.get(detection.category, 0)
        span = detection.span
        if detection.modality == "video":
            padded = span.padded(padding, padding)
            span = Span(padded.start, max(span.end, min(padded.end, evidence.end)))
        yield replace(
            detection,
            span=span,
            confidence=strength,
            model=witness.model,
            replacement="" if stricter else detection.replacement,
        )


def _in_film(heard: Iterable[Detection], evidence: Evidence) -> Iterator[Detection]:
    """`heard`, but the time of a subtitle only as far as the film lasts: it alone is not measured
    in the film. (The pictures may go on for longer than the file says.)"""
    duration = evidence.duration
    if duration is not None:
        duration = max(duration, evidence.end)
    for detection in heard:
        if detection.evidence != "cue":
            yield detection
            continue
        for span in within([detection.span], duration):
            yield replace(detection, span=span)


class _Presence:
    """When the detectors of one kind have evidence of one category, in ticks, and how strong."""

    def __init__(self, parts: Sequence[tuple[int, int, float]]) -> None:
        self._parts = sorted(parts)
        self._starts = [start for start, _, _ in self._parts]
        self._longest = max(end - start for start, end, _ in self._parts)

    def strongest(self, start: int, end: int) -> float:
        """From `start` to `end`, or at the moment that both are."""
        first = bisect_left(self._starts, start - self._longest)
        last = (bisect_right if start == end else bisect_left)(self._starts, end)
        near = self._parts[first:last]
        return max((strength for _, until, strength in near if until > start), default=0.0)


class _Standing:
    """What each kind of detector has to say of each category at any time."""

    def __init__(
        self, evidence: Evidence, sensitivities: Mapping[str, float], clearing: Clearing
    ) -> None:
        self.sensitivities = sensitivities
        self._clock = Clock(evidence)
        self._clearing = clearing
        self._presences: dict[str, dict[tuple[str, Modality], _Presence]] = defaultdict(dict)
        shared = _shared(evidence, sensitivities)
        parts: dict[tuple[str, str, Modality], list[tuple[int, int, float]]] = defaultdict(list)
        for witness in evidence.witnesses:
            searched = shared & witness.search.categories
            for category, span, strength in witness.presences(evidence.end) if searched else ():
                if strength > 0 and category in searched:
                    part = (*self._clock.span(span), strength)
                    parts[category, witness.voice, witness.search.modality].append(part)
        for (category, voice, modality), pieces in parts.items():
            self._presences[category][voice, modality] = _Presence(pieces)

    def at(self, time: Fraction, category: str, witness: Witness, own: float) -> float | None:
        """The combined strength at a time, None where it does not count."""
        return self.during(Span(time, time), category, witness, own)

    def during(self, span: Span, category: str, witness: Witness, own: float) -> float | None:
        """The combined strength over a span, None where it does not count."""
        if category not in witness.search.categories or category not in self.sensitivities:
            return None
        left: dict[Modality, float] = {"video": self._clearing.share(category, span), "audio": 1.0}
        strength = own * left[witness.search.modality]
        if others := self._presences.get(category):
            when = self._clock.span(span)
            rest: dict[str, float] = {}
            for (voice, modality), presence in others.items():
                if voice != witness.voice:
                    said = presence.strongest(*when) * left[modality]
                    rest[voice] = max(rest.get(voice, 0.0), said)
            strength = combine(strength, rest.values())
        return strength if counts(strength, self.sensitivities[category]) else None


def _shared(evidence: Evidence, sensitivities: Mapping[str, float]) -> set[str]:
    """The categories that more than one kind of detector looks for: only those can add up."""
    return {
        category
        for category in sensitivities
        if len({w.voice for w in evidence.witnesses if category in w.search.categories}) > 1
    }
