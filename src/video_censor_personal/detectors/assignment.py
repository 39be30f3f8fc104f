"""A detector of one run: its plug-in, and all that it is built from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from video_censor_personal import categories
from video_censor_personal.config import Config, DetectorConfig
from video_censor_personal.detectors.base import (
    CategorySettings,
    DetectorPlugin,
    DetectorSettings,
    FrameDetector,
    ModelNeed,
    SoundDetector,
)
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.own_models import fingerprint, is_path, own_model
from video_censor_personal.detectors.second_look import SecondLook
from video_censor_personal.errors import ConfigError, DetectorError

__all__ = [
    "Assignment",
    "check_own_models",
    "is_left_to_sound",
    "make_assignment",
    "names",
    "place_of",
    "sees",
]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A detector that will be built, and the categories it shall look for.

    Attributes:
        stand_in: what takes its place where its models are missing, or it cannot run.
        note: what a person must know of this choice.
        problem: why it cannot run here, and how to get what it lacks; empty: it can. Only of one
            that is optional; it is not built.
    """

    plugin: DetectorPlugin
    settings: DetectorSettings
    stand_in: Assignment | None = None
    note: str = ""
    problem: str = ""

    @property
    def notes(self) -> dict[str, str]:
        """What a person must know of its limits, by category; see `DetectorPlugin`."""
        noted = dict.fromkeys(
            [*self.plugin.notes, *(self.settings.categories if self.note else ())]
        )
        return {
            key: " ".join(part for part in (self.note, self.plugin.notes.get(key, "")) if part)
            for key in noted
        }

    @property
    def needs(self) -> list[ModelNeed]:
        """The models its detector takes from the model manager."""
        return [need for need in self.plugin.needs(self.settings) if not is_path(need.name)]

    @property
    def own_models(self) -> dict[str, Path]:
        """The models that its entry names by their path, by that."""
        names = [need.name for need in self.plugin.needs(self.settings)]
        return {name: own_model(self.settings, name) for name in names if is_path(name)}

    @property
    def languages(self) -> frozenset[str]:
        """The languages its detector listens to; empty where language does not matter."""
        ask = getattr(self.plugin, "languages", None)
        return ask(self.settings) if ask else frozenset()

    @property
    def looks_again(self) -> bool:
        """Whether it builds a `SecondLook`."""
        return bool(getattr(self.plugin, "looks_again", False))

    @property
    def looks_by_itself(self) -> bool:
        """Whether it finds what no other detector points at: one that looks again does so only
        where its entry says `look: scenes` (`SecondLookOptions`)."""
        return not self.looks_again or self.settings.options.get("look") == "scenes"

    @property
    def may_clear(self) -> bool:
        """Whether a no of it lowers what others saw (`SecondLookOptions`)."""
        return self.looks_again and self.settings.options.get("may_clear") is True

    @property
    def chosen_options(self) -> dict[str, Any]:
        """Its options that are not the default, as far as they matter to what it finds; as written
        where its plug-in does not say what the default is."""
        chosen = dict(self.settings.options)
        declared = getattr(self.plugin, "options", None)
        if declared is not None:
            read, default = asdict(read_options(declared, self.settings)), asdict(declared())
            chosen = {key: value for key, value in read.items() if value != default[key]}
        immaterial: frozenset[str] = getattr(self.plugin, "immaterial", frozenset())
        return {key: value for key, value in chosen.items() if key not in immaterial}

    @property
    def reads_descriptions(self) -> bool:
        """Whether it looks for what a category's name and description say, and not only for what
        its key stands for."""
        return bool(getattr(self.plugin, "reads_descriptions", "*" in self.plugin.categories))

    @property
    def kind(self) -> str:
        """The same for detectors that look or listen in the same way: two entries of one plug-in,
        and one and what it does better than (`instead_of`)."""
        return str(getattr(self.plugin, "instead_of", "") or self.plugin.type)

    @property
    def warnings(self) -> list[str]:
        """What a person must know before it is used."""
        ask = getattr(self.plugin, "warnings", None)
        return list(ask(self.settings)) if ask else []

    @property
    def device_problem(self) -> str:
        """Why it cannot compute on the device that was named, and what to do; empty: it can."""
        ask = getattr(self.plugin, "device_problem", None)
        return str(ask(self.settings)) if ask else ""

    @property
    def revision(self) -> str:
        """What its detector works with besides the models of the model manager; empty where it
        does not say, `?` for a model of one's own that is not here."""
        ask = getattr(self.plugin, "revision", None)
        try:
            own = [fingerprint(path) for path in self.own_models.values()]
        except ConfigError:
            own = ["?"]
        told = [str(ask(self.settings)) if ask else "", *own]
        return "; ".join(part for part in told if part)

    def build(self, model_paths: Mapping[str, Path]) -> FrameDetector | SoundDetector | SecondLook:
        """The detector, handed the verified files of its models, and those of one's own.

        Raises:
            DetectorError: it cannot be built, or does not look for what it was assigned.
        """
        paths = {**model_paths, **self.own_models}
        built = self.plugin.build(replace(self.settings, model_paths=paths))
        if set(built.categories) != self.settings.categories.keys():
            wanted, says = (
                ", ".join(sorted(k)) for k in (self.settings.categories, built.categories)
            )
            raise DetectorError(
                f"the detector {built.name!r} was assigned {wanted} and says it looks for "
                f"{says or 'nothing'}: what it leaves out would pass for clean. Repair its "
                "plug-in, or name under `categories` of its entry what it does look for",
                detector=built.name,
            )
        return built


