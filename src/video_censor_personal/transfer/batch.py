"""Small files by the dozen: fetched one after another, published together.

Of thousands of small files each takes a fraction of a millisecond, most of which would go into
what a `Job` is for: pieces, mirrors, repeated tries, damage. Here a file is asked for once. One
that does not come as it should is left, and gets a job that finds out why.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from video_censor_personal.store import Fingerprint, Lock
from video_censor_personal.transfer.checksum import new_hasher
from video_censor_personal.transfer.faults import Fault, Halted, StatusFault
from video_censor_personal.transfer.http import Client
from video_censor_personal.transfer.job import Surroundings
from video_censor_personal.transfer.line import Line, receive_some
from video_censor_personal.transfer.outcome import FileProgress, Outcome, Phase, Status
from video_censor_personal.transfer.partial import SmallPartial
from video_censor_personal.transfer.pieces import SMALL_BYTES
from video_censor_personal.transfer.plan import FileState, PlannedFile
from video_censor_personal.transfer.throttle import Throttle

__all__ = ["Batch", "Courier", "fits_a_batch"]


def fits_a_batch(file: PlannedFile) -> bool:
    """Whether nothing of it is there, and one short request brings all of it."""
    size = file.source.size_bytes
    return file.state is FileState.MISSING and size is not None and size <= SMALL_BYTES


@dataclass(slots=True, eq=False)
class Batch:
    """Some `files` that fit one, and what became of them.

    Attributes:
        outcomes: of the files that were published.
        left: the files that need a job, because another process has or had them, because their
            request failed or their bytes were wrong, or because another file was in trouble.
        troubled: a file failed; the others that were not tried yet are left as well.
        current: the file that is on its way, of which `buffered_bytes` were received.
    """

    files: Sequence[PlannedFile]
    outcomes: list[Outcome] = field(default_factory=list)
    left: list[PlannedFile] = field(default_factory=list)
    troubled: bool = False
    current: PlannedFile | None = None
    buffered_bytes: int = 0

    @property
    def unfinished(self) -> list[PlannedFile]:
        """The files that are neither published nor left."""
        ended = {o.source.name for o in self.outcomes} | {f.source.name for f in self.left}
        return [file for file in self.files if file.source.name not in ended]

    @property
    def progress(self) -> FileProgress | None:
        """Where the file stands that is on its way."""
        file, done = self.current, self.buffered_bytes
        if file is None:
            return None
        name, size = file.source.name, file.source.size_bytes
        return FileProgress(name, Phase.FETCHING, done, size, done, connections=1)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A file whose bytes are right and lie in `partial`."""

    file: PlannedFile
    partial: SmallPartial
    digest: str


class Courier:
    """Fetches batches, for one thread."""

    def __init__(self, client: Client, line: Line, shared: Surroundings) -> None:
        self._client, self._line, self._shared = client, line, shared
        self._store = shared.store
        self._throttle = Throttle(shared.limits.bytes_per_s_per_file)  # one file after another

    def fetch(self, batch: Batch) -> None:
        """Fetch, verify and publish what can be had with one request each.

        Raises:
            Halted: the run was stopped. What was published until then is in `batch.outcomes`.
        """
        locks: list[Lock] = []
        arrived: list[_Arrived] = []
        buffer = self._shared.buffers.take()
        try:
            for file in self._free(batch, locks):
                if batch.troubled:
                    batch.left.append(file)
                elif (found := self._receive(batch, file, buffer)) is not None:
                    arrived.append(found)
            self._publish(batch, arrived)
        finally:
            self._shared.buffers.give(buffer)
            for each in arrived:
                each.partial.discard()
            for lock in locks:
                lock.release()

    def _free(self, batch: Batch, locks: list[Lock]) -> Iterable[PlannedFile]:
        """Take the locks, into `locks`; the files that nobody else has or had meanwhile."""
        free = {}
        for file in batch.files:
            lock = self._store.lock(file.source.target)
            if lock.acquire():
                locks.append(lock)
                free[file.source.target] = file
            else:
                batch.left.append(file)
        for target in self._store.records.known(free):
            if self._store.fingerprint(target) is not None:
                batch.left.append(free.pop(target))
        return free.values()

    def _receive(self, batch: Batch, file: PlannedFile, buffer: memoryview) -> _Arrived | None:
        """Fetch a file into its partial; None if it was left."""
        source = file.source
        batch.buffered_bytes, batch.current = 0, file
        try:
            content = self._request(batch, file, buffer)
            hasher = new_hasher(source.digest_algorithm, len(content))
            hasher.update(content)
            digest = hasher.hexdigest()
            if source.checksum in (None, digest):
                partial = SmallPartial(self._store.partial_path(source.target), content)
                return _Arrived(file, partial, digest)
        except StatusFault as fault:
            if fault.status in (429, 503):
                self._line.refused()
        except (Fault, OSError):
            pass  # its job will say
        finally:
            batch.current = None
        batch.troubled = True
        batch.left.append(file)
        return None

    def _request(self, batch: Batch, file: PlannedFile, buffer: memoryview) -> memoryview:
        """Ask the file's first address for all of it.

        Raises:
            Fault: that is not what is answered.
        """
        source, address = file.source, file.source.addresses[0]
        response = self._client.get(address, source.origin_headers)
        try:
            if file is batch.files[0]:  # the others are answered alike
                self._line.answered(response)
            encoding = response.headers.get("content-encoding", "identity").lower()
            if response.status != 200 or response.length != source.size_bytes:
                raise Fault("it answers with something else")
            if encoding != "identity" and source.checksum is None:
                raise Fault("it is encoded")
            view = buffer[: response.length]
            throttle = self._throttle
            while batch.buffered_bytes < len(view):
                count = receive_some(self._line, throttle, response, view[batch.buffered_bytes :])
                if not count:
                    raise Fault("the server sent less than it said")
                batch.buffered_bytes += count
            return view
        finally:
            self._client.done(response)

    def _publish(self, batch: Batch, arrived: Sequence[_Arrived]) -> None:
        """Sync the files, give them their names, remember them."""
        seen: dict[str, Fingerprint] = {}
        try:
            durable = self._shared.durable
            if durable:
                for each in arrived:
                    each.partial.sync()
            if self._line.stopped:
                raise Halted
            for each in arrived:
                source = each.file.source
                path = each.partial.publish(self._store, source.target, durable=durable)
                found = os.stat(path)
                seen[source.target] = Fingerprint.of(found, source.digest_algorithm, each.digest)
                batch.outcomes.append(
                    Outcome(
                        source,
                        Status.FETCHED,
                        each.file.path,
                        size_bytes=found.st_size,
                        digest=each.digest,
                        fetched_bytes=found.st_size,
                        url=source.addresses[0].shown,
                    )
                )
        except OSError:
            batch.troubled = True
            batch.left += [each.file for each in arrived[len(batch.outcomes) :]]
        finally:
            self._store.remember_all(seen)
            self._shared.unsynced.update(os.path.dirname(o.path) for o in batch.outcomes)
