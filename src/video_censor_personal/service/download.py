"""One run of one download: from the name of a model to its verified files in the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from video_censor_personal.errors import (
    DiskSpaceError,
    ModelCacheError,
    ModelDisabledError,
    RegistryUnreachableError,
)
from video_censor_personal.hub.api import HubApi
from video_censor_personal.hub.environment import HubSettings, hub_settings
from video_censor_personal.hub.files import HubFile
from video_censor_personal.hub.inventory import linked_blobs, names_in
from video_censor_personal.hub.library_locks import library_locks
from video_censor_personal.hub.names import is_commit
from video_censor_personal.hub_cache import HubCache
from video_censor_personal.service.counts import Tally
from video_censor_personal.service.jobs import Wanted
from video_censor_personal.service.policy import Policy
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.room import Demand
from video_censor_personal.service.settings import ServiceSettings
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileState,
    Outcome,
    Plan,
    PlannedFile,
    RetryPolicy,
    Source,
    Status,
    verify,
)
from video_censor_personal.transfer.reservation import allocated_bytes

__all__ = ["Download", "Resolved", "Stopped", "hub_of"]


class Stopped(Exception):
    """The run was asked to stop; what arrived is kept."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a wanted model is: exact files of one commit.

    `tree` is every file of the commit; `left_out` are those that the policy does not let in.
    """

    commit: str
    tree: tuple[HubFile, ...]
    files: tuple[HubFile, ...]
    left_out: tuple[str, ...]


class Download:
    """Call `run` once, in a thread of its own; `cancel` and `tally` are for other threads.

    Args:
        on_resolved: told what the model turned out to be, before a byte is fetched.
        make_room: told what it still wants; raises if there is no place for it.
    """

    def __init__(
        self,
        wanted: Wanted,
        settings: ServiceSettings,
        engine: Engine,
        *,
        on_resolved: Callable[[Resolved], None],
        make_room: Callable[[Demand], None],
    ) -> None:
        self.wanted = wanted
        self.cancel = CancelToken()
        self.tally = Tally()
        self._settings = settings
        self._engine = engine
        self._cache = HubCache(settings.cache_dir, setting="--hf-cache")
        self._policy = Policy(settings)
        self._on_resolved, self._make_room = on_resolved, make_room
        self._missing: tuple[PlannedFile, ...] = ()

    def run(self) -> Resolved:
        """Have the model, verified and published.

        Raises:
            Stopped: `cancel` was set.
            RegistryError, ModelDownloadError, ConfigError, Problem: why it cannot be had.
        """
        # Not only when it was asked for: the job may be older than what is permitted now.
        self._policy.check(self.wanted)
        hub = hub_of(self.wanted, self._settings)
        resolved = self._resolve(hub)
        self._on_resolved(resolved)
        sources = self._cache.sources(
            self.wanted.repository,
            resolved.commit,
            resolved.files,
            endpoint=hub.endpoint,
            headers=hub.headers,
        )
        with self._cache.in_use([self.wanted.repository], self.cancel):
            found = self._look(resolved, sources)
            plan = Plan(self._cache.store, found, 0)
            self._missing = plan.to_fetch
            if self._missing:
                self._make_room(Demand(plan.missing_bytes, plan.room_bytes))
                self._check(self._fetch(self._missing))
            self._check_formats(resolved)
            self._publish(resolved)
        return resolved

    def demand(self) -> Demand:
        """What the run still wants, from any thread; nothing until it knows what is missing.

        What an unfinished file holds of the disk is gone from its free bytes already.
        """
        store, counts = self._cache.store, self.tally.counts()
        disk_bytes = 0
        for file in self._missing:
            source = file.source
            if store.fingerprint(source.target) is None:  # it has not arrived yet
                held = allocated_bytes(store.partial_path(source.target))
                wants = (source.size_bytes or 0) - held - file.reserved_bytes
                disk_bytes += max(0, wants)
        return Demand((counts.total_bytes or 0) - counts.done_bytes, disk_bytes)

    # -- what it is

    def _resolve(self, hub: HubSettings) -> Resolved:
        wanted = self.wanted
        retry = RetryPolicy(
            waits_s=self._settings.retry_waits_s, longest_wait_s=self._settings.longest_wait_s
        )
        api = HubApi(hub, retry=retry, cancel=self.cancel)
        with contextlib.closing(api):
            try:
                commit, tree = self._ask(api)
            except RegistryUnreachableError as exc:
                if self.cancel.cancelled:
                    raise Stopped from exc
                raise
        files, left_out = self._policy.choose(tree, wanted.patterns)
        self._policy.check_choice(wanted, files, left_out)
        return Resolved(commit, tree, files, left_out)

    def _ask(self, api: HubApi) -> tuple[str, tuple[HubFile, ...]]:
        """The commit and its files: from the cache, where that cannot have changed."""
        name, revision = self.wanted.repository, self.wanted.branch
        if is_commit(revision) and (tree := self._cache.tree(name, revision)) is not None:
            return revision, tree
        model = api.model(name, revision)
        # Who renames a repository must not get past a list of names.
        self._policy.check_repository(model.name)
        if model.disabled:
            raise ModelDisabledError(
                f"{model.name} was disabled by the hub. Choose another model.", model=model.name
            )
        if model.gated:
            api.check_access(model.name)
        tree = self._cache.tree(name, model.commit)
        return model.commit, tree if tree is not None else api.files(model.name, model.commit)

    # -- having it

    def _look(self, resolved: Resolved, sources: Sequence[Source]) -> tuple[PlannedFile, ...]:
        names = {source.checksum or "": source.name for source in sources}
        self.tally.begin(resolved.files, names, {})
        found = verify(sources, self._cache.store, on_hash=self.tally.hashing, cancel=self.cancel)
        if self.cancel.cancelled:
            raise Stopped
        present = {
            file.source.checksum or "": file.have_bytes
            for file in found
            if file.state in (FileState.VERIFIED, FileState.PARTIAL)
        }
        self.tally.begin(resolved.files, names, present)
        return found

    def _fetch(self, missing: Sequence[PlannedFile]) -> Sequence[Outcome]:
        store = self._cache.store
        try:
            with library_locks(
                store.root,
                missing,
                cancel=self.cancel,
                on_wait=lambda file: self.tally.waiting(file.source.name),
            ) as waited:
                if waited:
                    missing = verify([f.source for f in missing], store, cancel=self.cancel)
                if self.cancel.cancelled:
                    raise Stopped
                plan = Plan(store, tuple(missing), store.free_bytes())
                return self._engine.fetch(plan, self.tally, self.cancel)
        except DiskSpaceError:
            raise
        except OSError as exc:
            raise ModelCacheError(
                f"the cache cannot be written ({exc.strerror}). Give the service the right to "
                "write there, or start it with another --hf-cache.",
                path=store.root,
            ) from exc

    def _check(self, outcomes: Sequence[Outcome]) -> None:
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors:
            raise errors[0]
        if any(outcome.status is Status.CANCELLED for outcome in outcomes):
            raise Stopped

    def _check_formats(self, resolved: Resolved) -> None:
        """What is no harmless file goes, before anyone can find it.

        All files are looked at, not only those of this run: an earlier one that was paused or
        killed may have brought some. What another snapshot uses stays where it is. Nothing goes
        because it could not be looked at: it is looked at again by the next run.
        """
        folder = self._cache.folder(self.wanted.repository)
        here = [(file.path, folder / "blobs" / file.blob) for file in resolved.files]
        try:
            self._policy.check_content(self.wanted, here)
        except OSError as exc:
            raise ModelCacheError(
                f"what arrived cannot be read ({exc.strerror}), so it was not seen whether its "
                "formats are permitted. Nothing was deleted; look at the disk and try again.",
                path=folder,
            ) from exc
        except Problem:
            snapshots = folder / "snapshots"
            used = {b for commit in names_in(snapshots) for b in linked_blobs(snapshots / commit)}
            for _, blob in here:
                if blob.name not in used:
                    target = self._cache.blob_target(self.wanted.repository, blob.name)
                    self._cache.store.remove(target)
            raise

    def _publish(self, resolved: Resolved) -> None:
        whole = len(resolved.files) == len(resolved.tree)
        self._cache.publish(
            self.wanted.repository,
            resolved.commit,
            resolved.files,
            revision=self.wanted.branch,
            # With a listing of more than is here, the libraries would call the model incomplete.
            tree=resolved.tree if whole else (),
        )


def hub_of(wanted: Wanted, settings: ServiceSettings) -> HubSettings:
    """The hub of a job. The token of this machine is for the default one only."""
    hub = replace(hub_settings(cache_dir=settings.cache_dir), offline=False)
    if wanted.endpoint != hub.endpoint:
        hub = replace(hub, endpoint=wanted.endpoint, token=None)
    return hub
