"""Which kinds of sound count for which category: the list that comes along and a user's own.

`docs/detectors.md` describes the files for people; `sounds/built-in.yaml` is the first of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import Field

from video_censor_personal import categories
from video_censor_personal.config.document import nearest, read_yaml, validate
from video_censor_personal.detectors.base import Scale
from video_censor_personal.detectors.options import WrittenScale
from video_censor_personal.errors import ConfigError

__all__ = ["SoundBook", "SoundKind", "audio_set_classes", "built_in_sounds", "read_sounds"]


@dataclass
class _Entry:
    """One category as it is written."""

    classes: Annotated[list[str], Field(min_length=1)]
    scale: WrittenScale | None = None


@dataclass
class _File:
    """A file of sounds as it is written."""

    scale: WrittenScale | None = None
    categories: dict[str, _Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SoundKind:
    """What one category sounds like: any of `classes`; `scale` is what their scores mean."""

    classes: tuple[str, ...]
    scale: Scale


@dataclass(frozen=True, slots=True)
class SoundBook:
    """Kinds of sound by category key; `scale` is that of a class that no category names."""

    kinds: Mapping[str, SoundKind]
    scale: Scale

    def kind(self, key: str) -> SoundKind | None:
        """What a category sounds like: as the book says, else the class of that very name."""
        if key in self.kinds:
            return self.kinds[key]
        name = _classes_by_key().get(key)
        return SoundKind((name,), self.scale) if name else None

    def updated(self, other: SoundBook) -> SoundBook:
        """This book with what `other` says instead, category by category."""
        return SoundBook({**self.kinds, **other.kinds}, other.scale)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that change with anything that the book says."""
        said = repr((sorted(self.kinds.items()), self.scale))
        return hashlib.sha256(said.encode()).hexdigest()[:8]


@cache
def audio_set_classes() -> tuple[str, ...]:
    """The names of YAMNet's 521 outputs, in their order; the classes of AudioSet but six."""
    text = (_folder() / "yamnet-classes.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


@cache
def built_in_sounds() -> SoundBook:
    """The kinds that come with this package."""
    with resources.as_file(_folder() / "built-in.yaml") as path:
        return read_sounds(path, Scale(1, 0.5, 0))


def read_sounds(path: Path, usual: Scale) -> SoundBook:
    """A file of sounds; `usual` is the scale where it gives none.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong, with the line.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error("a file of sounds is a mapping with a key `categories:`")
    content = validate(_File, document.data, document)
    scale = content.scale.value if content.scale else usual
    kinds = {}
    for name, entry in content.categories.items():
        place = ("categories", name)
        try:
            key = categories.key(name)
            _check_classes(entry.classes)
        except (ConfigError, ValueError) as error:
            raise document.error(str(error), place) from error
        if key in kinds:
            raise document.error(f"{name!r} stands there twice; keep one of them", place)
        kinds[key] = SoundKind(tuple(entry.classes), entry.scale.value if entry.scale else scale)
    return SoundBook(kinds, scale)


def _check_classes(classes: Sequence[str]) -> None:
    known = audio_set_classes()
    for name in classes:
        if name not in known:
            guess = nearest(name, known)
            raise ConfigError(
                f"there is no kind of sound {name!r} in AudioSet"
                + (f"; did you mean {guess!r}?" if guess else "")
            )


@cache
def _classes_by_key() -> Mapping[str, str]:
    return {categories.key(name): name for name in audio_set_classes()}


def _folder() -> resources.abc.Traversable:
    return resources.files(__package__)
