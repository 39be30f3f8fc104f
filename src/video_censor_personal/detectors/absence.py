"""Who could look for something, and why nobody of them does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from video_censor_personal import categories
from video_censor_personal.config import Config, DetectorConfig
from video_censor_personal.detectors.assignment import Assignment, make_assignment, sees
from video_censor_personal.detectors.base import DetectorPlugin
from video_censor_personal.detectors.choice import may_be_chosen
from video_censor_personal.detectors.registry import Discovery, find

__all__ = ["Absence", "absences"]

_ONLY_AGAIN = (
    "only where another detector has evidence (`look: scenes` in its entry: in every shot)"
)


@dataclass(frozen=True, slots=True)
class Absence:
    """A detector that could look for categories (keys) that nobody looks for.

    Attributes:
        problem: what it lacks, and how to get it; empty: nothing is missing, but models may be.
        models: the names of the models that it takes.
    """

    detector: str
    categories: tuple[str, ...]
    problem: str = ""
    models: tuple[str, ...] = ()


def absences(
    config: Config, installed: Discovery, assignments: Sequence[Assignment]
) -> Iterator[Absence]:
    """The installed plug-ins that could look for what no assignment looks for by itself.

    Those that were disabled, or that must be named and are not, are none of them.
    """
    looking = [assignment for assignment in assignments if assignment.looks_by_itself]
    seen = {key for assignment in looking for key in assignment.settings.categories}
    unseen = [key for key in config.enabled_categories() if key not in seen]
    entries = {find(entry.type, installed).type: entry for entry in config.detectors}
    for kind, plugin in sorted(installed.plugins.items()):
        entry = entries.get(kind, DetectorConfig(type=kind))
        keys = [
            key
            for key in unseen
            if sees(plugin, key, entry, config)
            and (_names(entry, key) if kind in entries else _may_take(plugin, key, config))
        ]
        if keys and entry.enabled:
            would = make_assignment(config, entry, plugin, keys)
            models = tuple(need.name for need in would.needs if not need.optional)
            problem = plugin.available() or ("" if would.looks_by_itself else _ONLY_AGAIN)
            yield Absence(would.settings.name, tuple(keys), problem, models)


def _names(entry: DetectorConfig, key: str) -> bool:
    return not entry.categories or key in map(categories.key, entry.categories)


def _may_take(plugin: DetectorPlugin, key: str, config: Config) -> bool:
    return may_be_chosen(plugin, config.detections[key].model)
