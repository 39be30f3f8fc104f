"""The analysis of one video: verify the models, look and listen, report.

    pipeline = AnalysisPipeline(config, video="movie.mp4")
    pipeline.verify_models(download=True)
    report = pipeline.analyze()

Detectors are chosen when the pipeline is made and built only after their models were found, so a
run that cannot succeed fails in its first second.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from video_censor_personal import __version__, categories
from video_censor_personal.analysis.conclusion import conclude
from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.examination import Examined, examine, unexamined_streams
from video_censor_personal.analysis.making import Making, model_of, parts_of
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.analysis.second_looks import look_again
from video_censor_personal.config import Config, ModelSource
from video_censor_personal.config.document import nearest
from video_censor_personal.detectors.base import FrameDetector, SoundDetector
from video_censor_personal.detectors.registry import discover
from video_censor_personal.detectors.roster import Assignment, assign
from video_censor_personal.detectors.second_look import SecondLook
from video_censor_personal.errors import ConfigError, ModelMissingError
from video_censor_personal.findings import Report
from video_censor_personal.media.base import Cue, MediaInfo
from video_censor_personal.media.probe import probe
from video_censor_personal.media.subtitles import read_subtitles
from video_censor_personal.model_manager import ModelManager
from video_censor_personal.progress import Listener, ignore
from video_censor_personal.reports.json_report import fingerprint, to_dict
from video_censor_personal.sizes import describe_known_size

__all__ = ["AnalysisPipeline"]

log = logging.getLogger(__name__)

_TRACE = 5  # a level below debug, for what is read and not only for what is found


class AnalysisPipeline:
    """Analyses videos with one configuration.

    Raises (when made):
        ConfigError: the configuration asks for detectors or models that it does not describe.
        DetectorError: a detector that it names cannot run here.
    """

    def __init__(
        self,
        config: Config,
        skip_model_check: bool = False,
        *,
        video: Path | str | None = None,
        listener: Listener = ignore,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self.config = config
        self.video = Path(video) if video is not None else None
        self.listener, self.warn = listener, warn
        self._assignments = assign(config, discover())
        self._manager = ModelManager(config)
        self._checked = skip_model_check
        self._missing: set[str] = set()
        self._detectors: list[Assignment] | None = None
        self._eyes: list[FrameDetector] = []
        self._second_looks: list[SecondLook] = []
        self._check_model_names()

    # -- models

    def _extract_model_requirements(self) -> list[str]:
        """The names of the models this configuration needs: those its detectors take, and those
        under `models.sources` that no detector at all mentions."""
        taken = [need.name for assignment in self._assignments for need in assignment.needs]
        mentioned = {str(v) for d in self.config.detectors for v in d.options.values()} | set(taken)
        loose = [s.name for s in self.config.models.sources if s.name not in mentioned]
        return list(dict.fromkeys([*taken, *loose]))

    def required_models(self) -> list[ModelSource]:
        """Where the models that this configuration needs come from."""
        by_name = {source.name: source for source in self.config.models.sources}
        return [by_name[name] for name in self._extract_model_requirements()]

    def _check_model_names(self) -> None:
        known = {source.name for source in self.config.models.sources}
        for assignment in self._assignments:
            for need in assignment.needs:
                if need.name not in known:
                    guess = nearest(need.name, known)
                    raise ConfigError(
                        f"the detector {assignment.settings.name!r} takes the model {need.name!r}, "
                        "which is not under models.sources"
                        + (f"; did you mean {guess!r}?" if guess else ""),
                        file=self.config.path,
                        key="models.sources",
                    )

    def missing_models(self) -> list[ModelSource]:
        """The needed models that are not there or not intact; changes nothing."""
        return [s for s in self.required_models() if not self._manager.is_model_valid(s.name)]

    def verify_models(self, download: bool = False) -> bool:
        """Make sure that the models are there; asking again costs next to nothing.

        Returns:
            True: all are there. False: only optional ones are missing.

        Raises:
            ModelDownloadError: a required one is missing, or could not be downloaded.
        """
        needed = self.required_models()
        if needed and (download or self.config.models.auto_download):
            self._manager.verify_models(needed, listener=self.listener)
        elif needed:
            self._manager.check([source.name for source in needed], listener=self.listener)
        missing = self.missing_models()
        required = [source for source in missing if not source.optional]
        if required:
            raise ModelMissingError(_how_to_get(required, self.config), model=required[0].name)
        self._missing = {source.name for source in missing}
        self._checked = True
        return not missing

    # -- detectors

    def describe(self) -> list[str]:
        """Who looks for what, a line each: `Nudity, Faces (nudenet)`."""
        lines = []
        for assignment in self._assignments:
            labels = ", ".join(c.label for c in assignment.settings.categories.values())
            lines.append(f"{labels} ({assignment.settings.name})")
        return lines

    def blind_spots(self) -> list[str]:
        """What a person may expect to be looked for and is not, in sentences."""
        seen = {key for a in self._assignments for key in a.settings.categories}
        wanted = self.config.enabled_categories()
        sentences = [
            f"{self._label(key)} is not looked for: no detector that is installed and enabled "
            "can see it; the report says so, and the exit code will be 3"
            for key in wanted
            if key not in seen
        ]
        if self.config.path is None:
            sentences.append(
                "violence is not looked for: nothing that is built in can see it, so it may be in "
                "the copy"
            )
        return sentences

    def _label(self, key: str) -> str:
        return self.config.labels.get(key, categories.label(key))

    def _ensure_detection_pipeline(self) -> None:
        """Build the detectors, once. Those whose optional models are missing stay out, and what
        stands in for them takes their place."""
        if self._detectors is not None:
            return
        # From 1.31 on, onnxruntime tells its maker of every session unless this is set before it is
        # loaded; here, so that it holds for plug-ins as well. Nothing leaves this machine.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        equipped = (self._equipped(assignment) for assignment in self._assignments)
        self._detectors = [assignment for assignment in equipped if assignment is not None]
        built = [self._build(a) for a in self._detectors if a.plugin.modality == "video"]
        self._eyes = [detector for detector in built if isinstance(detector, FrameDetector)]
        self._second_looks = [detector for detector in built if isinstance(detector, SecondLook)]
        for detector in self._second_looks:
            if detector.absence:
                self.warn(f"{detector.name} is not used: {detector.absence}")

    def _equipped(self, assignment: Assignment) -> Assignment | None:
        lacking = [need.name for need in assignment.needs if need.name in self._missing]
        if not lacking:
            return assignment
        reason = f"{assignment.settings.name} is not used: its model {lacking[0]!r} is missing"
        if assignment.stand_in is None:
            self.warn(reason)
            return None
        reason = f"{reason}; {assignment.stand_in.settings.name} takes its place"
        self.warn(reason)
        return replace(assignment.stand_in, note=f"{reason}.")

    def _build(self, assignment: Assignment) -> FrameDetector | SoundDetector | SecondLook:
        paths = {need.name: self._manager.get_model_path(need.name) for need in assignment.needs}
        return assignment.build(paths)

    def _make_ears(self) -> list[SoundDetector]:
        """New ones: a sound detector listens to one track of one file."""
        ears = [self._build(a) for a in self._detectors or () if a.plugin.modality == "audio"]
        return [ear for ear in ears if isinstance(ear, SoundDetector)]

    @staticmethod
    def _languages(assignments: Sequence[Assignment]) -> set[str]:
        """The languages that are listened to; empty where language does not matter."""
        return {
            language
            for assignment in assignments
            if assignment.plugin.modality == "audio"
            for language in assignment.languages
        }

    # -- analysis

    def analyze(self, video: Path | str | None = None) -> dict[str, Any]:
        """Analyse a video (default: the one the pipeline was made for); the report as a dict.

        Raises:
            RuntimeError: the models were not verified yet.
            InputError: the video cannot be read.
        """
        self._require_models()
        info = self._probed(video)
        return to_dict(self.report(info), self.config.output, info)

    def report(self, video: Path | str | MediaInfo | None = None) -> Report:
        """As `analyze`, as a value."""
        return self.conclude(self.scores(video))

    def scores(self, video: Path | str | MediaInfo | None = None) -> Scores:
        """Everything the detectors say of a video, whatever the sensitivities; see `conclude`."""
        self._require_models()
        info = self._probed(video)
        self._ensure_detection_pipeline()
        used = self._detectors or []
        for sentence in (sentence for assignment in used for sentence in assignment.warnings):
            self.warn(sentence)
        cues = self._cues(info)
        log.info("analysing %s: %s", info.path, "; ".join(self.describe()) or "nothing")
        wanted = self.config.enabled_categories()
        sensitivities = {key: self.config.detections[key].sensitivity for key in wanted}
        languages = self._languages(used)
        found = examine(
            info,
            self._eyes,
            self._make_ears,
            cues,
            self.config.processing,
            sensitivities=sensitivities,
            languages=languages,
            listener=self.listener,
        )
        evidence = Evidence(
            witnesses=tuple(self._witness(assignment, found) for assignment in used),
            gaps=found.gaps,
            unexamined=unexamined_streams(info, languages),
            duration=info.duration,
            end=found.end,
            sensitivities=sensitivities,
        )
        if self._second_looks:
            threads = self.config.processing.max_workers or 0
            evidence = look_again(
                info, evidence, self._second_looks, threads=threads, listener=self.listener
            )
        return Scores(
            source=info.path,
            size_bytes=info.size_bytes,
            fingerprint=fingerprint(info.path),
            made_at=datetime.now(UTC),
            making=self._made_with(info.path, used),
            evidence=evidence,
        )

    def conclude(self, scores: Scores) -> Report:
        """What this configuration makes of the scores, its own or kept ones."""
        asked = {
            a.settings.name: frozenset(a.settings.categories)
            for assignment in self._assignments
            for a in (assignment, assignment.stand_in)
            if a is not None
        }
        return conclude(scores, self.config, asked)

    def making(self, video: Path, missing: Collection[str] = ()) -> Making:
        """What the scores of an analysis would be made with if no model but `missing` ones were
        missing."""
        stand_ins = [_with_models(assignment, missing) for assignment in self._assignments]
        return self._made_with(video, [each for each in stand_ins if each is not None])

    def missing_optional(self) -> list[str]:
        """The optional models that are not there, by name; changes nothing."""
        return [source.name for source in self.missing_models() if source.optional]

    def _made_with(self, video: Path, assignments: Sequence[Assignment]) -> Making:
        models = {a.settings.name: model_of(a, self._manager.revision) for a in assignments}
        sampling = self.config.processing.frame_sampling
        return Making(
            program=__version__,
            strategy=sampling.strategy,
            sample_rate=sampling.sample_rate,
            parts=parts_of(assignments, models, video, self._languages(assignments)),
        )

    def _witness(self, assignment: Assignment, found: Examined) -> Witness:
        name = assignment.settings.name
        keys = frozenset(assignment.settings.categories)
        unknown = ", ".join(need.name for need in assignment.needs)
        return Witness(
            search=Search(name, assignment.plugin.modality, keys, assignment.notes),
            scales=found.scales.get(name, {}),
            model=model_of(assignment, self._manager.revision) or unknown,
            looks=found.looks.get(name, ()),
            heard=found.heard.get(name, ()),
        )

    def _require_models(self) -> None:
        if not self._checked:
            raise RuntimeError("verify_models() must succeed before a video is analysed")

    def _probed(self, video: Path | str | MediaInfo | None) -> MediaInfo:
        chosen = video if video is not None else self.video
        if chosen is None:
            raise ValueError("which video? Name it here or when the pipeline is made")
        return chosen if isinstance(chosen, MediaInfo) else probe(Path(chosen))

    def _cues(self, info: MediaInfo) -> list[Cue]:
        subtitles = read_subtitles(info)
        for problem in subtitles.problems:
            self.warn(problem)
        log.info("subtitles: %d cues of %s", len(subtitles.cues), subtitles.sources or "none")
        for cue in subtitles.cues:
            log.log(_TRACE, "%s: cue of %s: %r", cue.span, cue.source, cue.text)
        return list(subtitles.cues)


def _with_models(assignment: Assignment, missing: Collection[str]) -> Assignment | None:
    """Who does the work of `assignment` where these models are missing."""
    lacking = any(need.name in missing for need in assignment.needs)
    return assignment.stand_in if lacking else assignment


def _how_to_get(missing: Sequence[ModelSource], config: Config) -> str:
    lines = ", ".join(f"{each.name} ({describe_known_size(each.size_bytes)})" for each in missing)
    which = f" --config {config.path}" if config.path else ""
    return (
        f"these models are needed and are not there or not intact: {lines}. To fetch them and go "
        f"on, run the same command with --download-models; to only fetch them: "
        f"video-censor models download{which}"
    )
