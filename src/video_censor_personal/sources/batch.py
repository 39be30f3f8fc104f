"""Several placed models whose files lie in one store, fetched in one run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from video_censor_personal.errors import (
    DiskSpaceError,
    ModelCacheError,
    ModelDownloadError,
    ModelMissingError,
)
from video_censor_personal.hub.library_locks import library_locks
from video_censor_personal.models_lock import Pin
from video_censor_personal.sources.model_totals import ModelTotals
from video_censor_personal.sources.resolver import Placement
from video_censor_personal.sources.room import Want
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileState,
    Listener,
    Outcome,
    Plan,
    PlannedFile,
    Source,
    Status,
    make_plan,
    verify,
)
from video_censor_personal.transfer.checksum import hash_file
from video_censor_personal.transfer.inspection import HashListener

__all__ = ["Batch", "state_of"]


class Batch:
    """Placements that share a store. Files that several of them need are fetched once.

    Attributes:
        found: what `look` saw, by target.
    """

    def __init__(self, placements: Sequence[Placement] = ()) -> None:
        self.placements = list(placements)
        self.found: dict[str, PlannedFile] = {}

    @property
    def repositories(self) -> set[str]:
        """Whose files lie in a cache that programs share."""
        return {p.repository for p in self.placements if p.repository is not None}

    def look(
        self,
        *,
        deep: bool = False,
        remember: bool = False,
        on_hash: HashListener | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Find out what is there; only `remember` writes."""
        store, sources = self.placements[0].store, self._sources()
        if remember:
            files = verify(sources, store, deep=deep, on_hash=on_hash, cancel=cancel)
        else:
            files = make_plan(sources, store, deep=deep, on_hash=on_hash, cancel=cancel).files
        self.found = {file.source.target: file for file in files}

    def fetch(
        self,
        engine: Engine,
        listener: Listener | None,
        cancel: CancelToken,
        *,
        refused: Mapping[str, ModelDownloadError] = MappingProxyType({}),
    ) -> Iterator[tuple[Outcome, Pin | None]]:
        """Fetch what `look` did not find and publish; an outcome and a pin for every placement.

        Nothing is fetched for the models that are `refused`, for the reason that stands there.
        """
        totals = self._totals(listener)
        wanted = [p for p in self._unwithheld if p.model not in refused]
        outcomes = self._withheld()
        for placement in self._unwithheld:
            if error := refused.get(placement.model):
                outcomes |= self._failures(error, [placement])
        try:
            outcomes |= self._transfer(wanted, engine, totals, cancel)
        except ModelDownloadError as error:
            outcomes |= self._failures(error, wanted)
        for placement in self.placements:
            yield _conclude(placement, outcomes, totals)

    @property
    def wants(self) -> list[Want]:
        """What is missing, after `look`."""
        store, models = self.placements[0].store, defaultdict(list)
        for placement in self._unwithheld:
            for source in placement.sources:
                models[source.target].append(placement.model)
        return [
            Want(file, store, tuple(models[file.source.target]))
            for file in self._missing(self._unwithheld)
        ]

    @property
    def _unwithheld(self) -> list[Placement]:
        return [placement for placement in self.placements if not placement.withheld]

    def _withheld(self) -> dict[str, Outcome]:
        """Failures of the files that are missing and may not be fetched."""
        return {
            file.source.target: Outcome(
                file.source,
                Status.FAILED,
                file.path,
                error=ModelMissingError(placement.withheld, path=file.path),
            )
            for placement in self.placements
            if placement.withheld
            for file in self._missing([placement])
        }

    def _failures(
        self, error: ModelDownloadError, placements: Sequence[Placement]
    ) -> dict[str, Outcome]:
        """Nothing that is missing of these could be fetched."""
        return {
            file.source.target: Outcome(file.source, Status.FAILED, file.path, error=error)
            for file in self._missing(placements)
        }

    def _missing(self, wanted: Sequence[Placement]) -> list[PlannedFile]:
        targets = {source.target for placement in wanted for source in placement.sources}
        return [
            file
            for target, file in self.found.items()
            if target in targets and file.state is not FileState.VERIFIED
        ]

    def _transfer(
        self,
        wanted: Sequence[Placement],
        engine: Engine,
        totals: ModelTotals,
        cancel: CancelToken,
    ) -> dict[str, Outcome]:
        """Outcomes by target of what was missing of `wanted`."""
        missing = self._missing(wanted)
        if not missing:
            return {}
        store = self.placements[0].store
        shared = [f for f in missing if f.source.target.startswith("models--")]
        try:
            with library_locks(store.root, shared, cancel=cancel, on_wait=totals.waiting) as waited:
                if waited:
                    self.look(remember=True, cancel=cancel)
                plan = Plan(store, tuple(self._missing(wanted)), store.free_bytes())
                return {o.source.target: o for o in engine.fetch(plan, totals, cancel)}
        except OSError as exc:
            raise ModelCacheError(
                f"{store.root} cannot be written ({exc.strerror}). Give yourself the right to "
                "write there, or name another place.",
                path=store.root,
            ) from exc

    def _totals(self, listener: Listener | None) -> ModelTotals:
        models: dict[str, str] = {}
        present = {placement.model: 0 for placement in self.placements}
        sizes = dict(present)
        for placement in self.placements:
            for source in placement.sources:
                file = self.found[source.target]
                models.setdefault(file.source.name, placement.model)
                sizes[placement.model] += source.size_bytes or 0
                mine = models[file.source.name] == placement.model
                if file.state is FileState.VERIFIED or not mine:
                    present[placement.model] += source.size_bytes or 0
        return ModelTotals(listener, models, sizes, present)

    def _sources(self) -> list[Source]:
        by_target: dict[str, Source] = {}
        for placement in self.placements:
            for source in placement.sources:
                by_target.setdefault(source.target, source)
        return list(by_target.values())


