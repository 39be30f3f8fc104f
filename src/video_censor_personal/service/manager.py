"""The whole service without HTTP: its parts, how they start and stop, and its questions."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from video_censor_personal.errors import ConfigError
from video_censor_personal.hub_cache import HubCache
from video_censor_personal.service.answers import Answers
from video_censor_personal.service.downloads import Downloads
from video_censor_personal.service.facts import describe_job, timestamp
from video_censor_personal.service.jobs import Job
from video_censor_personal.service.ledger import Event, Ledger
from video_censor_personal.service.library import Library
from video_censor_personal.service.listeners import Listeners
from video_censor_personal.service.metrics import Metrics, render
from video_censor_personal.service.model_book import ModelBook
from video_censor_personal.service.ownership import Ownership
from video_censor_personal.service.policy import Policy
from video_censor_personal.service.presence import ModelState, Presence
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.settings import ServiceSettings
from video_censor_personal.service.state_files import make_state_folder
from video_censor_personal.service.states import ENDED, WORKING
from video_censor_personal.service.verdicts import Verdicts
from video_censor_personal.service.webhooks import Webhooks

__all__ = ["Manager", "Snapshot"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Snapshot = tuple[int, dict[str, Any]]

_THREADS = 16
_VERIFY_GRACE_S = 2.0
_SHOWN_ENDED = 50


class Manager:
    """Downloads into, and questions about, the cache of `settings`. Creating it touches no disk."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        cache = HubCache(settings.cache_dir, setting="--hf-cache")
        # One ledger a cache: downloads must not go on into another one.
        name = hashlib.sha256(str(settings.cache_dir.absolute()).encode()).hexdigest()[:12]
        self.listeners = Listeners(settings.listeners)
        self.ledger = Ledger(settings.state_dir / f"service-{name}.sqlite3", self._tell)
        self.metrics = Metrics()
        self.policy = Policy(settings)
        self.answers = Answers(self.ledger)
        self.webhooks = Webhooks(settings, self.ledger, self.metrics)
        self.verdicts = Verdicts(cache)
        self.library = Library(cache, ModelBook(self.ledger), self.verdicts, self.policy)
        self.downloads = Downloads(
            settings, self.ledger, self.library, self.metrics, self.webhooks.note
        )
        self._ownership = Ownership(settings.state_dir / f"service-{name}.lock", cache.store)
        self._pool: ThreadPoolExecutor | None = None

    # -- life

    async def start(self) -> None:
        """Open the ledger and take up what an earlier process left.

        Raises:
            ConfigError: the state directory cannot be used, or another service uses it.
        """
        self.listeners.bind(asyncio.get_running_loop())
        self._pool = ThreadPoolExecutor(_THREADS, "service")
        try:
            await self.call(self._start)
        except BaseException:
            await self.stop()
            raise

    def end_waits(self) -> None:
        """End streams and questions to hubs, so that every answer under way can be finished."""
        self.listeners.close()
        self.downloads.end_questions()

    async def stop(self) -> None:
        """End streams and downloads, keeping what arrived. Takes well under two seconds."""
        self.end_waits()
        if self._pool is not None:
            await self.call(self._stop)
            self._pool.shutdown(wait=False)
            self._pool = None

    async def call(self, work: Callable[..., T], *values: Any) -> T:
        """Run something that waits for a disk in a thread of the service's own.

        The pool of the application that mounts the service is left to it.

        Raises:
            Problem: 503, the service does not run (any more).
        """
        if self._pool is None:
            # Starlette runs the lifespan of an included router, but not of a mounted application.
            raise Problem(503, "not_ready", "The service is not running; its lifespan starts it.")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *values)

    @property
    def is_ready(self) -> bool:
        return self._pool is not None

    def _start(self) -> None:
        try:
            make_state_folder(self.settings.state_dir)
            taken = not self._ownership.acquire()
        except (OSError, sqlite3.Error) as exc:
            raise ConfigError(
                f"the folder {self.settings.state_dir} cannot be written ({exc}); "
                "name another one with --state-dir"
            ) from exc
        if taken:
            raise ConfigError(
                f"another process serves the cache {self.settings.cache_dir} already; "
                "stop it, or name another --hf-cache"
            )
        self.ledger.open()
        self.verdicts.start()
        self.webhooks.start()
        self.downloads.start()

    def _stop(self) -> None:
        self.downloads.stop()
        self.verdicts.stop()
        self.webhooks.stop()
        self.ledger.close()
        self._ownership.release()

    def _tell(self, events: list[Event]) -> None:
        self.listeners.publish(events)
        self.webhooks.wake()

    # -- questions

    def status(self, repository: str, revision: str | None) -> tuple[ModelState, Job | None]:
        """What the cache has of a model, and the download that is to bring it, if there is one.

        A model that nobody verified yet is, for up to two seconds; after that it is called partial
        until it was read.
        """
        branch = revision or "main"
        commit = self.library.commit_of(repository, branch)
        job = self.downloads.find(repository, revision, commit)
        commit = commit or (job.commit if job else None)
        if commit is None:
            state = ModelState(repository, None, Presence.NOT_FOUND)
        else:
            wait_s = 0.0 if job else _VERIFY_GRACE_S
            state = self.library.look(repository, commit, wait_s=wait_s)
            if state.have_bytes == state.size_bytes:  # all that was asked for
                self.library.touch(repository, commit)
        return state, job

    def describe_at_work(self, repository: str, revision: str | None) -> dict[str, Any] | None:
        """The status of a model that is being downloaded, from memory: many ask for it often."""
        facts = self.downloads.at_work(repository, revision)
        if facts is None:
            return None
        return {
            "model": {"hf_repo": repository, "hf_commit": revision},
            "status": str(Presence.DOWNLOADING),
            "progress": _contract_progress(facts),
            "error_message": facts["last_error"],
            "commit": facts["commit"],
            "have_bytes": facts["progress"]["done_bytes"],
            "size_bytes": facts["progress"]["total_bytes"],
            "download_id": facts["id"],
            "left_out": facts["left_out"],
        }

    def describe_status(self, repository: str, revision: str | None) -> dict[str, Any]:
        """`status` as the contract words it."""
        state, job = self.status(repository, revision)
        presence, message, progress = state.presence, state.reason, None
        if job is not None:
            facts = self.downloads.describe(job)
            if job.state in WORKING:
                presence, message = Presence.DOWNLOADING, facts["last_error"]
                progress = _contract_progress(facts)
            elif presence is not Presence.DOWNLOADED:
                message = f"its download is {job.state}" + (f"; {message}" if message else "")
        elif presence is not Presence.DOWNLOADED:
            reason = message if presence is Presence.PARTIAL else None
            failure = self._last_failure(repository, revision)
            message = "; ".join(filter(None, (failure, reason))) or None
        return {
            "model": {"hf_repo": repository, "hf_commit": revision},
            "status": str(presence),
            "progress": progress,
            "error_message": message,
            "commit": state.commit,
            "have_bytes": state.have_bytes,
            "size_bytes": state.size_bytes,
            "download_id": job.id if job else None,
            "left_out": list(state.left_out),
        }

    def describe_models(self) -> list[dict[str, Any]]:
        """Every model of which something is here."""
        return [
            {
                "model": {"hf_repo": state.repository, "hf_commit": state.commit},
                "status": str(state.presence),
                "error_message": state.reason,
                "have_bytes": state.have_bytes,
                "size_bytes": state.size_bytes,
                "revisions": list(state.revisions),
                "pinned": state.is_pinned,
                "used_at": timestamp(state.used_s or None),
                "left_out": list(state.left_out),
            }
            for state in self.library.all()
        ]

    def describe_space(self) -> dict[str, Any]:
        """How much room there is."""
        space = self.library.space()
        return {
            "cache_size_bytes": space.cache_bytes,
            "free_bytes": space.free_bytes,
            "total_bytes": space.total_bytes,
            "cache_path": str(space.path.absolute()),
            "quota_bytes": self.settings.quota_bytes,
            "reserve_bytes": self.settings.reserve_bytes,
        }

    def snapshot(self, job_id: str | None = None) -> Snapshot:
        """The downloads now, and the id of the last event that they include."""
        (row,) = self.ledger.read("SELECT coalesce(max(id), 0) AS last FROM event")
        table = self.downloads.table
        if job_id is not None:
            jobs = [table.get(job_id)]
        else:
            jobs = [*table.active(), *table.page(sorted(ENDED), None, _SHOWN_ENDED)]
        return row["last"], {"downloads": [self.downloads.describe(job) for job in jobs]}

    def replay(self, after: int, job_id: str | None) -> list[Event] | None:
        """What happened after the event `after`; None if that is not known any more."""
        (row,) = self.ledger.read(
            "SELECT coalesce(min(id), 1) AS first, coalesce(max(id), 0) AS last FROM event"
        )
        if not row["first"] - 1 <= after <= row["last"]:
            return None
        rows = self.ledger.read(
            "SELECT * FROM event WHERE id > ? AND (? IS NULL OR job_id = ?) ORDER BY id",
            after,
            job_id,
            job_id,
        )
        return [Event(row["id"], row["kind"], row["job_id"], row["body"]) for row in rows]

    def render_metrics(self) -> str:
        """The page for Prometheus."""
        space, running = self.library.space(), self.downloads.running_counts()
        gauges = {
            f'downloads{{state="{state}"}}': float(count)
            for state, count in self.downloads.table.count_by_state().items()
        }
        gauges |= {
            "cache_bytes": space.cache_bytes,
            "disk_free_bytes": space.free_bytes,
            "download_bytes_per_second": round(sum(c.bytes_per_s for c in running)),
            "event_listeners": len(self.listeners),
        }
        return render(self.metrics.samples(running), gauges)

    def _last_failure(self, repository: str, revision: str | None) -> str | None:
        """Why the last download of a model that is not here came to nothing."""
        rows = self.ledger.read(
            "SELECT * FROM job WHERE repository = ? AND coalesce(revision, 'main') = ? "
            "ORDER BY id DESC LIMIT 1",
            repository,
            revision or "main",
        )
        if not rows or rows[0]["error"] is None:
            return None
        error = describe_job(Job.from_row(rows[0]))["error"]
        return f"the last download failed: {error['message']}"


def _contract_progress(facts: dict[str, Any]) -> dict[str, Any]:
    progress = facts["progress"]
    return {
        "start_time": facts["started_at"],
        "elapsed_seconds": progress["elapsed_s"],
        "downloaded_bytes": progress["done_bytes"],
        "total_bytes": progress["total_bytes"],
        "bytes_per_second": progress["bytes_per_s"],
        "eta_seconds": progress["eta_s"],
        "state": facts["state"],
        "retries": facts["retries"],
    }
