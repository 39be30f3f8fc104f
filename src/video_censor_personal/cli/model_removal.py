"""The commands of `video-censor models` that remove: what would go, whether it may, and how much
room that gives."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from video_censor_personal.cli.console import Console
from video_censor_personal.cli.named_models import NamedModels
from video_censor_personal.config.document import nearest
from video_censor_personal.errors import UsageError
from video_censor_personal.model_manager import ModelManager
from video_censor_personal.sizes import describe_size
from video_censor_personal.store import Leftover, Store

__all__ = ["ModelRemoval", "unnamed"]


def unnamed(named: Collection[str], store: Store) -> dict[str, int]:
    """Verified files in the cache that are not among the `named` models, with their sizes."""
    return {name: size for name, size in sorted(store.recorded().items()) if name not in named}


class ModelRemoval:
    """Removes files from the cache of one configuration. Each command returns the exit code."""

    def __init__(self, models: NamedModels, console: Console, manager: ModelManager) -> None:
        self._models, self._console, self._manager = models, console, manager
        config = self._config = models.config
        self._store = manager.store
        self._name = str(config.path) if config.path else "the built-in configuration"

    def remove(self, names: Sequence[str], *, dry_run: bool) -> int:
        """Remove models, configured or not, and their unfinished downloads.

        Raises:
            UsageError: one is neither configured nor in the cache; nothing was removed.
            ModelDownloadError: one is being downloaded right now.
        """
        recorded = self._store.recorded()
        known = {*recorded, *self._models.names}
        for name in names:
            if name not in known and not self._is_there(name):
                guess = nearest(name, known)
                raise UsageError(
                    f"there is no model {name!r}, neither in {self._name} nor in "
                    f"{self._store.root}" + (f"; did you mean {guess!r}?" if guess else "")
                )
        there = [name for name in dict.fromkeys(names) if self._is_there(name)]
        return self._remove([self._stored(name) for name in there], dry_run=dry_run)

    def prune(self, *, dry_run: bool, ask: bool) -> int:
        """Remove unfinished downloads, and what lies in the cache without being configured.

        Raises:
            UsageError: a person must be asked, and none is there.
        """
        things = [
            _Removable(left.path.name, "unfinished", left.size_bytes, leftover=left)
            for left in self._manager.leftovers()
        ]
        others = unnamed(self._models.names, self._store)
        if self._config.path is not None:
            why = f"which {self._name} does not name"
            things += [_Removable(n, "model", size, why, target=n) for n, size in others.items()]
        elif others:
            self._console.note(
                f"left alone, because no configuration says which models are needed (use "
                f"--config): {', '.join(others)}"
            )
        if things and ask and not dry_run and not self._confirm(things):
            self._console.note("nothing was removed")
            return 0
        return self._remove(things, dry_run=dry_run)

    def _confirm(self, things: Sequence[_Removable]) -> bool:
        if self._console.as_json or not sys.stdin.isatty():
            raise UsageError(
                f"{len(things)} files would be removed, and nobody is there to be asked; look "
                "with --dry-run, or say --yes"
            )
        for thing in things:
            print(f"{describe_size(thing.size_bytes):>10}  {thing.label}", file=sys.stderr)
        total = describe_size(sum(thing.size_bytes for thing in things))
        print(f"remove these from {self._store.root} ({total})? [y/N] ", end="", file=sys.stderr)
        sys.stderr.flush()
        return sys.stdin.readline().strip().casefold() in ("y", "yes")

    def _remove(self, things: Sequence[_Removable], *, dry_run: bool) -> int:
        done = [(t, t.size_bytes if dry_run else t.remove(self._store)) for t in things]
        gone = [(thing, freed) for thing, freed in done if freed is not None]
        verb = "would remove" if dry_run else "removed"
        lines = [f"{verb} {thing.described}" for thing, _ in gone]
        total = describe_size(sum(freed for _, freed in gone))
        if not gone:
            lines.append(f"nothing of that is in {self._store.root}")
        elif any(thing.kind != "link" for thing, _ in gone):
            lines.append(f"{total} {'would be' if dry_run else 'are'} free again")
        for thing, freed in done:
            if freed is None:
                self._console.note(f"left alone, because somebody went on with it: {thing.label}")
        removed = [{"name": t.name, "kind": t.kind, "bytes": freed} for t, freed in gone]
        self._console.result({"dry_run": dry_run, "removed": removed}, "\n".join(lines))
        return 0

    def _is_there(self, name: str) -> bool:
        """Whether anything of a model is there: the file, a link, an unfinished download."""
        places = (self._store.path(name), self._store.partial_path(name))
        return any(map(os.path.lexists, places))

    def _stored(self, name: str) -> _Removable:
        if self._store.path(name).is_symlink():
            why = "a link: its files stay in the Hugging Face cache, which other programs share"
            return _Removable(name, "link", self._room(name), why, target=name)
        return _Removable(name, "model", self._room(name), target=name)

    def _room(self, name: str) -> int:
        """The bytes that a model and its unfinished download take."""
        found, unfinished = self._store.stat(name), self._store.partial_path(name)
        lying = [left.size_bytes for left in self._store.leftovers() if left.path == unfinished]
        return (found.st_size if found else 0) + sum(lying)


@dataclass(frozen=True, slots=True)
class _Removable:
    """Something in the cache that can go: a stored file, a link to one that programs share, or an
    unfinished download (whose name is that of its file). `why` it goes or what that means."""

    name: str
    kind: Literal["model", "link", "unfinished"]
    size_bytes: int
    why: str = ""
    target: str | None = None
    leftover: Leftover | None = None

    @property
    def label(self) -> str:
        """The name for people, with what must be known of it."""
        name = f"unfinished download {self.name}" if self.kind == "unfinished" else self.name
        return f"{name}, {self.why}" if self.why else name

    @property
    def described(self) -> str:
        # A link takes no room of its own.
        return f"{self.label} ({describe_size(self.size_bytes)})" if self.size_bytes else self.label

    def remove(self, store: Store) -> int | None:
        """Delete it; the bytes that are free again. None: it is an unfinished download no more."""
        if self.leftover is not None:
            return self.leftover.remove()
        return store.remove(self.target) if self.target is not None else 0
