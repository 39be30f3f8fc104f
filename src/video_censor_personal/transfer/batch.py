"""Small files by the dozen: fetched one after another, published together.

Of thousands of small files each takes a fraction of a millisecond, most of which would go into
what a `Job` is for: pieces, mirrors, repeated tries, damage. Here a file is asked for once. One
that does not come as it should is left to a job, for which that was the first try.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from video_censor_personal.store import Fingerprint, Lock, piece_map_path
from video_censor_personal.transfer.checksum import new_hasher
from video_censor_personal.transfer.faults import Fault, Halted, StatusFault
from video_censor_personal.transfer.http import Client
from video_censor_personal.transfer.job import Earlier, Surroundings
from video_censor_personal.transfer.line import Line, receive_some
from video_censor_personal.transfer.outcome import FileProgress, Outcome, Phase, Status
from video_censor_personal.transfer.partial import SmallPartial
from video_censor_personal.transfer.pieces import SMALL_BYTES
from video_censor_personal.transfer.plan import FileState, PlannedFile
from video_censor_personal.transfer.throttle import Throttle

__all__ = ["Batch", "Courier", "fits_a_batch"]

# What has arrived by then is published, and the rest waits for another batch.
_LONGEST_S = 0.2


def fits_a_batch(file: PlannedFile) -> bool:
    """Whether nothing of it is there, and one short request brings all of it."""
    size = file.source.size_bytes
    return file.state is FileState.MISSING and size is not None and size <= SMALL_BYTES


@dataclass(slots=True, eq=False)
class Batch:
    """Some `files` that fit one, and what became of them.

    Attributes:
        outcomes: of the files that were published.
        left: the files that need a job, because another process has or had them or because they
            did not come as they should, with what came of that try.
        troubled: a failure that the next file would share ended it early.
        asked_s: seconds from the requests to the last bytes, of all files together.
        arriving: the file that is on its way, and how many bytes of it have been received.
    """

    files: Sequence[PlannedFile]
    outcomes: list[Outcome] = field(default_factory=list)
    left: list[tuple[PlannedFile, Earlier | None]] = field(default_factory=list)
    troubled: bool = False
    asked_s: float = 0.0
    arriving: tuple[PlannedFile, int] | None = None

    @property
    def unfinished(self) -> list[PlannedFile]:
        """The files that are neither published nor left."""
        ended = {o.source.name for o in self.outcomes} | {f.source.name for f, _ in self.left}
        return [file for file in self.files if file.source.name not in ended]

    @property
    def progress(self) -> FileProgress | None:
        """Where the file stands that is on its way."""
        arriving = self.arriving
        if arriving is None:
            return None
        file, done = arriving
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
        # Runs that did not know the sizes may have left maps of pieces.
        self._strays = shared.store.has_unfinished()
        self._throttle = Throttle(shared.limits.bytes_per_s_per_file)  # one file after another

    def fetch(self, batch: Batch) -> None:
        """Fetch, verify and publish what can be had with one request each.

        Raises:
            Halted: the run was stopped. What was published until then is in `batch.outcomes`.
        """
        locks: list[Lock] = []
        arrived: list[_Arrived] = []
        buffer = self._shared.buffers.take()
        until = time.monotonic() + _LONGEST_S
        try:
            for file in self._free(batch, locks):
                if (found := self._receive(batch, file, buffer)) is not None:
                    arrived.append(found)
                if batch.troubled or time.monotonic() > until:
                    break
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
            try:
                taken = lock.acquire()
            except OSError:
                batch.troubled = True
                taken = False
            if taken:
                locks.append(lock)
                free[file.source.target] = file
            else:
                batch.left.append((file, None))
        with contextlib.suppress(OSError):  # then it is fetched once more
            for target in self._store.records.known(free):
                if self._store.fingerprint(target) is not None:
                    batch.left.append((free.pop(target), None))
        return free.values()

    def _receive(self, batch: Batch, file: PlannedFile, buffer: memoryview) -> _Arrived | None:
        """Fetch a file into its partial; None if it was left."""
        source = file.source
        batch.arriving = file, 0
        earlier = None
        began = time.monotonic()
        try:
            content = self._request(batch, file, buffer)
            batch.asked_s += time.monotonic() - began
            if content is None:
                batch.left.append((file, None))
                return None
            hasher = new_hasher(source.digest_algorithm, len(content))
            hasher.update(content)
            digest = hasher.hexdigest()
            if source.checksum in (None, digest):
                partial = SmallPartial(self._store.partial_path(source.target), content)
                return _Arrived(file, partial, digest)
            earlier = Earlier(len(content), digest=digest)
        except Fault as fault:
            batch.troubled = fault.passing
            earlier = Earlier(batch.arriving[1], fault=fault)
            if isinstance(fault, StatusFault) and fault.status in (429, 503):
                self._line.refused()
        except OSError:
            batch.troubled = True
        finally:
            batch.arriving = None
        batch.left.append((file, earlier))
        return None

    def _request(self, batch: Batch, file: PlannedFile, buffer: memoryview) -> memoryview | None:
        """Ask the file's first address for all of it; None: the answer takes a job to be used.

        Raises:
            Fault: it is not what was asked for.
        """
        source, address = file.source, file.source.addresses[0]
        with self._shared.hopeless.first_request(address.origin):
            response = self._client.get(address, source.origin_headers)
        try:
            self._shared.hopeless.discard(address.origin)
            if file is batch.files[0]:  # the others are answered alike
                self._line.answered(response)
            encoded = response.headers.get("content-encoding", "identity").lower() != "identity"
            if response.length != source.size_bytes or (encoded and source.checksum is None):
                return None
            view = buffer[: response.length]
            count = 0
            while count < len(view):
                some = receive_some(self._line, self._throttle, response, view[count:])
                if not some:
                    raise Fault("the server sent less than it said")
                count += some
                batch.arriving = file, count
            return view
        finally:
            self._client.done(response)

    def _publish(self, batch: Batch, arrived: Sequence[_Arrived]) -> None:
        """Sync the files, give them their names, remember them."""
        seen: dict[str, Fingerprint] = {}
        try:
            durable = self._shared.durable
            for each in arrived if durable else ():
                self._go_on()
                each.partial.sync()
            self._go_on()
            for each in arrived:
                source = each.file.source
                path = each.partial.publish(self._store, source.target, durable=durable)
                if self._strays:
                    piece_map_path(each.partial.path).unlink(missing_ok=True)
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
            lost = arrived[len(batch.outcomes) :]
            batch.left += [(each.file, Earlier(each.file.source.size_bytes or 0)) for each in lost]
        finally:
            self._store.remember_all(seen)
            self._shared.unsynced.update(os.path.dirname(o.path) for o in batch.outcomes)

    def _go_on(self) -> None:
        if self._line.stopped:
            raise Halted