def make_assignment(
    config: Config, entry: DetectorConfig, plugin: DetectorPlugin, keys: list[str]
) -> Assignment:
    """The detector of an entry, with these categories.

    Raises:
        ConfigError: the plug-in cannot use what the entry says.
    """
    settings = _settings(plugin, config, entry, keys)
    with _placed(entry, config):
        plugin.check(settings)
    return Assignment(plugin, settings)


def check_own_models(assignment: Assignment, entry: DetectorConfig, config: Config) -> None:
    """Make sure that the models are there that an entry names by their paths.

    Raises:
        ConfigError: one is not.
    """
    with _placed(entry, config):
        _ = assignment.own_models


def _settings(
    plugin: DetectorPlugin, config: Config, entry: DetectorConfig, keys: Iterable[str]
) -> DetectorSettings:
    cores = os.cpu_count() if getattr(plugin, "looks_again", False) else None
    return DetectorSettings(
        name=entry.name or entry.type,
        categories={
            key: CategorySettings(
                key,
                config.labels.get(key, categories.label(key)),
                config.detections[key].sensitivity,
                config.detections[key].description,
            )
            for key in keys
        },
        options=entry.options,
        threads=config.processing.max_workers or cores or 1,
        base_dir=config.base_dir,
        device=config.processing.device,
        optional=entry.optional,
    )


@contextmanager
def _placed(entry: DetectorConfig, config: Config) -> Iterator[None]:
    """What a plug-in has against its entry, with the place of the entry in the file."""
    try:
        yield
    except ConfigError as error:
        if error.file is not None:
            raise
        key = (error.key,) if error.key else ()
        raise config.error(str(error), *place_of(entry, config), *key) from error


def sees(plugin: DetectorPlugin, key: str, entry: DetectorConfig, config: Config) -> bool:
    """Whether a plug-in with the options of an entry can look for a category."""
    if key in plugin.categories or key in categories.BUILT_IN or "*" not in plugin.categories:
        return key in plugin.categories
    ask = getattr(plugin, "sees", None)
    if ask is None:
        return True
    with _placed(entry, config):
        return bool(ask(key, _settings(plugin, config, entry, ())))


def is_left_to_sound(
    plugin: DetectorPlugin, key: str, config: Config, plugins: Mapping[str, DetectorPlugin]
) -> bool:
    """Whether one that looks again, for any concept, leaves this one to those that listen: one of
    the `plugins` knows it as a sound, none as a picture, and nobody says what it looks like."""
    if not getattr(plugin, "looks_again", False) or key in plugin.categories:
        return False
    known = {other.modality for other in plugins.values() if key in other.categories}
    return known == {"audio"} and not config.detections[key].description


def names(entry: DetectorConfig, key: str) -> bool:
    """Whether an entry asks its detector for a category; one that names none asks for all."""
    return not entry.categories or key in map(categories.key, entry.categories)


def place_of(entry: DetectorConfig, config: Config) -> tuple[str | int, ...]:
    """Where an entry stands in the file; nowhere if the program made it."""
    numbers = [number for number, other in enumerate(config.detectors) if other is entry]
    return ("detectors", *numbers)
