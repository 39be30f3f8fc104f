"""Profiles: named sets of settings in one YAML file, which people share.

A profile says what to look for, how, and what to do about it, and lies under the configuration
file. It says nothing of one machine, one film or one network; `docs/profiles.md` has the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from video_censor_personal.config.document import Document, Location, nearest
from video_censor_personal.config.loading import Layer, combine, read_layer
from video_censor_personal.errors import ConfigError

__all__ = ["Profile", "find_profile", "list_profiles", "own_profiles_dir"]

_BUILT_IN = Path(__file__).parents[1] / "profiles"
_SUFFIXES = (".yaml", ".yml")

_OTHERS_BUSINESS: dict[Location, str] = {
    ("models",): "where models come from and lie; detectors name those of the catalogue",
    ("processing", "device"): "what this machine computes on",
    ("processing", "max_workers"): "how many threads this machine has to spare",
    ("remediation", "video", "encoder"): "which encoders this machine has",
    ("remediation", "audio", "bleep_file"): "a file of this machine",
    ("output", "plex_key"): "one film on one server",
}
_OTHERS_OPTIONS = {
    "url": "a server that pictures would be sent to",
    "api_key_env": "a key to a server",
    "concepts": "a file of this machine",
    "lexicons": "files of this machine",
    "prompt": "a file of this machine",
    "sounds": "a file of this machine",
}
"""What belongs into a configuration: a profile may come from anyone, and must work anywhere."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that was read and checked.

    `is_built_in`: it comes with this program.
    """

    name: str
    description: str
    path: Path
    layer: Layer
    is_built_in: bool = False


def own_profiles_dir() -> Path:
    """Where people keep profiles of their own, found by their names; it need not exist."""
    return platformdirs.user_config_path("video-censor", appauthor=False) / "profiles"


def find_profile(name_or_file: str) -> Profile:
    """The profile in a file, of a person's own of that name, or the built-in one.

    Raises:
        ConfigError: there is none, or something in it is wrong.
    """
    file = Path(name_or_file).expanduser()
    if file.suffix.lower() in _SUFFIXES or len(file.parts) > 1:
        return _read(file)
    files = _files_by_name()
    found = files.get(name_or_file.casefold())
    if found is not None:
        return _read(found)
    guess = nearest(name_or_file.casefold(), files)
    raise ConfigError(
        f"there is no profile {name_or_file!r}"
        + (f"; did you mean {guess!r}?" if guess else "")
        + f" (there are: {', '.join(sorted(files))}; your own lie in {own_profiles_dir()}, or name "
        "a .yaml file)"
    )


def list_profiles() -> Iterator[Profile | ConfigError]:
    """Every profile that has a name, in the order of names, or what is wrong with it."""
    for _, file in sorted(_files_by_name().items()):
        try:
            yield _read(file)
        except ConfigError as error:
            yield error


def _files_by_name() -> dict[str, Path]:
    """A person's own takes the place of a built-in one of the same name."""
    return {
        file.stem.casefold(): file
        for folder in (_BUILT_IN, own_profiles_dir())
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in _SUFFIXES
    }


def _read(file: Path) -> Profile:
    layer = read_layer(file)
    rest = dict(layer.document.data)
    description = rest.pop("description", None)
    if not isinstance(description, str) or not description.strip():
        raise layer.document.error(
            "a profile needs a `description`: a sentence or two on whom it is for",
            ("description",),
        )
    layer = replace(layer, document=replace(layer.document, data=rest))
    _check_shareable(layer.document)
    combine([layer])  # a mistake is one of this file, wherever it is laid
    text = " ".join(description.split())
    return Profile(file.stem, text, file, layer, file.parent == _BUILT_IN)


def _check_shareable(document: Document) -> None:
    """Raises `ConfigError` for what belongs into a configuration."""
    for place, meaning in _OTHERS_BUSINESS.items():
        if _has(document.data, place):
            raise _not_here(document, place, meaning)
    entries = document.data.get("detectors")
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        options = entry.get("options", {}) if isinstance(entry, dict) else {}
        for option, meaning in _OTHERS_OPTIONS.items():
            if option in options:
                raise _not_here(document, ("detectors", number, option), meaning)


def _has(data: Any, place: Location) -> bool:
    for part in place:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def _not_here(document: Document, place: Location, meaning: str) -> ConfigError:
    return document.error(
        f"`{place[-1]}` belongs into a configuration, not into a profile, which others share: it "
        f"says {meaning}",
        place,
    )
