"""A place for what is to be fetched: on the disk, and within the quota."""

from __future__ import annotations

import logging
from collections.abc import Collection

from video_censor_personal.errors import DiskSpaceError
from video_censor_personal.service.library import Library
from video_censor_personal.service.metrics import Metrics
from video_censor_personal.service.presence import ModelState
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.settings import ServiceSettings

__all__ = ["Room"]

log = logging.getLogger(__name__)


class Room:
    """Makes room in `library`, as far as `settings` permit. From any thread."""

    def __init__(self, settings: ServiceSettings, library: Library, metrics: Metrics) -> None:
        self._settings, self._library, self._metrics = settings, library, metrics

    def make(self, missing_bytes: int, others_bytes: int, spare: Collection[str]) -> None:
        """Make sure that `missing_bytes` more can be fetched, beside what others still fetch.

        With a quota, models that are neither pinned nor of a repository in `spare` make room, the
        least recently used first. Without one nothing is ever deleted.

        Raises:
            Problem: 507, the quota is full of what has to stay; nothing was deleted.
            DiskSpaceError: there is not enough room on the disk.
        """
        quota = self._settings.quota_bytes
        if quota is not None:
            self._evict(missing_bytes + others_bytes, quota, spare)
        needed = 2 * missing_bytes + others_bytes + self._settings.reserve_bytes
        free = self._library.cache.store.free_bytes()
        if free < needed:
            raise DiskSpaceError(
                f"{needed:,} bytes must be free (twice the {missing_bytes:,} that are missing, "
                f"{others_bytes:,} for other downloads, {self._settings.reserve_bytes:,} in "
                f"reserve), but {free:,} are. Delete models, or make room.",
                expected=needed,
                actual=free,
            )

    def _evict(self, needed_bytes: int, quota: int, spare: Collection[str]) -> None:
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
        for state in chosen:
            self._library.delete(state.repository, state.commit)
            log.info("%s was deleted to make room", state.repository)
        self._metrics.evicted(len(chosen))
