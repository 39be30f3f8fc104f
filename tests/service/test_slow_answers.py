"""A hub whose API hardly answers holds up nothing but its own downloads, and those can be ended.

Times are bounds between what a stop takes and what the hub's silence lasts.
"""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
from loopback import Loopback
from service_client import TOKEN, Client

from video_censor_personal.errors import RegistryAnswerError
from video_censor_personal.hub.client import ApiClient

SOON_S = 8.0
"""Longer than anything here takes on a busy machine; a silent answer was waited for 20 s."""


def silent(request, reply):
    reply.delay_s = 300


def dripping(request, reply):
    reply.bytes_per_s = 1


class SlowApi(Loopback):
    """A hub that takes every question about `org/model` and hardly answers."""

    def slow_down(self, manner, *revisions):
        for revision in revisions or ("main",):
            path = f"/api/models/org/model/revision/{revision}"
            self.host(path, b" " * 100_000, tweak=manner)

    def until_asked(self, times=1):
        ends = time.monotonic() + 20
        while len(self.requests) < times:
            assert time.monotonic() < ends, "the hub was not asked"
            time.sleep(0.02)


@pytest.fixture
def api():
    with SlowApi() as api:
        yield api


@pytest.fixture
def client(hub, api, serve):
    return serve(endpoints=(hub.endpoint, api.origin), at_once=1)


@pytest.mark.parametrize("manner", [silent, dripping])
@pytest.mark.parametrize(("action", "state"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_download_stops_while_the_hub_is_asked(hub, api, client, manner, action, state):
    api.slow_down(manner)
    job = client.create("org/model", endpoint=api.origin)["id"]
    api.until_asked()
    began = time.monotonic()
    answer = client.post(f"/api/downloads/{job}/{action}")
    took = time.monotonic() - began
    print(f"{action} took {took:.2f} s")
    assert answer.json()["state"] == state
    assert took < SOON_S
    hub.add_model("org/other", size=1000)
    assert client.until_ended(client.create("org/other")["id"])["state"] == "done"


def test_a_model_is_deleted_while_the_hub_is_asked(api, client):
    api.slow_down(silent)
    job = client.create("org/model", endpoint=api.origin)["id"]
    api.until_asked()
    began = time.monotonic()
    assert client.delete_model("org/model").status_code == 200
    assert time.monotonic() - began < SOON_S
    assert client.job(job)["state"] == "cancelled"


@pytest.fixture
def name_server(api, monkeypatch):
    """One that does not answer for `api` before `answered` is set; nobody can interrupt that."""
    monkeypatch.setattr("video_censor_personal.service.downloads._HALT_S", 0.1)
    server = SimpleNamespace(resolving=threading.Event(), answered=threading.Event())
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if port == api.port:
            server.resolving.set()
            server.answered.wait(20)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return server


def test_what_cannot_stop_at_once_is_said_to_be_stopping(client, api, name_server):
    job = client.create("org/model", endpoint=api.origin)["id"]
    assert name_server.resolving.wait(20)
    refused = client.post(f"/api/downloads/{job}/cancel")
    name_server.answered.set()
    assert refused.status_code == 409
    assert "still stopping" in refused.json()["detail"]
    assert client.until_ended(job)["state"] == "cancelled"


def test_what_is_forgotten_while_it_stops_gives_up_its_place(hub, client, api, name_server):
    job = client.create("org/model", endpoint=api.origin)["id"]
    assert name_server.resolving.wait(20)
    assert client.delete(f"/api/downloads/{job}").status_code == 204
    hub.add_model("org/other", size=1000)
    other = client.create("org/other")
    assert other["state"] == "queued"
    name_server.answered.set()
    assert client.until_ended(other["id"])["state"] == "done"


def test_many_questions_to_a_slow_hub_leave_the_service_free(api, client):
    tags = [f"v{n}" for n in range(16)]
    api.slow_down(silent, "main", *tags)
    client.create("org/model", endpoint=api.origin)
    api.until_asked()
    answers = []

    def ask(tag):
        options = {"hf_commit": tag, "endpoint": api.origin, "queue": True}
        with Client(str(client.base_url), TOKEN) as other:
            answers.append(other.download("org/model", **options).status_code)

    asking = [threading.Thread(target=ask, args=(tag,)) for tag in tags]
    for thread in asking:
        thread.start()
    api.until_asked(4)
    began = time.monotonic()
    assert client.get("/readyz").status_code == 200
    took = time.monotonic() - began
    for thread in asking:
        thread.join()
    assert took < SOON_S
    assert answers == [202] * 16


def test_a_service_that_asks_a_slow_hub_stops_soon_and_answers(hub, api, start_service):
    api.slow_down(silent, "main", "v1")
    service = start_service("--endpoint", api.origin)
    answers = []

    def ask():
        with Client(service.address) as other:
            body = {"hf_repo": "org/model", "hf_commit": "v1", "endpoint": api.origin}
            answers.append(other.post("/api/downloads", json=body).status_code)

    with Client(service.address) as client:
        client.create("org/model", endpoint=api.origin)
    api.until_asked()
    asking = threading.Thread(target=ask)
    asking.start()
    api.until_asked(2)
    code, took = service.stop()
    asking.join()
    print(f"stopped in {took:.2f} s")
    assert (code, answers) == (0, [202])
    assert took < SOON_S


@pytest.mark.parametrize("manner", [silent, dripping])
def test_a_question_has_a_deadline(api, manner):
    api.slow_down(manner)
    asking = ApiClient(api.origin, deadline_s=0.3)
    began = time.monotonic()
    with pytest.raises(RegistryAnswerError, match=r"no end after 0\.3 s"):
        asking.get("/api/models/org/model/revision/main")
    assert time.monotonic() - began < SOON_S
