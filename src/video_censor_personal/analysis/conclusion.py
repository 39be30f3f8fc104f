"""From kept scores and a configuration to the report."""

from __future__ import annotations

import logging
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
from video_censor_personal.findings import Coverage, Report

__all__ = ["conclude"]

log = logging.getLogger(__name__)


def conclude(
    scores: Scores,
    config: Config,
    searches: Mapping[str, frozenset[str]],
    unlooked: Mapping[str, str],
    stand_ins: Mapping[str, str] = MappingProxyType({}),
    *,
    differences: Sequence[Difference] = (),
    required: Collection[str] = (),
) -> Report:
    """The report that `config` makes of `scores`.

    `searches` says whose evidence counts: detector -> the categories it is asked for; `stand_ins`
    which other detector may have been asked in the place of one. `unlooked` says of the categories
    that nobody can look for what is missing, in sentences. What `differences` say was looked for in
    another way, or not at all by one of the `required` detectors, is unknown, whatever was found.
    """
    evidence = scores.evidence.narrowed(searches)
    labels = {key: config.labels.get(key, categories.label(key)) for key in config.detections}
    wanted = config.enabled_categories()
    processing = config.processing
    detections = judge(
        evidence,
        {key: config.detections[key].sensitivity for key in wanted},
        padding=processing.padding_s,
    )
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
                _with_absentees(
                    part, searches, labels, unlooked, stand_ins, required, evidence.duration
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
            )
        ),
        size_bytes=scores.size_bytes,
        fingerprint=scores.fingerprint,
        labels=labels,
    )


def _with_absentees(
    part: Coverage,
    searches: Mapping[str, frozenset[str]],
    labels: Mapping[str, str],
    unlooked: Mapping[str, str],
    stand_ins: Mapping[str, str],
    required: Collection[str],
    duration: Fraction | None,
) -> Coverage:
    """Nobody looked, or not all who can: because that is not here, or was not at that time."""
    if part.status == "not_requested":
        return part
    if part.category in unlooked and not part.detectors:
        return replace(part, notes=(unlooked[part.category],))
    absent = [
        name
        for name, keys in searches.items()
        if part.category in keys and name not in stand_ins.values()
        if {name, stand_ins.get(name)}.isdisjoint(part.detectors)
    ]
    if not absent:
        return part
    label = labels.get(part.category, categories.label(part.category))
    note = f"{' and '.join(absent)} can look for {label}, but did not when this was analysed"
    if not part.detectors:
        return replace(part, notes=(note,))
    if not set(absent).isdisjoint(required):
        return lessened(part, [note], duration)
    return replace(part, notes=(note, *part.notes))


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
