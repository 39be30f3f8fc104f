"""Questions to a hub's API: bounded, patient, and with the token only where it belongs.

The transfer engine moves files; this asks small questions over the same connections, so that a
silent or dripping hub holds up nobody who asked to stop. An answer is read up to a limit and within
a deadline, a redirect is followed only inside the endpoint's own origin (a renamed repository
answers with one), and nothing here trusts a length that a server declares.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

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
from video_censor_personal.transfer.faults import Fault, Halted
from video_censor_personal.transfer.http import Client, Response
from video_censor_personal.transfer.trust import LazyTls
from video_censor_personal.transfer.wire import Dialer

__all__ = ["DEADLINE_S", "Answer", "ApiClient"]

# A listing page of 1,000 files is 250 kB; the largest honest answers are some MB.
_LARGEST_ANSWER = 32 << 20
DEADLINE_S = 60.0
"""For one try of a question, unless a client is told otherwise."""
_MOST_REDIRECTS = 4
_CONNECT_S, _STALL_S = 10.0, 20.0
_AGENT = "video-censor-personal"
_OURS = {"accept": "application/json"}
# The connection sends these itself; a length limit on what is unpacked needs no bomb.
_ITS_OWN = ("accept-encoding", "user-agent")
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
        cancel: ends a question that is under way, too, as one that did not reach the hub.
        deadline_s: for one try of a question.
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str] | None = None,
        *,
        setting: str = "HF_ENDPOINT",
        retry: RetryPolicy | None = None,
        cancel: CancelToken | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.endpoint, self.setting = endpoint.rstrip("/"), setting
        given = {
            name: value
            for name, value in (headers or {}).items()
            if name.lower() not in (*_OURS, *_ITS_OWN)
        }
        self._headers = {**given, **_OURS}
        self._retry, self._cancel = retry or RetryPolicy(), cancel or CancelToken()
        self._deadline_s = deadline_s
        self._tls = LazyTls()
        self._idle: list[_Line] = []
        self._mutex = threading.Lock()
        weakref.finalize(self, _hang_up, self._idle)  # who forgets `close` leaves nothing open

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
        with self._mutex:
            _hang_up(self._idle)

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
            with self._line() as line:
                for _ in range(_MOST_REDIRECTS):
                    answer = self._exchange(line, address, model, expect_json)
                    if isinstance(answer, Answer):
                        return answer
                    address = self._inside(address.follow(answer), model)
        except ConfigError as exc:
            raise RegistryAnswerError(
                f"{self.endpoint} sent us to an address that is none: {exc}", model=model
            ) from exc
        raise RegistryAnswerError(
            f"{address.shown} redirects for ever. Is {self.setting} right?",
            model=model,
            url=address.shown,
        )

    @contextlib.contextmanager
    def _line(self) -> Iterator[_Line]:
        """A line of this thread's own, for one try."""
        with self._mutex:
            line = self._idle.pop() if self._idle else _Line(self._tls, self._cancel)
        line.ends_at = time.monotonic() + self._deadline_s
        try:
            yield line
        finally:
            with self._mutex:
                self._idle.append(line)

    def _exchange(
        self, line: _Line, address: Address, model: str | None, expect_json: bool
    ) -> Answer | str:
        """What `address` answers: an answer, or where it sends us."""
        try:
            line.check()
            response = line.client.ask(address, self._headers)
            try:
                if response.status in _REDIRECTS:
                    return response.headers.get("location", "")
                if response.status != 200:
                    raise self._refused(response, model)
                data = self._read_json(line, response, model) if expect_json else None
                return Answer(data, address, _next_link(response.headers.get("link", "")))
            finally:
                line.client.done(response)
        except Fault as exc:
            raise self._unreachable(address, model, shorten(str(exc), 200)) from exc
        except Halted as exc:
            if self._cancel.cancelled:
                raise self._unreachable(address, model, "it was asked to stop") from exc
            why = f"had no end after {self._deadline_s:g} s"
            raise self._unusable(address, model, why) from exc

    def _inside(self, address: Address, model: str | None) -> Address:
        if address.origin == parse_url(self.endpoint).origin:
            return address
        raise RegistryAnswerError(
            f"{self.endpoint} sent us to {shorten(address.origin)} for an answer of its own API, "
            "which no hub does; nothing was asked there",
            model=model,
            url=self.endpoint,
        )

    def _refused(self, response: Response, model: str | None) -> RegistryError:
        return refusal(
            response.status,
            response.headers,
            url=response.address.shown,
            model=model,
            with_token=self.with_token,
            setting=self.setting,
        )

    def _read_json(self, line: _Line, response: Response, model: str | None) -> Any:
        """The body, if it is JSON, ends in time and is not too long."""
        body, part = bytearray(), memoryview(bytearray(1 << 16))
        while count := response.readinto(part):
            body += part[:count]
            if len(body) > _LARGEST_ANSWER:
                why = f"is longer than {_LARGEST_ANSWER >> 20} MiB"
                raise self._unusable(response.address, model, why)
            line.check()
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise self._unusable(response.address, model, "is not JSON") from exc

    def _unreachable(
        self, address: Address, model: str | None, why: str
    ) -> RegistryUnreachableError:
        return RegistryUnreachableError(
            f"{address.shown} cannot be reached ({why}). Check the connection, "
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


class _Line:
    """Connections for one question at a time; `ends_at` (monotonic) is the end of its patience."""

    def __init__(self, tls: LazyTls, cancel: CancelToken) -> None:
        self.ends_at = 0.0
        self._cancel = cancel
        self.client = Client(Dialer(tls, _CONNECT_S, _STALL_S, self._is_over), _AGENT)

    def check(self) -> None:
        """Raises `Halted` if the question should end: what comes steadily meets no other check."""
        if self._is_over():
            raise Halted

    def _is_over(self) -> bool:
        return self._cancel.cancelled or time.monotonic() > self.ends_at


def _hang_up(lines: list[_Line]) -> None:
    while lines:
        lines.pop().client.close()


def _next_link(header: str) -> str | None:
    """The next page of a listing (https://www.rfc-editor.org/rfc/rfc8288)."""
    for link in header.split(","):
        target, _, parameters = link.partition(";")
        if 'rel="next"' in parameters.replace(" ", ""):
            return target.strip().strip("<>")
    return None
