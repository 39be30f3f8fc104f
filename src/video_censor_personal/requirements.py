"""What a configuration needs: who looks for what, with which models, and what is missing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from video_censor_personal.config import Config, ModelSource
from video_censor_personal.detectors.absence import Absence, BlindSpot, absences
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.detectors.registry import discover
from video_censor_personal.detectors.roster import assign
from video_censor_personal.detectors.senses import needed_senses, telling_senses
from video_censor_personal.errors import ConfigError, ModelMissingError
from video_censor_personal.findings import MODALITIES, Modality
from video_censor_personal.progress import Listener, ignore

if TYPE_CHECKING:
    from video_censor_personal.model_manager import ModelManager

__all__ = ["Requirements", "with_models"]

log = logging.getLogger(__name__)


class Requirements:
    """The detectors of one configuration and the models that they take; see `roster.assign` for
    `anywhere` and `had`.

    A model is the one under `models.sources`, else the catalogue's of that name. It is optional
    where its source says so, or every detector that takes it.

    Attributes:
        assignments: who looks for what, and optional ones that cannot run here, with why.
        needed: what has to be searched for each category before it counts as analysed.
        telling: in what it could be at all.
        missing: the optional models that `verify` did not find, by name.
        absent: detectors that are known to be of no use in this run, and why, by name; whoever
            finds that out sets it.
        spared: the names of those whose work an earlier analysis did: they need no models, and lack
            nothing. Whoever finds that out sets it.

    Raises (when made):
        ConfigError: the configuration asks for detectors or models that nobody knows.
        DetectorError: a detector that it names, and that is not optional, cannot run here (never
            with `anywhere`).
    """

    def __init__(
        self,
        config: Config,
        manager: ModelManager | None = None,
        *,
        anywhere: bool = False,
        had: Collection[str] = (),
    ) -> None:
        self.config = config
        if manager is not None:
            self.manager = manager
        self._installed = discover()
        self.assignments = assign(
            config, self._installed, self._is_at_hand, anywhere=anywhere, had=had
        )
        self.needed = needed_senses(config, self._installed)
        self.telling = telling_senses(config, self._installed, self.needed)
        self.missing: frozenset[str] = frozenset()
        self.absent: Mapping[str, str] = {}
        self.spared: Collection[str] = ()
        self._check_model_names()

    # -- models

    @cached_property
    def manager(self) -> ModelManager:
        """Loaded on first use: with what fetches, it takes longer to load than to judge a film."""
        from video_censor_personal.model_manager import ModelManager

        return ModelManager(self.config)

    def revision(self, model_name: str) -> str:
        """Which of its revisions a model is; empty: nobody can tell."""
        return self.manager.revision(model_name)

    def _sources(self, names: Iterable[str]) -> list[ModelSource]:
        from video_censor_personal.model_manager import find_sources

        return find_sources(self.config, names)

    def _is_at_hand(self, model_name: str) -> bool:
        return self.manager.is_at_hand(model_name)

    def model_names(self) -> list[str]:
        """Those that the detectors take, and those under `models.sources` that no detector at all
        mentions."""
        taken = [need.name for a in self._at_work() for need in a.needs]
        able = {need.name for a in self.assignments if not a.problem for need in a.needs}
        mentioned = {str(v) for d in self.config.detectors for v in d.options.values()} | able
        loose = [s.name for s in self.config.models.sources if s.name not in mentioned]
        return list(dict.fromkeys([*taken, *loose]))

    def models(self) -> list[ModelSource]:
        """Where they come from, and whether they are optional."""
        needs = [(each.settings.optional, need) for each in self._at_work() for need in each.needs]
        taken = {need.name for _, need in needs}
        insisted = {need.name for optional, need in needs if not (optional or need.optional)}
        return [
            replace(source, optional=source.optional or source.name in taken - insisted)
            for source in self._sources(self.model_names())
        ]

    def _at_work(self) -> list[Assignment]:
        """Those that can run here and have something to do."""
        return [a for a in self.assignments if not a.problem and a.settings.name not in self.spared]

    def missing_models(self) -> list[ModelSource]:
        """Those that are not there or not intact; changes nothing."""
        return [source for source in self.models() if not self.manager.is_model_valid(source.name)]

    def verify(self, *, download: bool, listener: Listener = ignore) -> None:
        """Make sure that the models are there; asking again costs next to nothing.

        Raises:
            ModelDownloadError: a required one is missing, could not be downloaded, or cannot be
                read.
        """
        needed = self.models()
        if needed and download:
            self.manager.verify_models(needed, listener=listener)
        elif needed:
            self._check(needed, listener)
        missing = self.missing_models()
        required = [source for source in missing if not source.optional]
        if required:
            raise ModelMissingError(self._how_to_go_on(required), model=required[0].name)
        self.missing = frozenset(source.name for source in missing)

    def _check(self, needed: Sequence[ModelSource], listener: Listener) -> None:
        """Compare what is there with its checksums.

        Raises:
            ModelCacheError: a required one cannot be read, so that fetching it would not help.
        """
        optional = {source.name for source in needed if source.optional}
        found = self.manager.check([source.name for source in needed], listener=listener)
        for file in found.files:
            if (refusal := file.refusal) is not None:
                if file.source.name not in optional:
                    raise refusal
                log.warning("the optional model %s is not used: %s", file.source.name, refusal)

    def find_missing(self) -> None:
        """As `verify`, where nothing shall be fetched, and what is missing ends nothing."""
        self.missing = frozenset(source.name for source in self.missing_models())

    def describe_missing(self, names: Iterable[str]) -> str:
        """`its model clip-b32 (about 154 MB) is missing; to fetch it: video-censor models ...`"""
        named = list(names)
        parts = [f"{name} ({self._size(name)}) is {self.state(name)}" for name in named]
        what, it = ("model", "it") if len(named) == 1 else ("models", "them")
        command = self.manager.command("download", named)
        return f"its {what} {' and '.join(parts)}; to fetch {it}: `{command}`"

    def state(self, model_name: str) -> str:
        """`missing` or `damaged`, of a model that is not there and intact."""
        return "damaged" if self.manager.is_damaged(model_name) else "missing"

    # -- what nobody looks for

    def lack(self, assignment: Assignment) -> str:
        """What keeps a detector from working in this run, and the command that gets it; empty:
        nothing."""
        if assignment.settings.name in self.spared:
            return ""
        if problem := assignment.problem or self.absent.get(assignment.settings.name):
            return problem
        needs = [need.name for need in assignment.needs if not need.optional]
        lacking = [name for name in needs if name in self.missing]
        return self.describe_missing(lacking) if lacking else ""

    def absentees(self) -> dict[str, str]:
        """The detectors that do not work in this run, by name, and what they lack."""
        lacks = {each.settings.name: self.lack(each) for each in self.assignments}
        return {name: lack for name, lack in lacks.items() if lack}

    def blind_spots(self, modalities: Collection[Modality] = MODALITIES) -> list[BlindSpot]:
        """What has to be searched and nobody searches, in a video that has these `modalities`.
        Who only looks where others point does not."""
        served = [with_models(each, self.missing) for each in self.assignments]
        left = [a for a in served if a is not None and a.settings.name not in self.absent]
        reasons: dict[tuple[str, Modality], list[str]] = defaultdict(list)
        for absence in absences(self.config, self._installed, left, self.telling):
            for key in absence.categories:
                reasons[key, absence.modality].append(self._reason(absence))
        searched: dict[str, set[Modality]] = defaultdict(set)
        for each in left:
            for key in each.settings.categories if each.looks_by_itself else ():
                searched[key].add(each.plugin.modality)
        nobody = ["no detector that is installed and enabled can"]
        found = []
        for key, needed in self.needed.items():
            wanted = needed.intersection(modalities) or self.telling[key].intersection(modalities)
            why = {
                modality: "; or ".join(reasons.get((key, modality), nobody))
                for modality in MODALITIES
                if modality in wanted - searched[key]
            }
            if searched[key].intersection(modalities):
                found += [BlindSpot(key, modality, why[modality]) for modality in why]
            elif why:
                found.append(BlindSpot(key, None, "; and ".join(dict.fromkeys(why.values()))))
        return found

    def _reason(self, absence: Absence) -> str:
        missing = [name for name in absence.models if not self.manager.is_at_hand(name)]
        models = self.describe_missing(missing) if missing else ""
        if problem := self.absent.get(absence.detector) or absence.problem:
            also = f" ({models})" if models else ""
            return f"{absence.detector} can, but {problem}{also}"
        chosen = "it was not chosen: name it under `detectors:`"
        return f"{absence.detector} can, but {models or chosen}"

    def _size(self, name: str) -> str:
        from video_censor_personal.model_manager import describe_model_size, find_source

        source = find_source(self.config, name)
        return (
            "under models.sources there is none" if source is None else describe_model_size(source)
        )

    def _check_model_names(self) -> None:
        for assignment in self.assignments:
            for need in assignment.needs:
                try:
                    self._sources([need.name])
                except ConfigError as error:
                    raise ConfigError(
                        f"the detector {assignment.settings.name!r} takes the model {need.name!r}: "
                        f"{error}",
                        key="models.sources",
                    ) from error

    def _how_to_go_on(self, missing: Sequence[ModelSource]) -> str:
        from video_censor_personal.model_manager import describe_model_size

        lines = ", ".join(f"{each.name} ({describe_model_size(each)})" for each in missing)
        return (
            f"these models are needed and are not there or not intact: {lines}. To fetch them and "
            "go on, run the same command with --download-models; to only fetch them: "
            f"{self.manager.command('download', [each.name for each in missing])}"
        )


def with_models(assignment: Assignment, missing: Collection[str]) -> Assignment | None:
    """Who does the work of `assignment` where these models are missing, and what cannot run here
    does not."""
    lacking = any(need.name in missing for need in assignment.needs if not need.optional)
    return assignment.stand_in if lacking or assignment.problem else assignment
