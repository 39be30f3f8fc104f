"""A place for what is to be fetched: on the disk, and within the quota."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from video_censor_personal.errors import DiskSpaceError
from video_censor_personal.service.library import Library
from video_censor_personal.service.metrics import Metrics
from video_censor_personal.service.presence import ModelState
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.settings import ServiceSettings

__all__ = ["Demand", "Room"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Demand:
    """What downloads still want.

    Attributes:
        missing_bytes: that are still to be fetched.
        disk_bytes: free room that must be there for them, beside what unfinished files hold.
    """

    missing_bytes: int = 0
    disk_bytes: int = 0

    def __add__(self, other: Demand) -> Demand:
        return Demand(self.missing_bytes + other.missing_bytes, self.disk_bytes + other.disk_bytes)


class Room:
    """Makes room in `library`, as far as `settings` permit. From any thread."""

    def __init__(self, settings: ServiceSettings, library: Library, metrics: Metrics) -> None:
        self._settings, self._library, self._metrics = settings, library, metrics

    def make(self, own: Demand, others: Demand, spare: Collection[str]) -> None:
        """Make sure that what a download wants can be fetched, beside what others still fetch.

        With a quota, models that are neither pinned nor of a repository in `spare` make room, the
        least recently used first. Without one nothing is ever deleted.

        Raises:
            Problem: 507, the quota is full of what has to stay.
            DiskSpaceError: there is not enough room on the disk. As before, nothing was deleted.
        """
        quota = self._settings.quota_bytes
        chosen: Sequence[ModelState] = ()
        if quota is not None:
            chosen = self._choose((own + others).missing_bytes, quota, spare)
        self._check_disk(own, others, sum(state.have_bytes for state in chosen))
        for state in chosen:
            self._library.delete(state.repository, state.commit)
            log.info("%s was deleted to make room", state.repository)
        self._metrics.evicted(len(chosen))

    def _check_disk(self, own: Demand, others: Demand, freed_bytes: int) -> None:
        needed = (own + others).disk_bytes + self._settings.reserve_bytes
        free = self._library.cache.store.free_bytes() + freed_bytes
        if free < needed:
            raise DiskSpaceError(
                f"{needed:,} bytes must be free (twice the {own.missing_bytes:,} that are missing, "
                f"less what is reserved for them already, {others.disk_bytes:,} for other "
                f"downloads, {self._settings.reserve_bytes:,} in reserve), but {free:,} are. "
                "Delete models, or make room.",
                expected=needed,
                actual=free,
            )

    def _choose(
        self, needed_bytes: int, quota: int, spare: Collection[str]
    ) -> Sequence[ModelState]:
        """The models that have to go."""
        excess = self._library.cache_bytes(fresh=True) + needed_bytes - quota
        chosen: list[ModelState] = []
        for state in sorted(self._library.all(), key=lambda state: state.used_s):
            if excess <= sum(each.have_bytes for each in chosen):
                break
            frees = state.have_bytes > 0  # a linked one, for example, does not
            if frees and not state.is_pinned and state.repository not in spare:
                chosen.append(state)
        if excess > sum(each.have_bytes for each in chosen):
            raise Problem(
                507,
                "quota",
                f"{needed_bytes:,} bytes are needed, and the cache may hold {quota:,}; what is "
                "pinned or in use leaves no room. Unpin or delete models.",
            )
        return chosen
