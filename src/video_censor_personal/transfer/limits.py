"""How hard the engine may try."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Limits", "RetryPolicy"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the line and of the servers may be used. None: no limit.

    Attributes:
        connect_s: how long one try to connect may take.
        stall_s: how long a connection may stay (nearly) silent.
    """

    connections: int = 24
    connections_per_file: int = 24
    bytes_per_s: int | None = None
    bytes_per_s_per_file: int | None = None
    connect_s: float = 10.0
    stall_s: float = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """One try more than there are `waits_s`; each wait gets up to `jitter` (a share) added.

    A server's `Retry-After` wins over a shorter wait; one longer than `longest_wait_s` ends
    the tries. A try that brought new bytes starts the count again.
    """

    waits_s: tuple[float, ...] = (2.0, 4.0, 8.0)
    jitter: float = 0.1
    longest_wait_s: float = 120.0

    def wait_s(self, failed: int) -> float | None:
        """How long to wait after that many failed tries (1 or more); None: give up."""
        if failed > len(self.waits_s):
            return None
        return self.waits_s[failed - 1] * (1 + self.jitter * random.random())
