"""Carry a plan out: analyse, report, copy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from video_censor_personal.analysis.archive import with_records
from video_censor_personal.analysis.scores import write_scores
from video_censor_personal.job.decisions import with_decisions
from video_censor_personal.job.outcome import Outcome
from video_censor_personal.job.plan import JobPlan, reviewed
from video_censor_personal.job.proof import prepare_proof, prove
from video_censor_personal.progress import Listener, ignore
from video_censor_personal.remediation.writer import write_copy
from video_censor_personal.reports.clean_subtitles import write_clean_subtitles
from video_censor_personal.reports.edl import write_edl
from video_censor_personal.reports.html_report import write_html
from video_censor_personal.reports.json_report import write_json
from video_censor_personal.reports.mpv_script import write_mpv_script
from video_censor_personal.reports.player_spans import PlayerSpans
from video_censor_personal.reports.plex_markers import write_plex_markers
from video_censor_personal.timeline import within

__all__ = ["run_job"]

log = logging.getLogger(__name__)
Warn = Callable[[str], None]


def run_job(plan: JobPlan, *, listener: Listener = ignore, warn: Warn = log.warning) -> Outcome:
    """Carry a plan out.

    Raises:
        ModelDownloadError: a required model is missing or could not be had.
        InputError, DetectorError: the analysis could not go on.
        ReportError: the report that would be replaced was spoilt meanwhile; it stays as it is.
        OutputError: a result could not be written; nothing half-written is left.
    """
    for warning in plan.warnings:
        warn(warning)
    prover = prepare_proof(plan, listener, warn) if plan.request.prove else None
    if plan.report is not None:
        outcome = Outcome(plan.info, plan.report)
    else:
        outcome = _analyse(plan, listener, warn)
    outcome = _write_side_files(plan, outcome)
    if plan.outputs.copy:
        outcome = _write_copy(plan, outcome, listener)
    if prover is not None and outcome.copy is not None:
        edits = plan.edits(outcome.report)
        try:
            proof = prove(prover, plan, outcome.report, edits, outcome.copy)
        except BaseException:
            warn(f"{plan.outputs.copy} is written, and was not looked at again to the end")
            raise
        outcome = replace(outcome, proof=proof)
    return outcome


def _analyse(plan: JobPlan, listener: Listener, warn: Warn) -> Outcome:
    pipeline, kept = plan.pipeline, plan.kept
    assert pipeline is not None, "a plan has either a report or a pipeline"
    pipeline.listener, pipeline.warn = listener, warn
    if kept is None or plan.request.download_models:
        pipeline.verify_models(download=plan.request.download_models)
    report = None if kept is None else pipeline.conclude(kept.scores)
    told = pipeline.blind_spots(plan.info, plan.found.told)
    for sentence in told:
        warn(sentence)
    scores = kept.scores if kept else pipeline.scores(plan.info, known=plan.found.known, told=told)
    written = plan.outputs.scores
    if written is not None:
        write_scores(with_records(scores, plan.found.records), written)
    report = report or pipeline.conclude(scores)
    if not plan.request.reanalyse:
        report, lost = with_decisions(plan.outputs.report, report, plan.info)
        for sentence in lost:
            warn(sentence)
    report = reviewed(report, plan.request)
    return _write_report(plan, Outcome(plan.info, report, scores=written, reused=kept))


def _write_report(plan: JobPlan, outcome: Outcome) -> Outcome:
    outputs, report = plan.outputs, outcome.report
    assert outputs.report is not None, "an analysis always writes a report"
    write_json(report, outputs.report, plan.request.config.output, info=plan.info)
    if outputs.page:
        lines = plan.edits(report).describe() if outputs.copy else ()
        write_html(report, plan.info, outputs.page, plan_lines=lines)
    log.info("wrote %s", outputs.report)
    return replace(outcome, report_path=outputs.report, page=outputs.page)


def _write_side_files(plan: JobPlan, outcome: Outcome) -> Outcome:
    """Lists for players and the cleaned subtitles, which people use with or without the copy."""
    outputs, written = plan.outputs, list(_write_lists(plan, outcome))
    if outputs.subtitles:
        cuts = plan.edits(outcome.report).cuts if outputs.copy else ()
        if write_clean_subtitles(plan.info, outcome.report, outputs.subtitles, cuts=cuts):
            written.append(outputs.subtitles)
    return replace(outcome, others=tuple(written))


def _write_lists(plan: JobPlan, outcome: Outcome) -> Iterator[Path]:
    outputs, key = plan.outputs, plan.request.config.output.plex_key
    if not (outputs.edl or outputs.mpv or outputs.plex):
        return
    edits = plan.edits(outcome.report)
    # A player can only skip or mute: what the copy hides in the picture is skipped.
    hidden = within((edit.span for edit in edits.picture), edits.duration)
    muted = within((edit.span for edit in edits.sound), edits.duration)
    spans = PlayerSpans.of([*edits.cuts, *hidden], muted)
    if outputs.edl:
        write_edl(outputs.edl, spans)
        yield outputs.edl
    if outputs.mpv:
        write_mpv_script(outputs.mpv, plan.info.path, spans)
        yield outputs.mpv
    if outputs.plex and key:
        write_plex_markers(outputs.plex, key, spans)
        yield outputs.plex


def _write_copy(plan: JobPlan, outcome: Outcome, listener: Listener) -> Outcome:
    assert plan.outputs.copy is not None
    edits = plan.edits(outcome.report)
    for line in edits.describe():
        log.info("copy: %s", line)
    result = write_copy(
        plan.info,
        edits,
        plan.outputs.copy,
        remediation=plan.request.config.remediation,
        force=plan.request.force,
        listener=listener,
    )
    return replace(outcome, copy=result.path, notes=(*edits.notes, *result.notes))
