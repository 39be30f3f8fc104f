"""The models of one configuration: what is there, and having it there."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from video_censor_personal.config import Config, ModelSource, default_cache_dir
from video_censor_personal.errors import (
    ModelCacheError,
    ModelDownloadError,
    RegistryError,
)
from video_censor_personal.huggingface_registry import HuggingFaceRegistry, ModelMetadata
from video_censor_personal.model_manager.failures import combine, models_command
from video_censor_personal.model_manager.progress import ModelProgress, ProgressCallback
from video_censor_personal.model_manager.sources import (
    configured_metadata,
    find_source,
    find_sources,
    registry_name,
)
from video_censor_personal.model_manager.stock import Stock
from video_censor_personal.models_lock import ModelsLock, Pin, lock_path
from video_censor_personal.progress import Listener, ignore
from video_censor_personal.store import Leftover, Store
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileState,
    Limits,
    Outcome,
    Plan,
    Status,
)
from video_censor_personal.transfer.checksum import check_algorithm, check_checksum, hash_file

__all__ = ["ModelManager"]

log = logging.getLogger(__name__)


class ModelManager:
    """The models of one configuration and where they lie. Making one touches no disk.

    Attributes:
        cache_dir: the folder they lie in; `cache_dir=` overrides the configuration's.
        failures: why the last `verify_models` could not get a model, by name.
        fetched: the models that it fetched, by name; not those that another process did.
    """

    def __init__(
        self,
        config: Config,
        registry: HuggingFaceRegistry | None = None,
        *,
        cache_dir: Path | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.config, self.registry = config, registry
        self._override = cache_dir
        self.cache_dir = self._resolve_cache_dir()
        self.store = Store(self.cache_dir)
        self.failures: dict[str, ModelDownloadError] = {}
        self.fetched: frozenset[str] = frozenset()
        engine = engine or Engine(
            Limits(
                connections=config.models.max_connections,
                connections_per_file=config.models.max_connections,
                bytes_per_s=config.models.rate_limit_bytes_per_s,
            )
        )
        pins = ModelsLock(lock_path(config.path), self.store.locks)
        self._stock = Stock(self.store, engine, pins, config, registry)

    # -- questions

    def is_model_valid(self, model_name: str) -> bool:
        """Is the model there with the right bytes? Changes nothing; False for an unknown name.

        A model that was never verified here is read to the end to answer that.
        """
        source = self._source(model_name)
        if source is None:
            return False
        return self._stock.look_at(source).state is FileState.VERIFIED

    def is_at_hand(self, model_name: str) -> bool:
        """As `is_model_valid`, and at once where nothing lies under the name."""
        return os.path.lexists(self.get_model_path(model_name)) and self.is_model_valid(model_name)

    def is_damaged(self, model_name: str) -> bool:
        """Does something lie under the name that is not the model? As `is_model_valid`."""
        source = self._source(model_name)
        return source is not None and self._stock.look_at(source).state is FileState.DAMAGED

    def get_model_path(self, model_name: str) -> Path:
        """`<cache_dir>/<name>`, whether or not something lies there.

        Raises:
            ConfigError: the name would leave the folder, or cannot be a file on some platform.
        """
        return self.store.path(model_name)

    def revision(self, model_name: str) -> str:
        """Which version of a model is meant, shortened: the commit it is pinned to or was last
        fetched from, else its checksum; empty where nothing tells."""
        source = self._source(model_name)
        if source is None:
            return ""
        pin = self._stock.pin_of(source)
        return (pin.commit if pin else source.checksum)[:12]

    def plan(
        self,
        names: Iterable[str] | None = None,
        deep: bool = False,
        *,
        ask: bool = False,
        listener: Listener = ignore,
        cancel: CancelToken | None = None,
    ) -> Plan:
        """What is there, what is damaged, what would be fetched and how much room that needs.

        Changes nothing. `deep` reads every file, also those that were verified before; `ask` lets
        registries be asked for sizes that are not known here.
        """
        return self._stock.look(
            find_sources(self.config, names),
            ask=ask,
            deep=deep,
            on_hash=ModelProgress(listener=listener).on_hash,
            cancel=cancel,
        )

    def check(
        self,
        names: Iterable[str] | None = None,
        deep: bool = False,
        *,
        listener: Listener = ignore,
        cancel: CancelToken | None = None,
    ) -> Plan:
        """As `plan`, and remembers what was right, so that it need not be read again."""
        return self._stock.look(
            find_sources(self.config, names),
            deep=deep,
            remember=True,
            on_hash=ModelProgress(listener=listener).on_hash,
            cancel=cancel,
        )

    def leftovers(self) -> list[Leftover]:
        """Unfinished downloads that nobody works on, those in the shared hub cache too."""
        return self._stock.leftovers()

    def get_model_info(self, model_name: str) -> ModelMetadata:
        """What is known of a model: as configured, and what the registry adds.

        Raises:
            ConfigError: the model is not configured, and there is no registry to ask.
            RegistryError: it is not configured, and the registry gave no usable answer.
        """
        if self.registry is not None and not self._source(model_name):
            return self.registry.query_model(model_name)
        (source,) = find_sources(self.config, [model_name])
        found = self._stock.look_at(source)
        known = None
        if self.registry is not None:
            try:
                known = self.registry.query_model(registry_name(source))
            except RegistryError as error:
                log.warning("%s: only what is configured is known: %s", model_name, error)
        return configured_metadata(source, found, known)

    # -- downloads

    def verify_models(
        self,
        sources: list[ModelSource] | None = None,
        progress_callback: ProgressCallback | None = None,
        *,
        listener: Listener = ignore,
        cancel: CancelToken | None = None,
    ) -> dict[str, bool]:
        """Verify what is there, download what is missing or damaged, many files at once.

        Args:
            sources: None: every configured model.
            progress_callback: `(name, done_bytes, total_bytes)`, several times a second while
                bytes arrive; the total is 0 while the server has not said it.
            listener: is told the same, and how far the reading of files on disk has come.

        Returns:
            name -> True, or False for an optional model that could not be had (`failures` says
            why).

        Raises:
            ConfigError: a source cannot be used (its name, checksum or addresses).
            ModelDownloadError: a required model could not be had, after all others were tried; of
                the kind of the first failure, and naming every one. Also when `cancel` stopped it.
        """
        chosen = list(self.config.models.sources if sources is None else sources)
        self.failures, self.fetched = {}, frozenset()
        if not chosen:
            return {}
        progress = ModelProgress(progress_callback, listener)
        outcomes = self._stock.fetch(
            chosen, progress.on_transfer, on_hash=progress.on_hash, cancel=cancel
        )
        self._judge(outcomes, {source.name for source in chosen if source.optional})
        return {outcome.source.name: outcome.ok for outcome in outcomes}

    def pin(
        self, names: Iterable[str] | None = None, *, update: bool = False
    ) -> list[tuple[Pin | None, Pin]]:
        """Pin the models that a registry knows, or (`update`) move their pins to what is there now.

        Fetches no model. Gives the old pin (None: there was none) and the new one of each.

        Raises:
            RegistryError, ModelDownloadError: a registry did not say; no pin was changed.
        """
        return self._stock.pin(find_sources(self.config, names), update=update)

    def _download_model(
        self,
        source: ModelSource,
        progress_callback: ProgressCallback | None = None,
        *,
        listener: Listener = ignore,
        cancel: CancelToken | None = None,
    ) -> Path:
        """Have one model, whether it is optional or not; where it lies.

        Raises:
            ModelDownloadError: it could not be had.
        """
        required = replace(source, optional=False)
        self.verify_models([required], progress_callback, listener=listener, cancel=cancel)
        return self.get_model_path(source.name)

    def _judge(self, outcomes: Sequence[Outcome], optional: Collection[str]) -> None:
        """Remember what was fetched and what failed; raise if a required model is among that."""
        self.fetched = frozenset(o.source.name for o in outcomes if o.status is Status.FETCHED)
        self.failures = {o.source.name: o.error for o in outcomes if o.error is not None}
        required = {n: error for n, error in self.failures.items() if n not in optional}
        if required:
            failures = {**required, **self.failures}
            error = combine(failures, self.command("download", failures))
            raise error from next(iter(required.values()))
        if stopped := [o.source.name for o in outcomes if o.status is Status.CANCELLED]:
            raise ModelDownloadError(
                f"Stopped before {', '.join(stopped)} was complete; what arrived is kept.\n"
                f"To go on: {self.command('download', stopped)}",
                model=stopped[0],
            )
        for name, error in self.failures.items():
            log.warning("the optional model %s could not be had: %s", name, error)

    def _validate_checksum(self, file_path: Path, source: ModelSource) -> bool:
        """Has this file, wherever it lies, the declared bytes? Reads all of it; changes nothing.

        Raises:
            ConfigError: the source declares no checksum, or one that cannot be computed here.
            ModelCacheError: there is such a file, but it cannot be read.
        """
        check_algorithm(source.algorithm)
        check_checksum(source.algorithm, source.checksum.lower())
        try:
            if source.size_bytes and file_path.stat().st_size != source.size_bytes:
                return False
            digest = hash_file(file_path, source.algorithm, lambda _: None)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ModelCacheError(
                f"{file_path} cannot be read ({error.strerror})", model=source.name, path=file_path
            ) from error
        return digest == source.checksum.lower()

    # -- names and places

    def _resolve_cache_dir(self) -> Path:
        """The folder the models lie in, absolute; it need not exist."""
        configured = self.config.models.cache_dir
        if self._override is not None:
            return Path(self._override).expanduser().absolute()
        return self.config.resolve(configured).absolute() if configured else default_cache_dir()

    def command(self, verb: str, names: Iterable[str] = ()) -> str:
        """The `video-censor models` command a person would type for this configuration."""
        return models_command(verb, names, config=self.config.path, cache_dir=self._override)

    def _source(self, name: str) -> ModelSource | None:
        return find_source(self.config, name)
