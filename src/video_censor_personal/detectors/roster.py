"""Who looks for what: the detectors of one run, decided before any of them is built."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from video_censor_personal import categories
from video_censor_personal.config import Config, DetectorConfig
from video_censor_personal.config.document import nearest
from video_censor_personal.detectors.assignment import (
    Assignment,
    check_own_models,
    is_left_to_sound,
    make_assignment,
    place_of,
    sees,
)
from video_censor_personal.detectors.base import DetectorPlugin
from video_censor_personal.detectors.choice import ANY_MODEL, better, choose
from video_censor_personal.detectors.registry import Discovery, find
from video_censor_personal.detectors.senses import needed_senses
from video_censor_personal.errors import ConfigError, DetectorError

__all__ = ["assign"]


def assign(
    config: Config,
    installed: Discovery,
    at_hand: Callable[[str], bool] = lambda _: False,
    *,
    anywhere: bool = False,
    had: Collection[str] = (),
) -> list[Assignment]:
    """The detectors that a configuration asks for, with their categories.

    Detectors named under `detectors:` look for the categories named there, else for every enabled
    one that they can see. A category whose `model` leaves the choice to the program goes to every
    installed detector that can, was not disabled, and takes no model that nobody asked for, unless
    it is one that has to be named (`looks_again`); but to none that looks where a named one looks
    for it, and to none that listens where a named one listens. Named ones that only look again,
    or are optional, take nobody's place; optional ones that cannot run here are among the
    assignments with their `problem`. One whose models happen to be at hand searches what has to be
    searched (`needed_senses`) and nobody else searches. Where one of them does better what another
    does (`instead_of`), the other gets nothing. A category that nobody sees is in no assignment;
    the analysis reports it as unknown.

    Args:
        at_hand: whether a model of this name can be used at once, without being under
            `models.sources`.
        anywhere: as if all that named detectors need to run were installed.
        had: as if detectors of these types could run and had their models, because they did.

    Raises:
        ConfigError: an unknown detector type, a `model` that names no detector, options that a
            detector does not know.
        DetectorError: a detector that was named, and is not optional, cannot run here.
    """
    entries = [
        (entry, _known(entry, config, installed)) for entry in config.detectors if entry.enabled
    ]
    _check_models(config, entries, installed.plugins)
    named = [
        (entry, _named(entry, plugin, config, installed, anywhere=anywhere))
        for entry, plugin in entries
    ]
    assignments = [assignment for _, assignment in named]
    disabled = {_known(e, config, installed).type for e in config.detectors if not e.enabled}
    plugins = {kind: p for kind, p in installed.plugins.items() if kind not in disabled}
    needed = needed_senses(config, installed)
    assignments += choose(config, plugins, assignments, at_hand, needed, had)
    used = {assignment.plugin.type for assignment in assignments}
    assignments = [
        a if better(a.plugin) in used else _with_stand_in(a, config, installed) for a in assignments
    ]
    _check_names(config, [entry for entry, _ in named], assignments)
    _check_choices(config, assignments, installed.plugins)
    return [a for a in assignments if a.settings.categories]


def _named(
    entry: DetectorConfig,
    plugin: DetectorPlugin,
    config: Config,
    installed: Discovery,
    *,
    anywhere: bool,
) -> Assignment:
    """The detector of an entry; an optional one that cannot run here with what it lacks."""
    keys = _named_categories(entry, plugin, config, installed)
    made = make_assignment(config, entry, plugin, keys)
    if anywhere:
        return made
    check_own_models(made, entry, config)
    problem = plugin.available()
    if problem and not entry.optional:
        raise DetectorError(
            f"the detector {entry.type!r} cannot run here: {problem} (or go on without it: "
            "`optional: true` in its entry)"
        )
    return replace(made, problem=problem or "")


def _check_choices(
    config: Config, assignments: list[Assignment], plugins: Mapping[str, DetectorPlugin]
) -> None:
    """Where somebody wrote which detector shall look, that one must be able to."""
    seen = {key for assignment in assignments for key in assignment.settings.categories}
    for key in config.enabled_categories():
        chosen = plugins.get(config.detections[key].model)
        if key in seen or chosen is None or chosen.available() is not None:
            continue
        raise config.error(
            f"the detector {chosen.type!r} cannot look for {key!r} "
            f"(it can look for: {', '.join(sorted(chosen.categories))})",
            "detections",
            key,
            "model",
        )


def _with_stand_in(assignment: Assignment, config: Config, installed: Discovery) -> Assignment:
    """Knowing what takes its place where it cannot work, if anything can."""
    plugin, settings = assignment.plugin, assignment.settings
    other = installed.plugins.get(better(plugin))
    if other is None or other.available() is not None:
        return assignment
    options = plugin.stand_in_options(settings)  # type: ignore[attr-defined]
    entry = DetectorConfig(type=other.type, options=options)
    keys = [key for key in settings.categories if sees(other, key, entry, config)]
    return replace(assignment, stand_in=make_assignment(config, entry, other, keys))


def _check_names(
    config: Config,
    named: Sequence[DetectorConfig],
    assignments: Sequence[Assignment],
) -> None:
    """Reports and `detections.<category>.model` know detectors by their names alone."""
    names = [assignment.settings.name for assignment in assignments]
    for index, name in enumerate(names):
        if name in names[:index]:
            is_named = index < len(named)  # those that the program adds come after them
            raise config.error(
                f"two detectors are named {name!r}; give each a `name` of its own",
                *(place_of(named[index], config) if is_named else ("detectors",)),
            )


def _known(entry: DetectorConfig, config: Config, installed: Discovery) -> DetectorPlugin:
    try:
        return find(entry.type, installed)
    except ConfigError as error:
        raise config.error(str(error), *place_of(entry, config), "type") from error


def _check_models(
    config: Config,
    entries: list[tuple[DetectorConfig, DetectorPlugin]],
    plugins: Mapping[str, DetectorPlugin],
) -> None:
    known = {*plugins, *(entry.name for entry, _ in entries if entry.name), *ANY_MODEL}
    for key, category in config.detections.items():
        if category.enabled and category.model not in known:
            guess = nearest(category.model, known)
            raise config.error(
                f"detections.{key}.model is {category.model!r}, which is no detector here"
                + (f"; did you mean {guess!r}?" if guess else "")
                + f" (known: {', '.join(sorted(known))})",
                "detections",
                key,
                "model",
            )


def _named_categories(
    entry: DetectorConfig, plugin: DetectorPlugin, config: Config, installed: Discovery
) -> list[str]:
    wanted = config.enabled_categories()
    asked = [categories.key(name) for name in entry.categories]
    for key in asked:
        if not sees(plugin, key, entry, config):
            raise config.error(
                f"the detector {entry.type!r} cannot see {key!r} "
                f"(it sees: {', '.join(sorted(plugin.categories))})",
                *place_of(entry, config),
                "categories",
            )
    own = (entry.type, entry.name)
    chosen = [key for key in asked or wanted if key in wanted and sees(plugin, key, entry, config)]
    return [
        key
        for key in chosen
        if (model := config.detections[key].model) in own
        or (
            model in ANY_MODEL
            and (key in asked or not is_left_to_sound(plugin, key, config, installed.plugins))
        )
    ]
