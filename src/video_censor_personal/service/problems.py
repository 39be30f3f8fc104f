"""Why a request or a download came to nothing, for programs and for people (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from video_censor_personal.errors import (
    ConfigError,
    DiskSpaceError,
    ModelCacheError,
    ModelChecksumError,
    ModelDisabledError,
    ModelGatedError,
    ModelNotFoundError,
    PrivateNetworkError,
    RegistryAnswerError,
    RegistryLoginError,
    RegistryUnreachableError,
    VideoCensorError,
)

__all__ = ["Problem", "failure_code", "is_retryable", "without_paths"]

_TITLES = {
    400: "Malformed request",
    401: "Authentication needed",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    421: "Wrong host",
    422: "Invalid request",
    429: "Too many",
    431: "Too large",
    500: "Internal error",
    503: "Not available",
    507: "No room",
}


class Problem(VideoCensorError):
    """An answer that is an error.

    Attributes:
        status: the HTTP status.
        code: stays the same over versions; programs compare it.
        retryable: whether the same request may succeed later.
        retry_after_s: when to try again, if known.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        self.status, self.code, self.detail = status, code, detail
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        self.facts = facts
        super().__init__(detail)

    @property
    def retryable(self) -> bool:
        return self.status in (429, 503) or self.retry_after_s is not None

    def to_dict(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": "about:blank",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "retryable": self.retryable,
            **self.facts,
        }


_CODES: tuple[tuple[type[Exception], str, bool], ...] = (
    (ModelGatedError, "gated", False),
    (ModelDisabledError, "disabled", False),
    (ModelNotFoundError, "not_found", False),
    (RegistryLoginError, "login_refused", False),
    (RegistryUnreachableError, "unreachable", True),
    (RegistryAnswerError, "bad_answer", True),
    (DiskSpaceError, "no_room", True),
    (ModelChecksumError, "checksum_mismatch", True),
    (ModelCacheError, "cache_unusable", True),
    (PrivateNetworkError, "private_network", False),
    (ConfigError, "misconfigured", False),
)


def failure_code(error: Exception) -> str:
    """What a failed download's `code` is."""
    if isinstance(error, Problem):
        return error.code
    return next((code for kind, code, _ in _CODES if isinstance(error, kind)), "transfer_failed")


def is_retryable(code: str) -> bool:
    """Whether trying again without changing anything can help."""
    known = {name: retryable for _, name, retryable in _CODES}
    return known.get(code, code in ("transfer_failed", "time_limit", "no_room", "internal"))


def without_paths(text: str, roots: Mapping[str, Path]) -> str:
    """`text` with this machine's folders replaced by what they are for.

    Only whole names of absolute paths: `/` and `.` stand in everything.
    """
    for name, root in sorted(roots.items(), key=lambda item: -len(str(item[1]))):
        if root.is_absolute() and root != root.parent:
            whole = rf"(?<![\w.~-]){re.escape(str(root))}(?![\w-]|\.\w)"
            text = re.sub(whole, f"<{name}>", text)
    return text
