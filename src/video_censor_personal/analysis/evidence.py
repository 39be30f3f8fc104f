"""The record of one analysis: everything that every detector said, before anyone judged it.

What counts is decided afterwards (`judgement`), as often as anyone likes. Scores and boxes are kept
to four digits: more says nothing, and what is written to a file is what was judged.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.detectors.base import STRENGTHS, Scale
from video_censor_personal.findings import MODALITIES, Box, Detection, Gap, Modality, Sighting
from video_censor_personal.timeline import Span, union

__all__ = [
    "Evidence",
    "Witness",
    "candidates",
    "check_scored",
    "kept_detection",
    "kept_sighting",
]

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Witness:
    """What one detector said.

    Attributes:
        search: what it looked for.
        scales: what its raw scores mean, by category.
        model: the revision of its model.
        looks: every look of one that sees, in order of time, with raw scores.
        heard: every raw detection of one that hears, track by track; of one that takes second
            looks, what it said of each stretch, a no (less than `lenient`) as well.
        again: it took second looks, at what others pointed at.
        kind: those of one kind see or hear the same thing in the same way, so they do not add up;
            empty: it is one of its own.
    """

    search: Search
    scales: Mapping[str, Scale] = field(default_factory=dict)
    model: str = ""
    looks: tuple[Look, ...] = ()
    heard: tuple[Detection, ...] = ()
    again: bool = False
    kind: str = ""

    @property
    def name(self) -> str:
        return self.search.detector

    @property
    def voice(self) -> str:
        """Whose evidence adds to that of other voices (`fusion`)."""
        return self.kind or self.name

    def strength(self, category: str, score: float) -> float:
        """A raw score as 0–1; see `Scale.strength`."""
        return self.scales.get(category, STRENGTHS).strength(score)

    def presences(self, end: Fraction) -> Iterator[tuple[str, Span, float]]:
        """(category, when it may have been there, strength) of every sighting and everything heard.

        What a look shows may have been there since the look before, and until the next or the
        `end` of the pictures.
        """
        for number, look in enumerate(self.looks):
            if look.sightings:
                after = self.looks[number + 1 : number + 2]
                span = Span(look.since, after[0].time if after else max(end, look.time))
                for sighting in look.sightings:
                    strength = self.strength(sighting.category, sighting.score)
                    yield sighting.category, span, strength
        for detection in self.heard:
            strength = self.strength(detection.category, detection.score or 0)
            yield detection.category, detection.span, strength


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that an analysis of one video brought to light.

    Attributes:
        gaps: what could be neither seen nor heard.
        duration: of the video, None if unknown.
        end: when the last picture stops being shown.
        sensitivities: by category: those at which the edges of what was seen were looked for.
        modalities: what the video has: pictures, sound.
    """

    witnesses: tuple[Witness, ...]
    gaps: Mapping[Modality, Sequence[Gap]] = field(default_factory=dict)
    duration: Fraction | None = None
    end: Fraction = Fraction(0)
    sensitivities: Mapping[str, float] = field(default_factory=dict)
    modalities: frozenset[Modality] = frozenset(MODALITIES)

    @property
    def searches(self) -> list[Search]:
        return [witness.search for witness in self.witnesses]

    @property
    def passing(self) -> list[Gap]:
        """What could not be looked at for a reason that another analysis may not meet."""
        return [gap for gaps in self.gaps.values() for gap in gaps if gap.passing]

    def narrowed(self, searches: Mapping[str, frozenset[str]]) -> Evidence:
        """Only that of the named detectors, each for some of the categories it looked for."""
        kept = []
        for witness in self.witnesses:
            categories = witness.search.categories & searches.get(witness.name, frozenset())
            if categories:
                kept.append(replace(witness, search=replace(witness.search, categories=categories)))
        video = (*self.gaps.get("video", ()), *self._unpointed(kept))
        return replace(self, witnesses=tuple(kept), gaps={**self.gaps, "video": video})

    def _unpointed(self, kept: Sequence[Witness]) -> Iterator[Gap]:
        """What second looks did not look at because of those who are not among the `kept`."""
        for witness in kept:
            for category in sorted(witness.search.categories) if witness.again else ():
                if _is_watched(category, self.witnesses) and not _is_watched(category, kept):
                    reason = (
                        f"{witness.name} only looked at what others pointed at, and they do not "
                        "count now"
                    )
                    yield Gap(Span(Fraction(0), self.end), reason, category)


def _is_watched(category: str, witnesses: Iterable[Witness]) -> bool:
    """Whether anybody looked at all pictures for a category."""
    return any(
        witness.search.modality == "video" and not witness.again
        for witness in witnesses
        if category in witness.search.categories
    )


def candidates(evidence: Evidence, categories: Iterable[str]) -> dict[str, list[Span]]:
    """Where there is any evidence at all of each category: what is worth a second, costly look."""
    found: dict[str, list[Span]] = {category: [] for category in categories}
    for witness in evidence.witnesses:
        for category, span, strength in witness.presences(evidence.end):
            if strength > 0 and category in found:
                found[category].append(span)
    return {category: union(spans) for category, spans in found.items()}


def check_scored(category: str, assigned: Collection[str], *numbers: float) -> None:
    """Refuse what would be dropped without a word, and so pass for clean: NaN is less than any
    threshold, and nobody judges what nobody asked for.

    Raises:
        ValueError: `category` was not assigned, or one of the `numbers` is not finite.
    """
    if category not in assigned:
        known = ", ".join(sorted(assigned))
        raise ValueError(f"it answered for {category!r}, and was asked for {known}")
    if not all(map(math.isfinite, numbers)):
        given = ", ".join(map(str, numbers))
        raise ValueError(f"it gave {category!r} a score or box that is no number: {given}")


def kept_sighting(sighting: Sighting, assigned: Collection[str]) -> Sighting:
    """The sighting as it is kept.

    Raises:
        ValueError: it is of no `assigned` category, or its score or box is no number.
    """
    box = sighting.box
    sides = () if box is None else (box.x, box.y, box.width, box.height)
    check_scored(sighting.category, assigned, sighting.score, *sides)
    if box is not None:
        x, y = round(box.x, _DIGITS), round(box.y, _DIGITS)
        width, height = min(box.width, 1 - x), min(box.height, 1 - y)  # inside, rounded or not
        box = Box(x, y, round(width, _DIGITS), round(height, _DIGITS))
    return replace(sighting, score=round(sighting.score, _DIGITS), box=box)


def kept_detection(detection: Detection, detector: str, assigned: Collection[str]) -> Detection:
    """What `detector` heard as it is kept: raw, whatever it says of its own confidence.

    Raises:
        ValueError: it is of no `assigned` category, or its score is no number.
    """
    score = detection.confidence if detection.score is None else detection.score
    check_scored(detection.category, assigned, score)
    score = round(score, _DIGITS)
    return replace(detection, detector=detector, score=score, confidence=score)
