"""The configured models: found by name, and as a registry would describe them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from video_censor_personal.config import Config, ModelSource
from video_censor_personal.config.document import nearest
from video_censor_personal.config.model_addresses import parse_model_address
from video_censor_personal.errors import ConfigError
from video_censor_personal.huggingface_registry import ModelMetadata
from video_censor_personal.transfer import FileState, PlannedFile

__all__ = ["CONFIGURED", "configured_metadata", "find_sources", "registry_name"]

CONFIGURED = "configured"
"""What the version that the configuration names is called in a `ModelMetadata`."""


def find_sources(config: Config, names: Iterable[str] | None = None) -> list[ModelSource]:
    """The configured models of these names, each once; None: all of them.

    Raises:
        ConfigError: the configuration has no such model.
    """
    by_name = {source.name: source for source in config.models.sources}
    if names is None:
        return list(by_name.values())
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in by_name:
            guess = nearest(name, by_name)
            raise ConfigError(
                f"there is no model {name!r}"
                + (f"; did you mean {guess!r}?" if guess else "")
                + f" (under models.sources: {', '.join(by_name) or 'none'})",
                file=config.path,
                key="models.sources",
            )
    return [by_name[name] for name in wanted]


def registry_name(model: ModelSource) -> str:
    """How the hub calls it: the repository that its address names, else its own name."""
    address = parse_model_address(model.url)
    return address.repository if address is not None else model.name


def configured_metadata(
    model: ModelSource, found: PlannedFile, known: ModelMetadata | None = None
) -> ModelMetadata:
    """What is configured, and what a registry knows beside that.

    The size is the declared one, else that of what is there, else left out.
    """
    size = model.size_bytes or found.source.size_bytes
    if not size and found.state is FileState.VERIFIED:
        size = found.have_bytes
    checksums = {CONFIGURED: model.checksum.lower()} if model.checksum else {}
    sizes = {CONFIGURED: size} if size else {}
    if known is None:
        return ModelMetadata(model.name, [CONFIGURED], checksums, sizes)
    return replace(
        known,
        name=model.name,
        versions=[CONFIGURED, *known.versions],
        checksums={**known.checksums, **checksums},
        sizes={**known.sizes, **sizes},
    )
