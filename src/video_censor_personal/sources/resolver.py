"""What every registry has to do: turn a model source into exact files, and say where they go.

To add a registry, write one module with a `Resolver` and add it to `deliveries.Deliveries`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from video_censor_personal.config import ModelSource
from video_censor_personal.models_lock import Pin
from video_censor_personal.store import Store
from video_censor_personal.transfer import Source

__all__ = ["Placement", "Resolver"]


def _yes() -> bool:
    return True


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Placement:
    """The exact files of a model, and how they become the model.

    Attributes:
        model: the source's name.
        sources: what has to lie in `store`, verified.
        path: where the model then is.
        pin: what to remember for the next run; None: the configuration declares everything.
        files: path in the repository -> the file in `store` that has its bytes.
        is_published: whether `path` leads to those files; changes nothing.
        repository: whose files they are, if `store` is the cache that programs share.
        withheld: why nothing may be fetched for it now, in words; what is there can be used.
        publish: make it so, once all of them are verified. It may raise `ModelDownloadError`.
    """

    model: str
    store: Store
    sources: tuple[Source, ...]
    path: Path
    pin: Pin | None = None
    files: Mapping[str, Path] | None = None
    is_published: Callable[[], bool] = _yes
    publish: Callable[[], None] = _nothing
    withheld: str = ""
    repository: str | None = None


class Resolver(Protocol):
    """One registry."""

    def accepts(self, source: ModelSource) -> bool:
        """Whether the address of `source` is one of this registry's."""
        ...

    def recall(self, source: ModelSource) -> Pin | None:
        """What the source meant when it was last fetched, without asking anyone."""
        ...

    def resolve(self, source: ModelSource, pin: Pin | None) -> Placement:
        """The files of a source: those of `pin`, else (None) what the registry says now.

        With a pin nobody is asked. Changes nothing on disk.

        Raises:
            ConfigError: the model's name cannot be a path, or its address is malformed.
            RegistryError: the registry does not know, or does not answer.
            ModelDownloadError: what is declared contradicts what the registry says.
        """
        ...
