"""A misbehaving server, an empty store, and an engine that does not wait long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fetching import IMPATIENT, Fetch
from loopback import Loopback, sha256

from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    Engine,
    FileProgress,
    Limits,
    Outcome,
    RetryPolicy,
    Source,
    make_plan,
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def events() -> list[FileProgress]:
    return []


@pytest.fixture
def fetch(store: Store, events: list[FileProgress]) -> Fetch:
    """Fetch one file named `model` with this content; keyword arguments go to `Source`."""

    def run(
        *urls: str,
        content: bytes | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy = IMPATIENT,
        **fields: object,
    ) -> Outcome:
        if content is not None:
            fields = {"size_bytes": len(content), "checksum": sha256(content), **fields}
        source = Source("model", urls, "model", **fields)  # type: ignore[arg-type]
        engine = Engine(limits or Limits(stall_s=3.0), retry)
        (outcome,) = engine.fetch(make_plan([source], store), events.append)
        return outcome

    return run
