"""From a YAML file to a `Config`: names made comparable, contradictions refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from video_censor_personal import categories
from video_censor_personal.config.defaults import default_cache_dir, default_config
from video_censor_personal.config.document import Document, nearest, read_yaml, validate
from video_censor_personal.config.layers import lay_over
from video_censor_personal.config.model_sources import check_sources, fill_sources
from video_censor_personal.config.values import Config, DetectorConfig

if TYPE_CHECKING:
    from video_censor_personal.config.profiles import Profile

__all__ = ["Layer", "combine", "load_config", "read_layer"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of settings: its data with names made comparable, and how it wrote its categories,
    by key."""

    document: Document
    labels: Mapping[str, str]


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
        ConfigError: it cannot be read, is no mapping, or names a category twice or wrongly.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error("a configuration is a mapping of sections, such as `detections:`")
    data = _without_empty(document.data)
    labels = _name_categories(data, document)
    _collect_options(data, document)
    fill_sources(data)
    return Layer(replace(document, data=data), labels)


def combine(layers: Sequence[Layer]) -> Config:
    """The configuration that layers say together, checked; the later ones win. Its paths are not
    resolved yet.

    Raises:
        ConfigError: something in one of them is wrong.
    """
    document = reduce(lay_over, (layer.document for layer in layers))
    config = validate(Config, document.data, document)
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


def _name_categories(data: dict[str, Any], document: Document) -> dict[str, str]:
    """Replace the category names under `detections` by their keys; how they were written."""
    labels: dict[str, str] = {}
    section = document.data.get("detections")
    if not isinstance(section, dict):
        return labels
    named: dict[str, Any] = {}
    for name in section:
        at = ("detections", name)
        key = _category_key(name, document, at)
        if key in named:
            raise document.error(
                f"{name!r} and {labels[key]!r} are the same category; keep one of them", at
            )
        guess = nearest(key, categories.BUILT_IN, cutoff=0.85)
        if guess and key != guess:
            raise document.error(
                f"{name!r} is no category; did you mean {guess!r}? (A concept of your own needs "
                "a name that cannot be mistaken for a built-in one.)",
                at,
            )
        named[key], labels[key] = data.get("detections", {}).get(name, {}), categories.label(name)
    data["detections"] = named
    for where, line in list(document.lines.items()):
        if where[0:1] == ("detections",) and len(where) > 1:
            key = _category_key(str(where[1]), document, where[:2])
            document.lines[("detections", key, *where[2:])] = line
    return labels


def _category_key(name: str, document: Document, at: tuple[str | int, ...]) -> str:
    try:
        return categories.key(name)
    except ValueError as error:
        raise document.error(str(error), at) from None


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
    audio, video = config.remediation.audio, config.remediation.video
    known = {*config.detections, *categories.BUILT_IN}
    places: list[tuple[tuple[str | int, ...], list[str] | dict[str, Any]]] = [
        (("remediation", "audio", "categories"), audio.categories),
        (("remediation", "audio", "category_modes"), audio.category_modes),
        (("remediation", "video", "category_modes"), video.category_modes),
    ]
    places += [
        (("detectors", i, "categories"), detector.categories)
        for i, detector in enumerate(config.detectors)
    ]
    for at, names in places:
        _check_categories(at, names, known, document)
    check_sources(config.models.sources, document)


def _check_categories(
    at: tuple[str | int, ...],
    names: list[str] | dict[str, Any],
    known: set[str],
    document: Document,
) -> None:
    for index, name in enumerate(names):
        where = (*at, name if isinstance(names, dict) else index)
        if _category_key(name, document, where) in known:
            continue
        guess = nearest(categories.key(name), known)
        raise document.error(
            f"{name!r} is no category here"
            + (f"; did you mean {guess!r}?" if guess else "")
            + f" (known: {', '.join(sorted(known))}; a concept of your own must also stand "
            "under `detections`)",
            where,
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
