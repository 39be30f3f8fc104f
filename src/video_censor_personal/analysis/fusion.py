"""How the evidence of several detectors for one category adds up, and when it counts.

Each detector's raw score becomes a strength of 0–1 (`detectors.base.Scale`). Those of *different*
detectors at one time combine as if each were an independent witness: `1 - (1 - a)·(1 - b)·…`
("noisy or"). Detectors of one kind are no independent witnesses: of several others of one kind the
surest speaks, and none adds to its own kind.

A sighting or a heard detection counts if its own strength or the combined one is at least
`1 - sensitivity`; what has no strength of its own is not carried by others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["combine", "counts"]

_ROUNDING = 1e-9
"""1 - 0.7 is a little more than 0.3 in binary, and a strength of 0.3 counts at 0.7."""


def combine(own: float, others: Iterable[float]) -> float:
    """The strength of one detector's evidence together with that of each other one, 0–1."""
    rest = [other for other in others if other > 0]
    if own <= 0 or not rest:
        return own
    return 1 - math.prod((1 - strength for strength in rest), start=1 - own)


def counts(strength: float, sensitivity: float) -> bool:
    """Whether a (combined) strength suffices at a sensitivity of 0–1; none at all never does."""
    return 0 < strength >= 1 - sensitivity - _ROUNDING
