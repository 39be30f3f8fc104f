"""The models this project knows, as data: `models.yaml` beside this file."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from video_censor_personal.config import ModelSource
from video_censor_personal.hub.alternatives import KnownReplacement

__all__ = ["CatalogueModel", "catalogue", "known_replacements"]


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model that a detector can use. None: nobody looked it up.

    Attributes:
        kind: speech, vision, sound or vision-language.
        url, files: as in a model source of the configuration.
        about_bytes: what has to be fetched, rounded.
        memory_bytes: main memory that is needed at least.
    """

    name: str
    purpose: str
    kind: str
    url: str
    files: tuple[str, ...] = ()
    about_bytes: int | None = None
    licence: str | None = None
    memory_bytes: int | None = None

    @property
    def source(self) -> ModelSource:
        """As an entry under `models.sources` would say it."""
        return ModelSource(self.name, self.url, "", 0, files=list(self.files))


@functools.cache
def catalogue() -> tuple[CatalogueModel, ...]:
    """Every model of the catalogue, in its order."""
    return tuple(
        CatalogueModel(
            name=entry["name"],
            purpose=entry["purpose"],
            kind=entry["kind"],
            url=entry["url"],
            files=tuple(entry.get("files", ())),
            about_bytes=_bytes(entry.get("about_mb")),
            licence=entry.get("licence"),
            memory_bytes=_bytes(entry.get("memory_mb")),
        )
        for entry in _document()["models"]
    )


@functools.cache
def known_replacements() -> Mapping[str, KnownReplacement]:
    """Repository in small letters -> what replaces it."""
    return {
        name.casefold(): KnownReplacement(**entry)
        for name, entry in _document()["replacements"].items()
    }


@functools.cache
def _document() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("models.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def _bytes(megabytes: float | None) -> int | None:
    return None if megabytes is None else round(megabytes * 1_000_000)
