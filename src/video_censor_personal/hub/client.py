"""Questions to a hub's API: bounded, patient, and with the token only where it belongs.

The transfer engine moves files; this asks small questions. An answer is read up to a limit and
within a deadline, a redirect is followed only inside the endpoint's own origin (a renamed
repository answers with one), and nothing here trusts a length that a server declares.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from video_censor_personal.errors import (
    ConfigError,
    RegistryAnswerError,
    RegistryError,
    RegistryUnreachableError,
)
from video_censor_personal.hub.environment import has_login
from video_censor_personal.hub.names import shorten
from video_censor_personal.hub.refusals import refusal
from video_censor_personal.transfer import CancelToken, RetryPolicy
from video_censor_personal.transfer.address import Address, parse_url
from video_censor_personal.transfer.proxies import proxy_for
from video_censor_personal.transfer.trust import make_tls_context

__all__ = ["Answer", "ApiClient"]

# A listing page of 1,000 files is 250 kB; the largest honest answers are some MB.
_LARGEST_ANSWER = 32 << 20
_DEADLINE_S = 60.0
_MOST_REDIRECTS = 4
_TIMEOUT = urllib3.Timeout(connect=10.0, read=20.0)
_OURS = {
    "accept": "application/json",
    "accept-encoding": "identity",  # a length limit on what is unpacked needs no bomb
    "user-agent": "video-censor-personal",
}
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Answer:
    """Parsed JSON, the address that gave it in the end, and the next page's, if there is one."""

    data: Any
    address: Address
    next_url: str | None = None


class ApiClient:
    """Asks one origin. Threads may share it; connections are kept alive between questions.

    Args:
        endpoint: the base address, with or without a path.
        headers: sent with every question, to this origin only.
        setting: the environment variable that names the endpoint, for messages.
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str] | None = None,
        *,
        setting: str = "HF_ENDPOINT",
        retry: RetryPolicy | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.endpoint, self.setting = endpoint.rstrip("/"), setting
        given = {name: v for name, v in (headers or {}).items() if name.lower() not in _OURS}
        self._headers = {**given, **_OURS}
        self._retry, self._cancel = retry or RetryPolicy(), cancel or CancelToken()
        self._pool: urllib3.PoolManager | None = None
        self._pool_lock = threading.Lock()

    @property
    def with_token(self) -> bool:
        """Whether questions carry a login."""
        return has_login(self._headers)

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        model: str | None = None,
        expect_json: bool = True,
    ) -> Answer:
        """Ask for `path` under the endpoint, or for a whole URL inside its origin.

        Not `expect_json`: that it was answered is all that counts; `data` is then None.

        Raises:
            RegistryError: as `refusals.refusal` says, after the tries that can help.
        """
        url = path if path.startswith(("http://", "https://")) else self.endpoint + path
        if query:
            url += "?" + urlencode(query)
        waits = list(self._retry.waits_s)
        while True:
            try:
                return self._ask(url, model, expect_json)
            except RegistryUnreachableError as error:
                if not waits or self._cancel.wait(self._pause_s(error, waits.pop(0))):
                    raise

    def close(self) -> None:
        """Close the connections. Idempotent."""
        with self._pool_lock:
            if self._pool is not None:
                self._pool.clear()

    def _pause_s(self, error: RegistryUnreachableError, planned_s: float) -> float:
        """Seconds before the next try; raises `error` if the server wants too many."""
        if error.retry_after_s is not None:
            if error.retry_after_s > self._retry.longest_wait_s:
                raise error
            return error.retry_after_s
        return planned_s * (1 + random.uniform(0, self._retry.jitter))

    def _ask(self, url: str, model: str | None, expect_json: bool) -> Answer:
        try:
            address = self._inside(parse_url(url), model)
            for _ in range(_MOST_REDIRECTS):
                with contextlib.closing(self._send(address, model)) as response:
                    if response.status in _REDIRECTS:
                        location = response.headers.get("Location", "")
                        address = self._inside(address.follow(location), model)
                        continue
                    if response.status != 200:
                        raise refusal(
                            response.status,
                            response.headers,
                            url=address.shown,
                            model=model,
                            with_token=self.with_token,
                            setting=self.setting,
                        )
                    data = self._read_json(response, address, model) if expect_json else None
                    return Answer(data, address, _next_link(response.headers.get("Link", "")))
        except ConfigError as exc:
            raise RegistryAnswerError(
                f"{self.endpoint} sent us to an address that is none: {exc}", model=model
            ) from exc
        raise RegistryAnswerError(
            f"{address.shown} redirects for ever. Is {self.setting} right?",
            model=model,
            url=address.shown,
        )

    def _inside(self, address: Address, model: str | None) -> Address:
        if address.origin == parse_url(self.endpoint).origin:
            return address
        raise RegistryAnswerError(
            f"{self.endpoint} sent us to {shorten(address.origin)} for an answer of its own API, "
            "which no hub does; nothing was asked there",
            model=model,
            url=self.endpoint,
        )

    def _send(self, address: Address, model: str | None) -> urllib3.BaseHTTPResponse:
        try:
            return self._connections(address).request(
                "GET",
                address.origin + address.path,
                headers=self._headers,
                redirect=False,
                retries=False,
                timeout=_TIMEOUT,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as exc:
            raise self._broken(address, model, exc) from exc

    def _connections(self, address: Address) -> urllib3.PoolManager:
        with self._pool_lock:
            if self._pool is None:
                context = make_tls_context()
                proxy = proxy_for(address)
                if proxy is None:
                    self._pool = urllib3.PoolManager(maxsize=8, ssl_context=context)
                else:
                    headers = (
                        {"Proxy-Authorization": proxy.basic_auth} if proxy.basic_auth else None
                    )
                    self._pool = urllib3.ProxyManager(
                        proxy.origin, proxy_headers=headers, maxsize=8, ssl_context=context
                    )
            return self._pool

    def _read_json(
        self, response: urllib3.BaseHTTPResponse, address: Address, model: str | None
    ) -> Any:
        """The body, if it is JSON, ends in time and is not too long."""
        body, deadline = bytearray(), time.monotonic() + _DEADLINE_S
        try:
            while chunk := response.read1(1 << 16):
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise self._unusable(
                        address, model, f"is longer than {_LARGEST_ANSWER >> 20} MiB"
                    )
                if time.monotonic() > deadline:
                    raise self._unusable(address, model, f"had no end after {_DEADLINE_S:.0f} s")
        except urllib3.exceptions.HTTPError as exc:
            raise self._broken(address, model, exc) from exc
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise self._unusable(address, model, "is not JSON") from exc

    def _broken(
        self, address: Address, model: str | None, exc: urllib3.exceptions.HTTPError
    ) -> RegistryUnreachableError:
        return RegistryUnreachableError(
            f"{address.shown} cannot be reached ({shorten(str(exc), 200)}). Check the connection, "
            f"HTTPS_PROXY and {self.setting}.",
            model=model,
            url=address.shown,
        )

    def _unusable(self, address: Address, model: str | None, why: str) -> RegistryError:
        return RegistryAnswerError(
            f"the answer of {address.shown} {why}. Is {self.setting} right?",
            model=model,
            url=address.shown,
        )


def _next_link(header: str) -> str | None:
    """The next page of a listing (https://www.rfc-editor.org/rfc/rfc8288)."""
    for link in header.split(","):
        target, _, parameters = link.partition(";")
        if 'rel="next"' in parameters.replace(" ", ""):
            return target.strip().strip("<>")
    return None
