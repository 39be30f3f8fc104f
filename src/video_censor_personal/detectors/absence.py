"""Who could search what nobody searches, and why they do not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from video_censor_personal.config import Config, DetectorConfig
from video_censor_personal.detectors.assignment import Assignment, make_assignment, names, sees
from video_censor_personal.detectors.base import DetectorPlugin
from video_censor_personal.detectors.choice import may_be_chosen
from video_censor_personal.detectors.registry import Discovery, find
from video_censor_personal.findings import Modality

__all__ = ["Absence", "BlindSpot", "absences"]

_ONLY_AGAIN = (
    "only where another detector has evidence (`look: scenes` in its entry: in every shot)"
)


@dataclass(frozen=True, slots=True)
class Absence:
    """A detector that could search for categories (keys) what nobody searches for them.

    Attributes:
        modality: what it would search.
        problem: what it lacks, and how to get it; empty: nothing is missing, but models may be.
        models: the names of the models that it takes.
    """

    detector: str
    modality: Modality
    categories: tuple[str, ...]
    problem: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """What of a category nobody searches.

    Attributes:
        modality: the pictures, or the sound; None: nobody searches anything for it.
        reason: who could and why they do not, with the command that changes it.
    """

    category: str
    modality: Modality | None
    reason: str

    @property
    def where(self) -> str:
        """`not looked for in the pictures`"""
        return "not looked for" + _PLACES.get(self.modality or "", "")

    @property
    def sentence(self) -> str:
        """`not looked for in the pictures: zero-shot can, but its model ... is missing; ...`"""
        return f"{self.where}: {self.reason}"


_PLACES = {"video": " in the pictures", "audio": " in the sound"}


def absences(
    config: Config,
    installed: Discovery,
    assignments: Sequence[Assignment],
    telling: Mapping[str, Collection[Modality]],
) -> Iterator[Absence]:
    """The installed plug-ins that could search what is `telling` of a category and no assignment
    searches by itself.

    Those that were disabled, or that must be named and are not, are none of them.
    """
    searched = {
        (assignment.plugin.modality, key)
        for assignment in assignments
        if assignment.looks_by_itself
        for key in assignment.settings.categories
    }
    entries = {find(entry.type, installed).type: entry for entry in config.detectors}
    for kind, plugin in sorted(installed.plugins.items()):
        entry = entries.get(kind, DetectorConfig(type=kind))
        keys = [
            key
            for key in config.enabled_categories()
            if plugin.modality in telling[key]
            and (plugin.modality, key) not in searched
            and sees(plugin, key, entry, config)
            and (names(entry, key) if kind in entries else _may_take(plugin, key, config))
        ]
        if keys and entry.enabled:
            would = make_assignment(config, entry, plugin, keys)
            models = tuple(need.name for need in would.needs if not need.optional)
            problem = plugin.available() or ("" if would.looks_by_itself else _ONLY_AGAIN)
            yield Absence(would.settings.name, plugin.modality, tuple(keys), problem, models)


def _may_take(plugin: DetectorPlugin, key: str, config: Config) -> bool:
    return may_be_chosen(plugin, config.detections[key].model)
