"""From a YAML file to a `Config`: names made comparable, contradictions refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from video_censor_personal import categories
from video_censor_personal.config.defaults import default_cache_dir, default_config
from video_censor_personal.config.document import Document, Location, nearest, read_yaml, validate
from video_censor_personal.config.layers import lay_over
from video_censor_personal.config.mistakes import as_one
from video_censor_personal.config.model_sources import check_sources, fill_sources
from video_censor_personal.config.values import Config, DetectorConfig
from video_censor_personal.errors import ConfigError

if TYPE_CHECKING:
    from video_censor_personal.config.profiles import Profile

__all__ = ["Layer", "combine", "load_config", "read_layer"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of settings: its data with names made comparable, how it wrote its categories, by
    key, and which of them it names twice or wrongly."""

    document: Document
    labels: Mapping[str, str]
    mistakes: tuple[ConfigError, ...] = ()


def load_config(config_path: Path | str | None, *, profile: Profile | None = None) -> Config:
    """The configuration in a YAML file (None: the defaults), with a profile below it.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; the message says where,
            what and, for unknown names, what was probably meant.
    """
    path = None if config_path is None else Path(config_path)
    layers = [] if profile is None else [profile.layer]
    if path is not None:
        layers.append(read_layer(path))
    if not layers:
        return default_config()
    config = combine(layers)
    config.path, config.profile = path, profile.name if profile else ""
    _resolve_paths(config)
    return config


def read_layer(path: Path) -> Layer:
    """The settings in a file, not yet checked.

    Raises:
        ConfigError: it cannot be read, or is no mapping.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error("a configuration is a mapping of sections, such as `detections:`")
    data = _without_empty(document.data)
    labels, mistakes = _name_categories(data, document)
    _collect_options(data, document)
    fill_sources(data)
    return Layer(replace(document, data=data), labels, tuple(mistakes))


def combine(layers: Sequence[Layer]) -> Config:
    """The configuration that layers say together, checked; the later ones win. Its paths are not
    resolved yet.

    Raises:
        ConfigError: something in one of them is wrong. All unknown keys, wrong values and
            wrong names of categories are told at once; what contradicts itself, after them.
    """
    document = reduce(lay_over, (layer.document for layer in layers))
    mistakes = [mistake for layer in layers for mistake in layer.mistakes]
    mistakes += _misnamed_categories(document)
    try:
        config = validate(Config, document.data, document)
    except ConfigError as error:
        raise as_one([*mistakes, error]) from None
    if mistakes:
        raise as_one(mistakes)
    config.lines = document.lines
    config.files = dict.fromkeys(document.lines, document.file) | dict(document.files)
    config.labels = {key: label for layer in layers for key, label in layer.labels.items()}
    if "detections" not in document.data:
        config.detections = default_config().detections
    _check(config, document)
    return config


def _without_empty(value: Any) -> Any:
    """`value` without keys that have nothing after the colon: they mean the default."""
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v is not None}
    return value


def _name_categories(
    data: dict[str, Any], document: Document
) -> tuple[dict[str, str], list[ConfigError]]:
    """Replace the category names under `detections` by their keys; how they were written, and what
    is wrong with them."""
    labels: dict[str, str] = {}
    mistakes: list[ConfigError] = []
    section = document.data.get("detections")
    if not isinstance(section, dict):
        return labels, mistakes
    written: dict[str, str] = {}
    for name in section:
        try:
            key = categories.key(name)
            _check_name(name, key, written)
        except ValueError as error:
            mistakes.append(document.error(str(error), ("detections", name)))
            continue
        written[key], labels[key] = name, categories.label(name)
    # What was refused stays as it is, so that what is wrong inside of it is told as well.
    keys = {name: key for key, name in written.items()}
    data["detections"] = {keys.get(n, n): data["detections"].get(n, {}) for n in section}
    for where, line in list(document.lines.items()):
        if where[0:1] == ("detections",) and len(where) > 1 and where[1] in keys:
            document.lines[("detections", keys[str(where[1])], *where[2:])] = line
    return labels, mistakes


def _check_name(name: str, key: str, written: Mapping[str, str]) -> None:
    """Raises `ValueError` for a category that is there already, or was meant to be another."""
    if key in written:
        raise ValueError(f"{name!r} and {written[key]!r} are the same category; keep one of them")
    guess = nearest(key, categories.BUILT_IN, cutoff=0.85)
    if guess and key != guess:
        raise ValueError(
            f"{name!r} is no category; did you mean {guess!r}? (A concept of your own needs a name "
            "that cannot be mistaken for a built-in one.)"
        )


def _collect_options(data: dict[str, Any], document: Document) -> None:
    """Move what only a detector understands into its `options`."""
    entries = data.get("detectors")
    own = {f.name for f in fields(DetectorConfig)} - {"options"}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            options = {k: entry.pop(k) for k in list(entry) if k not in own}
            if options:
                entry["options"] = options


def _check(config: Config, document: Document) -> None:
    """What one value alone cannot tell.

    Raises:
        ConfigError: the configuration contradicts itself.
    """
    if not config.enabled_categories():
        raise document.error(
            "no category is enabled, so there is nothing to look for; set `enabled: true` for one",
            ("detections",),
        )
    check_sources(config.models.sources, document)


_NAMING: tuple[Location, ...] = (
    ("remediation", "audio", "categories"),
    ("remediation", "audio", "category_modes"),
    ("remediation", "video", "category_modes"),
)
"""Where categories are named that must also stand under `detections`, besides `detectors`."""


def _misnamed_categories(document: Document) -> Iterator[ConfigError]:
    """What is named as a category elsewhere than under `detections` and is none."""
    entries = document.data.get("detectors")
    numbers = range(len(entries) if isinstance(entries, list) else 0)
    own = document.data.get("detections")
    known = {*(own if isinstance(own, dict) else ()), *categories.BUILT_IN}
    for at in (*_NAMING, *(("detectors", number, "categories") for number in numbers)):
        names = _value_at(document.data, at)
        for index, name in enumerate(names if isinstance(names, list | dict) else ()):
            where = (*at, name if isinstance(names, dict) else index)
            if isinstance(name, str) and (problem := _unknown(name, known)):
                yield document.error(problem, where)


def _value_at(data: Any, at: Location) -> Any:
    """What stands there in data that nobody checked yet; None: nothing."""
    for part in at:
        fits = isinstance(data, list if isinstance(part, int) else dict)
        if not fits or (isinstance(part, str) and part not in data):
            return None
        data = data[part]
    return data


def _unknown(name: str, known: set[str]) -> str:
    """Why a name is that of no category; empty: it is."""
    try:
        key = categories.key(name)
    except ValueError as error:
        return str(error)
    if key in known:
        return ""
    guess = nearest(key, known)
    return (
        f"{name!r} is no category here"
        + (f"; did you mean {guess!r}?" if guess else "")
        + f" (known: {', '.join(sorted(known))}; a concept of your own must also stand under "
        "`detections`)"
    )


def _resolve_paths(config: Config) -> None:
    """Raises `ConfigError` for a file that is not there."""
    cache_dir, audio = config.models.cache_dir, config.remediation.audio
    resolved = config.resolve(cache_dir) if cache_dir else default_cache_dir()
    config.models.cache_dir = str(resolved.absolute())
    if audio.bleep_file:
        sound = config.resolve(audio.bleep_file)
        if not sound.is_file():
            raise config.error(
                f"there is no sound file {str(sound)!r}", "remediation", "audio", "bleep_file"
            )
        audio.bleep_file = str(sound.absolute())
