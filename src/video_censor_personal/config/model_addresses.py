"""Addresses of models that a registry knows: which repository, which version, which file.

    hf://org/name[@version][/path/to/file]              the Hugging Face hub
    https://HUB/org/name/resolve/VERSION/path/to/file   the same, as a hub's pages write it
    gh://owner/name@tag/asset                           a file of a GitHub release

A slash in a version is written `%2F` (`hf://org/name@refs%2Fpr%2F1`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

__all__ = ["ModelAddress", "parse_model_address"]

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.\-]*"
_SHORT = re.compile(rf"(hf|gh)://({_NAME}/{_NAME})(?:@([^/@\s]+))?(?:/([^\s?#]+))?")
_RESOLVE = re.compile(
    rf"(https?://[^/?#\s@]+(?:/[^/?#\s]+)*?)/({_NAME}/{_NAME})/resolve/([^/?#\s]+)/([^?#\s]+)(?:\?.*)?"
)


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """Where a registry has a model.

    Attributes:
        registry: `hf`, a Hugging Face hub, or `gh`, the releases of GitHub.
        repository: `org/name`.
        version: a branch, tag or commit; None: what the registry calls its default.
        path: the file in the repository, or the asset of the release; empty: all of its files.
        endpoint: the hub; None: the one that `HF_ENDPOINT` names.
    """

    registry: Literal["hf", "gh"]
    repository: str
    version: str | None = None
    path: str = ""
    endpoint: str | None = None


def parse_model_address(url: str) -> ModelAddress | None:
    """Take an address apart; None for one that names no registry, such as a plain https URL.

    Raises:
        ValueError: it begins like an address of a registry but is none.
    """
    if match := _RESOLVE.fullmatch(url):
        endpoint, repository, version, path = match.groups()
        return ModelAddress("hf", repository, unquote(version), unquote(path), endpoint)
    if url[:3].casefold() not in ("hf:", "gh:"):
        return None
    match = _SHORT.fullmatch(url)
    if match is None:
        raise ValueError(
            f"{url!r} is no address of a model; write it as hf://org/name/file, "
            "hf://org/name@version or gh://owner/name@tag/file"
        )
    registry, repository, version, path = match.groups()
    version = unquote(version) if version else None
    if registry == "gh":
        if version is None or not path or "/" in path:
            raise ValueError(f"{url!r} must name a release and a file: gh://owner/name@tag/file")
        return ModelAddress("gh", repository, version, unquote(path))
    return ModelAddress("hf", repository, version, unquote(path or ""))
