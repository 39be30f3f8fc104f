"""Where a file can be had: its URL and mirrors, what is known of each, and which one is next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from video_censor_personal.transfer.address import Address
from video_censor_personal.transfer.faults import Fault, StatusFault

__all__ = ["Route", "Routes"]

# What servers of signed URLs answer once the signature is too old.
_EXPIRED_STATUS = frozenset({400, 401, 403, 404, 410})


@dataclass(slots=True, eq=False)
class Route:
    """One URL of a file.

    Attributes:
        resolved: where its redirects led last, asked directly until that stops working.
        validator: ETag or date of the file as first seen here.
        ranges: whether it gives parts of the file; None: not known yet.
        dead: why it is not asked again.
    """

    address: Address
    resolved: Address | None = None
    validator: str | None = None
    ranges: bool | None = None
    dead: Fault | None = None

    @property
    def next_address(self) -> Address:
        return self.resolved or self.address

    def forget_resolved(self, fault: Fault) -> bool:
        """Ask the URL itself again if a redirect's target has expired; whether that was it."""
        if self.resolved is None or not isinstance(fault, StatusFault):
            return False
        if fault.status not in _EXPIRED_STATUS:
            return False
        self.resolved = None
        return True


@dataclass(slots=True)
class Routes:
    """The routes of one file, best first; `served` is the one that gave bytes last."""

    all: list[Route] = field(default_factory=list)
    served: Route | None = None

    @classmethod
    def of(cls, addresses: tuple[Address, ...]) -> Routes:
        return cls([Route(address) for address in addresses])

    @property
    def alive(self) -> list[Route]:
        """Those that may be asked, beginning with the one that served last."""
        living = [r for r in self.all if r.dead is None]
        if self.served in living:
            at = living.index(self.served)
            return living[at:] + living[:at]
        return living

    def pick(self, avoided: Collection[Route]) -> Route:
        """The best route that is not `avoided`, else the best."""
        living = self.alive
        return next((route for route in living if route not in avoided), living[0])

    def rotate(self) -> None:
        """Begin with the next mirror from now on."""
        living = self.alive
        self.served = living[1 % len(living)] if living else None
