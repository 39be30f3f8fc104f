"""Whom the program adds to the detectors that a configuration names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from video_censor_personal.config import Config, DetectorConfig
from video_censor_personal.detectors.assignment import Assignment, make_assignment, sees
from video_censor_personal.detectors.base import DetectorPlugin
from video_censor_personal.findings import Modality

__all__ = ["ANY_MODEL", "better", "choose", "may_be_chosen"]

ANY_MODEL = ("auto", "local")
"""Values of `detections.<category>.model` that leave the choice to the program."""


def choose(
    config: Config,
    plugins: Mapping[str, DetectorPlugin],
    named: Sequence[Assignment],
    at_hand: Callable[[str], bool],
    needed: Mapping[str, Collection[Modality]],
    had: Collection[str] = (),
) -> list[Assignment]:
    """Those of `plugins` that look for what no named detector looks for, or listens for; see
    `roster.assign`. `needed`: what has to be searched for each category (`needed_senses`)."""
    lasting = [a for a in named if not _may_be_missing(a, config)]
    covered, left_out = _provided_for(named, lasting)
    chosen: list[Assignment] = []
    spare: list[Assignment] = []
    for kind, plugin in sorted(plugins.items(), key=lambda item: not better(item[1])):
        entry = _added(kind, named)
        keys = [
            key
            for key in config.enabled_categories()
            if (plugin.modality, key) not in covered
            and (kind, key) not in left_out
            and sees(plugin, key, entry, config)
            and may_be_chosen(plugin, config.detections[key].model)
        ]
        if not keys or (kind not in had and plugin.available() is not None):
            continue
        made = make_assignment(config, entry, plugin, keys)
        if _is_asked_for(made, config):
            chosen.append(made)
        elif kind not in had and not _is_there(made, at_hand):
            continue
        elif better(plugin):
            chosen.append(_dispensable(made, keys))
        else:
            spare.append(made)
            continue
        left_out |= {(better(plugin), key) for key in keys}
    there = [a for a in named if a in lasting or a.plugin.type in had or _is_there(a, at_hand)]
    # One that looks again and may be missing takes nobody's place, even if it looks by itself.
    looking = [a for a in there if a.looks_by_itself and (a in lasting or not a.looks_again)]
    return chosen + _filling_in(spare, [*looking, *chosen], needed)


def _provided_for(
    named: Sequence[Assignment], lasting: Sequence[Assignment]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What needs nobody else, as (modality, category), and who is not asked again, as (type,
    category). One that only looks again needs others, who point at something."""
    first = [a for a in lasting if not a.looks_again]
    covered = {(str(a.plugin.modality), key) for a in first for key in a.settings.categories}
    asked = [(a, key) for a in named for key in a.settings.categories]
    kinds = {(kind, key) for a, key in asked for kind in (a.plugin.type, better(a.plugin))}
    return covered, kinds


def _added(kind: str, named: Sequence[Assignment]) -> DetectorConfig:
    """An entry for one that the program adds; a second one of a type has a name of its own."""
    is_second = any(a.settings.name == kind == a.plugin.type for a in named)
    return DetectorConfig(type=kind, name=f"{kind} 2" if is_second else "")


def _filling_in(
    spare: Sequence[Assignment],
    others: Sequence[Assignment],
    needed: Mapping[str, Collection[Modality]],
) -> list[Assignment]:
    """Of those whose models happen to be at hand, what they do for categories for which none of
    the `others` searches anything, or what is needed: what a run finds of the rest shall not depend
    on what was downloaded once."""
    searched = {(a.plugin.modality, key) for a in others for key in a.settings.categories}
    touched = {key for _, key in searched}

    def is_open(modality: Modality, key: str) -> bool:
        return key not in touched or (modality in needed[key] and (modality, key) not in searched)

    filling = [
        _dispensable(a, [key for key in a.settings.categories if is_open(a.plugin.modality, key)])
        for a in spare
    ]
    return [assignment for assignment in filling if assignment.settings.categories]


def _dispensable(assignment: Assignment, keys: Sequence[str]) -> Assignment:
    """It for these categories, as one without which the run goes on."""
    settings = assignment.settings
    categories = {key: settings.categories[key] for key in keys}
    return replace(assignment, settings=replace(settings, categories=categories, optional=True))


def _may_be_missing(assignment: Assignment, config: Config) -> bool:
    """Whether the run goes on without it."""
    optional = {source.name for source in config.models.sources if source.optional}
    return assignment.settings.optional or not _needed(assignment).isdisjoint(optional)


def _is_there(assignment: Assignment, at_hand: Callable[[str], bool]) -> bool:
    return not assignment.problem and all(map(at_hand, _needed(assignment)))


def _needed(assignment: Assignment) -> set[str]:
    return {need.name for need in assignment.needs if not need.optional}


def _is_asked_for(assignment: Assignment, config: Config) -> bool:
    """Whether a person named it for a category, or said where its models come from. Nothing is
    downloaded for one that only the program thought of."""
    known = {source.name for source in config.models.sources}
    keys = assignment.settings.categories
    kind = assignment.plugin.type
    return _needed(assignment) <= known or any(config.detections[k].model == kind for k in keys)


def may_be_chosen(plugin: DetectorPlugin, model: str) -> bool:
    """Whether the program may choose a plug-in that no entry under `detectors:` names, for a
    category whose `model` is this."""
    if model in ANY_MODEL:
        return not getattr(plugin, "looks_again", False)
    return model == plugin.type


def better(plugin: DetectorPlugin) -> str:
    """The type of the plug-in whose work it does better; empty for most."""
    return str(getattr(plugin, "instead_of", ""))
