"""Faults and disk errors turned into the errors that people read."""

from __future__ import annotations

import errno
import math

from video_censor_personal.errors import (
    DiskSpaceError,
    ModelCacheError,
    ModelChecksumError,
    ModelDownloadError,
    PrivateNetworkError,
)
from video_censor_personal.transfer.faults import Fault, PrivateFault, SizeFault, StatusFault
from video_censor_personal.transfer.job import Job
from video_censor_personal.transfer.partial import DISK_FULL
from video_censor_personal.transfer.routes import Route

__all__ = ["checksum_error", "disk_error", "download_error"]

_ADVICE = {
    401: "The server wants a login, or does not accept the one it got: see `headers` of the model, "
    "HF_TOKEN and GITHUB_TOKEN",
    403: "The server does not allow it: check the token, or accept the model's terms on its page",
    404: "Check the URL",
    410: "Check the URL",
    416: "Check the URL and size_bytes",
    429: "The server has had too many requests: wait some minutes and run the same command again",
}
_DISK_ADVICE = {
    errno.EIO: "The disk may be failing",
    errno.EISDIR: "Move that folder elsewhere, then run the same command again",
    errno.ENOENT: "Run the same command again",
    errno.EXDEV: "{folder} lies on another file system than {private}, where files are collected "
    "before they are moved there: unmount it, or set {setting} to a folder on one file system",
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE),
        "Allow more open files (ulimit -n), or fewer connections (models.max_connections), then "
        "run the same command again",
    ),
}
_AGAIN = "Run the same command again: what has arrived is kept"
_LATER = "The server asks to wait {}: run the same command again then"


def download_error(job: Job, fault: Fault, route: Route) -> ModelDownloadError:
    """Why the last route of a job gave up."""
    url = route.address.shown
    tried = len(job.routes.all)
    text = f"{job.source.name} could not be downloaded from {url}"
    text += f" or {tried - 1} mirrors: {fault}" if tried > 1 else f": {fault}"
    if isinstance(fault, SizeFault):
        return ModelChecksumError(
            f"{text}. The file on the server is another one: check size_bytes and the URL.",
            model=job.source.name,
            url=url,
            path=job.planned.path,
            expected=fault.expected,
            actual=fault.actual,
        )
    if isinstance(fault, PrivateFault):
        return PrivateNetworkError(
            f"{text}. The server sends us there: ask who runs it.",
            model=job.source.name,
            url=url,
            path=job.planned.path,
        )
    advice = _AGAIN if fault.passing else _ADVICE[404]
    if isinstance(fault, StatusFault):
        advice = _ADVICE.get(fault.status, advice)
        if (fault.retry_after_s or 0.0) > job.shared.retry.longest_wait_s:
            advice = _LATER.format(_describe_wait(fault.retry_after_s or 0.0))
    return ModelDownloadError(
        f"{text}. {advice}.", model=job.source.name, url=url, path=job.planned.path
    )


def checksum_error(job: Job) -> ModelChecksumError:
    """All bytes came, more than once, and are not the declared ones."""
    source = job.source
    served = job.routes.served or job.routes.all[0]
    return ModelChecksumError(
        f"{source.name} from {served.address.shown} has the {source.algorithm} checksum "
        f"{job.digest}, but {source.checksum} is expected. It was fetched again and is the same: "
        "the file on the server is another one, or the checksum in the configuration is wrong.",
        model=source.name,
        url=served.address.shown,
        path=job.planned.path,
        expected=source.checksum,
        actual=job.digest,
    )


def disk_error(job: Job, error: OSError) -> ModelDownloadError:
    """The disk refused."""
    path = job.planned.path
    if error.errno in DISK_FULL:
        return space_error(job)
    what, store = error.strerror or str(error), job.shared.store
    advice = _DISK_ADVICE.get(
        error.errno or 0, "Make it writable, or set {setting} to another folder"
    ).format(folder=path.parent, private=store.private, setting=store.setting)
    return ModelCacheError(
        f"{job.source.name} cannot be written to {path} ({what}). {advice}.",
        model=job.source.name,
        path=path,
    )


def space_error(job: Job) -> DiskSpaceError:
    """The disk became full under way."""
    path, free = job.planned.path, job.shared.store.free_bytes()
    needed = None if job.size is None else job.size - job.progress().done_bytes
    wanted = "more room (nobody says how much)" if needed is None else f"{needed:,} more bytes"
    text = f"the disk is full: {job.source.name} needs {wanted} at {path}, {free:,} are free. What "
    text += "has arrived is kept: make room and run the same command again."
    if job.assembly is not None and job.assembly.partial.is_lost:
        text = f"the disk had no room for what {job.source.name} had written to it already ({path})"
        text += ": is there a quota, or a device behind it that is full? Make room, and run the "
        text += "same command again."
    return DiskSpaceError(
        text,
        model=job.source.name,
        path=path,
        expected=needed,
        actual=free,
    )


def _describe_wait(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minutes" if minutes <= 120 else f"{math.ceil(minutes / 60):,} hours"
