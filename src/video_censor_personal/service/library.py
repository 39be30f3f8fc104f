"""The models in a cache: what is there of each, how much room there is, and taking one away."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from video_censor_personal.errors import ModelDownloadError
from video_censor_personal.hub.environment import DEFAULT_ENDPOINT
from video_censor_personal.hub.files import HubFile
from video_censor_personal.hub.inventory import names_in
from video_censor_personal.hub_cache import HubCache
from video_censor_personal.service.model_book import ModelBook
from video_censor_personal.service.policy import Policy
from video_censor_personal.service.presence import (
    ModelState,
    Presence,
    Signature,
    Space,
    judge,
    signature_of,
)
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.verdicts import Verdicts
from video_censor_personal.transfer.partial import known_pieces

__all__ = ["Library"]

_PARTS = ("blobs", "refs", "snapshots", "trees")
_SIZE_TTL_S = 5.0
_TOUCH_S = 60.0


class Library:
    """The models of `cache`. From any thread."""

    def __init__(self, cache: HubCache, book: ModelBook, verdicts: Verdicts, policy: Policy):
        self.cache, self.book, self.verdicts, self.policy = cache, book, verdicts, policy
        self._whole: dict[tuple[str, str], tuple[tuple[Path, ...], Signature, ModelState]] = {}
        self._touched: dict[tuple[str, str], float] = {}
        self._size: tuple[float, int] | None = None
        self._sizing = threading.Lock()

    # -- questions

    def commit_of(self, repository: str, revision: str) -> str | None:
        """The commit that a revision stands for here, as far as is known."""
        found = self.cache.commit_of(repository, revision)
        entry = self.book.latest(repository, revision) if found is None else None
        return entry.commit if entry else found

    def look(self, repository: str, commit: str, *, wait_s: float = 0.0) -> ModelState:
        """What is there of a commit: `DOWNLOADED` only if every byte was verified.

        Waits up to `wait_s` for files that nobody verified yet.
        """
        if (link := self.link_of(repository)) is not None:
            reason = f"{link} is a link, which is left alone; remove it to have the model here"
            return ModelState(repository, commit, Presence.PARTIAL, reason)
        if (known := self._still_whole(repository, commit)) is not None:
            return known
        files = self.files(repository, commit)
        if files is None:
            exists = self.cache.snapshot_path(repository, commit).is_dir()
            presence = Presence.PARTIAL if exists else Presence.NOT_FOUND
            reason = "it is not known which files it has; download it to complete it"
            return ModelState(repository, commit, presence, reason if exists else None)
        snapshot = self.cache.snapshot_path(repository, commit)
        paths = tuple(snapshot / file.path for file in files)
        looks_like = signature_of(paths)  # before the look: what changes during it is seen
        sources = self.cache.sources(repository, commit, files, endpoint=DEFAULT_ENDPOINT)
        found, unread = self.verdicts.look(sources, wait_s=wait_s)
        blobs = self.cache.folder(repository) / "blobs"
        state = judge(repository, commit, files, found, unread, snapshot=snapshot, blobs=blobs)
        state = self._compare(state, files)
        if state.presence is Presence.DOWNLOADED and looks_like is not None:
            self._whole[repository, commit] = (paths, looks_like, state)
        return state

    def link_of(self, repository: str) -> str | None:
        """The folder of a model that is a link, if one is: what it leads to may be anybody's."""
        folder = self.cache.folder(repository)
        for path in (folder, *(folder / part for part in _PARTS)):
            if path.is_symlink():
                return path.relative_to(self.cache.root).as_posix()
        return None

    def files(self, repository: str, commit: str) -> tuple[HubFile, ...] | None:
        """The files that a commit should have here; None if nobody knows.

        Those that were asked for, and all that may be here if some program listed the commit: it
        brought all.
        """
        entry = self.book.find(repository, commit)
        wanted = entry.files if entry is not None else None
        tree = self.cache.tree(repository, commit)
        if tree is None:
            return wanted
        listed = {file.path: file for file in self.policy.choose(tree)[0]}
        return tuple((listed | {file.path: file for file in wanted or ()}).values())

    def _compare(self, state: ModelState, files: Sequence[HubFile]) -> ModelState:
        """`state`, which is that of `files`, beside what else its commit has."""
        repository, commit = state.repository, state.commit or ""
        others: Sequence[str] = self.book.rest(repository, commit)
        if (tree := self.cache.tree(repository, commit)) is not None:
            known = {file.path for file in files}
            others = [file.path for file in tree if file.path not in known]
        rest: list[str] = []
        left_out: list[str] = []
        for path in others:
            (left_out if self.policy.leaves_out(path) else rest).append(path)
        return state.without(rest, left_out, len(files) + len(others))

    def all(self) -> list[ModelState]:
        """Every commit of which something is here, by name."""
        entries = {(e.repository, e.commit): e for e in self.book.all()}
        refs: dict[tuple[str, str], tuple[str, ...]] = {}
        for model in self.cache.scan():
            for revision in model.revisions:
                refs[model.name, revision.commit] = revision.refs
        states = []
        for key in sorted(entries.keys() | refs.keys()):
            state = self.look(*key)
            if state.presence is not Presence.NOT_FOUND:
                entry = entries.get(key)
                states.append(
                    replace(
                        state,
                        revisions=refs.get(key, ()),
                        is_pinned=entry is not None and entry.is_pinned,
                        used_s=entry.used_s if entry else self._came_s(*key),
                    )
                )
        return states

    def space(self) -> Space:
        """How much the cache holds (at most some seconds old) and how much room there is."""
        place = self.cache.root.absolute()
        while not place.exists() and place != place.parent:
            place = place.parent
        usage = shutil.disk_usage(place)
        return Space(self.cache_bytes(), usage.free, usage.total, self.cache.root)

    def changed(self) -> None:
        """The cache has just grown or shrunk: measure it anew when somebody asks."""
        self._size = None

    def touch(self, repository: str, commit: str) -> None:
        """Somebody asked for a model and can have it; written at most once a minute."""
        now = time.time()
        if now - self._touched.get((repository, commit), 0.0) > _TOUCH_S:
            self._touched[repository, commit] = now
            self.book.touch(repository, commit, now)

    def pin(self, repository: str, commit: str, *, pinned: bool) -> None:
        """Keep a model whatever the quota wants, or let it go again."""
        self.book.pin(repository, commit, pinned=pinned, now_s=time.time())

    # -- taking away

    def delete(self, repository: str, commit: str | None) -> int | None:
        """Delete a commit, or (None) all of a model, with what is left of unfinished downloads.

        The bytes freed; None if nothing was there.

        Raises:
            Problem: 409, it is being fetched, here or by another program, or is a link.
        """
        if (link := self.link_of(repository)) is not None:
            raise Problem(
                409,
                "linked",
                f"{link} is a link, and what it leads to may not be the cache's: nothing was "
                "deleted. Remove the link by hand.",
            )
        states = [s for s in self.all() if s.repository == repository]
        chosen = [s for s in states if commit in (None, s.commit)]
        others = {f.blob for s in states if s not in chosen for f in self._all_files(s)}
        if not chosen and not (commit is None and self.cache.folder(repository).is_dir()):
            return None
        try:
            freed = self.cache.delete(repository, commit)
            for blob in {f.blob for s in chosen for f in self._all_files(s)} - others:
                freed += self.cache.store.remove(self.cache.blob_target(repository, blob))
        except ModelDownloadError as exc:
            raise Problem(
                409, "in_use", f"{repository} is being fetched right now. Stop that first."
            ) from exc
        self.book.forget(repository, commit)
        self.changed()
        return freed

    def _all_files(self, state: ModelState) -> tuple[HubFile, ...]:
        return self.files(state.repository, state.commit or "") or ()

    def _still_whole(self, repository: str, commit: str) -> ModelState | None:
        """The state of a model all of whose files look as they did when they were right."""
        known = self._whole.get((repository, commit))
        if known is None:
            return None
        paths, signature, state = known
        if signature_of(paths) == signature:
            return state
        self._whole.pop((repository, commit), None)
        return None

    def _came_s(self, repository: str, commit: str) -> float:
        """When a model came here that nobody asked this service for."""
        with contextlib.suppress(OSError):
            return self.cache.snapshot_path(repository, commit).stat().st_mtime
        return 0.0

    def cache_bytes(self, *, fresh: bool = False) -> int:
        """What the models take, also unfinished ones, at most some seconds ago unless `fresh`."""
        with self._sizing:
            now = time.monotonic()
            if fresh or self._size is None or now - self._size[0] > _SIZE_TTL_S:
                own = [m for m in self.cache.scan() if self.link_of(m.name) is None]
                whole = sum(model.size_bytes for model in own)
                self._size = (now, whole + self._unfinished_bytes())
            return self._size[1]

    def _unfinished_bytes(self) -> int:
        """What has arrived of files that are not whole yet."""
        folder = self.cache.store.private / "partial"
        found = (known_pieces(folder / name, None) for name in names_in(folder))
        return sum(pieces.have_bytes for pieces in found if pieces is not None)
