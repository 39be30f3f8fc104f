"""What can take the place of a model that is gone or no longer kept up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from video_censor_personal.errors import RegistryError
from video_censor_personal.hub.metadata import Alternative
from video_censor_personal.sizes import describe_known_size

if TYPE_CHECKING:
    from video_censor_personal.hub.api import HubApi

__all__ = ["KnownReplacement", "describe", "find_alternatives"]

_MOST_SEARCHES = 3


@dataclass(frozen=True, slots=True)
class KnownReplacement:
    """An entry of our own table: a model, and why it replaces another."""

    name: str
    why: str


def find_alternatives(
    api: HubApi,
    name: str,
    known: Mapping[str, KnownReplacement],
    *,
    newer: str | None = None,
    limit: int = 3,
) -> list[Alternative]:
    """Existing models that can replace `name`, best first, each with its size.

    First what its owner names (`newer`), then our own table, then what a search of the hub finds.
    Each one is looked up, so none of them is gone as well. Empty if the hub cannot be asked.
    """
    found: list[Alternative] = []
    tried = {name.casefold()}
    for candidate, why in _candidates(api, name, known, newer):
        if len(found) == limit:
            break
        if candidate.casefold() in tried:
            continue
        tried.add(candidate.casefold())
        try:
            model = api.model(candidate)
            size = sum(file.size_bytes for file in api.files(model.name, model.commit))
        except RegistryError:
            continue
        if not model.disabled:
            terms = "; its terms must be accepted first" if model.gated else ""
            found.append(Alternative(model.name, why + terms, size))
    return found


def describe(alternatives: list[Alternative]) -> str:
    """Lines for the end of a message; empty without alternatives."""
    if not alternatives:
        return ""
    lines = [f"  {a.name} ({describe_known_size(a.size_bytes)}): {a.why}" for a in alternatives]
    return "\n".join(["\nThese exist:", *lines])


def _candidates(
    api: HubApi, name: str, known: Mapping[str, KnownReplacement], newer: str | None
) -> Iterator[tuple[str, str]]:
    if newer:
        yield newer, "its owner names it as the newer version"
    if entry := known.get(name.casefold()):
        yield entry.name, entry.why
    for words in _search_words(name):
        try:
            hits = api.search(words)
        except RegistryError:
            return
        for hit in hits:
            same = hit.name.rpartition("/")[2].casefold() == name.rpartition("/")[2].casefold()
            why = "the same name under another owner" if same else f"its name matches {words!r}"
            task = f", made for {hit.task}" if hit.task else ""
            yield hit.name, f"{why}{task}, {hit.downloads:,} downloads"


def _search_words(name: str) -> Iterator[str]:
    """The name without its owner, then with fewer and fewer of its last parts."""
    words = name.rpartition("/")[2]
    for _ in range(_MOST_SEARCHES):
        if len(words) < 3:
            return
        yield words
        words = re.sub(r"[-_.][^-_.]*$", "", words) if re.search(r"[-_.]", words) else ""
