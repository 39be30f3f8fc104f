"""Carry a plan out: analyse, report, copy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from video_censor_personal.findings import Report
from video_censor_personal.job.outcome import Outcome
from video_censor_personal.job.plan import JobPlan, reviewed
from video_censor_personal.progress import Listener, ignore
from video_censor_personal.remediation.writer import write_copy
from video_censor_personal.reports.clean_subtitles import write_clean_subtitles
from video_censor_personal.reports.edl import write_edl
from video_censor_personal.reports.html_report import write_html
from video_censor_personal.reports.json_report import write_json

__all__ = ["run_job"]

log = logging.getLogger(__name__)
Warn = Callable[[str], None]


def run_job(plan: JobPlan, *, listener: Listener = ignore, warn: Warn = log.warning) -> Outcome:
    """Carry a plan out.

    Raises:
        ModelDownloadError: a required model is missing or could not be had.
        InputError, DetectorError: the analysis could not go on.
        OutputError: a result could not be written; nothing half-written is left.
    """
    for warning in plan.warnings:
        warn(warning)
    outcome = Outcome(plan.info, plan.report or _analyse(plan, listener, warn))
    if plan.report is None:
        outcome = _write_report(plan, outcome)
    outcome = _write_side_files(plan, outcome)
    return _write_copy(plan, outcome, listener) if plan.outputs.copy else outcome


def _analyse(plan: JobPlan, listener: Listener, warn: Warn) -> Report:
    pipeline = plan.pipeline
    assert pipeline is not None, "a plan has either a report or a pipeline"
    pipeline.listener, pipeline.warn = listener, warn
    pipeline.verify_models(download=plan.request.download_models)
    for sentence in pipeline.blind_spots():
        warn(sentence)
    return reviewed(pipeline.report(plan.info), plan.request)


def _write_report(plan: JobPlan, outcome: Outcome) -> Outcome:
    outputs = plan.outputs
    assert outputs.report is not None, "an analysis always writes a report"
    write_json(outcome.report, outputs.report, plan.request.config.output, info=plan.info)
    if outputs.page:
        write_html(outcome.report, plan.info, outputs.page)
    return replace(outcome, report_path=outputs.report, page=outputs.page)


def _write_side_files(plan: JobPlan, outcome: Outcome) -> Outcome:
    """The edit list and the cleaned subtitles, which people use with or without the copy."""
    outputs, edits = plan.outputs, plan.edits(outcome.report)
    if outputs.edl:
        silences = [edit.span for edit in edits.sound]
        write_edl(outputs.edl, list(edits.cuts), silences)
    if outputs.subtitles:
        cuts = edits.cuts if outputs.copy else ()
        write_clean_subtitles(plan.info, outcome.report, outputs.subtitles, cuts=cuts)
    written = tuple(path for path in (outputs.edl, outputs.subtitles) if path)
    return replace(outcome, others=written)


def _write_copy(plan: JobPlan, outcome: Outcome, listener: Listener) -> Outcome:
    assert plan.outputs.copy is not None
    edits = plan.edits(outcome.report)
    result = write_copy(
        plan.info,
        edits,
        plan.outputs.copy,
        remediation=plan.request.config.remediation,
        force=plan.request.force,
        listener=listener,
    )
    return replace(outcome, copy=result.path, notes=(*edits.notes, *result.notes))
