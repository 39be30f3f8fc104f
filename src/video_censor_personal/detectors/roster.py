"""Who looks for what: the detectors of one run, decided before any of them is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from video_censor_personal import categories
from video_censor_personal.config import Config, DetectorConfig
from video_censor_personal.config.document import nearest
from video_censor_personal.detectors.base import (
    CategorySettings,
    DetectorPlugin,
    DetectorSettings,
    FrameDetector,
    ModelNeed,
    SoundDetector,
)
from video_censor_personal.detectors.registry import Discovery, find
from video_censor_personal.detectors.second_look import SecondLook
from video_censor_personal.errors import ConfigError, DetectorError

__all__ = ["ANY_MODEL", "Assignment", "assign"]

ANY_MODEL = ("auto", "local")
"""Values of `detections.<category>.model` that leave the choice to the program."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A detector that will be built, and the categories it shall look for.

    `stand_in`: what takes its place where its models are missing. `note`: what a person must know
    of this choice.
    """

    plugin: DetectorPlugin
    settings: DetectorSettings
    stand_in: Assignment | None = None
    note: str = ""

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
        """The models its detector takes."""
        return self.plugin.needs(self.settings)

    @property
    def languages(self) -> frozenset[str]:
        """The languages its detector listens to; empty where language does not matter."""
        ask = getattr(self.plugin, "languages", None)
        return ask(self.settings) if ask else frozenset()

    @property
    def warnings(self) -> list[str]:
        """What a person must know before it is used."""
        ask = getattr(self.plugin, "warnings", None)
        return list(ask(self.settings)) if ask else []

    @property
    def revision(self) -> str:
        """What its detector works with besides the models it takes; empty where it does not say."""
        ask = getattr(self.plugin, "revision", None)
        return str(ask(self.settings)) if ask else ""

    def build(self, model_paths: Mapping[str, Path]) -> FrameDetector | SoundDetector | SecondLook:
        """The detector, handed the verified files of its models."""
        return self.plugin.build(replace(self.settings, model_paths=model_paths))


def assign(config: Config, installed: Discovery) -> list[Assignment]:
    """The detectors that a configuration asks for, with their categories.

    Detectors named under `detectors:` look for the categories named there, else for every enabled
    one that they can see. A category whose `model` leaves the choice to the program and that no
    named detector looks for goes to every installed detector that can, was not disabled, and takes
    no model that nobody asked for, unless it is one that has to be named (`only_if_named`). Where
    one of them does better what another does (`instead_of`), the other gets nothing. A category
    that nobody sees is in no assignment; the analysis reports it as unknown.

    Raises:
        ConfigError: an unknown detector type, a `model` that names no detector, options that a
            detector does not know.
        DetectorError: a detector that was named cannot run here.
    """
    entries = [
        (entry, _plugin(entry, config, installed)) for entry in config.detectors if entry.enabled
    ]
    disabled = {
        _known(entry, config, installed).type for entry in config.detectors if not entry.enabled
    }
    _check_models(config, entries, installed.plugins)
    wanted = config.enabled_categories()
    assignments = [
        _assignment(config, entry, plugin, _named_categories(entry, plugin, config))
        for entry, plugin in entries
    ]
    seen = {key for a in assignments for key in a.settings.categories}
    left_out: set[tuple[str, str]] = set()
    for kind, plugin in sorted(installed.plugins.items(), key=lambda item: not _better(item[1])):
        keys = [
            key
            for key in wanted
            if key not in seen
            and (kind, key) not in left_out
            and _sees(plugin, key, DetectorConfig(type=kind), config)
            and config.detections[key].model in (*ANY_MODEL, kind)
        ]
        keys = [key for key in keys if _may_be_chosen(plugin, config.detections[key].model)]
        if keys and kind not in disabled and plugin.available() is None:
            made = _assignment(config, DetectorConfig(type=kind), plugin, keys)
            if _is_equipped(made, config) or any(config.detections[k].model == kind for k in keys):
                assignments.append(made)
                left_out |= {(_better(plugin), key) for key in keys}
    used = {assignment.plugin.type for assignment in assignments}
    assignments = [
        a if _better(a.plugin) in used else _with_stand_in(a, config, installed)
        for a in assignments
    ]
    _check_names(config, entries, assignments)
    _check_choices(config, assignments, installed.plugins)
    return [a for a in assignments if a.settings.categories]


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


def _may_be_chosen(plugin: DetectorPlugin, model: str) -> bool:
    """Whether the program may choose a plug-in that no entry under `detectors:` names."""
    return model == plugin.type or not getattr(plugin, "only_if_named", False)


def _better(plugin: DetectorPlugin) -> str:
    """The type of the plug-in whose work it does better; empty for most."""
    return str(getattr(plugin, "instead_of", ""))


def _with_stand_in(assignment: Assignment, config: Config, installed: Discovery) -> Assignment:
    """Knowing what takes its place where its models are missing, if anything can."""
    plugin, settings = assignment.plugin, assignment.settings
    other = installed.plugins.get(_better(plugin))
    if other is None or other.available() is not None:
        return assignment
    options = plugin.stand_in_options(settings)  # type: ignore[attr-defined]
    entry = DetectorConfig(type=other.type, options=options)
    keys = [key for key in settings.categories if _sees(other, key, entry, config)]
    return replace(assignment, stand_in=_assignment(config, entry, other, keys))


def _is_equipped(assignment: Assignment, config: Config) -> bool:
    """Whether the configuration says where its models come from: nothing is to be downloaded for
    a detector that only the program thought of."""
    known = {source.name for source in config.models.sources}
    return all(need.optional or need.name in known for need in assignment.needs)


def _check_names(
    config: Config,
    entries: list[tuple[DetectorConfig, DetectorPlugin]],
    assignments: list[Assignment],
) -> None:
    """Reports and `detections.<category>.model` know detectors by their names alone."""
    names = [assignment.settings.name for assignment in assignments]
    for index, name in enumerate(names):
        if name in names[:index]:
            named = index < len(entries)  # those that the program adds come after them
            raise config.error(
                f"two detectors are named {name!r}; give each a `name` of its own",
                *(_place(entries[index][0], config) if named else ("detectors",)),
            )


def _known(entry: DetectorConfig, config: Config, installed: Discovery) -> DetectorPlugin:
    try:
        return find(entry.type, installed)
    except ConfigError as error:
        raise config.error(str(error), *_place(entry, config), "type") from error


def _place(entry: DetectorConfig, config: Config) -> tuple[str | int, ...]:
    """Where an entry stands in the file; nowhere if the program made it."""
    numbers = [number for number, other in enumerate(config.detectors) if other is entry]
    return ("detectors", *numbers)


def _plugin(entry: DetectorConfig, config: Config, installed: Discovery) -> DetectorPlugin:
    plugin = _known(entry, config, installed)
    if problem := plugin.available():
        raise DetectorError(f"the detector {entry.type!r} cannot run here: {problem}")
    return plugin


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


def _sees(plugin: DetectorPlugin, key: str, entry: DetectorConfig, config: Config) -> bool:
    if key in plugin.categories or key in categories.BUILT_IN or "*" not in plugin.categories:
        return key in plugin.categories
    ask = getattr(plugin, "sees", None)
    if ask is None:
        return True
    with _placed(entry, config):
        return bool(ask(key, _settings(config, entry, ())))


def _named_categories(entry: DetectorConfig, plugin: DetectorPlugin, config: Config) -> list[str]:
    wanted = config.enabled_categories()
    asked = [categories.key(name) for name in entry.categories]
    for key in asked:
        if not _sees(plugin, key, entry, config):
            raise config.error(
                f"the detector {entry.type!r} cannot see {key!r} "
                f"(it sees: {', '.join(sorted(plugin.categories))})",
                *_place(entry, config),
                "categories",
            )
    own = (*ANY_MODEL, entry.type, entry.name)
    return [
        key
        for key in asked or wanted
        if key in wanted
        and _sees(plugin, key, entry, config)
        and config.detections[key].model in own
    ]


def _assignment(
    config: Config, entry: DetectorConfig, plugin: DetectorPlugin, keys: list[str]
) -> Assignment:
    settings = _settings(config, entry, keys)
    with _placed(entry, config):
        plugin.check(settings)
    return Assignment(plugin, settings)


def _settings(config: Config, entry: DetectorConfig, keys: Iterable[str]) -> DetectorSettings:
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
        threads=config.processing.max_workers or 1,
        base_dir=config.base_dir,
        device=config.processing.device,
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
        raise config.error(str(error), *_place(entry, config), *key) from error
