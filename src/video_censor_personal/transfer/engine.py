"""The engine: a plan goes in, bytes move, verified files lie under their names."""

from __future__ import annotations

from video_censor_personal.errors import DiskSpaceError
from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.inspection import remember
from video_censor_personal.transfer.limits import Limits, RetryPolicy
from video_censor_personal.transfer.outcome import FileProgress, Listener, Outcome, Phase, Status
from video_censor_personal.transfer.plan import FileState, Plan, PlannedFile
from video_censor_personal.transfer.run import Run
from video_censor_personal.transfer.throttle import Throttle
from video_censor_personal.transfer.wire import Permit

__all__ = ["Engine"]


class Engine:
    """Fetches what a plan names. One engine may run several plans, also from several threads.

    `durable`: files are synced to the disk before they get their names, so that a power loss too
    leaves no file or the right one. Without it that holds for killed processes only, as with curl.

    `throttle` is drawn from by all its runs together; `permits(origin, ip_address)` is asked before
    every connection, and of a name that only a proxy can resolve not at all.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        *,
        durable: bool = True,
        throttle: Throttle | None = None,
        permits: Permit | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.retry = retry or RetryPolicy()
        self.durable = durable
        self._throttle, self._permits = throttle, permits

    def fetch(
        self,
        plan: Plan,
        listener: Listener | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[Outcome, ...]:
        """Fetch, verify and publish; one `Outcome` per planned file, in the plan's order.

        A failed file does not stop the others and is not raised: look at `Outcome.error`. One that
        cannot be looked at is left as it is, and has failed.
        The listener is called from this thread, at least 4 times a second per file that moves.

        Raises:
            DiskSpaceError: there is less room than `plan.room_bytes`; nothing was fetched.
            ModelCacheError: the store cannot be written; nothing was fetched.
            ConfigError: the proxy or the certificates in the environment cannot be used.
            KeyboardInterrupt, and whatever the listener raises: after every thread has stopped;
                what arrived is kept for the next run.
        """
        tell = listener or _tell_nobody
        if cancel is not None and cancel.cancelled:
            # The plan may have been cut short: what was not looked at counts as damaged there.
            return tuple(map(_untouched, plan.files))
        outcomes: dict[str, Outcome] = {}
        for file in plan.files:
            source = file.source
            remember(file, plan.store)
            if file.state is FileState.VERIFIED:
                tell(FileProgress(source.name, Phase.DONE, file.have_bytes, file.have_bytes))
            elif refusal := file.refusal:
                outcomes[source.name] = Outcome(source, Status.FAILED, file.path, error=refusal)
                tell(FileProgress(source.name, Phase.FAILED, 0, source.size_bytes))
        wanted = [file for file in plan.to_fetch if file.source.name not in outcomes]
        if wanted:
            self._make_room(plan)
            run = Run(
                wanted,
                plan.store,
                self.limits,
                self.retry,
                durable=self.durable,
                throttle=self._throttle,
                permits=self._permits,
            )
            run.work(tell, cancel or CancelToken())
            outcomes |= run.outcomes
        return tuple(outcomes.get(f.source.name) or _present(f) for f in plan.files)

    def _make_room(self, plan: Plan) -> None:
        free = plan.store.free_bytes()
        if free < plan.room_bytes:
            names = ", ".join(f.source.name for f in plan.to_fetch[:5])
            raise DiskSpaceError(
                f"downloading {names} needs {plan.room_bytes:,} free bytes in {plan.store.root} "
                f"(twice the {plan.missing_bytes:,} that are missing), but {free:,} are free. "
                f"Make room, or set {plan.store.setting} to a folder on another disk.",
                path=plan.store.root,
                expected=plan.room_bytes,
                actual=free,
            )
        plan.store.prepare()
        with plan.store.lock("records.jsonl") as lock:
            if lock.acquire():
                plan.store.records.compact()


def _present(file: PlannedFile) -> Outcome:
    return Outcome(
        file.source, Status.PRESENT, file.path, size_bytes=file.have_bytes, digest=file.digest
    )


def _untouched(file: PlannedFile) -> Outcome:
    if file.state is FileState.VERIFIED:
        return _present(file)
    return Outcome(file.source, Status.CANCELLED, file.path)


def _tell_nobody(_: FileProgress) -> None:
    pass
