"""Answers that are given again when a request is repeated with the same `Idempotency-Key`.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from video_censor_personal.service.ledger import Ledger
from video_censor_personal.service.problems import Problem

__all__ = ["Answers"]

_KEPT_S = 24 * 3600.0


class Answers:
    """The table `answer`. From any thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def find(self, key: str, request: Any) -> tuple[int, Any] | None:
        """The status and body that this request was answered with before.

        Raises:
            Problem: 422, the key was used for another request.
        """
        rows = self._ledger.read(
            "SELECT * FROM answer WHERE key = ? AND created_s > ?", key, time.time() - _KEPT_S
        )
        if not rows:
            return None
        if rows[0]["digest"] != _digest(request):
            raise Problem(
                422, "key_reused", "This Idempotency-Key was used for another request before."
            )
        return rows[0]["status"], json.loads(rows[0]["body"])

    def keep(self, key: str, request: Any, status: int, body: Any) -> None:
        """Remember an answer for a day."""
        now = time.time()

        def change(transaction: Any) -> None:
            transaction.execute("DELETE FROM answer WHERE created_s < ?", now - _KEPT_S)
            transaction.execute(
                "INSERT OR REPLACE INTO answer VALUES(?, ?, ?, ?, ?)",
                key,
                _digest(request),
                status,
                json.dumps(body),
                now,
            )

        self._ledger.write(change)


def _digest(request: Any) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
