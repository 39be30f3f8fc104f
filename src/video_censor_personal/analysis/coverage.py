"""How well each category was looked for, so that what nobody looked at is never taken for clean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType

from video_censor_personal import categories
from video_censor_personal.findings import MODALITIES, Coverage, CoverageStatus, Gap, Modality
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["Search", "cover", "lessened"]


@dataclass(frozen=True, slots=True)
class Search:
    """One detector's part in an analysis: what it looked for, and the limits it has there.

    Attributes:
        categories: keys.
        notes: its plug-in's, by key, `*` for all that it does not name.
        passed_over: the pictures or sound tracks that were not shown or played to it.
        languages: of one that listens: those that it understands; empty where that does not matter.
    """

    detector: str
    modality: Modality
    categories: frozenset[str]
    notes: Mapping[str, str] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    languages: frozenset[str] = frozenset()


def cover(
    requested: Iterable[str],
    searches: Sequence[Search],
    gaps: Mapping[Modality, Sequence[Gap]],
    duration: Fraction | None,
    labels: Mapping[str, str] | None = None,
    *,
    needed: Mapping[str, Collection[Modality]] = MappingProxyType({}),
    telling: Mapping[str, Collection[Modality]] = MappingProxyType({}),
    modalities: Collection[Modality] = MODALITIES,
    blind: Mapping[tuple[str, Modality | None], str] = MappingProxyType({}),
) -> tuple[Coverage, ...]:
    """The coverage of every requested category, then of the built-in ones nobody asked for.

    A gap counts for its own category, or for all that were searched in its modality if it names
    none. It counts even where a second detector had no gap: two that look for the same thing do so
    because one alone misses some.

    Args:
        requested: category keys.
        gaps: what could not be seen and what could not be heard.
        duration: of the video, None if unknown.
        labels: key -> label, for the notes.
        needed: key -> what has to be searched for it; where it says nothing, `categories.senses`.
        telling: key -> in what it could be at all, that included.
        modalities: what the video has; what is not there needs no search.
        blind: why something is not searched for a category, in a sentence.

    A stream that none of those who look, or listen, for a category was given is in the copy and is
    never taken for clean: it is a gap from end to end. So is all that has to be searched for a
    category and nobody searched; if they searched nothing of that, or nothing that the video has,
    it is unknown. What could only be in something that the video does not have is not in it.
    """
    asked = list(dict.fromkeys(requested))
    covered = []
    for key in asked:
        part = _coverage(key, searches, gaps, duration, labels or {})
        must = set(needed.get(key, categories.senses(key)))
        here = must.union(telling.get(key, ())).intersection(modalities)
        searched = here.intersection(_modalities(key, searches))
        if not here and not part.detectors and key in telling and key != categories.PROFANITY:
            part = replace(part, status="analysed", notes=(_NOWHERE,))  # words have subtitles too
        elif part.detectors:
            unsearched = must.intersection(here) - searched or (here if not searched else set())
            if unsearched and not must.intersection(searched):
                part = replace(part, status="unknown")
            nothing = blind.get((key, None))
            why = [
                blind.get((key, modality)) or nothing or _UNSEARCHED[modality]
                for modality in MODALITIES
                if modality in unsearched
            ]
            why = list(dict.fromkeys(why))
            part = lessened(part, [*why, *_passed_over(key, searches)], duration)
        covered.append(part)
    rest = [Coverage(key, "not_requested") for key in categories.BUILT_IN if key not in asked]
    return (*covered, *rest)


_NOWHERE = "the video has nothing in which it could be"

_UNSEARCHED: Mapping[Modality, str] = {
    "video": "not looked for in the pictures when this was analysed",
    "audio": "not looked for in the sound when this was analysed",
}


def _modalities(key: str, searches: Sequence[Search]) -> list[Modality]:
    return list(dict.fromkeys(s.modality for s in searches if key in s.categories))


def _passed_over(key: str, searches: Sequence[Search]) -> Iterator[str]:
    for modality in _modalities(key, searches):
        yield from _unexamined(
            [s for s in searches if key in s.categories and s.modality == modality]
        )


def _unexamined(searches: Sequence[Search]) -> Iterator[str]:
    """A sentence for each stream that none of these, of one modality, was given."""
    spoken = ", ".join(sorted({language for s in searches for language in s.languages}))
    for stream in searches[0].passed_over:
        if not all(stream in search.passed_over for search in searches):
            continue
        if searches[0].modality == "video":
            yield f"{stream} was not looked at"
        else:
            yield (
                f"{stream} was not listened to: it is not in a language that is understood here "
                f"({spoken})"
            )


def lessened(part: Coverage, sentences: Sequence[str], duration: Fraction | None) -> Coverage:
    """Some of it is unknown from the start of the video to its end, as `sentences` say."""
    if not sentences:
        return part
    status: CoverageStatus = "partial" if part.status == "analysed" else part.status
    if duration is None:
        return replace(part, status=status, notes=(*sentences, *part.notes))
    whole = Span(Fraction(0), duration)
    gaps = [Gap(whole, sentence, part.category) for sentence in sentences]
    return replace(part, status=status, gaps=(*gaps, *part.gaps))


def _coverage(
    key: str,
    searches: Sequence[Search],
    gaps: Mapping[Modality, Sequence[Gap]],
    duration: Fraction | None,
    labels: Mapping[str, str],
) -> Coverage:
    involved = [search for search in searches if key in search.categories]
    if not involved:
        label = labels.get(key, categories.label(key))
        note = f"no detector that is installed and enabled can look for {label}"
        return Coverage(key, "unknown", notes=(note,))
    relevant = [
        gap
        for modality in _modalities(key, searches)
        for gap in gaps.get(modality, ())
        if gap.category in (None, key)
    ]
    united = _unite(relevant, duration, key)
    notes = [search.notes.get(key, search.notes.get("*", "")) for search in involved]
    return Coverage(
        key,
        _status(united, duration),
        detectors=tuple(dict.fromkeys(search.detector for search in involved)),
        gaps=united,
        notes=tuple(dict.fromkeys(note for note in notes if note)),
    )


def _status(gaps: Sequence[Gap], duration: Fraction | None) -> CoverageStatus:
    if not gaps:
        return "analysed"
    if duration and not subtract(Span(Fraction(0), duration), [gap.span for gap in gaps]):
        return "unknown"
    return "partial"


def _unite(gaps: Sequence[Gap], duration: Fraction | None, key: str) -> tuple[Gap, ...]:
    """Disjoint gaps in order, inside the video; each keeps the reasons of all it was made from."""
    in_order = sorted(gaps, key=lambda gap: gap.span)
    inside = [gap for gap in in_order if duration is None or gap.span.start < duration]
    clipped = [
        Span(gap.span.start, gap.span.end if duration is None else min(gap.span.end, duration))
        for gap in inside
    ]
    united = []
    for span in union(clipped):
        if not span.duration:
            continue
        reasons = dict.fromkeys(
            gap.reason
            for gap, part in zip(inside, clipped, strict=True)
            if span.start <= part.start and part.end <= span.end
        )
        united.append(Gap(span, "; ".join(reasons), key))
    return tuple(united)
