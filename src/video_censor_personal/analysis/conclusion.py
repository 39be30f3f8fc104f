"""From kept scores and a configuration to the report."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from video_censor_personal import categories
from video_censor_personal.analysis.coverage import cover, lessened
from video_censor_personal.analysis.differences import Difference
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.analysis.segments import merge
from video_censor_personal.config import Config
from video_censor_personal.findings import Coverage, Detection, Modality, Report
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["Asked", "conclude"]

log = logging.getLogger(__name__)

_SPANS_NAMED = 50
"""Of what was cleared; a note is read by people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked for what when scores are judged, and what is known about it.

    Attributes:
        searches: whose evidence counts: detector -> the categories it is asked for.
        stand_ins: which other detector may have been asked in the place of one.
        needed: what has to be searched for a category.
        telling: in what it could be.
        blind: why something is not searched, or (None) nothing is, in sentences.
        absentees: what a detector lacks now.
        clearing: those whose no lowers what others saw; what does not count because of that is
            said in the coverage.
        differences: what was looked for in another way, or not at all: that is unknown, whatever
            was found.
        required: detectors that may not be missing.
    """

    searches: Mapping[str, frozenset[str]]
    stand_ins: Mapping[str, str]
    needed: Mapping[str, Collection[Modality]]
    telling: Mapping[str, Collection[Modality]]
    blind: Mapping[tuple[str, Modality | None], str]
    absentees: Mapping[str, str]
    clearing: Collection[str]
    differences: Sequence[Difference]
    required: Collection[str]

    def absent_then(self, category: str) -> set[str]:
        """The detectors that were of no use for a category when the scores were made."""
        return {
            each.detector
            for each in self.differences
            if each.kind == "absence" and category in each.categories
        }


def conclude(scores: Scores, config: Config, asked: Asked) -> Report:
    """The report that `config` makes of `scores`."""
    evidence = scores.evidence.narrowed(asked.searches)
    labels = {key: config.labels.get(key, categories.label(key)) for key in config.detections}
    sensitivities = {key: config.detections[key].sensitivity for key in config.enabled_categories()}
    padding = config.processing.padding_s
    detections = judge(evidence, sensitivities, padding=padding, clearing=asked.clearing)
    uncleared = judge(evidence, sensitivities, padding=padding) if asked.clearing else detections
    for found in detections:
        log.debug(
            "%s: %s %r, %.2f, by %s",
            found.span,
            found.category,
            found.label,
            found.confidence,
            found.detector,
        )
    parts = []
    for part in cover(
        sensitivities,
        evidence.searches,
        evidence.gaps,
        evidence.duration,
        labels,
        needed=asked.needed,
        telling=asked.telling,
        modalities=evidence.modalities,
        blind=asked.blind,
    ):
        seen = _with_absentees(part, asked, labels, evidence.duration)
        cleared = _cleared(part.category, uncleared, detections)
        seen = _with_cleared(seen, cleared, asked.clearing)
        parts.append(_with_differences(seen, asked.differences, evidence.duration))
    return Report(
        source=scores.source,
        duration=evidence.duration,
        processed_at=datetime.now(UTC),
        config=config.path.name if config.path else "built-in defaults",
        profile=config.profile,
        segments=merge(detections, config.processing.segment_merge, labels),
        coverage=tuple(parts),
        size_bytes=scores.size_bytes,
        fingerprint=scores.fingerprint,
        labels=labels,
    )


def _cleared(key: str, before: Sequence[Detection], after: Sequence[Detection]) -> list[Span]:
    """When something of a category counted `before` and nothing seen, or heard, does `after`."""
    if before == after:
        return []
    parts: list[Span] = []
    for modality in ("video", "audio"):
        was, left = (
            union(d.span for d in found if d.category == key and d.modality == modality)
            for found in (before, after)
        )
        parts += [part for span in was for part in subtract(span, left)]
    return union(parts)


def _with_cleared(part: Coverage, cleared: Sequence[Span], clearing: Collection[str]) -> Coverage:
    """Saying what does not count because of a no."""
    if not cleared:
        return part
    names = " and ".join(name for name in part.detectors if name in clearing)
    number = "1 stretch was" if len(cleared) == 1 else f"{len(cleared)} stretches were"
    note = (
        f"{number} found and cleared, because {names} may clear and said no: "
        + ", ".join(map(str, cleared[:_SPANS_NAMED]))
        + (f" and {len(cleared) - _SPANS_NAMED} more" if len(cleared) > _SPANS_NAMED else "")
    )
    log.warning("%s: %s", part.category, note)
    return replace(part, notes=(note, *part.notes))


def _with_absentees(
    part: Coverage, asked: Asked, labels: Mapping[str, str], duration: Fraction | None
) -> Coverage:
    """Nobody looked, or not all who can: because that is not here, or was not at that time."""
    key = part.category
    if part.status == "not_requested" or (part.status == "analysed" and not part.detectors):
        return part
    if (key, None) in asked.blind and not part.detectors:
        return replace(part, notes=(asked.blind[key, None],))
    absent_then = asked.absent_then(key)
    present = tuple(name for name in part.detectors if name not in absent_then)
    absent = [
        name
        for name, keys in asked.searches.items()
        if key in keys and name not in asked.stand_ins.values()
        if {name, asked.stand_ins.get(name)}.isdisjoint(present)
    ]
    if not absent:
        return part
    part = replace(part, detectors=present or part.detectors)
    told = " ".join([*part.notes, *(gap.reason for gap in part.gaps)])
    label = labels.get(key, categories.label(key))
    notes = [
        f"{name} can look for {label}, but {lack or 'did not when this was analysed'}"
        for name in absent
        if not (lack := asked.absentees.get(name, "")) or lack not in told
    ]
    if not part.detectors:
        return replace(part, notes=tuple(notes))
    if notes and not set(absent).isdisjoint(asked.required):
        return lessened(part, notes, duration)
    return replace(part, notes=(*notes, *part.notes))


def _with_differences(
    part: Coverage, differences: Sequence[Difference], duration: Fraction | None
) -> Coverage:
    """It was looked for, but not as it is now asked for."""
    mine = [each for each in differences if part.category in each.categories]
    changed = [f"when this was analysed {d}" for d in mine if d.kind in ("extent", "meaning")]
    notes = [str(each) for each in mine if each.kind == "revision"]
    if part.status == "not_requested" or not (changed or notes):
        return part
    if changed and not part.detectors:
        return replace(part, status="unknown", notes=tuple(changed))
    return lessened(replace(part, notes=(*notes, *part.notes)), changed, duration)
