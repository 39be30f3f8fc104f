"""Tells other programs how downloads ended, signed as https://www.standardwebhooks.com wants it.

A message is written in the transaction that ends the job, so none is lost or made up, and kept
until it was delivered or given up. Only addresses that the person who runs the service named are
called; a client cannot name one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from video_censor_personal.errors import ConfigError
from video_censor_personal.service.facts import describe_job, timestamp
from video_censor_personal.service.jobs import Job
from video_censor_personal.service.ledger import Ledger, Transaction
from video_censor_personal.service.metrics import Metrics
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.settings import ServiceSettings
from video_censor_personal.transfer.address import parse_url, redact

__all__ = ["Webhooks", "sign"]

log = logging.getLogger(__name__)

# The schedule that the specification proposes, without its first, immediate try.
_WAITS_S = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
_TIMEOUT = urllib3.Timeout(connect=5.0, read=15.0)
_LEDGER_WAIT_S = 5.0
_KEPT = 1000


def sign(secret: bytes, message_id: str, seconds: int, body: str) -> str:
    """The header `webhook-signature` of a message."""
    signed = f"{message_id}.{seconds}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


class Webhooks:
    """The deliveries of a service. `clock` gives Unix seconds."""

    def __init__(
        self,
        settings: ServiceSettings,
        ledger: Ledger,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises `ConfigError` for an address or a secret that is none."""
        for url in settings.webhooks:
            _check_url(url)
        self._urls = settings.webhooks
        self._secret = _read_secret(settings.webhook_secret) if settings.webhooks else b""
        self._ledger, self._metrics, self._clock = ledger, metrics, clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool = urllib3.PoolManager(maxsize=2, retries=False)

    def start(self) -> None:
        """Deliver what is due, now and later."""
        self._stopping.clear()
        if self._urls:
            self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; what was not delivered is for the next start. Idempotent."""
        self._stopping.set()
        self._wake.set()
        self._pool.clear()
        if self._thread is not None:
            self._thread.join(0.5)  # a request under way is left behind; its thread is a daemon
            self._thread = None

    def note(self, transaction: Transaction, job: Job) -> None:
        """Write the messages about a job that just ended."""
        now = self._clock()
        facts = {"type": f"download.{job.state}", "timestamp": timestamp(now)}
        body = json.dumps(facts | {"data": describe_job(job)}, separators=(",", ":"))
        for url in self._urls:
            transaction.execute(
                "INSERT INTO delivery(id, url, body, created_s, due_s) VALUES(?, ?, ?, ?, ?)",
                f"msg_{secrets.token_hex(12)}",
                url,
                body,
                now,
                now,
            )
        transaction.execute(
            "DELETE FROM delivery WHERE due_s IS NULL AND rowid <= "
            f"(SELECT max(rowid) - {_KEPT} FROM delivery)"
        )

    def wake(self) -> None:
        """Look whether something is due. Call it when what was noted is on disk."""
        self._wake.set()

    def log(self, limit: int) -> list[dict[str, Any]]:
        """The latest deliveries, latest first."""
        rows = self._ledger.read("SELECT * FROM delivery ORDER BY rowid DESC LIMIT ?", limit)
        return [_describe(row) for row in rows]

    def redeliver(self, message_id: str) -> dict[str, Any]:
        """Try a message again now, whatever became of it.

        Raises:
            Problem: 404.
        """
        now = self._clock()
        rows = self._ledger.write(
            lambda t: t.execute(
                "UPDATE delivery SET due_s = ?, tries = 0 WHERE id = ? RETURNING *", now, message_id
            )
        )
        if not rows:
            raise Problem(404, "no_such_delivery", f"There is no delivery {message_id}.")
        self._wake.set()
        return _describe(rows[0])

    # -- delivering

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            for row in self._insist(
                lambda: self._ledger.read(
                    "SELECT * FROM delivery WHERE due_s <= ? ORDER BY due_s LIMIT 20", self._clock()
                )
            ):
                if self._stopping.is_set():
                    return
                self._deliver(row)
            for row in self._insist(
                lambda: self._ledger.read("SELECT min(due_s) AS next FROM delivery")
            ):
                pause_s = 60.0 if row["next"] is None else row["next"] - self._clock()
                self._wake.wait(min(60.0, max(0.0, pause_s)))

    def _insist(self, use: Callable[[], list[sqlite3.Row]]) -> list[sqlite3.Row]:
        """The rows that `use` gets of the ledger, as soon as that lets it; none at the end.

        Nothing goes on before: what was sent and is not written would be sent again.
        """
        while not self._stopping.is_set():
            try:
                return use()
            except sqlite3.Error as exc:
                log.error("the delivery of webhooks waits for the ledger: %s", exc)
                self._stopping.wait(_LEDGER_WAIT_S)
        return []

    def _deliver(self, row: sqlite3.Row) -> None:
        status, error = self._send(row["url"], row["id"], row["body"])
        if self._stopping.is_set():
            return
        tries, now = row["tries"] + 1, self._clock()
        is_delivered = status is not None and 200 <= status < 300
        due = None
        if not is_delivered and tries <= len(_WAITS_S) and status != 410:
            due = now + _WAITS_S[tries - 1]
        facts = (tries, due, status, error, now if is_delivered else None, row["id"])
        self._insist(
            lambda: self._ledger.write(
                lambda t: t.execute(
                    "UPDATE delivery SET tries = ?, due_s = ?, status = ?, error = ?, "
                    "delivered_s = ? WHERE id = ?",
                    *facts,
                )
            )
        )
        self._metrics.delivered("ok" if is_delivered else "failed" if due else "given_up")

    def _send(self, url: str, message_id: str, body: str) -> tuple[int | None, str | None]:
        seconds = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "video-censor-personal",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": sign(self._secret, message_id, seconds, body),
        }
        try:
            response = self._pool.request(
                "POST",
                url,
                body=body.encode(),
                headers=headers,
                redirect=False,
                timeout=_TIMEOUT,
                preload_content=False,
            )
            status = response.status
            response.close()
        except urllib3.exceptions.HTTPError as exc:
            log.warning("the webhook %s was not reached (%s)", redact(url), type(exc).__name__)
            return None, type(exc).__name__
        return status, None if 200 <= status < 300 else f"it answered {status}"


def _describe(row: sqlite3.Row) -> dict[str, Any]:
    message: Mapping[str, Any] = json.loads(row["body"])
    return {
        "id": row["id"],
        "url": redact(row["url"]),
        "type": message["type"],
        "download_id": message["data"]["id"],
        "created_at": timestamp(row["created_s"]),
        "delivered_at": timestamp(row["delivered_s"]),
        "tries": row["tries"],
        "next_try_at": timestamp(row["due_s"]),
        "status": row["status"],
        "error": row["error"],
    }


def _check_url(url: str) -> None:
    try:
        parse_url(url)
    except ConfigError as exc:
        raise ConfigError(f"--webhook: {exc}", key="--webhook") from exc


def _read_secret(text: str | None) -> bytes:
    if text and text.startswith("whsec_"):
        try:
            secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) >= 24:
            return secret
    raise ConfigError(
        "--webhook needs VIDEO_CENSOR_WEBHOOK_SECRET: whsec_ and at least 24 bytes in base64, "
        'for example: echo "whsec_$(openssl rand -base64 32)"',
        key="VIDEO_CENSOR_WEBHOOK_SECRET",
    )
