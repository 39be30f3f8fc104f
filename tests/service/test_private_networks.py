"""A hub sends nobody into a private network, with or without a proxy."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from loopback import content_of

from video_censor_personal.service.addresses import reachable_from


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("3fff::1", False),
        ("192.0.0.8", False),
        ("::", False),
        # IPv6 addresses that carry an IPv4 address, which a gateway may unwrap
        ("::ffff:10.0.0.1", False),  # mapped
        ("::ffff:93.184.215.14", True),
        ("::10.0.0.1", False),  # compatible
        ("::93.184.215.14", True),
        ("::ffff:0:127.0.0.1", False),  # translated
        ("64:ff9b::7f00:1", False),  # NAT64
        ("64:ff9b::169.254.169.254", False),
        ("64:ff9b::93.184.215.14", True),
        ("64:ff9b:1::93.184.215.14", False),  # NAT64 of a network of one's own
        ("2002:7f00:1::", False),  # 6to4
        ("2002:5db8:d70e::", True),
        ("2001:0:5db8:d70e:0:0:f5ff:fffe", False),  # Teredo: the client is 10.0.0.1
        ("2001:0:a00:1:0:0:a247:28f1", False),  # Teredo: the server is
        ("2606:2800:21f:cb07:0:5efe:10.0.0.1", False),  # ISATAP
        ("fe80::5efe:93.184.215.14", False),
        ("224.0.0.1", False),
        ("no address", False),
    ],
)
def test_which_addresses_are_public(address, permitted):
    rule = reachable_from("https://hub.example")
    assert rule("https://hub.example", "93.184.215.14")
    assert rule("https://cdn.example", address) is permitted


def test_a_configured_hub_in_a_private_network_may_have_its_files_beside_it():
    rule = reachable_from("http://hub.lan")
    assert not rule("http://files.lan", "10.0.0.9")
    assert rule("http://hub.lan", "10.0.0.8")
    assert rule("http://files.lan", "10.0.0.9")
    assert rule("https://cdn.example", "93.184.215.14")
    assert rule("http://files.lan", "64:ff9b::10.0.0.9")
    for address in ("169.254.169.254", "127.0.0.1", "0.0.0.0", "fd00:ec2::254"):
        assert not rule("http://files.lan", address)


def test_a_hub_cannot_send_a_download_to_the_metadata_of_the_cloud(hub, client, monkeypatch):
    """And a hub's own network is told apart by the address, not by the name."""
    hub.add_model("org/model", size=100_000)
    asked = []
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        asked.append(host)
        if host == "innocent.example":
            return real("169.254.169.254", port, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(type(hub), "cdn", "http://innocent.example")
    job = client.until_ended(client.create("org/model")["id"])
    assert "innocent.example" in asked
    assert job["state"] == "failed"
    assert "private network" in job["error"]["message"]


def test_a_name_that_is_rebound_between_two_connections_is_judged_at_each(hub, client, monkeypatch):
    """The check is of the address that is connected to, not of an earlier answer of the DNS."""
    hub.add_model("org/model", size=100_000)
    real = socket.getaddrinfo
    answers = iter(["127.0.0.1"])

    def resolve(host, port, *args, **kwargs):
        if host == "rebound.example":
            return real(next(answers, "10.0.0.1"), port, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    port = hub.files.origin.rpartition(":")[2]
    monkeypatch.setattr(type(hub), "cdn", f"http://rebound.example:{port}")
    assert client.until_ended(client.create("org/model")["id"])["state"] == "done"
    hub.add_model("org/other", size=100_000)
    job = client.until_ended(client.create("org/other")["id"])
    assert job["state"] == "failed"
    assert "private network" in job["error"]["message"]


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
