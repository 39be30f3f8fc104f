"""Configured models as other parts of the program take them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from video_censor_personal.config import Config, ModelSource
from video_censor_personal.config.document import nearest
from video_censor_personal.errors import ConfigError
from video_censor_personal.hub.environment import hub_settings
from video_censor_personal.huggingface_registry import ModelMetadata
from video_censor_personal.transfer import FileState, PlannedFile, Source
from video_censor_personal.transfer.address import parse_url

__all__ = ["CONFIGURED", "configured_metadata", "find_sources", "registry_name", "transfer_source"]

CONFIGURED = "configured"
"""What the version that the configuration names is called in a `ModelMetadata`."""

# https://huggingface.co/docs/hub/models-downloading: where the hub serves a file of a repository.
_HUB_PATH = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/[^/]+/.")


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


def transfer_source(model: ModelSource) -> Source:
    """What the transfer engine fetches for a model.

    Its headers go to its own server only, not to mirrors; a login to the Hugging Face hub goes to
    the hub only.

    Raises:
        ConfigError: its checksum or one of its addresses cannot be used.
    """
    headers = hub_settings().headers
    if model.headers:
        origin = parse_url(model.url).origin
        headers[origin] = {**headers.get(origin, {}), **model.headers}
    return Source(
        name=model.name,
        urls=(model.url, *model.mirrors),
        target=model.name,
        size_bytes=model.size_bytes or None,
        checksum=model.checksum.lower(),
        algorithm=model.algorithm,
        headers=headers,
    )


def registry_name(model: ModelSource) -> str:
    """How a registry calls it: the repository that its address names, else its own name."""
    hub = _HUB_PATH.match(parse_url(model.url).path)
    return hub["repository"] if hub else model.name


def configured_metadata(
    model: ModelSource, found: PlannedFile, known: ModelMetadata | None = None
) -> ModelMetadata:
    """What is configured, and what a registry knows beside that.

    The size is the declared one, else that of the verified file, else left out.
    """
    size = model.size_bytes or (found.have_bytes if found.state is FileState.VERIFIED else None)
    checksums = {CONFIGURED: model.checksum.lower()}
    sizes = {} if size is None else {CONFIGURED: size}
    if known is None:
        return ModelMetadata(model.name, [CONFIGURED], checksums, sizes)
    return replace(
        known,
        name=model.name,
        versions=[CONFIGURED, *known.versions],
        checksums={**known.checksums, **checksums},
        sizes={**known.sizes, **sizes},
    )