def state_of(
    placement: Placement, found: dict[str, PlannedFile], counted: set[tuple[Path, str]]
) -> PlannedFile:
    """What is there of a model, as one file of that name.

    What several models need is fetched once: `counted` has what is missing for those before it.
    """
    files = [found[source.target] for source in placement.sources]
    unreadable = [f for f in files if f.state is FileState.UNREADABLE]
    damaged = unreadable or [f for f in files if f.state is FileState.DAMAGED]
    have = sum(f.have_bytes for f in files)
    size = sum(source.size_bytes or 0 for source in placement.sources)
    own = [f for f in files if (placement.store.root, f.source.target) not in counted]
    counted.update((placement.store.root, f.source.target) for f in files)
    if damaged:
        state = damaged[0].state
    elif all(f.state is FileState.VERIFIED for f in files):
        state = FileState.VERIFIED if placement.is_published() else FileState.PARTIAL
    else:
        state = FileState.PARTIAL if have else FileState.MISSING
    return PlannedFile(
        source=_whole(placement, size),
        path=placement.path,
        state=state,
        have_bytes=have,
        missing_bytes=sum(f.missing_bytes or 0 for f in own),
        reason="; ".join(
            f"{f.source.name.removeprefix(f'{placement.model}: ')}: {f.reason}" for f in damaged
        ),
    )


def _whole(placement: Placement, size: int) -> Source:
    return Source(placement.model, placement.sources[0].urls, placement.model, size)


def _conclude(
    placement: Placement, outcomes: dict[str, Outcome], totals: ModelTotals
) -> tuple[Outcome, Pin | None]:
    """Publish a model whose files are all there, or say why it is not."""
    size = sum(source.size_bytes or 0 for source in placement.sources)
    whole = _whole(placement, size)
    mine = [outcomes[s.target] for s in placement.sources if s.target in outcomes]
    fetched = sum(outcome.fetched_bytes for outcome in mine)
    error = next((o.error for o in mine if o.error is not None), None)
    moved = bool(mine) or not placement.is_published()
    fetched_here = any(outcome.status is Status.FETCHED for outcome in mine)
    status = Status.FETCHED if fetched_here else Status.PRESENT
    pin = placement.pin
    if error is None and any(not outcome.ok for outcome in mine):
        status = Status.CANCELLED
    elif error is None:
        try:
            placement.publish()
            pin = _with_digests(placement)
            if moved:
                totals.finish(placement.model)
        except ModelDownloadError as failure:
            error = failure
    if error is not None:
        status, error = Status.FAILED, _named(error, placement.model)
    url = whole.urls[0] if fetched_here else None
    outcome = Outcome(whole, status, placement.path, size, None, fetched, url, error)
    return outcome, pin


def _with_digests(placement: Placement) -> Pin | None:
    """The pin, with the sha256 of files of which the registry tells another checksum, or none."""
    if placement.pin is None:
        return None
    files = placement.files or {}
    digests = {}
    for file in placement.pin.files:
        if file.sha256 is None and file.path in files:
            digest = hash_file(files[file.path], "sha256", lambda _: None)
            digests[file.path] = digest or ""
    return placement.pin.with_sha256(digests)


def _named(error: ModelDownloadError, model: str) -> ModelDownloadError:
    """The error of one file, told about its model."""
    if error.model == model or isinstance(error, DiskSpaceError):
        return error
    told = type(error)(
        f"{model}: {error}",
        model=model,
        url=error.url,
        path=error.path,
        expected=error.expected,
        actual=error.actual,
    )
    told.__cause__ = error
    return told
