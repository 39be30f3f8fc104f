"""What a job would do: decided, and found possible, before the first frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from video_censor_personal.config import Config, ModelSource
from video_censor_personal.errors import ReportError, UsageError
from video_censor_personal.findings import Report
from video_censor_personal.job.decisions import check_decisions
from video_censor_personal.job.kept_scores import Findings, KeptScores, find_kept, kept_records
from video_censor_personal.job.outputs import JobOutputs, check_outputs, choose_outputs
from video_censor_personal.job.rehearsal import clean_report, flagged_report
from video_censor_personal.job.unexamined import unexamined
from video_censor_personal.media.base import SAMPLE_RATE_HZ, MediaInfo
from video_censor_personal.media.probe import probe
from video_censor_personal.model_manager import describe_model_size
from video_censor_personal.pipeline import AnalysisPipeline
from video_censor_personal.remediation.plan import EditPlan, make_plan
from video_censor_personal.remediation.sound.audio import bleep_of
from video_censor_personal.remediation.trial import try_out
from video_censor_personal.remediation.writer import check_writable
from video_censor_personal.reports.json_report import check_belongs, check_times, read_report
from video_censor_personal.reports.unknown import unknown_of
from video_censor_personal.timeline import format_timecode

__all__ = ["JobPlan", "Request", "plan_job"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for; paths as they were written.

    Attributes:
        output: the copy or the report, told apart by the suffix.
        output_video: the copy, where `output` is the report.
        segments: a report to make the copy from, instead of analysing.
        allow_all: everything that is found may stay.
        page: the page is wanted even if the configuration says otherwise.
        force: outputs that exist are overwritten.
        prove: the finished copy is analysed again around what was changed.
        prove_whole: and everywhere else.
        reanalyse: the video is analysed even if kept scores say all that would be found, and what
            was decided in a report that is replaced does not count.
    """

    video: Path
    config: Config
    output: Path | None = None
    output_video: Path | None = None
    segments: Path | None = None
    download_models: bool = False
    allow_all: bool = False
    page: bool = False
    force: bool = False
    prove: bool = False
    prove_whole: bool = False
    reanalyse: bool = False


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What will be done, decided and found possible.

    Attributes:
        report: the report the copy is made from, None where the analysis comes first.
        pipeline: the analysis, None where there is a report already.
        found: what is kept of earlier analyses of the video, and whether it spares this one.
        missing: models that are needed and not there.
        losses: what the copy goes without, or holds in another form.
        warnings: what the person should know beforehand.
    """

    request: Request
    info: MediaInfo
    outputs: JobOutputs
    report: Report | None = None
    pipeline: AnalysisPipeline | None = None
    found: Findings = field(default_factory=Findings)
    missing: tuple[ModelSource, ...] = ()
    losses: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def kept(self) -> KeptScores | None:
        """The scores of an earlier analysis, where they say all that this one would find."""
        return self.found.kept

    def describe(self) -> str:
        """The plan for a person, line by line."""
        return "\n".join([*self._source(), *self._analysis(), *self._copy(), *self._writes()])

    def cautions(self) -> list[str]:
        """What the person should know beforehand, and what nobody would look for."""
        if self.pipeline is None:
            return [*self.warnings]
        if self.kept is not None:
            self.pipeline.requirements.find_missing()
        return [*self.warnings, *self.pipeline.blind_spots(self.info, self.found.told)]

    def facts(self) -> dict[str, Any]:
        """The plan for a program."""
        return {
            "dry_run": True,
            "video": str(self.info.path),
            "writes": [str(path) for path in self.outputs],
            "missing_models": [source.name for source in self.missing],
            "plan": self.describe().splitlines(),
        }

    def edits(self, report: Report) -> EditPlan:
        """What is done to the video because of `report`."""
        config = self.request.config
        return make_plan(
            report,
            config.remediation,
            self.info,
            skip_chapters=config.video.metadata_output.skip_chapters,
            output=self.outputs.copy,
        )

    def _source(self) -> list[str]:
        duration = self.info.duration
        length = "of unknown length" if duration is None else format_timecode(duration)
        streams = ", ".join(f"{s.kind} {s.codec or '?'}" for s in self.info.streams)
        return [f"{self.info.path}: {length}; {streams}"]

    def _analysis(self) -> list[str]:
        if self.pipeline is None:
            return ["no analysis: the report is there"]
        lines = [f"would look for {what}" for what in self.pipeline.describe(self.found.known)]
        if self.kept is not None:
            lines = [f"no analysis: the scores of {self.kept.date} are there ({self.kept.path})"]
        for source in self.missing:
            verb, without = "would download", ""
            if not self._downloads:
                verb = self.pipeline.requirements.state(source.name)
                without = "; without it the run ends with exit code 4"
                if source.optional:
                    without = "; it is optional, so the run goes on without it"
            lines.append(
                f"{verb}: the model {source.name} ({describe_model_size(source)}){without}"
            )
        return lines

    @property
    def _downloads(self) -> bool:
        return self.request.download_models or self.request.config.models.auto_download

    def _copy(self) -> list[str]:
        if self.report is None or self.outputs.copy is None:
            return list(self.losses)
        return [*self.edits(self.report).describe(), *self.losses]

    def _writes(self) -> list[str]:
        return [f"would write {path}" for path in self.outputs]


def plan_job(request: Request) -> JobPlan:
    """Decide what a request comes to; reads the video's header and the report, writes nothing.

    Raises:
        UsageError: the request contradicts itself.
        ConfigError, DetectorError: the configuration cannot be carried out here.
        InputError: the video cannot be read.
        OutputError: a result could not be written.
        ReportError: the report to use, or the one to replace, cannot be read, belongs to another
            video, or speaks of times after its end.
    """
    analyses = request.segments is None
    if not analyses:
        _refuse_pointless(request)
    info = probe(request.video)
    outputs = choose_outputs(
        info.path,
        request.config.output,
        output=request.output,
        output_video=request.output_video,
        analyses=analyses,
        page=request.page,
    )
    if request.prove and outputs.copy is None:
        raise UsageError("--prove looks at the copy; name one: --output movie.clean.mp4")
    make = _plan_analysis if analyses else _plan_copy
    return make(request, info, outputs)


def _refuse_pointless(request: Request) -> None:
    """What is asked for beside a report and would only matter to an analysis."""
    reports = request.output is not None and request.output.suffix.lower() == ".json"
    given = {
        "--download-models": request.download_models,
        "--reanalyse": request.reanalyse,
        "--edit": request.page,
        f"--output {request.output}": reports,
    }
    if named := ", ".join(flag for flag, is_given in given.items() if is_given):
        raise UsageError(
            f"--input-segments only makes the copy from the report that is there; leave out {named}"
        )


def _check(request: Request, info: MediaInfo, outputs: JobOutputs) -> None:
    check_outputs(
        outputs,
        info.path,
        force=request.force,
        report=request.segments,
        config=request.config.path,
    )
    audio = request.config.remediation.audio
    if outputs.copy is not None and audio.bleep_file:
        bleep_of(audio, SAMPLE_RATE_HZ)  # raises where the file cannot be used


def _plan_analysis(request: Request, info: MediaInfo, outputs: JobOutputs) -> JobPlan:
    pipeline = AnalysisPipeline(request.config, video=info.path)
    found = _found(request, pipeline, info, outputs)
    pipeline.spare(found.known)
    if found.kept is not None:
        outputs = replace(outputs, scores=None)  # they stay as they are
    _check(request, info, outputs)
    doubts = [] if request.reanalyse else check_decisions(outputs.report, info)
    unseen = unexamined(info, pipeline.languages) if outputs.copy is not None else []
    plan = JobPlan(
        request,
        info,
        outputs,
        pipeline=pipeline,
        found=found,
        missing=() if found.kept else tuple(pipeline.missing_models()),
        warnings=(*([found.problem] if found.problem else []), *doubts, *unseen),
    )
    if outputs.copy is not None:
        # What cannot be copied, or changed, is refused now, not after the analysis.
        nothing = plan.edits(clean_report(info))
        losses = check_writable(info, nothing, outputs.copy, force=request.force)
        for edits in (nothing, plan.edits(flagged_report(info))):
            try_out(info, edits, outputs.copy, request.config.remediation)
        plan = replace(plan, losses=losses)
    return plan


def _found(
    request: Request, pipeline: AnalysisPipeline, info: MediaInfo, outputs: JobOutputs
) -> Findings:
    """What is kept of the video; where it is to be analysed all the same, it only stays."""
    if outputs.scores is None:
        return Findings()
    if request.reanalyse:
        return replace(kept_records(outputs.scores, info), problem="")
    downloads = request.download_models or request.config.models.auto_download
    return find_kept(outputs.scores, pipeline, info, downloads=downloads)


def _plan_copy(request: Request, info: MediaInfo, outputs: JobOutputs) -> JobPlan:
    assert request.segments is not None
    _check(request, info, outputs)
    if outputs.copy is None:
        raise UsageError("--input-segments makes a copy; name it: --output movie.clean.mp4")
    report = read_report(request.segments)
    likeness = check_belongs(report, info)
    if likeness.verdict == "other":
        raise ReportError(f"{request.segments} belongs to another video: {likeness.sentence}")
    check_times(report, info, request.segments)
    warnings = [likeness.sentence] if likeness.verdict == "probably" else []
    warnings += [f"the report says UNKNOWN: {sentence}" for sentence in unknown_of(report)]
    plan = JobPlan(
        request, info, outputs, report=reviewed(report, request), warnings=tuple(warnings)
    )
    edits = plan.edits(reviewed(report, request))
    losses = check_writable(info, edits, outputs.copy, force=request.force)
    try_out(info, edits, outputs.copy, request.config.remediation)
    return replace(plan, losses=losses)


def reviewed(report: Report, request: Request) -> Report:
    """The report, with everything allowed where that was asked for."""
    if not request.allow_all:
        return report
    allowed = tuple(replace(segment, allow=True) for segment in report.segments)
    return replace(report, segments=allowed, all_allowed=True)
