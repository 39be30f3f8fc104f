"""A hub behind a proxy sends nobody into a private network either."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from loopback import content_of


class Proxy(ThreadingHTTPServer):
    """Answers every request that it is to pass on with `content`, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = []
        self.content = b""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(self.server.content)

    def log_message(self, *_):
        """Silence."""


@pytest.fixture
def proxy(monkeypatch):
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def names(monkeypatch):
    """What names resolve to on this machine: a list of addresses, or none."""
    known = {}
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if host not in known:
            return real(host, port, *args, **kwargs)
        if not known[host]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [each for ip in known[host] for each in real(ip, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    ("host", "resolved"),
    [
        ("169.254.169.254", None),
        ("2852039166", None),  # the same, as one number
        ("[::ffff:10.0.0.1]", None),
        ("inside.example", ["10.0.0.1"]),
        # The proxy chooses one of them.
        ("both.example", ["93.184.215.14", "10.0.0.1"]),
    ],
)
def test_a_proxy_is_not_sent_into_a_private_network(
    hub, client, proxy, names, monkeypatch, host, resolved
):
    if resolved:
        names[host] = resolved
    hub.add_model("org/model", size=100_000)
    monkeypatch.setattr(type(hub), "cdn", f"http://{host}")
    job = client.until_ended(client.create("org/model")["id"])
    assert job["state"] == "failed"
    assert "private network" in job["error"]["message"]
    assert job["error"]["code"] == "private_network"
    assert not job["error"]["retryable"]
    assert proxy.asked == []


@pytest.mark.parametrize("resolved", [["93.184.215.14"], []])
def test_a_proxy_fetches_what_is_public_or_known_to_it_alone(
    hub, client, proxy, names, monkeypatch, resolved
):
    names["cdn.example"] = resolved
    hub.add_model("org/model", size=100_000)
    proxy.content = content_of(100_000, "org/model0")
    monkeypatch.setattr(type(hub), "cdn", "http://cdn.example")
    job = client.until_ended(client.create("org/model")["id"])
    assert job["state"] == "done", job["error"]
    assert proxy.asked
