"""How long work reports what it has really done.

A worker is handed a `Listener` and calls it with `Progress` values. Whoever renders (a bar, a
JSON line, nothing) decides how often to draw. Counts are of work done, never of time passed, and
an unknown total stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Listener", "Progress", "ignore"]


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` `unit`s of `stage`; `total` is None while it is not known."""

    stage: str
    done: float
    total: float | None = None
    unit: str = "s"
    finished: bool = False


Listener = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """The listener that listens to nothing."""
