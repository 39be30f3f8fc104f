"""What whoever receives bytes must heed: the run may be stopped, and the rate may be limited."""

from __future__ import annotations

from typing import Protocol

from video_censor_personal.transfer.faults import Halted
from video_censor_personal.transfer.http import Response
from video_censor_personal.transfer.throttle import Throttle

__all__ = ["Line", "receive_some"]


class Line(Protocol):
    """The way from the servers to this run."""

    throttle: Throttle

    def answered(self, response: Response) -> None:
        """A server answered."""

    def refused(self) -> None:
        """A server said that it gets too many requests."""

    def pause(self, seconds: float) -> None:
        """Sleep, unless the run is stopped: then raise Halted."""

    @property
    def stopped(self) -> bool: ...


def receive_some(line: Line, throttle: Throttle, response: Response, view: memoryview) -> int:
    """Receive into `view` as fast as the run's and the file's own throttle allow; 0 at the end.

    Raises:
        Halted: the run was stopped. Fault: see `Response.readinto`.
    """
    if line.stopped:
        raise Halted
    if not (line.throttle.limited or throttle.limited):
        return response.readinto(view)
    most = min(line.throttle.most(len(view)), throttle.most(len(view)))
    count = response.readinto(view[:most])
    pause_s = max(line.throttle.spend(count), throttle.spend(count))
    if pause_s:
        line.pause(pause_s)
    return count
