"""Models from registries: what is there, having them there, and pinning what they are.

    deliveries = Deliveries(Store(folder), ModelsLock(folder / "models.lock"))
    for outcome in deliveries.fetch([source], Engine()):
        print(outcome.path if outcome.ok else outcome.error)

A model may be many files; outside this module it is one `PlannedFile` and one `Outcome`, as a
model behind a plain address is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from video_censor_personal.config import ModelSource
from video_censor_personal.errors import (
    ConfigError,
    ModelCacheError,
    ModelDownloadError,
    RegistryError,
    RegistryUnreachableError,
)
from video_censor_personal.hub.environment import HubSettings, hub_settings
from video_censor_personal.hub.leases import in_use
from video_censor_personal.hub_cache import HubCache
from video_censor_personal.huggingface_registry import HuggingFaceRegistry
from video_censor_personal.models_lock import ModelsLock, Pin
from video_censor_personal.sources.batch import Batch, state_of
from video_censor_personal.sources.delivery import Delivery
from video_censor_personal.sources.github_release import ReleaseResolver
from video_censor_personal.sources.huggingface import HubResolver
from video_censor_personal.sources.resolver import Placement, Resolver
from video_censor_personal.sources.room import refuse
from video_censor_personal.store import Leftover, Store
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileState,
    Listener,
    Outcome,
    PlannedFile,
    Source,
    Status,
)
from video_censor_personal.transfer.inspection import HashListener

__all__ = ["Deliveries"]

log = logging.getLogger(__name__)


class Deliveries:
    """The models of one configuration that a registry knows. Making one touches no disk.

    Args:
        store: the folder in which a model lies, or is linked, under its name. It remembers what
            each was when it was fetched, for configurations without a pin.
        lock: the pins of the configuration.
        settings: which hub and which cache of it, asked for at every call.
    """

    def __init__(
        self,
        store: Store,
        lock: ModelsLock,
        registry: HuggingFaceRegistry | None = None,
        settings: Callable[[], HubSettings] = hub_settings,
    ) -> None:
        self._store, self.lock, self._settings = store, lock, settings
        self._fetched = ModelsLock(store.private / "fetched.lock", store.locks)
        registry = registry or HuggingFaceRegistry(settings=settings)
        self._resolvers: tuple[Resolver, ...] = (
            HubResolver(store, registry, settings),
            ReleaseResolver(store),
        )

    def accepts(self, source: ModelSource) -> bool:
        """Whether a registry knows the model, so that it is one for this class."""
        return any(resolver.accepts(source) for resolver in self._resolvers)

    # -- questions

    def look(
        self,
        sources: Iterable[ModelSource],
        *,
        ask: bool = False,
        deep: bool = False,
        remember: bool = False,
        on_hash: HashListener | None = None,
        cancel: CancelToken | None = None,
    ) -> list[PlannedFile]:
        """What is there of every model, in order.

        A model that is not pinned and was never fetched here has no known size; `ask` lets its
        registry be asked. Only `remember` writes (which files were right).
        """
        found = []
        counted: set[tuple[Path, str]] = set()
        for source in sources:
            placement, reason = self._known_placement(source, ask=ask)
            if placement is None:
                page = self._page(source)
                path = self._store.path(source.name)
                found.append(PlannedFile(page, path, FileState.MISSING, reason=reason))
            else:
                batch = Batch([placement])
                batch.look(deep=deep, remember=remember, on_hash=on_hash, cancel=cancel)
                found.append(state_of(placement, batch.found, counted))
        return found

    def pin_of(self, source: ModelSource) -> Pin | None:
        """What a model is, as pinned or as it was last fetched; None where nothing tells."""
        return self.lock.get(source) or self._recall(source)

    def leftovers(self) -> list[Leftover]:
        """Unfinished files in the cache that programs share which nobody works on."""
        return HubCache(self._settings().cache_dir).store.leftovers()

    def _known_placement(self, source: ModelSource, *, ask: bool) -> tuple[Placement | None, str]:
        """The files of a model as far as they are known, or why they are not."""
        resolver = self._resolver(source)
        pin = self.pin_of(source)
        if pin is None and not ask:
            return None, ""
        try:
            return resolver.resolve(source, pin), ""
        except (RegistryError, ModelDownloadError) as error:
            return None, str(error)

    # -- having them

    def fetch(
        self,
        sources: Sequence[ModelSource],
        engine: Engine,
        listener: Listener | None = None,
        cancel: CancelToken | None = None,
        *,
        on_hash: HashListener | None = None,
    ) -> list[Outcome]:
        """Verify, fetch and publish; one `Outcome` a model, in order. Pins what was resolved.

        A model that fails does not stop the others: look at `Outcome.error`. The listener is told
        about models, by their names. Where there is no room for all, optional models stay out.

        Raises:
            ConfigError: a name that cannot be a path, or a damaged `models.lock`.
        """
        with self.prepare(sources, cancel, on_hash=on_hash) as delivery:
            optional = {source.name for source in sources if source.optional}
            return delivery.fetch(engine, listener, refuse(delivery.wants, optional))

    @contextlib.contextmanager
    def prepare(
        self,
        sources: Sequence[ModelSource],
        cancel: CancelToken | None = None,
        *,
        on_hash: HashListener | None = None,
    ) -> Iterator[Delivery]:
        """Find out what there is to fetch; until this ends nobody deletes what is there of it.

        Raises:
            ConfigError: a name that cannot be a path, or a damaged `models.lock`.
        """
        cancel = cancel or CancelToken()
        failed: dict[str, Outcome] = {}
        batches: dict[Path, Batch] = {}
        for source in sources:
            try:
                placement = self._placement(source)
            except (RegistryError, ModelDownloadError) as error:
                failed[source.name] = self._failure(source, error)
            else:
                batches.setdefault(placement.store.root, Batch()).placements.append(placement)
        with contextlib.ExitStack() as held:
            for root, batch in batches.items():
                held.enter_context(in_use(root, batch.repositories, cancel))
                batch.look(remember=True, on_hash=on_hash, cancel=cancel)
            names = [source.name for source in sources]
            yield Delivery(names, list(batches.values()), failed, cancel, self._remember)

    def pin(
        self, sources: Iterable[ModelSource], *, update: bool = False
    ) -> list[tuple[Pin | None, Pin]]:
        """Pin what is not pinned yet, or (`update`) move every pin to what its source means now.

        Fetches nothing. Gives the old and the new pin of every model. An optional one of which
        its registry does not say what it is stays as it was, with a warning.

        Raises:
            RegistryError, ModelDownloadError: a registry did not say; no pin was changed.
            ModelCacheError: `models.lock` cannot be written.
        """
        changes = []
        for source in sources:
            old = self.lock.get(source)
            new = old
            if old is None or update:
                try:
                    new = self._resolver(source).resolve(source, None).pin
                except (RegistryError, ModelDownloadError) as error:
                    if not source.optional:
                        raise
                    log.warning("%s is optional and was not pinned: %s", source.name, error)
            if new is not None:
                changes.append((old, _keep_digests(old, new)))
        self.lock.put(new for _, new in changes)
        return changes

    def _placement(self, source: ModelSource) -> Placement:
        """The files of a model: pinned, else as its registry says, else as last time."""
        resolver = self._resolver(source)
        pin = self.lock.get(source)
        try:
            return resolver.resolve(source, pin)
        except RegistryUnreachableError as error:
            pin = self._recall(source)
            if pin is None:
                raise
            log.warning(
                "%s: its registry was not reached, using what it was last time (%s)",
                source.name,
                error,
            )
            return resolver.resolve(source, pin)

    def _recall(self, source: ModelSource) -> Pin | None:
        """What a model was when it was last fetched, whichever configuration asked for it."""
        try:
            pin = self._fetched.get(source)
        except ConfigError as error:
            log.warning("%s", error)
            pin = None
        return pin or self._resolver(source).recall(source)

    def _remember(self, pins: Sequence[Pin]) -> None:
        """Pin what was fetched. Where that cannot be written the models are there all the same."""
        with contextlib.suppress(OSError):
            self._store.locks.mkdir(parents=True, exist_ok=True)
        for lock in (self.lock, self._fetched):
            try:
                lock.put(pins)
            except (ConfigError, ModelCacheError) as error:
                log.warning("%s", error)

    def _failure(self, source: ModelSource, error: RegistryError | ModelDownloadError) -> Outcome:
        path = self._store.path(source.name)
        if not isinstance(error, ModelDownloadError):
            told = ModelDownloadError(
                f"{source.name}: {error}", model=source.name, url=error.url, path=path
            )
            told.__cause__ = error
            error = told
        return Outcome(self._page(source), Status.FAILED, path, error=error)

    def _page(self, source: ModelSource) -> Source:
        """A model of which nothing more exact is known than an address for people."""
        scheme, _, rest = source.url.partition("://")
        host = {"hf": self._settings().endpoint, "gh": "https://github.com"}.get(scheme)
        url = f"{host}/{rest.partition('@')[0]}" if host else source.url
        return Source(source.name, (url,), source.name)

    def _resolver(self, source: ModelSource) -> Resolver:
        return next(resolver for resolver in self._resolvers if resolver.accepts(source))


def _keep_digests(old: Pin | None, new: Pin) -> Pin:
    """What was found out about a file that did not change stays known."""
    before = {file.path: file for file in old.files} if old else {}
    digests = {}
    for file in new.files:
        known = before.get(file.path)
        if known and known.sha256 and known.git_sha1 and known.git_sha1 == file.git_sha1:
            digests[file.path] = known.sha256
    return new.with_sha256(digests)
