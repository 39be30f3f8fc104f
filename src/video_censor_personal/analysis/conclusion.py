"""From kept scores and a configuration to the report."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from types import MappingProxyType

from video_censor_personal import categories
from video_censor_personal.analysis.coverage import cover, lessened
from video_censor_personal.analysis.differences import Difference
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.analysis.segments import merge
from video_censor_personal.config import Config
from video_censor_personal.findings import Coverage, Detection, Modality, Report
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["conclude"]

log = logging.getLogger(__name__)

_SPANS_NAMED = 50
"""Of what was cleared; a note is read by people."""


def conclude(
    scores: Scores,
    config: Config,
    searches: Mapping[str, frozenset[str]],
    blind: Mapping[tuple[str, Modality | None], str],
    stand_ins: Mapping[str, str] = MappingProxyType({}),
    *,
    clearing: Collection[str] = (),
    needed: Mapping[str, Collection[Modality]] = MappingProxyType({}),
    telling: Mapping[str, Collection[Modality]] = MappingProxyType({}),
    absentees: Mapping[str, str] = MappingProxyType({}),
    differences: Sequence[Difference] = (),
    required: Collection[str] = (),
) -> Report:
    """The report that `config` makes of `scores`.

    `searches` says whose evidence counts: detector -> the categories it is asked for; `stand_ins`
    which other detector may have been asked in the place of one. `needed` says what has to be
    searched for a category, `telling` in what it could be, `blind` in sentences why that is not
    searched, or (None) why nothing is, and `absentees` what a detector lacks now. `clearing` names
    those whose no lowers what others saw; what does not count because of that is said in the
    coverage. What `differences` say was looked for in another way, or not at all by one of the
    `required` detectors, is unknown, whatever was found.
    """
    evidence = scores.evidence.narrowed(searches)
    labels = {key: config.labels.get(key, categories.label(key)) for key in config.detections}
    wanted = config.enabled_categories()
    processing = config.processing
    sensitivities = {key: config.detections[key].sensitivity for key in wanted}
    padding = processing.padding_s
    detections = judge(evidence, sensitivities, padding=padding, clearing=clearing)
    uncleared = judge(evidence, sensitivities, padding=padding) if clearing else detections
    unasked: dict[str, set[str]] = defaultdict(set)
    for each in differences:
        for key in each.categories if each.kind == "absence" else ():
            unasked[key].add(each.detector)
    for found in detections:
        log.debug(
            "%s: %s %r, %.2f, by %s",
            found.span,
            found.category,
            found.label,
            found.confidence,
            found.detector,
        )
    return Report(
        source=scores.source,
        duration=evidence.duration,
        processed_at=datetime.now(UTC),
        config=config.path.name if config.path else "built-in defaults",
        profile=config.profile,
        segments=merge(detections, processing.segment_merge, labels),
        coverage=tuple(
            _with_differences(
                _with_cleared(
                    _with_absentees(
                        part,
                        searches,
                        labels,
                        blind,
                        stand_ins,
                        absentees,
                        unasked,
                        required,
                        evidence.duration,
                    ),
                    _cleared(part.category, uncleared, detections),
                    clearing,
                ),
                differences,
                evidence.duration,
            )
            for part in cover(
                wanted,
                evidence.searches,
                evidence.gaps,
                evidence.duration,
                labels,
                needed=needed,
                telling=telling,
                modalities=evidence.modalities,
                blind=blind,
            )
        ),
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
    part: Coverage,
    searches: Mapping[str, frozenset[str]],
    labels: Mapping[str, str],
    blind: Mapping[tuple[str, Modality | None], str],
    stand_ins: Mapping[str, str],
    absentees: Mapping[str, str],
    unasked: Mapping[str, Collection[str]],
    required: Collection[str],
    duration: Fraction | None,
) -> Coverage:
    """Nobody looked, or not all who can: because that is not here, or was not at that time.

    `unasked`: by category, those of the detectors that were of no use at that time.
    """
    if part.status == "not_requested" or (part.status == "analysed" and not part.detectors):
        return part
    if (part.category, None) in blind and not part.detectors:
        return replace(part, notes=(blind[part.category, None],))
    asked = tuple(name for name in part.detectors if name not in unasked.get(part.category, ()))
    absent = [
        name
        for name, keys in searches.items()
        if part.category in keys and name not in stand_ins.values()
        if {name, stand_ins.get(name)}.isdisjoint(asked)
    ]
    if not absent:
        return part
    part = replace(part, detectors=asked or part.detectors)
    told = " ".join([*part.notes, *(gap.reason for gap in part.gaps)])
    label = labels.get(part.category, categories.label(part.category))
    notes = [
        f"{name} can look for {label}, but {lack or 'did not when this was analysed'}"
        for name in absent
        if not (lack := absentees.get(name, "")) or lack not in told
    ]
    if not part.detectors:
        return replace(part, notes=tuple(notes))
    if notes and not set(absent).isdisjoint(required):
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
