"""A service that is stopped and started again in the same process, and one that never is."""

import os
import socket
import threading
import time
from dataclasses import dataclass, field, replace

import pytest
from fastapi import FastAPI
from running_service import LocalService
from service_client import TOKEN, Client, has_bytes

from video_censor_personal.service import create_app, create_router


@pytest.fixture
def app(settings):
    app = FastAPI()
    app.include_router(create_router(settings, token=TOKEN, probes=True))
    return app


def test_it_downloads_and_verifies_again(hub, app, tmp_path):
    for turn in ("first", "second"):
        hub.add_model(f"org/{turn}", size=1 << 20)
        with LocalService(app) as service, Client(service.address) as client:
            job = client.until_ended(client.create(f"org/{turn}")["id"])
            assert job["state"] == "done"
            blobs = tmp_path / "hf" / "hub" / f"models--org--{turn}" / "blobs"
            for blob in blobs.iterdir():
                os.utime(blob)  # so that it has to be read again
            ends = time.monotonic() + 20
            while client.status(f"org/{turn}")["status"] != "DOWNLOADED":
                assert time.monotonic() < ends


def test_it_tells_progress_again_and_goes_on_where_it_was(hub, app):
    hub.pace = 200_000
    hub.add_model("org/model", size=8 << 20)
    with LocalService(app) as service, Client(service.address) as client:
        job = client.create("org/model")["id"]
        had = client.until(job, has_bytes(500_000))["progress"]["done_bytes"]
    with LocalService(app) as service, Client(service.address) as client:
        client.until(job, has_bytes(had + 500_000))
        hub.pace = None
        assert client.until_ended(job)["state"] == "done"


@dataclass
class NameServer:
    """Does not answer the first question for the hub's name until `answered`; `thread` asked it."""

    asked: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


@pytest.fixture
def names(hub, monkeypatch):
    """A name server that takes its time, which nobody can interrupt."""
    port = int(hub.endpoint.rpartition(":")[2])
    server, real = NameServer(), socket.getaddrinfo

    def resolve(host, at, *args, **kwargs):
        if at == port and not server.asked.is_set():
            server.thread = threading.current_thread()
            server.asked.set()
            server.answered.wait(30)
        return real(host, at, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return server


def test_a_run_that_a_stop_left_behind_changes_nothing(hub, app, names):
    """It waits until the job has been done anew."""
    hub.add_model("org/model", size=1000)
    with LocalService(app) as service, Client(service.address) as client:
        job = client.create("org/model")["id"]
        assert names.asked.wait(20)
    with LocalService(app) as service, Client(service.address) as client:
        assert client.until_ended(job)["state"] == "done"
        names.answered.set()
        names.thread.join(20)
        assert not names.thread.is_alive()
        assert client.job(job)["state"] == "done"


def test_a_run_that_outlives_the_service_ends_in_silence(hub, app, names):
    """An exception in its thread would fail this test."""
    hub.add_model("org/model", size=1000)
    with LocalService(app) as service, Client(service.address) as client:
        client.create("org/model")
        assert names.asked.wait(20)
    names.answered.set()
    names.thread.join(20)
    assert not names.thread.is_alive()


@pytest.mark.parametrize("path", ["/api/models/list", "/api/events", "/api/downloads", "/readyz"])
def test_a_service_whose_lifespan_does_not_run_says_so(settings, path):
    outer = FastAPI()
    outer.mount("/ml", create_app(replace(settings), token=TOKEN))
    with LocalService(outer) as service, Client(service.address) as client:
        assert client.get("/ml/livez").status_code == 200
        answer = client.get(f"/ml{path}")
        assert answer.status_code == 503
        assert answer.json()["code"] == "not_ready"
