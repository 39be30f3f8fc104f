"""One file of settings laid over another: what the upper one says wins, key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from video_censor_personal import categories
from video_censor_personal.config.document import Document, Location

__all__ = ["lay_over"]

_SEPARATORS = re.compile(r"[\s_\-]+")


def lay_over(under: Document, over: Document) -> Document:
    """What both documents say together, every key with the file and line that it comes from.

    Mappings are joined key by key, a value or list of `over` takes the place of the one below it.
    Of `detectors`, entries of `under` stay whose type `over` does not name, before those of `over`.
    """
    pile = _Pile(under, over)
    data = pile.join(under.data, over.data, (), ())
    return replace(over, data=data, lines=pile.lines, files=pile.files)


class _Pile:
    """The places of what was taken from each document; `join` fills them."""

    def __init__(self, under: Document, over: Document) -> None:
        self._under, self._over = under, over
        self.lines: dict[Location, int] = {}
        self.files: dict[Location, Path] = {}

    def join(
        self, below: Mapping[str, Any], above: Mapping[str, Any], low: Location, high: Location
    ) -> dict[str, Any]:
        """Two mappings, which stand at `low` and `high`, as one at `high`."""
        self._note(self._over, high, high, deep=False)
        spelled = {_compared(key, high): key for key in above}
        joined: dict[str, Any] = {}
        for key, value in below.items():
            upper = spelled.get(_compared(key, high))
            if upper is None:
                joined[key] = value
                self._note(self._under, (*low, key), (*high, key))
            else:
                joined[upper] = self._one(value, above[upper], (*low, key), (*high, upper))
        for key, value in above.items():
            if key not in joined:
                joined[key] = value
                self._note(self._over, (*high, key), (*high, key))
        return joined

    def _one(self, below: Any, above: Any, low: Location, high: Location) -> Any:
        if isinstance(below, dict) and isinstance(above, dict):
            return self.join(below, above, low, high)
        if high == ("detectors",) and isinstance(below, list) and isinstance(above, list):
            return self._detectors(below, above)
        self._note(self._over, high, high)
        return above

    def _detectors(self, below: list[Any], above: list[Any]) -> list[Any]:
        types = {_type_of(entry) for entry in above}
        kept = [number for number, entry in enumerate(below) if _type_of(entry) not in types]
        self._note(self._over, ("detectors",), ("detectors",), deep=False)
        for place, number in enumerate(kept):
            self._note(self._under, ("detectors", number), ("detectors", place))
        for number in range(len(above)):
            self._note(self._over, ("detectors", number), ("detectors", len(kept) + number))
        return [*(below[number] for number in kept), *above]

    def _note(self, document: Document, at: Location, to: Location, *, deep: bool = True) -> None:
        """Remember that what stands at `to` was taken from `at`."""
        for where, line in document.lines.items():
            if where == at or (deep and where[: len(at)] == at):
                place = (*to, *where[len(at) :])
                self.lines[place], self.files[place] = line, document.file


def _compared(key: str, at: Location) -> str:
    """A key as two files are compared by it; categories are one however they are written."""
    if not at or at[-1] not in ("detections", "category_modes"):
        return key
    try:
        return categories.key(key)
    except ValueError:
        return key  # it is refused where the whole is checked


def _type_of(entry: Any) -> str:
    written = entry.get("type") if isinstance(entry, dict) else None
    return _SEPARATORS.sub("", str(written).casefold())
