"""Why models could not be had, in words that end with the command to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from video_censor_personal.errors import ModelDownloadError

__all__ = ["combine", "models_command"]


def models_command(
    verb: str,
    names: Iterable[str] = (),
    *,
    config: Path | None = None,
    cache_dir: Path | None = None,
) -> str:
    """`video-censor models VERB NAMES --config FILE`, quoted for a shell."""
    words = ["video-censor", "models", verb, *names]
    if config is not None:
        words += ["--config", str(config)]
    if cache_dir is not None:
        words += ["--cache-dir", str(cache_dir)]
    return shlex.join(words)


def combine(failures: Mapping[str, ModelDownloadError], command: str) -> ModelDownloadError:
    """One error for all failures (by model): of the first one's kind, naming every model."""
    first = next(iter(failures.values()))
    shared = {id(failure): failure for failure in failures.values()}
    if len(shared) == 1:
        what = str(first)
    else:
        lines = [f"  {_named(name, failure)}" for name, failure in failures.items()]
        what = "\n".join([f"{len(failures)} models could not be had:", *lines])
    return type(first)(
        f"{what}\nTo try again: {command}",
        model=next(iter(failures)),
        url=first.url,
        path=first.path,
        expected=first.expected,
        actual=first.actual,
    )


def _named(name: str, failure: ModelDownloadError) -> str:
    """The message with the model's name in it."""
    return str(failure) if name in str(failure) else f"{name}: {failure}"
