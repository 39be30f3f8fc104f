"""The analysis of one video: verify the models, look and listen, report.

    pipeline = AnalysisPipeline(config, video="movie.mp4")
    pipeline.verify_models(download=True)
    report = pipeline.analyze()

Detectors are chosen when the pipeline is made and built only after their models were found, so a
run that cannot succeed fails in its first second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from video_censor_personal import categories
from video_censor_personal.analysis.archive import joined, joined_making, searches_of
from video_censor_personal.analysis.evidence import Evidence
from video_censor_personal.analysis.examination import examine, modalities_of
from video_censor_personal.analysis.making import Making, model_of
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.analysis.second_looks import edges_of_interest, look_again
from video_censor_personal.analysis.subtitle_digest import subtitles_digest
from video_censor_personal.analysis.testimony import witness_of
from video_censor_personal.config import Config, ModelSource
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.equipment import Equipment
from video_censor_personal.findings import MODALITIES, Modality, Report
from video_censor_personal.judging import Judging, making_of
from video_censor_personal.media.base import Cue, MediaInfo
from video_censor_personal.media.probe import probe
from video_censor_personal.media.subtitles import read_subtitles
from video_censor_personal.progress import Listener, ignore
from video_censor_personal.reports.json_report import to_dict
from video_censor_personal.reports.likeness import fingerprint, modified_ns
from video_censor_personal.requirements import Requirements, with_models
from video_censor_personal.timeline import Span

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
        self.requirements = Requirements(config)
        self._judging = Judging(config, self.requirements)
        self._assignments = self.requirements.assignments
        self._checked = skip_model_check
        self._equipment: Equipment | None = None

    # -- models

    def _extract_model_requirements(self) -> list[str]:
        """The names of the models this configuration needs."""
        return self.requirements.model_names()

    def required_models(self) -> list[ModelSource]:
        """Where the models that this configuration needs come from."""
        return self.requirements.models()

    def missing_models(self) -> list[ModelSource]:
        """The needed models that are not there or not intact; changes nothing."""
        return self.requirements.missing_models()

    def verify_models(self, download: bool = False) -> bool:
        """Make sure that the models are there; asking again costs next to nothing.

        Returns:
            True: all are there. False: only optional ones are missing.

        Raises:
            ModelDownloadError: a required one is missing, or could not be downloaded.
        """
        download = download or self.config.models.auto_download
        self.requirements.verify(download=download, listener=self.listener)
        self._checked = True
        return not self.requirements.missing

    # -- detectors

    def describe(self, known: Collection[Modality] = ()) -> list[str]:
        """Who looks for what, a line each: `Nudity, Faces (nudenet)`; what is seen, or heard, is
        not looked for where it is `known`."""
        lines = []
        for assignment in self._at_work():
            if assignment.plugin.modality in known:
                continue
            labels = ", ".join(c.label for c in assignment.settings.categories.values())
            lines.append(f"{labels} ({assignment.settings.name})")
        return lines

    def spare(self, known: Mapping[Modality, Scores]) -> None:
        """Ask for nothing that only serves to find out again what is `known`; see `scores`."""
        self.requirements.spared = frozenset(
            part.name
            for modality, record in known.items()
            for part in record.making.parts
            if part.modality == modality
        )

    def blind_spots(
        self,
        info: MediaInfo | None = None,
        known: Mapping[Modality, Scores] = MappingProxyType({}),
    ) -> list[str]:
        """What a person may expect to be looked for in a video (one with pictures and sound) and is
        not, in sentences.

        What is `known` of what is seen, or heard, is not looked for again: who looked then need not
        be here now.
        """
        modalities = MODALITIES if info is None else modalities_of(info)
        searched = {pair for m, record in known.items() for pair in searches_of(record, m)}
        by_sentence: dict[str, list[str]] = {}
        for spot in self.requirements.blind_spots(modalities):
            needed = [spot.modality] if spot.modality else self.requirements.needed[spot.category]
            left = [sense for sense in needed if (spot.category, sense) not in searched]
            if len(left) == len(needed):
                told = [spot]
            else:  # it would say that nobody searched anything
                told = [replace(spot, modality=sense) for sense in left if sense in modalities]
            for each in told:
                by_sentence.setdefault(each.sentence, []).append(self._label(each.category))
        sentences = [
            f"{', '.join(labels)} {'is' if len(labels) == 1 else 'are'} {sentence}. "
            "The report says so, and the exit code will be 3"
            for sentence, labels in by_sentence.items()
        ]
        chosen = self.config.path is not None or self.config.profile
        if not chosen and categories.VIOLENCE not in self.config.detections:
            sentences.append(
                "violence is not looked for, so it may be in the copy; `--profile family` would"
            )
        return sentences

    @property
    def languages(self) -> frozenset[str]:
        """Those in which somebody looks for words."""
        return frozenset(word for a in self._at_work() for word in a.languages)

    def _at_work(self) -> list[Assignment]:
        """Those that can run here, or what stands in for them."""
        served = (with_models(assignment, ()) for assignment in self._assignments)
        return [assignment for assignment in served if assignment is not None]

    def _label(self, key: str) -> str:
        return self.config.labels.get(key, categories.label(key))

    def _ensure_detection_pipeline(self) -> None:
        """Build those that look, once; those that listen are built for each track."""
        self._equip().build_eyes()

    def _equip(self, told: Sequence[str] = ()) -> Equipment:
        if self._equipment is None:
            self._equipment = Equipment(
                self.requirements, lambda sentence: self.warn(sentence), told
            )
        return self._equipment

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

    def report(
        self, video: Path | str | MediaInfo | None = None, *, abridged: Sequence[Span] = ()
    ) -> Report:
        """As `analyze`, as a value; see `scores`."""
        return self.conclude(self.scores(video, abridged=abridged))

    def scores(
        self,
        video: Path | str | MediaInfo | None = None,
        *,
        abridged: Sequence[Span] = (),
        known: Mapping[Modality, Scores] = MappingProxyType({}),
        told: Sequence[str] = (),
    ) -> Scores:
        """Everything the detectors say of a video, whatever the sensitivities; see `conclude`.

        Subtitles that are shown during `abridged` are not taken to tell all that is said. What is
        `known` of what is seen, or heard (`archive.halves`), is not looked for again. Nobody is
        warned of what was `told` (`blind_spots`).
        """
        self._require_models()
        info = self._probed(video)
        equipment = self._equip(told)
        if "video" not in known:
            self._ensure_detection_pipeline()
        used = [a for a in equipment.assignments if a.plugin.modality not in known]
        for sentence in (sentence for assignment in used for sentence in assignment.warnings):
            self.warn(sentence)
        log.info("analysing %s: %s", info.path, "; ".join(self.describe(known)) or "nothing")
        states = {modified_ns(info.path), *(record.modified_ns for record in known.values())}
        evidence = self._evidence(info, used, self._cues(info, abridged), known)
        states.add(modified_ns(info.path))
        if len(states) > 1:
            self.warn(f"{info.path} was changed while it was analysed; run the same command again")
        present = [each for each in used if each.settings.name not in self.requirements.absent]
        making = self._making_of(subtitles_digest(info.path), present)
        return Scores(
            source=info.path,
            size_bytes=info.size_bytes,
            fingerprint=fingerprint(info.path),
            made_at=datetime.now(UTC),
            making=joined_making(making, known),
            evidence=evidence,
            modified_ns=states.pop() if len(states) == 1 else None,
        )

    def _evidence(
        self,
        info: MediaInfo,
        used: Sequence[Assignment],
        cues: Sequence[Cue],
        known: Mapping[Modality, Scores],
    ) -> Evidence:
        equipment = self._equip()
        eyes, again = equipment.eyes, equipment.second_looks
        wanted = self.config.enabled_categories()
        sensitivities = {key: self.config.detections[key].sensitivity for key in wanted}
        found = examine(
            info,
            eyes,
            [ears for assignment in used if (ears := equipment.ears(assignment))],
            cues,
            self.config.processing,
            sensitivities=sensitivities | edges_of_interest(again),
            listener=self.listener,
        )
        evidence = Evidence(
            witnesses=tuple(witness_of(a, info, found, self._model_of(a)) for a in used),
            gaps=found.gaps,
            duration=info.duration,
            end=found.end,
            sensitivities=sensitivities,
            modalities=modalities_of(info),
        )
        evidence = joined(evidence, known)
        if again:
            threads = self.config.processing.max_workers or 0
            evidence = look_again(info, evidence, again, threads=threads, listener=self.listener)
        return evidence

    def conclude(self, scores: Scores) -> Report:
        """What this configuration makes of the scores, its own or kept ones."""
        return self._judging.conclude(scores)

    def making(self, video: Path, missing: Collection[str] = ()) -> Making:
        """What the scores of an analysis would be made with if no model but `missing` ones were
        missing."""
        served = [with_models(assignment, missing) for assignment in self._assignments]
        present = [assignment for assignment in served if assignment is not None]
        return self._making_of(subtitles_digest(video), present)

    def _making_of(self, subtitles: str, assignments: Sequence[Assignment]) -> Making:
        return making_of(self.config, assignments, self.requirements.revision, subtitles)

    def missing_optional(self) -> list[str]:
        """The optional models that are not there, by name; changes nothing."""
        return [source.name for source in self.missing_models() if source.optional]

    def _model_of(self, assignment: Assignment) -> str:
        """What its detector works with, for people: at least by name."""
        return model_of(assignment, self.requirements.revision).replace(" ?", "")

    def _require_models(self) -> None:
        if not self._checked:
            raise RuntimeError("verify_models() must succeed before a video is analysed")

    def _probed(self, video: Path | str | MediaInfo | None) -> MediaInfo:
        chosen = video if video is not None else self.video
        if chosen is None:
            raise ValueError("which video? Name it here or when the pipeline is made")
        return chosen if isinstance(chosen, MediaInfo) else probe(Path(chosen))

    def _cues(self, info: MediaInfo, abridged: Sequence[Span]) -> list[Cue]:
        subtitles = read_subtitles(info)
        for problem in subtitles.problems:
            self.warn(problem)
        log.info("subtitles: %d cues of %s", len(subtitles.cues), subtitles.sources or "none")
        for cue in subtitles.cues:
            log.log(_TRACE, "%s: cue of %s: %r", cue.span, cue.source, cue.text)
        return [
            replace(cue, abridged=any(cue.span.overlaps(span) for span in abridged))
            for cue in subtitles.cues
        ]
