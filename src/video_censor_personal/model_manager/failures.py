"""Why models could not be had, in words that end with the command to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from video_censor_personal.errors import DiskSpaceError, ModelDownloadError
from video_censor_personal.sizes import describe_size
from video_censor_personal.transfer import Plan

__all__ = ["combine", "models_command", "no_room", "restate"]


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


def restate(error: ModelDownloadError, message: str) -> ModelDownloadError:
    """The same kind of error with the same facts and another message."""
    return type(error)(
        message,
        model=error.model,
        url=error.url,
        path=error.path,
        expected=error.expected,
        actual=error.actual,
    )


def combine(failures: Sequence[ModelDownloadError], command: str) -> ModelDownloadError:
    """One error for all `failures`: of the first one's kind, naming every model."""
    first = failures[0]
    what = str(first)
    if len(failures) > 1:
        lines = [f"  {_named(failure)}" for failure in failures]
        what = "\n".join([f"{len(failures)} models could not be had:", *lines])
    return restate(first, f"{what}\nTo try again: {command}")


def no_room(plan: Plan, command: str, prune: str) -> DiskSpaceError:
    """The models do not fit; nothing was fetched."""
    names = ", ".join(file.source.name for file in plan.to_fetch)
    root = plan.store.root
    return DiskSpaceError(
        f"No room for {names} in {root}: {describe_size(plan.missing_bytes)} are missing, so "
        f"{describe_size(plan.room_bytes)} must be free (twice as much, less what is reserved "
        f"already), and {describe_size(plan.free_bytes)} are. Make room there (what could go: "
        f"{prune}), or name another disk in models.cache_dir.\nTo try again: {command}",
        model=plan.to_fetch[0].source.name if plan.to_fetch else None,
        path=root,
        expected=plan.room_bytes,
        actual=plan.free_bytes,
    )


def _named(failure: ModelDownloadError) -> str:
    """The message with the model's name in it."""
    text = str(failure)
    name = failure.model or ""
    return text if name in text else f"{name}: {text}"
