"""Who gets to see a token, and through whom bytes come."""

from __future__ import annotations

import base64
import logging
import socket
import threading
from collections.abc import Iterator

import pytest
from fetching import Fetch
from loopback import CERTIFICATE, Loopback, content_of

from video_censor_personal.errors import ConfigError
from video_censor_personal.transfer import FileProgress, Limits, Outcome

BIG = content_of(3_000_001)
TOKEN = "hf_a-secret-token"


@pytest.fixture
def other() -> Iterator[Loopback]:
    with Loopback() as running:
        yield running


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with Loopback(tls=True) as running:
        yield running


def test_a_token_goes_to_its_origin_only(server: Loopback, other: Loopback, fetch: Fetch) -> None:
    target = other.host("/cdn", BIG, tweak=lambda q, r: setattr(r, "bytes_per_s", 5_000_000))
    url = server.redirect("/model", target + "?sig=1")
    headers = {server.origin: {"Authorization": f"Bearer {TOKEN}"}}

    assert fetch(url, content=BIG, headers=headers).ok
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert len(other.requests) > 2
    assert not any("authorization" in r.headers for r in other.requests)


def test_every_origin_gets_its_own_headers(server: Loopback, other: Loopback, fetch: Fetch) -> None:
    url = server.redirect("/model", other.host("/cdn", BIG))
    fetch(url, content=BIG, headers={server.origin: {"X-A": "1"}, other.origin: {"X-B": "2"}})

    assert server.requests[0].headers["x-a"] == "1"
    assert "x-b" not in server.requests[0].headers
    assert other.requests[0].headers["x-b"] == "2"
    assert "x-a" not in other.requests[0].headers


def test_a_password_in_the_url_is_sent_but_never_shown(
    server: Loopback, fetch: Fetch, events: list[FileProgress], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.host("/model", BIG, tweak=lambda q, r: setattr(r, "status", 401))
    url = f"http://me:{TOKEN}@127.0.0.1:{server.port}/model?token={TOKEN}"
    outcome = fetch(url, content=BIG, headers={server.origin: {"X-Key": TOKEN}})

    expected = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    assert server.requests[0].headers["authorization"] == f"Basic {expected}"
    assert "401" in str(outcome.error)
    assert "127.0.0.1" in str(outcome.error)
    told = f"{outcome!r} {outcome.error!r} {outcome.error.__dict__} {events} {caplog.text}"
    assert TOKEN not in told
    assert expected not in told


def test_a_signature_is_never_shown(server: Loopback, fetch: Fetch) -> None:
    server.host("/cdn", BIG, tweak=lambda q, r: setattr(r, "status", 404))
    outcome = fetch(server.redirect("/model", f"/cdn?X-Amz-Signature={TOKEN}"), content=BIG)

    assert not outcome.ok
    assert TOKEN not in f"{outcome!r} {outcome.error}"


def test_no_header_can_be_smuggled_in(server: Loopback, fetch: Fetch) -> None:
    with pytest.raises(ConfigError, match="character"):
        fetch(server.origin + "/m", headers={server.origin: {"X": "1\r\nEvil: 2"}})
    fetch(server.origin + "/a b\u00e9\r\nEvil: 2", content=BIG)
    assert [r.line for r in server.requests] == ["GET /a%20b%C3%A9Evil:%202 HTTP/1.1"]
    assert "evil" not in server.requests[0].headers


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "http://", "data:,x", "/x"])
def test_only_web_urls(url: str, fetch: Fetch) -> None:
    with pytest.raises(ConfigError):
        fetch(url, content=BIG)


def test_a_redirect_to_a_file_is_refused(server: Loopback, fetch: Fetch) -> None:
    outcome = fetch(server.redirect("/model", "file:///etc/passwd"), content=BIG)
    assert "refused" in str(outcome.error)


# -- TLS


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_private_authority(monkeypatch: pytest.MonkeyPatch, fetch: Fetch, variable: str) -> None:
    monkeypatch.setenv(variable, str(CERTIFICATE))
    with Loopback(tls=True) as secure:
        slowly = secure.host("/model", BIG, tweak=lambda q, r: setattr(r, "bytes_per_s", 4e6))
        outcome = fetch(slowly, content=BIG)
    assert outcome.path.read_bytes() == BIG


def test_a_certificate_that_nobody_vouches_for(fetch: Fetch) -> None:
    with Loopback(tls=True) as secure:
        outcome = fetch(secure.host("/model", BIG), content=BIG)
    assert "certificate" in str(outcome.error)
    assert "SSL_CERT_FILE" in str(outcome.error)
    assert outcome.fetched_bytes == 0


def test_a_bundle_that_is_not_there(monkeypatch: pytest.MonkeyPatch, fetch: Fetch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/bundle.pem")
    with Loopback(tls=True) as secure, pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        fetch(secure.host("/model", BIG), content=BIG)


def test_credentials_never_go_from_https_to_http(
    secure: Loopback, server: Loopback, fetch: Fetch
) -> None:
    url = secure.redirect("/model", server.host("/model", BIG))
    headers = {secure.origin: {"Authorization": TOKEN}}

    assert "refused" in str(fetch(url, content=BIG, headers=headers).error)
    assert server.requests == []
    assert fetch(url, content=BIG).ok  # nothing secret, and the checksum decides


def test_a_silent_tls_server_is_given_up(secure: Loopback, fetch: Fetch) -> None:
    url = secure.host("/model", BIG, tweak=lambda q, r: setattr(r, "stall_after", 1000))
    outcome = fetch(url, content=BIG, limits=Limits(stall_s=0.2))
    assert "nothing came" in str(outcome.error)


# -- proxies


class Proxy:
    """A forward proxy that counts what it is asked for."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:pa%20ss@127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        text = head.decode()
        self.heads.append(text)
        method, target, _ = text.split(" ", 2)
        place = target if method == "CONNECT" else target.split("/")[2]
        host, port = place.rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            server.sendall(head.replace(f"http://{place}".encode(), b"", 1))
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()
        client.close()
        server.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    running = Proxy()
    yield running
    running.close()


def was_sent_credentials(proxy: Proxy) -> bool:
    expected = base64.b64encode(b"user:pa ss").decode()
    return all(f"Proxy-Authorization: Basic {expected}" in head for head in proxy.heads)


def through_proxy(outcome: Outcome, proxy: Proxy) -> bool:
    return outcome.path.read_bytes() == BIG and bool(proxy.heads) and was_sent_credentials(proxy)


def test_http_goes_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, server: Loopback, fetch: Fetch, proxy: Proxy
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    outcome = fetch(server.host("/model", BIG), content=BIG)

    assert through_proxy(outcome, proxy)
    assert proxy.heads[0].startswith(f"GET {server.origin}/model HTTP/1.1\r\n")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_goes_through_a_tunnel(
    monkeypatch: pytest.MonkeyPatch, secure: Loopback, fetch: Fetch, proxy: Proxy, variable: str
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    outcome = fetch(secure.host("/model", BIG), content=BIG)

    assert through_proxy(outcome, proxy)
    assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1\r\n")
    assert not any("Proxy-Authorization" in str(r.headers) for r in secure.requests)


def test_no_proxy_excepts_hosts(
    monkeypatch: pytest.MonkeyPatch, server: Loopback, fetch: Fetch, proxy: Proxy
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", "example.org, 127.0.0.0/8")
    assert fetch(server.host("/model", BIG), content=BIG).ok
    assert proxy.heads == []
