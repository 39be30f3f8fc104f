"""Webhooks against a real receiver that checks signatures and has bad days."""

import base64
import contextlib
import hashlib
import hmac
import json
import sqlite3
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from running_service import LocalService
from service_client import Client

from video_censor_personal.errors import ConfigError
from video_censor_personal.service import create_app, ledger, webhooks
from video_censor_personal.service.manager import Manager

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver(HTTPServer):
    """Answers with `answers` in turn, then 204."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.got = []
        self.before_answer = lambda: None
        self.arrived = threading.Condition()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?key=secret"

    def wait_for(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, 20)
        return self.got


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.before_answer()
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        with self.server.arrived:
            self.server.got.append((dict(self.headers), body))
            self.server.arrived.notify_all()

    def log_message(self, *_):
        """Silence."""


@pytest.fixture
def receive():
    started = []

    def start(*answers):
        receiver = Receiver(*answers)
        thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
        thread.start()
        started.append((receiver, thread))
        return receiver

    yield start
    for receiver, thread in started:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def is_signed(headers, body):
    """As a receiver checks it (https://www.standardwebhooks.com)."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split()


def delivery(client, **expected):
    """The latest delivery, once it is as expected."""
    deadline = time.monotonic() + 20
    while True:
        (latest, *_) = client.get("/api/webhooks/deliveries").json()["deliveries"]
        if all(latest[key] == value for key, value in expected.items()):
            return latest
        assert time.monotonic() < deadline, latest


def test_the_vector_of_the_specification():
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = webhooks.sign(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_service_that_is_started_again_tells_again(hub, settings, receive):
    receiver = receive()
    app = create_app(replace(settings, webhooks=(receiver.url,), webhook_secret=SECRET))
    for count in (1, 2):
        with LocalService(app) as service, Client(service.address) as client:
            client.until_ended(client.create("org/missing")["id"])
            receiver.wait_for(count)


def test_every_end_is_told_with_a_signature(hub, serve, receive):
    receiver = receive()
    client = serve(webhooks=(receiver.url,), webhook_secret=SECRET)
    hub.pace, hub.paced = 20_000, "slow"
    hub.add_model("org/model", size=1000)
    hub.add_model("org/slow", size=1 << 20)
    done = client.until_ended(client.create("org/model")["id"])
    failed = client.until_ended(client.create("org/missing")["id"])
    slow = client.create("org/slow")["id"]
    client.post(f"/api/downloads/{slow}/cancel")
    got = receiver.wait_for(3)
    assert all(is_signed(headers, body) for headers, body in got)
    told = {(m["type"], m["data"]["id"]) for m in (json.loads(body) for _, body in got)}
    assert told == {
        ("download.done", done["id"]),
        ("download.failed", failed["id"]),
        ("download.cancelled", slow),
    }
    assert len({headers["webhook-id"] for headers, _ in got}) == 3


def test_a_receiver_that_fails_is_tried_again_and_the_log_says_so(hub, serve, receive, monkeypatch):
    monkeypatch.setattr(webhooks, "_WAITS_S", (0.05, 0.05, 0.05))
    receiver = receive(500, 302)
    client = serve(webhooks=(receiver.url,), webhook_secret=SECRET)
    hub.add_model("org/model", size=1000)
    client.until_ended(client.create("org/model")["id"])
    got = receiver.wait_for(3)
    assert len({headers["webhook-id"] for headers, _ in got}) == 1
    logged = delivery(client, status=204)
    assert logged["tries"] == 3
    assert logged["error"] is None
    assert logged["delivered_at"]
    assert "secret" not in logged["url"]
    again = client.post(f"/api/webhooks/deliveries/{logged['id']}/redeliver")
    assert again.status_code == 202
    assert len(receiver.wait_for(4)) == 4
    assert client.post("/api/webhooks/deliveries/msg_x/redeliver").status_code == 404


def test_one_that_never_answers_is_given_up(hub, serve, monkeypatch):
    monkeypatch.setattr(webhooks, "_WAITS_S", (0.01,))
    client = serve(webhooks=("http://127.0.0.1:1/",), webhook_secret=SECRET)
    client.until_ended(client.create("org/missing")["id"])
    logged = delivery(client, next_try_at=None)
    assert logged["tries"] == 2
    assert logged["status"] is None
    assert logged["error"]


def test_a_ledger_that_is_busy_delays_deliveries_and_ends_none(
    hub, serve, receive, settings, monkeypatch, caplog
):
    """A message that was sent is not sent again for it either."""
    monkeypatch.setattr(ledger, "_BUSY_MS", 20)
    monkeypatch.setattr(webhooks, "_LEDGER_WAIT_S", 0.02)
    receiver = receive()
    client = serve(webhooks=(receiver.url,), webhook_secret=SECRET)
    (file,) = settings.state_dir.glob("service-*.sqlite3")
    with contextlib.closing(
        sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    ) as other:
        receiver.before_answer = lambda: other.execute("BEGIN IMMEDIATE")
        client.until_ended(client.create("org/missing")["id"])
        receiver.wait_for(1)
        deadline = time.monotonic() + 20
        while "waits for the ledger" not in caplog.text:
            assert time.monotonic() < deadline
        receiver.before_answer = lambda: None
        other.execute("ROLLBACK")
    assert delivery(client, status=204)["tries"] == 1
    client.until_ended(client.create("org/missing")["id"])
    assert len(receiver.wait_for(2)) == 2


@pytest.mark.parametrize("secret", [None, "abc", "whsec_!!!", "whsec_c2hvcnQ="])
def test_a_secret_that_is_none_is_refused(settings, secret):
    with pytest.raises(ConfigError, match="VIDEO_CENSOR_WEBHOOK_SECRET"):
        Manager(replace(settings, webhooks=("http://x/",), webhook_secret=secret))
