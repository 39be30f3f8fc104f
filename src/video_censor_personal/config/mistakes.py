"""Several mistakes in one file, told at once."""

from __future__ import annotations

from collections.abc import Sequence

from video_censor_personal.errors import ConfigError

__all__ = ["as_one"]


def as_one(mistakes: Sequence[ConfigError]) -> ConfigError:
    """One error that says all of `mistakes`, a line each; its place is that of the first."""
    first = mistakes[0]
    if len(mistakes) == 1:
        return first
    combined = ConfigError("\n".join(map(str, mistakes)))
    combined.file, combined.line, combined.key = first.file, first.line, first.key
    return combined
