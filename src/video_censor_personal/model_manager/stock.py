"""Models wherever they come from: those behind plain addresses, and those a registry knows.

Outside this module both are one `PlannedFile` and one `Outcome` a model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from video_censor_personal.config import Config, ModelSource
from video_censor_personal.errors import ConfigError, ModelDownloadError
from video_censor_personal.huggingface_registry import HuggingFaceRegistry
from video_censor_personal.model_manager.sources import placed
from video_censor_personal.models_lock import ModelsLock, Pin
from video_censor_personal.sources import Deliveries
from video_censor_personal.sources.https import HttpsResolver
from video_censor_personal.sources.room import Want, refuse
from video_censor_personal.store import Leftover, Store
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    Listener,
    Outcome,
    Plan,
    PlannedFile,
    Source,
    Status,
    inspect,
    make_plan,
    verify,
)

__all__ = ["Stock"]

HashListener = Callable[[str, int, int], None]


class Stock:
    """What is in a store, and having more of it. Making one touches no disk."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        lock: ModelsLock,
        config: Config,
        registry: HuggingFaceRegistry | None = None,
    ) -> None:
        self.store, self._config = store, config
        self._engine = engine
        self._plain = HttpsResolver(store)
        self._deliveries = Deliveries(store, lock, registry)

    def look_at(self, source: ModelSource) -> PlannedFile:
        """What is there of one model. Changes nothing and asks no one."""
        if self._deliveries.accepts(source):
            return self._deliveries.look([source])[0]
        return inspect(self._file(source), self.store)

    def look(
        self,
        sources: Sequence[ModelSource],
        *,
        ask: bool = False,
        deep: bool = False,
        remember: bool = False,
        on_hash: HashListener | None = None,
        cancel: CancelToken | None = None,
    ) -> Plan:
        """What is there of every model, in order.

        `ask` lets registries be asked what is not known of a model; only `remember` writes.

        Raises:
            ConfigError: two models have one name, or a name cannot be a path.
        """
        plain, delivered = self._divide(sources)
        files = [self._file(source) for source in plain]
        if remember:
            found = verify(files, self.store, deep=deep, on_hash=on_hash, cancel=cancel)
        else:
            plan = make_plan(files, self.store, deep=deep, on_hash=on_hash, cancel=cancel)
            found = plan.files
        states = self._deliveries.look(
            delivered, ask=ask, deep=deep, remember=remember, on_hash=on_hash, cancel=cancel
        )
        by_name = {file.source.name: file for file in (*found, *states)}
        ordered = tuple(by_name[source.name] for source in sources)
        return Plan(self.store, ordered, self.store.free_bytes())

    def fetch(
        self,
        sources: Sequence[ModelSource],
        listener: Listener,
        *,
        on_hash: HashListener | None = None,
        cancel: CancelToken | None = None,
    ) -> list[Outcome]:
        """Have the models; one outcome each, in order. What failed is in `Outcome.error`.

        Nothing is fetched before there is room for all that is missing; where there is not,
        optional models stay out. Those behind plain addresses come first.

        Raises:
            ConfigError: a source cannot be used (its name, checksum or addresses).
        """
        plain, delivered = self._divide(sources)
        files = [self._file(source) for source in plain]
        plan = make_plan(files, self.store, on_hash=on_hash, cancel=cancel)
        wants = [Want(file, self.store, (file.source.name,)) for file in plan.to_fetch]
        optional = {source.name for source in sources if source.optional}
        with self._deliveries.prepare(delivered, cancel, on_hash=on_hash) as delivery:
            refused = refuse([*wants, *delivery.wants], optional)
            outcomes = self._fetch(plan, refused, listener, cancel)
            outcomes += delivery.fetch(self._engine, listener, refused)
        by_name = {outcome.source.name: outcome for outcome in outcomes}
        return [by_name[source.name] for source in sources]

    def pin_of(self, source: ModelSource) -> Pin | None:
        """What a model of a registry is; None for others, and where nothing tells."""
        return self._deliveries.pin_of(source) if self._deliveries.accepts(source) else None

    def leftovers(self) -> list[Leftover]:
        """Unfinished files that nobody works on, here and in the cache that programs share."""
        return [*self.store.leftovers(), *self._deliveries.leftovers()]

    def pin(self, sources: Sequence[ModelSource], *, update: bool) -> list[tuple[Pin | None, Pin]]:
        """Pin the models that a registry knows; the old and the new pin of each."""
        _, delivered = self._divide(sources)
        return self._deliveries.pin(delivered, update=update)

    def _fetch(
        self,
        plan: Plan,
        refused: Mapping[str, ModelDownloadError],
        listener: Listener,
        cancel: CancelToken | None,
    ) -> list[Outcome]:
        """What is there, and what is fetched of the rest; an outcome each."""
        missing = [file for file in plan.to_fetch if file.refusal is None]
        failed = {
            f.source.name: refused[f.source.name] for f in missing if f.source.name in refused
        }
        try:
            outcomes = self._engine.fetch(_without(plan, failed), listener, cancel)
        except ModelDownloadError as error:  # nowhere to write, or no room any more
            failed = {file.source.name: failed.get(file.source.name, error) for file in missing}
            outcomes = self._engine.fetch(_without(plan, failed), listener, cancel)
        given_up = [file for file in missing if file.source.name in failed]
        return [
            *outcomes,
            *(
                Outcome(f.source, Status.FAILED, f.path, error=failed[f.source.name])
                for f in given_up
            ),
        ]

    def _file(self, source: ModelSource) -> Source:
        try:
            (file,) = self._plain.resolve(source).sources
        except ConfigError as error:
            raise placed(error, source, self._config) from error
        return file

    def _divide(
        self, sources: Sequence[ModelSource]
    ) -> tuple[list[ModelSource], list[ModelSource]]:
        plain: list[ModelSource] = []
        delivered: list[ModelSource] = []
        for source in sources:
            (delivered if self._deliveries.accepts(source) else plain).append(source)
        return plain, delivered


def _without(plan: Plan, names: Collection[str]) -> Plan:
    return replace(plan, files=tuple(f for f in plan.files if f.source.name not in names))
