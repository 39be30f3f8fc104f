"""The commands of `video-censor models` about registries: which bytes are pinned, and which models
this program knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from video_censor_personal.catalogue import CatalogueModel, catalogue
from video_censor_personal.cli.console import Console
from video_censor_personal.cli.model_table import columns
from video_censor_personal.cli.named_models import NamedModels
from video_censor_personal.errors import UsageError
from video_censor_personal.model_manager import ModelManager
from video_censor_personal.models_lock import Pin, describe_change, lock_path
from video_censor_personal.sizes import describe_size

__all__ = ["ModelRegistry"]


class ModelRegistry:
    """The commands, for one configuration. Each returns the exit code."""

    def __init__(self, models: NamedModels, console: Console, manager: ModelManager) -> None:
        self._models, self._console, self._manager = models, console, manager

    def lock(self, names: Sequence[str] | None, *, update: bool) -> int:
        """Pin models that a registry knows, or (`update`) move their pins; say what changed.

        Raises:
            UsageError: there is no configuration file to pin beside.
            RegistryError: a registry did not say; nothing was pinned.
        """
        place = lock_path(self._models.config.path)
        if place is None:
            raise UsageError(
                "models.lock lies beside a configuration file, and none was found; name one with "
                "--config"
            )
        changes = self._manager.pin(names or self._models.names, update=update)
        lines = [line for old, new in changes for line in _told(old, new)]
        self._console.result(
            {"lock": str(place), "models": [_facts(old, new) for old, new in changes]},
            "\n".join([*lines, f"in {place}"])
            if changes
            else "no model comes from a registry, so there is nothing to pin: the configuration "
            "declares their checksums",
        )
        return 0

    def catalog(self) -> int:
        """The models this project knows, wherever they come from."""
        known = catalogue()
        cells = [("MODEL", "KIND", "SIZE", "MEMORY", "LICENCE", "FOR"), *map(_cells, known)]
        self._console.result(
            {"models": [asdict(model) for model in known]},
            "\n".join([*columns(cells, right={2, 3}), "", _HOW_TO_USE]),
        )
        return 0


_HOW_TO_USE = """\
To use one, name it in the entry of the detector that takes it (detectors: [{type: nudenet, model:
nudenet-640m}]), or fetch it: video-censor models download NAME. What is there is used by itself
where nothing else was chosen. --json shows every url and its files."""


def _told(old: Pin | None, new: Pin) -> list[str]:
    return describe_change(old, new) or [f"{new.name}: unchanged, {new.repository} at {new.commit}"]


def _facts(old: Pin | None, new: Pin) -> dict[str, object]:
    return {
        "name": new.name,
        "repository": new.repository,
        "revision": new.revision,
        "commit": new.commit,
        "previous_commit": old.commit if old else None,
        "size_bytes": new.size_bytes,
        "files": len(new.files),
    }


def _cells(model: CatalogueModel) -> tuple[str, ...]:
    return (
        model.name,
        model.kind,
        describe_size(model.about_bytes) if model.about_bytes else "?",
        describe_size(model.memory_bytes) if model.memory_bytes else "?",
        model.licence or "?",
        model.purpose,
    )
