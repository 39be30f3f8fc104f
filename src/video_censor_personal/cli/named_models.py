"""The models that `video-censor models` is about where none is named."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from video_censor_personal.config import Config, ModelSource
from video_censor_personal.errors import VideoCensorError
from video_censor_personal.model_manager import ModelManager, find_sources
from video_censor_personal.requirements import Requirements

__all__ = ["NamedModels", "named_models"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NamedModels:
    """The models under `models.sources` and those that detectors take.

    `users`: model name -> the detectors that take it.
    """

    config: Config
    sources: Sequence[ModelSource]
    users: Mapping[str, Sequence[str]]

    @property
    def names(self) -> list[str]:
        return [source.name for source in self.sources]

    def find(self, names: Sequence[str] | None) -> list[ModelSource]:
        """Those of these names, or any of the catalogue; None: all.

        Raises:
            ConfigError: there is no such model.
        """
        if names is None:
            return list(self.sources)
        known = {source.name: source for source in self.sources}
        return [known.get(s.name, s) for s in find_sources(self.config, names)]


def named_models(config: Config, manager: ModelManager) -> NamedModels:
    """The models of a configuration, whether or not its detectors can run here."""
    sources = {source.name: source for source in find_sources(config)}
    users: dict[str, list[str]] = defaultdict(list)
    try:
        needed = Requirements(config, manager, anywhere=True)
    except VideoCensorError as error:
        # Models can be fetched and removed although a detector cannot be used as it is written.
        log.info("which detectors take which models is not known: %s", error)
    else:
        sources |= {source.name: source for source in needed.models()}
        for assignment in needed.assignments:
            for need in assignment.needs:
                users[need.name].append(assignment.settings.name)
    return NamedModels(config, list(sources.values()), users)
