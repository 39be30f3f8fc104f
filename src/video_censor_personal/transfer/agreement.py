"""What a server's answer says about the file, and whether it can be used."""

from __future__ import annotations

from video_censor_personal.transfer.faults import ChangedFault, Fault, SizeFault, StatusFault
from video_censor_personal.transfer.http import Response
from video_censor_personal.transfer.job import Job
from video_censor_personal.transfer.routes import Route
from video_censor_personal.transfer.segments import Kind, Segment

__all__ = ["accept", "range_headers", "refusal"]


def range_headers(job: Job, segment: Segment, route: Route) -> tuple[str, str]:
    """The values of Range and If-Range to ask with; empty: leave it out."""
    if segment.kind in (Kind.WHOLE, Kind.STREAM):
        return "", ""
    end = "" if segment.end is None else str(segment.end - 1)
    condition = ""
    if job.source.checksum is None and route.validator and not route.validator.startswith("W/"):
        condition = route.validator
    return f"bytes={segment.position}-{end}", condition


def accept(job: Job, segment: Segment, route: Route, response: Response) -> None:
    """Take over what the answer says, or refuse it. Under the lock.

    Raises:
        Fault: the answer cannot be used.
        OSError: the partial file cannot be made.
    """
    address = response.address
    if address is not route.address and address.shown != route.address.shown:
        route.resolved = response.address
    if response.status == 206:
        total = _accept_part(segment, response)
    else:
        total = response.length
        if segment.position:
            _accept_all_for_a_part(job, segment, route)
    fits = job.size is None or total is None or total == job.size
    encoding = response.headers.get("content-encoding", "identity").lower()
    # Some servers call a compressed file encoded and send it as it is.
    if encoding != "identity" and (job.source.checksum is None or not fits):
        raise Fault(f"the server sends it encoded as {encoding[:20]!r}, unasked", passing=False)
    if job.size is not None and total is not None and not fits:
        if job.source.size_bytes is None:
            raise ChangedFault(total)
        raise SizeFault(job.size, total)
    _check_version(job, route, response)
    _learn(job, segment, route, response, total)


def refusal(job: Job, fault: StatusFault) -> Fault:
    """What an answer that is no success says about the file."""
    if fault.status != 416 or fault.total is None or fault.total == job.size:
        return fault
    if job.source.size_bytes is None:
        return ChangedFault(fault.total)
    return SizeFault(job.source.size_bytes, fault.total)


def _accept_part(segment: Segment, response: Response) -> int | None:
    found = response.content_range
    if found is None or found.start != segment.position or segment.kind is Kind.WHOLE:
        raise Fault("the server answered with another part of the file than it was asked for")
    return found.total


def _accept_all_for_a_part(job: Job, segment: Segment, route: Route) -> None:
    """200 to a request for a part: the server gives no ranges, at least not to us, now."""
    route.ranges = False
    if any(r.ranges is not False for r in job.routes.alive):
        raise Fault("the server does not give parts of the file")
    _become_stream(job, segment)


def _become_stream(job: Job, segment: Segment) -> None:
    """All bytes come in this one answer: nobody else needs to fetch any."""
    job.single_stream = True
    job.ledger.free.clear()
    segment.kind, segment.position, segment.end = Kind.STREAM, 0, job.size


def _check_version(job: Job, route: Route, response: Response) -> None:
    validator = response.validator
    if job.source.checksum is None and job.versions_of not in (None, route):
        job.versions_of = route
        raise ChangedFault(job.source.size_bytes)  # nothing says that both have the same version
    job.versions_of = route
    if route.validator is None or validator == route.validator:
        route.validator = validator
        return
    before, route.validator = route.validator, validator
    # With a known checksum one change is believed; a server whose ETags differ from machine to
    # machine would else never be done, and the checksum decides in the end.
    if (
        validator is not None
        and before is not None
        and (job.source.checksum is None or not job.restarts)
    ):
        raise ChangedFault(job.source.size_bytes)


def _learn(job: Job, segment: Segment, route: Route, response: Response, total: int | None) -> None:
    first = not job.probed
    job.probed = True
    if segment.kind is Kind.WHOLE:
        return
    if job.size is None and total is not None:
        job.size = total
        _begin_with_size(job, segment, response)
    if response.status == 206:
        route.ranges = True
        if job.source.checksum is None and response.validator is None:
            job.single_stream = True  # two answers might be of two versions
    elif first and segment.kind is Kind.RANGE:
        route.ranges = False
        _become_stream(job, segment)


def _begin_with_size(job: Job, segment: Segment, response: Response) -> None:
    if not job.size:
        segment.end = 0
        return
    job.assemble(job.identity(response.validator))
    segment.end = job.size
    job.ledger.free.clear()
    job.ledger.active.add(segment)
