"""Looking at the finished copy once more: is anything left of what was to go?"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from video_censor_personal import categories
from video_censor_personal.config import Remediation
from video_censor_personal.findings import Coverage, Detection, Report, Segment
from video_censor_personal.job.plan import JobPlan
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.probe import probe
from video_censor_personal.pipeline import AnalysisPipeline
from video_censor_personal.progress import Listener
from video_censor_personal.remediation.actions import Action, choose
from video_censor_personal.remediation.edits import EditPlan
from video_censor_personal.remediation.excerpt import Excerpt, ExcerptError, write_excerpt
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.review import fitted
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["Proof", "as_played", "prepare_proof", "prove"]

log = logging.getLogger(__name__)

# A second look at a re-encoded film may time the same thing a little differently, and the word that
# is masked in a subtitle may be said this much before or after it.
_NEAR_S = Fraction(1, 2)

_NEIGHBOURHOOD_S = 5
"""How much is looked at before and after every edit; groups of pictures make it more."""

_WORTHWHILE = 0.6
"""With more of the film than this around edits, all of it is looked at."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a second analysis says of a copy; times are the copy's.

    Attributes:
        report: of what was looked at.
        left: what is in it that was to go.
        looked_at: the parts of the copy that were analysed, None for all of it.
    """

    report: Report
    left: tuple[Segment, ...]
    looked_at: tuple[Span, ...] | None = None


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
    """Analyses `copy`, which was made of what `report` is about: around every edit, or whole where
    that was asked for, where edits are everywhere, or where its pictures cannot be entered.

    What a person allowed, and what the configuration leaves alone, may be found again, up to half
    a second earlier or later; what goes on for longer is left over.

    Raises:
        InputError, DetectorError: the analysis could not go on.
    """
    info = as_played(probe(copy), edits)
    retiming = Retiming(edits.cuts)
    spans = [] if plan.request.prove_whole else _around_edits(edits, retiming, info)
    abridged = _abridged(edits, retiming)
    found = _analysed_in_parts(pipeline, info, spans, abridged) if spans else None
    again, looked_at = found or (pipeline.report(info, abridged=abridged), None)
    may_stay = list(_may_stay(report, plan.request.config.remediation, retiming))
    left = tuple(
        segment
        for segment in again.segments
        if not all(_is_allowed(detection, may_stay) for detection in segment.detections)
    )
    return Proof(again, left, looked_at)


def as_played(info: MediaInfo, edits: EditPlan) -> MediaInfo:
    """What of the copy `info` is looked at: not the tracks that are untouched beside a clean one,
    as nobody is to hear them."""
    sounds = [plan for plan in edits.streams if plan.stream.kind == "audio" and plan.work != "drop"]
    replaced = {plan.stream.index for plan in sounds if plan.new_title}
    unheard = {
        stream.index
        for stream, plan in zip(info.of_kind("audio"), sounds, strict=False)
        if plan.stream.index in replaced and not plan.new_title
    }
    return replace(info, streams=tuple(s for s in info.streams if s.index not in unheard))


def _around_edits(edits: EditPlan, retiming: Retiming, info: MediaInfo) -> list[Span]:
    """What to look at, on the copy's time; empty: all of it."""
    changed = [*edits.cuts, *(edit.span for edit in edits.sound)]
    changed += [edit.span for edit in edits.picture]
    changed += [mask.span for mask in edits.masks]
    moved = (_as_copied(span, retiming) for span in changed)
    spans = union(span.padded(_NEIGHBOURHOOD_S, _NEIGHBOURHOOD_S) for span in moved)
    if info.duration is None or info.video is None:
        return []
    share = sum(float(span.duration) for span in spans) / float(info.duration or 1)
    return spans if share < _WORTHWHILE else []


def _abridged(edits: EditPlan, retiming: Retiming) -> list[Span]:
    """When the copy's subtitles do not tell what is said, as words were masked in them or taken out
    of the sound: whether they are gone, only the sound can tell."""
    changed = [*(mask.span for mask in edits.masks), *(edit.span for edit in edits.sound)]
    return union(_as_copied(span, retiming).padded(_NEAR_S, _NEAR_S) for span in changed)


def _as_copied(span: Span, retiming: Retiming) -> Span:
    """The same on the copy's time."""
    return Span(retiming.moved(span.start), retiming.moved(span.end))


def _analysed_in_parts(
    pipeline: AnalysisPipeline,
    info: MediaInfo,
    spans: Sequence[Span],
    abridged: Sequence[Span],
) -> tuple[Report, tuple[Span, ...]] | None:
    """The report on these spans of `info`'s file and the groups of pictures they lie in, None where
    they cannot be taken out of it; `abridged` as in `AnalysisPipeline.scores`."""
    with tempfile.TemporaryDirectory(prefix=".proof-", dir=info.path.absolute().parent) as folder:
        path = Path(folder) / "parts.mkv"
        try:
            excerpt = write_excerpt(info, spans, path)
        except ExcerptError as error:
            log.info("the whole copy is looked at, as %s", error)
            return None
        places = [place for span in abridged for place in excerpt.places(span)]
        report = pipeline.report(probe(path), abridged=places)
        return _moved(report, excerpt, info), excerpt.parts


def _moved(report: Report, excerpt: Excerpt, info: MediaInfo) -> Report:
    """`report` on an excerpt of `info`'s file as one on that file."""
    return replace(
        report,
        source=info.path,
        duration=info.duration,
        segments=tuple(s for segment in report.segments for s in _segments(segment, excerpt)),
        coverage=tuple(_coverage(part, excerpt) for part in report.coverage),
    )


def _segments(segment: Segment, excerpt: Excerpt) -> Iterator[Segment]:
    """One for every part of the copy that `segment` of the excerpt reaches into."""
    for span in excerpt.sources(segment.span):
        detections = (
            replace(detection, span=part)
            for detection in segment.detections
            for source in excerpt.sources(detection.span)
            if (part := source.clipped(span)) is not None
        )
        yield replace(segment, span=span, detections=tuple(detections))


def _coverage(part: Coverage, excerpt: Excerpt) -> Coverage:
    gaps = (replace(gap, span=span) for gap in part.gaps for span in excerpt.sources(gap.span))
    return replace(part, gaps=tuple(gaps))


def _may_stay(
    report: Report, remediation: Remediation, retiming: Retiming
) -> Iterator[tuple[str, Span]]:
    """(category, time in the copy) of everything that nothing was done about."""
    for segment in report.segments:
        for detection in fitted(segment):
            if segment.allow or choose(detection, segment, remediation) == Action():
                span = _as_copied(detection.span, retiming)
                yield categories.key(detection.category), span.padded(_NEAR_S, _NEAR_S)


def _is_allowed(detection: Detection, may_stay: Sequence[tuple[str, Span]]) -> bool:
    """Whether all of it may stay, and not only some."""
    span, key = detection.span, categories.key(detection.category)
    allowed = [stays for category, stays in may_stay if category == key]
    if not span.duration:  # a moment
        return any(stays.contains(span.start) for stays in allowed)
    return not subtract(span, allowed)
