"""Models from registries between looking and having them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from video_censor_personal.errors import ModelDownloadError
from video_censor_personal.models_lock import Pin
from video_censor_personal.sources.batch import Batch
from video_censor_personal.sources.room import Want
from video_censor_personal.transfer import CancelToken, Engine, Listener, Outcome

__all__ = ["Delivery"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Models of which is known what there is to fetch.

    Attributes:
        failed: those of which it is not; an outcome each.
        remember: is told the pins of what arrived.
    """

    models: Sequence[str]
    batches: Sequence[Batch]
    failed: Mapping[str, Outcome]
    cancel: CancelToken
    remember: Callable[[Sequence[Pin]], None]

    @property
    def wants(self) -> list[Want]:
        """The files that are missing."""
        return [want for batch in self.batches for want in batch.wants]

    def fetch(
        self,
        engine: Engine,
        listener: Listener | None,
        refused: Mapping[str, ModelDownloadError],
    ) -> list[Outcome]:
        """Fetch, all but `refused` ones, and publish; one `Outcome` a model, in order."""
        done = dict(self.failed)
        pins: list[Pin] = []
        for batch in self.batches:
            for outcome, pin in batch.fetch(engine, listener, self.cancel, refused=refused):
                done[outcome.source.name] = outcome
                if pin is not None and outcome.ok:
                    pins.append(pin)
        if pins:
            self.remember(pins)
        return [done[model] for model in self.models]
