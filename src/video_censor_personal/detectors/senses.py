"""By which senses each category of a configuration has to be searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from video_censor_personal import categories
from video_censor_personal.config import Config, DetectorConfig
from video_censor_personal.detectors.assignment import is_left_to_sound, names, sees
from video_censor_personal.detectors.base import DetectorPlugin
from video_censor_personal.detectors.choice import ANY_MODEL
from video_censor_personal.detectors.registry import Discovery, find
from video_censor_personal.findings import Modality

__all__ = ["needed_senses", "telling_senses"]


def needed_senses(config: Config, installed: Discovery) -> dict[str, frozenset[Modality]]:
    """Category key -> the modalities that somebody has to search before it counts as analysed.

    Where a person named the detector that shall look (`detections.<category>.model`), that one's.
    Else those of the category itself (`categories.senses`; of a concept of which only plug-ins that
    listen know the name, the sound), and those of every detector that an entry under `detectors:`
    asks to search it, whether it can do so here or not.

    Raises:
        ConfigError: an entry says something that its plug-in cannot use.
    """
    entries = [(e, find(e.type, installed)) for e in config.detectors if e.enabled]
    return {
        key: _chosen(config.detections[key].model, entries, installed.plugins)
        or _own(key, config.detections[key].description, installed.plugins)
        | frozenset(_asked(key, entries, config, installed.plugins))
        for key in config.enabled_categories()
    }


def telling_senses(
    config: Config, installed: Discovery, needed: Mapping[str, frozenset[Modality]]
) -> dict[str, frozenset[Modality]]:
    """Category key -> the modalities in which it could be at all: the `needed` ones and, where a
    person asked for the category and named no detector, those of every plug-in that knows it by
    name."""
    asked = config.path is not None or config.profile
    return {
        key: senses
        if not asked or config.detections[key].model not in ANY_MODEL
        else senses | {p.modality for p in installed.plugins.values() if key in p.categories}
        for key, senses in needed.items()
    }


def _chosen(
    model: str,
    entries: list[tuple[DetectorConfig, DetectorPlugin]],
    plugins: Mapping[str, DetectorPlugin],
) -> frozenset[Modality]:
    by_name = {entry.name: plugin for entry, plugin in entries if entry.name}
    plugin = by_name.get(model) or plugins.get(model)
    return frozenset({plugin.modality}) if plugin else frozenset()


def _own(key: str, description: str, plugins: Mapping[str, DetectorPlugin]) -> frozenset[Modality]:
    knowing: set[Modality] = {p.modality for p in plugins.values() if key in p.categories}
    if knowing == {"audio"} and key not in categories.BUILT_IN and not description:
        return frozenset(knowing)
    return categories.senses(key, description)


def _asked(
    key: str,
    entries: list[tuple[DetectorConfig, DetectorPlugin]],
    config: Config,
    plugins: Mapping[str, DetectorPlugin],
) -> Iterator[Modality]:
    for entry, plugin in entries:
        left = not entry.categories and is_left_to_sound(plugin, key, config, plugins)
        if names(entry, key) and not left and sees(plugin, key, entry, config):
            yield plugin.modality
