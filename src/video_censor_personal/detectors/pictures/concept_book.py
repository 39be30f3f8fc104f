"""What a concept looks like, in phrases: the ones that come along and a user's own.

`docs/detectors.md` describes the files for people; `concepts/built-in.yaml` is the first of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from video_censor_personal import categories
from video_censor_personal.config.document import Document, read_yaml, validate
from video_censor_personal.detectors.base import CategorySettings, Scale
from video_censor_personal.detectors.options import WrittenScale

__all__ = ["Concept", "ConceptBook", "Family", "built_in_book", "read_book"]

Family = Literal["clip", "siglip"]
"""How a model was trained; raw scores of one family mean nothing for the other."""

_Phrase = Annotated[str, Field(min_length=1)]


@dataclass
class _Scales:
    clip: WrittenScale | None = None
    siglip: WrittenScale | None = None


@dataclass
class _Entry:
    """One concept as it is written; what is left out stays as it was (None)."""

    prompts: Annotated[list[_Phrase], Field(min_length=1)] | None = None
    opposites: list[_Phrase] | None = None
    scales: _Scales = field(default_factory=_Scales)


@dataclass
class _File:
    """A file of concepts as it is written; what is left out stays as it was (None)."""

    templates: Annotated[list[_Phrase], Field(min_length=1)] | None = None
    neutral: Annotated[list[_Phrase], Field(min_length=1)] | None = None
    scales: _Scales = field(default_factory=_Scales)
    concepts: dict[str, _Entry] = field(default_factory=dict)


_Written = TypeVar("_Written", _Entry, _File)

_SMALL_WORDS = frozenset({"a", "an", "the", "of", "in", "on", "at", "and", "with", "to"})


@dataclass(frozen=True, slots=True)
class Concept:
    """What one category looks like, and what it must not be taken for.

    Attributes:
        key: of the category.
        label: what people call it.
        prompts: phrases of which any one is enough.
        others: phrases that the best of `prompts` has to beat: its opposites, and what is neutral.
        scale: what the raw scores mean.
    """

    key: str
    label: str
    prompts: tuple[str, ...]
    others: tuple[str, ...]
    scale: Scale


class ConceptBook:
    """Concepts by category key; `templates` hold a `{}` for each of their phrases."""

    def __init__(self, content: _File) -> None:
        self._content = content
        self.templates = tuple(content.templates or ())

    @property
    def keys(self) -> list[str]:
        """The categories that need no description."""
        return sorted(key for key, entry in self._content.concepts.items() if entry.prompts)

    def concept(self, category: CategorySettings, family: Family) -> Concept:
        """What to look for: what the person described, else what the book says, else the label."""
        entry = self._content.concepts.get(category.key, _Entry())
        described = [category.description.strip().rstrip(".")] if category.description else None
        prompts = described or entry.prompts or [category.label]
        scale = getattr(entry.scales, family) or getattr(self._content.scales, family)
        return Concept(
            category.key,
            category.label,
            tuple(prompts),
            (*(entry.opposites or ()), *_unlike(prompts, self._content.neutral or ())),
            scale.value,
        )

    def updated(self, other: ConceptBook) -> ConceptBook:
        """This book with what `other` says instead, field by field."""
        ours, theirs = self._content, other._content
        concepts = dict(ours.concepts)
        for key, entry in theirs.concepts.items():
            concepts[key] = _updated(concepts.get(key, _Entry()), entry)
        return ConceptBook(replace(_updated(ours, theirs), concepts=concepts))

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that change with anything that the book says."""
        return hashlib.sha256(repr(self._content).encode()).hexdigest()[:8]


def _unlike(prompts: Iterable[str], neutral: Iterable[str]) -> Iterator[str]:
    """The `neutral` phrases but those that say nothing else than a prompt: who looks for cartoons
    would never find one if `a cartoon` were neutral."""
    meant = [_words(prompt) for prompt in prompts]
    return (phrase for phrase in neutral if not any(_words(phrase) <= words for words in meant))


def _words(phrase: str) -> set[str]:
    return {word.removesuffix("s") for word in re.findall(r"\w+", phrase.lower())} - _SMALL_WORDS


def _updated(ours: _Written, theirs: _Written) -> _Written:
    scales = _Scales(
        theirs.scales.clip or ours.scales.clip, theirs.scales.siglip or ours.scales.siglip
    )
    said = {f.name: getattr(theirs, f.name) for f in fields(theirs)}
    changes = {name: value for name, value in said.items() if value is not None}
    return replace(ours, **{**changes, "scales": scales})


@cache
def built_in_book() -> ConceptBook:
    """The concepts that come with this package."""
    with resources.as_file(resources.files(__package__) / "concepts" / "built-in.yaml") as path:
        return read_book(path)


def read_book(path: Path) -> ConceptBook:
    """A file of concepts; what it leaves out is empty.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong, with the line.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error("a file of concepts is a mapping with a key `concepts:`")
    content = validate(_File, document.data, document)
    for number, template in enumerate(content.templates or ()):
        if template.count("{}") != 1:
            raise document.error(
                f"{template!r} must hold {{}} once, where the phrase goes", ("templates", number)
            )
    content.concepts = dict(_by_key(content.concepts, document))
    return ConceptBook(content)


def _by_key(entries: Mapping[str, _Entry], document: Document) -> Iterable[tuple[str, _Entry]]:
    names: dict[str, str] = {}
    for name, entry in entries.items():
        try:
            key = categories.key(name)
        except ValueError as error:
            raise document.error(str(error), ("concepts", name)) from error
        if key in names:
            raise document.error(
                f"{name!r} and {names[key]!r} are the same concept; keep one of them",
                ("concepts", name),
            )
        names[key] = name
        yield key, entry
