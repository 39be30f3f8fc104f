"""A loopback hub whose big files come as slowly as a test wants, and services on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hub_server import LoopbackHub
from loopback import Loopback, Reply, Request, content_of

from video_censor_personal.service import ServiceSettings, create_app, service_settings

TOKEN = "a-token-for-tests-only"
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


class SlowHub(LoopbackHub):
    """A hub whose large files come from another server, `pace` bytes a second a connection.

    `pace` may change at any time; None: as fast as it goes. Only files with `paced` in their path
    are slow.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files = Loopback()
        self.pace: float | None = None
        self.paced = ""

    @property
    def cdn(self) -> str:
        return self.files.origin

    def add_model(self, name: str, *, size: int = 1 << 20, files: int = 1, **more: bytes) -> str:
        """A repository with weights of `size` bytes each; the commit."""
        weights = {f"model-{n}.safetensors": content_of(size, f"{name}{n}") for n in range(files)}
        commit = self.add(name, {"config.json": b"{}", **weights, **more}, lfs=weights)
        for path, content in weights.items():
            self.files.host(f"/{name}/{commit}/{path}", content, tweak=self._pace)
        return commit

    def _pace(self, request: Request, reply: Reply) -> None:
        reply.bytes_per_s = self.pace if self.paced in request.path else None

    def __enter__(self) -> SlowHub:
        self.files.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        super().__exit__(*args)
        self.files.__exit__(*args)


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


class Client(httpx.Client):
    """Talks to one service, with the token unless told otherwise."""

    def __init__(self, address: str, token: str | None = TOKEN) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url=address, headers=headers, timeout=30, trust_env=False)

    def status(self, repo: str, commit: str | None = None) -> dict[str, Any]:
        answer = self.post("/api/models/status", json={"hf_repo": repo, "hf_commit": commit})
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def download(self, repo: str, **options: Any) -> httpx.Response:
        return self.post("/api/models/download", json={"hf_repo": repo, **options})

    def create(self, repo: str, **options: Any) -> dict[str, Any]:
        answer = self.post("/api/downloads", json={"hf_repo": repo, **options})
        assert answer.status_code == 202, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/downloads/{job_id}")
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def delete_model(self, repo: str, commit: str | None = None) -> httpx.Response:
        body = {"hf_repo": repo, "hf_commit": commit}
        return self.request("DELETE", "/api/models", json=body)

    def until_ended(self, job_id: str, seconds: float = 30) -> dict[str, Any]:
        """The job when it is over, as its event stream tells."""
        last = None
        with self.stream(
            "GET", f"/api/downloads/{job_id}/events?format=ndjson", timeout=seconds
        ) as answer:
            for line in answer.iter_lines():
                last = json.loads(line) if line else last
        return self.job(job_id)

    def until(
        self, job_id: str, is_there: Callable[[dict[str, Any]], bool], seconds: float = 20
    ) -> dict[str, Any]:
        """The first event of the job that `is_there` accepts."""
        with self.stream(
            "GET", f"/api/downloads/{job_id}/events?format=ndjson", timeout=seconds
        ) as answer:
            for line in answer.iter_lines():
                if not line:
                    continue
                facts = json.loads(line)["data"]
                facts = facts["downloads"][0] if "downloads" in facts else facts
                if is_there(facts):
                    result: dict[str, Any] = facts
                    return result
        raise AssertionError(f"the stream ended; the job is {self.job(job_id)}")


def has_bytes(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda job: job["progress"]["done_bytes"] >= count


class Service:
    """`video-censor serve` as a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self.folder, self.options, self.port = folder, options, port
        self.process: subprocess.Popen[str] | None = None
        self.address = ""
        self.log = folder / "service.log"

    def start(self) -> Service:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "video_censor", "serve"),
                    *("--port", str(self.port), "--state-dir", str(self.folder / "state")),
                    *("--reserve", "0", *self.options),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ.copy(),
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Listening on "), self.log.read_text()
        self.address = line.removeprefix("Listening on ").strip()
        self.port = int(self.address.rpartition(":")[2])
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self._close()

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(15)
        took = time.monotonic() - began
        self._close()
        return code, took

    def _close(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services; whatever still runs in the end is killed."""
    started: list[Service] = []

    def start(*options: str, port: int = 0) -> Service:
        service = Service(tmp_path, *options, port=port)
        started.append(service)
        return service.start()

    yield start
    for service in started:
        if service.process is not None:
            service.kill()


class LocalService:
    """An application in a thread of this process: starts in a fraction of the time."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(512)
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, ws="none")
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run, args=([self._listening],))

    def __enter__(self) -> LocalService:
        self._thread.start()
        with httpx.Client(trust_env=False) as client:
            client.get(f"{self.address}/livez", timeout=20)  # accepted once it has started
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self.app.state, "manager"):
            self.app.state.manager.listeners.close()
        self.server.should_exit = True
        self._thread.join(20)
        self._listening.close()


@pytest.fixture
def settings(hub: SlowHub, tmp_path: Path) -> ServiceSettings:
    return replace(
        service_settings(state_dir=tmp_path / "state"),
        reserve_bytes=0,
        retry_waits_s=(0.01, 0.02, 0.03),
    )


@pytest.fixture
def serve(settings: ServiceSettings) -> Iterator[Callable[..., Client]]:
    """Starts a service in this process, with other settings where named; a client of it."""
    with contextlib.ExitStack() as running:

        def start(*, token: str | None = TOKEN, **changes: Any) -> Client:
            app = create_app(replace(settings, **changes))
            service = running.enter_context(LocalService(app))
            return running.enter_context(Client(service.address, token))

        yield start


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    return serve()
