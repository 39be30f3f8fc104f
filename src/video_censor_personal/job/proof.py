"""Looking at the finished copy once more: is anything left of what was to go?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from video_censor_personal import categories
from video_censor_personal.config import Remediation
from video_censor_personal.findings import Report, Segment
from video_censor_personal.job.plan import JobPlan
from video_censor_personal.media.probe import probe
from video_censor_personal.pipeline import AnalysisPipeline
from video_censor_personal.progress import Listener
from video_censor_personal.remediation.actions import Action, choose
from video_censor_personal.remediation.edits import EditPlan
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.review import fitted
from video_censor_personal.timeline import Span

__all__ = ["Proof", "prepare_proof", "prove"]

# A second look at a re-encoded film may time the same thing a little differently.
_NEAR_S = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a second analysis says of a copy.

    Attributes:
        report: of the copy.
        left: what is in it that was to go; times are the copy's.
    """

    report: Report
    left: tuple[Segment, ...]


def prepare_proof(
    plan: JobPlan, listener: Listener, warn: Callable[[str], None]
) -> AnalysisPipeline:
    """Who will look at the copy, ready before it is made.

    Raises:
        ModelDownloadError: a required model is missing or could not be had.
    """
    pipeline = AnalysisPipeline(plan.request.config)
    pipeline.listener, pipeline.warn = listener, warn
    pipeline.verify_models(download=plan.request.download_models)
    return pipeline


def prove(
    pipeline: AnalysisPipeline, plan: JobPlan, report: Report, edits: EditPlan, copy: Path
) -> Proof:
    """Analyses `copy`, which was made of what `report` is about, from its start to its end.

    What a person allowed, and what the configuration leaves alone, may be found again.

    Raises:
        InputError, DetectorError: the analysis could not go on.
    """
    again = pipeline.report(probe(copy))
    may_stay = list(_may_stay(report, plan.request.config.remediation, Retiming(edits.cuts)))
    left = tuple(segment for segment in again.segments if not _is_allowed(segment, may_stay))
    return Proof(again, left)


def _may_stay(
    report: Report, remediation: Remediation, retiming: Retiming
) -> Iterator[tuple[str, Span]]:
    """(category, time in the copy) of everything that nothing was done about."""
    for segment in report.segments:
        for detection in fitted(segment):
            if segment.allow or choose(detection, segment, remediation) == Action():
                span = detection.span
                moved = Span(retiming.moved(span.start), retiming.moved(span.end))
                yield categories.key(detection.category), moved.padded(_NEAR_S, _NEAR_S)


def _is_allowed(segment: Segment, may_stay: list[tuple[str, Span]]) -> bool:
    return all(
        any(
            categories.key(detection.category) == category and span.overlaps(detection.span)
            for category, span in may_stay
        )
        for detection in segment.detections
    )
