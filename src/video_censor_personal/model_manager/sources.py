"""Models by their names, configured or of the catalogue, and as a registry would describe them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

from video_censor_personal.catalogue import catalogue
from video_censor_personal.config import Config, ModelSource
from video_censor_personal.config.document import nearest
from video_censor_personal.config.model_addresses import parse_model_address
from video_censor_personal.errors import ConfigError
from video_censor_personal.huggingface_registry import ModelMetadata
from video_censor_personal.sizes import describe_size
from video_censor_personal.transfer import FileState, PlannedFile

__all__ = [
    "CONFIGURED",
    "about_bytes",
    "configured_metadata",
    "describe_model_size",
    "find_source",
    "find_sources",
    "placed",
    "registry_name",
]

CONFIGURED = "configured"
"""What the version that the configuration names is called in a `ModelMetadata`."""


def find_source(config: Config, name: str) -> ModelSource | None:
    """The model of this name: as configured, else as the catalogue knows it."""
    for source in config.models.sources:
        if source.name == name:
            return source
    return next((model.source for model in catalogue() if model.name == name), None)


def find_sources(config: Config, names: Iterable[str] | None = None) -> list[ModelSource]:
    """The models of these names, configured or of the catalogue, each once; None: all that are
    configured.

    Raises:
        ConfigError: there is no such model.
    """
    if names is None:
        return list({source.name: source for source in config.models.sources}.values())
    return [_found(config, name) for name in dict.fromkeys(names)]


def _found(config: Config, name: str) -> ModelSource:
    source = find_source(config, name)
    if source is not None:
        return source
    configured = [source.name for source in config.models.sources]
    known = [*configured, *(model.name for model in catalogue())]
    guess = nearest(name, known)
    raise ConfigError(
        f"there is no model {name!r}"
        + (f"; did you mean {guess!r}?" if guess else "")
        + f" (under models.sources: {', '.join(configured) or 'none'}; in the catalogue: "
        f"{', '.join(model.name for model in catalogue())}; a detector's `model` may also be the "
        f"path of your own, with a slash, such as {'./' + name!r})",
        file=config.path,
        key="models.sources",
    )


def placed(error: ConfigError, source: ModelSource, config: Config) -> ConfigError:
    """The error about a field of `source`, with the file and the line where that is configured."""
    names = [each.name for each in config.models.sources]
    ours = error.key in {f.name for f in fields(ModelSource)} and error.file is None
    if not ours or source.name not in names:
        return error
    return config.error(str(error), "models", "sources", names.index(source.name), str(error.key))


def about_bytes(source: ModelSource) -> int | None:
    """What the catalogue says of its size, rounded; None where it says nothing."""
    for model in catalogue():
        if (model.url, list(model.files)) == (source.url, source.files):
            return model.about_bytes
    return None


def describe_model_size(source: ModelSource) -> str:
    """`484 MB`; what the catalogue says is `about` that."""
    if source.size_bytes:
        return describe_size(source.size_bytes)
    about = about_bytes(source)
    return f"about {describe_size(about)}" if about else "size unknown"


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
