"""What can go wrong with one request, and whether trying again can help.

These never leave the engine: a file that could not be had ends with an error of `errors.py`.
"""

from __future__ import annotations

__all__ = ["ChangedFault", "Fault", "Halted", "PrivateFault", "SizeFault", "StatusFault"]

# https://www.rfc-editor.org/rfc/rfc9110#status.codes: these say that the trouble can pass.
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 508, 520, 521, 522, 523, 524})


class Halted(Exception):
    """The work was asked to stop."""


class Fault(Exception):
    """One request failed.

    Attributes:
        passing: whether the same request may succeed later.
    """

    def __init__(self, message: str, *, passing: bool = True) -> None:
        self.passing = passing
        super().__init__(message)


class StatusFault(Fault):
    """The server answered with a status that is no success.

    Attributes:
        retry_after_s: when to come again, if it said so.
        total: the size of its file, if it said so (416).
    """

    total: int | None = None

    def __init__(self, status: int, reason: str, retry_after_s: float | None = None) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(
            f"the server answered {status} {reason}".rstrip(), passing=status in _PASSING_STATUS
        )


class SizeFault(Fault):
    """The server's file has another size than the declared one."""

    def __init__(self, expected: int, actual: int) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(
            f"the server's file has {actual:,} bytes instead of {expected:,}", passing=False
        )


class PrivateFault(Fault):
    """The way leads into a network where nothing may be fetched from; `netloc` is the host."""

    def __init__(self, netloc: str) -> None:
        super().__init__(
            f"{netloc} lies in a private network, where nothing may be fetched unless it was "
            "configured",
            passing=False,
        )


class ChangedFault(Fault):
    """The file on the server is another one than at the last request; `size` if it said so."""

    def __init__(self, size: int | None) -> None:
        self.size = size
        super().__init__("the file changed on the server")
