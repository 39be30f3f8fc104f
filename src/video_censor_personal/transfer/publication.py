"""The last step: bytes that are known to be right get their name."""

from __future__ import annotations

import errno
import os

from video_censor_personal.store import Fingerprint, piece_map_path, sync_folder
from video_censor_personal.transfer.assembly import Assembly
from video_censor_personal.transfer.job import Job
from video_censor_personal.transfer.outcome import Status
from video_censor_personal.transfer.partial import SmallPartial

__all__ = ["publish", "publish_whole"]


def publish(job: Job, assembly: Assembly, digest: str) -> None:
    """Sync the file, give it its name in one step, sync the folder, remember it.

    Nothing happens if the job was ended (cancelled) while the disk was busy.

    Raises:
        OSError: the disk refused.
    """
    store, source = job.shared.store, job.source
    partial = assembly.partial
    partial.retain()
    try:
        if job.shared.durable:
            partial.sync()
        if not partial.has_its_name():
            raise FileNotFoundError(errno.ENOENT, "its unfinished file was removed meanwhile")
    finally:
        partial.release()
    with job.lock:
        if job.outcome is not None:
            return
        job.ledger.clear()
        assembly.close()  # Windows renames no open file
        path = store.publish(partial.path, source.target, durable=job.shared.durable)
        seen = Fingerprint.of(os.stat(path), source.digest_algorithm, digest)
        piece_map_path(partial.path).unlink(missing_ok=True)
        if kept := assembly.kept_map():
            # For the day when a deep verification finds the file damaged.
            kept.write(store.kept_map_path(source.target))
    if job.shared.durable:
        sync_folder(path.parent)
    store.remember_all({source.target: seen})
    with job.lock:
        job.end(Status.FETCHED, digest=digest)


def publish_whole(job: Job, content: memoryview, digest: str) -> None:
    """As `publish`, for a small file that is still in memory; its folder is synced by the run.

    Raises:
        OSError: the disk refused.
    """
    store, source = job.shared.store, job.source
    partial = SmallPartial(job.partial_path, content)
    try:
        if job.shared.durable:
            partial.sync()
        with job.lock:
            if job.outcome is not None:
                return
        path = partial.publish(store, source.target, durable=job.shared.durable)
        # An earlier run, which did not know the size, may have begun it as a large file.
        piece_map_path(partial.path).unlink(missing_ok=True)
    finally:
        partial.discard()
    seen = Fingerprint.of(os.stat(path), source.digest_algorithm, digest)
    job.shared.unsynced.add(os.path.dirname(path))
    store.remember_all({source.target: seen})
    with job.lock:
        job.end(Status.FETCHED, digest=digest)
