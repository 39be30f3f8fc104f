"""Several records of one video: which of them spare an analysis, or half of it, and which may go.

What is seen and what is heard are two halves. Either can be taken from a record and the other be
analysed anew, but where second looks were taken: they looked where both pointed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from video_censor_personal.analysis.differences import differences
from video_censor_personal.analysis.evidence import Evidence
from video_censor_personal.analysis.making import Making
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.findings import Modality

__all__ = [
    "halves",
    "hindrance",
    "joined",
    "joined_making",
    "records_of",
    "searches_of",
    "with_records",
]

_MODALITIES: tuple[Modality, ...] = ("video", "audio")

_MOST_EARLIER = 4
"""Further records in one file; the oldest go."""


def records_of(scores: Scores) -> list[Scores]:
    """All records that a file holds, the newest first."""
    return [replace(scores, earlier=()), *scores.earlier]


def hindrance(record: Scores, wanted: Making, modality: Modality | None = None) -> str:
    """Why `record` does not spare an analysis like `wanted`, or the half of it that looks, or
    listens; empty: it does."""
    parts = [part for part in wanted.parts if modality in (None, part.modality)]
    modalities = {part.modality for part in parts}
    failed = [gap for gap in record.evidence.passing if gap in _gaps(record.evidence, modalities)]
    if failed:
        return f"something failed when they were made ({failed[0].reason})"
    found = differences(record.making, replace(wanted, parts=tuple(parts)))
    return "; ".join(dict.fromkeys(map(str, found)))


def halves(records: Sequence[Scores], wanted: Sequence[Making]) -> dict[Modality, Scores]:
    """Of each half of an analysis like any of `wanted`, the first record that spares it."""
    found: dict[Modality, Scores] = {}
    for modality in _MODALITIES:
        asked = [m for m in wanted if any(part.modality == modality for part in m.parts)]
        able = records if modality == "audio" else [r for r in records if not _again(r.making)]
        if modality == "video" and any(map(_again, asked)):
            continue
        for record in able:
            if any(not hindrance(record, making, modality) for making in asked):
                found[modality] = record
                break
    return found


def _again(making: Making) -> bool:
    return any(part.again for part in making.parts)


def joined(evidence: Evidence, known: Mapping[Modality, Scores]) -> Evidence:
    """An analysis with the halves that it was spared in the place of its own."""
    witnesses = [w for w in evidence.witnesses if w.search.modality not in known]
    gaps = dict(evidence.gaps)
    for modality, record in known.items():
        witnesses += [w for w in record.evidence.witnesses if w.search.modality == modality]
        gaps[modality] = tuple(record.evidence.gaps.get(modality, ()))
    # Of words the sensitivity tells which milder forms may be put in their place: who listened has
    # the last word.
    seen, heard = (
        known[modality].evidence if modality in known else evidence for modality in _MODALITIES
    )
    spoken = {key for w in witnesses if w.search.modality == "audio" for key in w.search.categories}
    return replace(
        evidence,
        witnesses=tuple(witnesses),
        gaps=gaps,
        end=seen.end,
        sensitivities={
            **evidence.sensitivities,
            **seen.sensitivities,
            **{key: value for key, value in heard.sensitivities.items() if key in spoken},
        },
    )


def joined_making(making: Making, known: Mapping[Modality, Scores]) -> Making:
    """What such an analysis was made with."""
    parts = [part for part in making.parts if part.modality not in known]
    for modality, record in known.items():
        parts += [part for part in record.making.parts if part.modality == modality]
    sampled = known["video"].making if "video" in known else making
    return replace(
        making,
        strategy=sampled.strategy,
        sample_rate=sampled.sample_rate,
        parts=tuple(parts),
    )


def searches_of(record: Scores, modality: Modality) -> set[tuple[str, Modality]]:
    """What was searched by those who look, or listen, without anybody pointing at something."""
    again = {part.name for part in record.making.parts if part.again}
    searches = [witness.search for witness in record.evidence.witnesses]
    return {
        (key, modality)
        for search in searches
        if search.modality == modality and search.detector not in again
        for key in search.categories
    }


def with_records(scores: Scores, records: Sequence[Scores]) -> Scores:
    """`scores` together with those of `records` that tell what they do not."""
    earlier = [record for record in records if not _tells_all(scores, record)]
    return replace(scores, earlier=tuple(earlier[:_MOST_EARLIER]))


def _tells_all(scores: Scores, record: Scores) -> bool:
    """Whether `scores` tell at least as much as an older record. Other subtitles, and other
    versions of something, replace the ones before."""
    if scores.evidence.passing and not record.evidence.passing:
        return False
    given = {part.name: part.subtitles for part in scores.making.parts}
    parts = [
        replace(part, subtitles=given.get(part.name, part.subtitles))
        for part in record.making.parts
    ]
    found = differences(scores.making, replace(record.making, parts=tuple(parts)))
    return all(each.kind in ("revision", "doubt") for each in found)


def _gaps(evidence: Evidence, modalities: set[Modality]) -> list[object]:
    return [gap for modality in modalities for gap in evidence.gaps.get(modality, ())]
