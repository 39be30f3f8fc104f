"""A loopback hub, and services on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from running_service import LocalService, Service
from service_client import TOKEN, Client
from slow_hub import SlowHub

from video_censor_personal.service import ServiceSettings, create_app, service_settings

_HUB_VARIABLES = (
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
)


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _HUB_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("VIDEO_CENSOR_TOKEN", TOKEN)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowHub]:
    with SlowHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services; whatever still runs in the end is killed."""
    started: list[Service] = []

    def start(*options: str, **more: Any) -> Service:
        service = Service(tmp_path, *options, **more)
        started.append(service)
        return service.start()

    yield start
    for service in started:
        if service.process is not None:
            service.kill()


@pytest.fixture
def settings(hub: SlowHub, tmp_path: Path) -> ServiceSettings:
    return replace(
        service_settings(state_dir=tmp_path / "state"),
        reserve_bytes=0,
        retry_waits_s=(0.01, 0.02, 0.03),
    )


@pytest.fixture
def serve(settings: ServiceSettings) -> Iterator[Callable[..., Client]]:
    """Starts a service in this process, with other settings where named; a client of it. It runs
    until the end of the test, or of `within`."""
    with contextlib.ExitStack() as running:

        def start(
            *,
            token: str | None = TOKEN,
            within: contextlib.ExitStack = running,
            **changes: Any,
        ) -> Client:
            app = create_app(replace(settings, **changes))
            service = within.enter_context(LocalService(app))
            return within.enter_context(Client(service.address, token))

        yield start


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    return serve()
