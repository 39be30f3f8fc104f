"""From kept scores and a configuration to the report."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from video_censor_personal import categories
from video_censor_personal.analysis.coverage import cover
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.analysis.segments import merge
from video_censor_personal.config import Config
from video_censor_personal.findings import Coverage, Modality, Report

__all__ = ["conclude"]

log = logging.getLogger(__name__)


def conclude(
    scores: Scores,
    config: Config,
    searches: Mapping[str, frozenset[str]],
    blind: Mapping[tuple[str, Modality | None], str],
    stand_ins: Mapping[str, str] = MappingProxyType({}),
    *,
    needed: Mapping[str, Collection[Modality]] = MappingProxyType({}),
    absentees: Mapping[str, str] = MappingProxyType({}),
) -> Report:
    """The report that `config` makes of `scores`.

    `searches` says whose evidence counts: detector -> the categories it is asked for; `stand_ins`
    which other detector may have been asked in the place of one. `needed` says what has to be
    searched for a category, `blind` in sentences why that is not, or (None) why nothing is, and
    `absentees` what a detector lacks now.
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
            _with_absentees(part, searches, labels, blind, stand_ins, absentees)
            for part in cover(
                wanted,
                evidence.searches,
                evidence.gaps,
                evidence.duration,
                labels,
                needed=needed,
                modalities=evidence.modalities,
                blind=blind,
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
    blind: Mapping[tuple[str, Modality | None], str],
    stand_ins: Mapping[str, str],
    absentees: Mapping[str, str],
) -> Coverage:
    """Nobody looked, or not all who can: because that is not here, or was not at that time."""
    if part.status == "not_requested":
        return part
    if (part.category, None) in blind and not part.detectors:
        return replace(part, notes=(blind[part.category, None],))
    absent = [
        name
        for name, keys in searches.items()
        if part.category in keys and name not in stand_ins.values()
        if {name, stand_ins.get(name)}.isdisjoint(part.detectors)
    ]
    if not absent:
        return part
    told = " ".join(gap.reason for gap in part.gaps)
    label = labels.get(part.category, categories.label(part.category))
    notes = [
        f"{name} can look for {label}, but {lack or 'did not when this was analysed'}"
        for name in absent
        if not (lack := absentees.get(name, "")) or lack not in told
    ]
    return replace(part, notes=(*notes, *part.notes) if part.detectors else tuple(notes))
