"""Files of GitHub releases, public and private: whose they are, and who is told which secret."""

import hashlib
import json

import pytest
from loopback import Loopback, Reply, Request

from video_censor_personal.config import ModelSource
from video_censor_personal.errors import ConfigError, ModelChecksumError
from video_censor_personal.models_lock import ModelsLock, Pin, PinnedFile, identity
from video_censor_personal.sources import Deliveries
from video_censor_personal.sources.github_release import ReleaseResolver
from video_censor_personal.store import Store
from video_censor_personal.transfer import Engine, RetryPolicy, Status

BIG = bytes(range(256)) * 2048
URL = "gh://owner/tool@v3.4-weights/640m.onnx"
RELEASE = "/repos/owner/tool/releases/tags/v3.4-weights"
ASSET = "/repos/owner/tool/releases/assets/4711"
LOGIN = "Bearer gh_secret"


class GitHub:
    """The API, the pages and the storage behind both, on an origin each.

    A private release is 404 to strangers, and its page is 404 to everybody who sends a token, as
    GitHub's is.
    """

    def __init__(self) -> None:
        self.api, self.pages, self.storage = Loopback(), Loopback(), Loopback()
        self.is_private, self.content = False, BIG
        self.change: dict[str, object] = {}

    def __enter__(self) -> "GitHub":
        for server in (self.api, self.pages, self.storage):
            server.__enter__()
        self.api.host(RELEASE, tweak=self._release)
        self.api.host(ASSET, tweak=self._asset)
        self.pages.host("/owner/tool/640m.onnx", tweak=self._page)
        self.storage.host("/signed", tweak=self._bytes)
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.api, self.pages, self.storage):
            server.close()

    def sent(self, server: Loopback, header: str) -> set[str | None]:
        return {request.headers.get(header) for request in server.requests}

    def _may_see(self, request: Request, reply: Reply) -> bool:
        login = request.headers.get("authorization")
        if login not in (None, LOGIN):
            reply.status, reply.body = 401, b'{"message": "Bad credentials"}'
        elif self.is_private and login is None:
            reply.status, reply.body = 404, b'{"message": "Not Found"}'
        else:
            return True
        return False

    def _release(self, request: Request, reply: Reply) -> None:
        if self._may_see(request, reply):
            asset = {
                "id": 4711,
                "name": "640m.onnx",
                "size": len(BIG),
                "digest": "sha256:" + hashlib.sha256(BIG).hexdigest(),
                "browser_download_url": f"{self.pages.origin}/owner/tool/640m.onnx",
            }
            reply.body = json.dumps({"assets": [asset | self.change]}).encode()

    def _asset(self, request: Request, reply: Reply) -> None:
        if self._may_see(request, reply):
            if request.headers.get("accept") == "application/octet-stream":
                reply.status, reply.headers["Location"] = 302, f"{self.storage.origin}/signed?s=1"
            else:
                reply.body = json.dumps({"id": 4711}).encode()

    def _page(self, _: Request, reply: Reply) -> None:
        if self.is_private:
            reply.status, reply.body = 404, b"Not Found"
        else:
            reply.status, reply.headers["Location"] = 302, f"{self.storage.origin}/signed?s=2"

    def _bytes(self, request: Request, reply: Reply) -> None:
        reply.body, reply.headers["ETag"] = self.content, '"s"'
        if request.range:
            first, end = request.range
            end = min(end or len(BIG), len(BIG))
            reply.status, reply.body = 206, self.content[first:end]
            reply.headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(BIG)}"


@pytest.fixture
def github(hub_environment, monkeypatch):
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with GitHub() as github:
        monkeypatch.setenv("GITHUB_API_URL", github.api.origin)
        yield github


@pytest.fixture
def fetch(tmp_path):
    """Fetch a release's file on a machine of that name; all of them share `models.lock`."""

    def fetch_(machine="here", **fields):
        store, lock = Store(tmp_path / machine), ModelsLock(tmp_path / "models.lock")
        source = ModelSource("model", URL, "", 0, **fields)
        engine = Engine(retry=RetryPolicy(waits_s=()))
        (outcome,) = Deliveries(store, lock).fetch([source], engine)
        return outcome

    return fetch_


def pin(tmp_path) -> PinnedFile:
    source = ModelSource("model", URL, "", 0)
    return ModelsLock(tmp_path / "models.lock").get(source).files[0]


def test_a_public_file_is_fetched_from_its_page_and_pinned(github, fetch):
    outcome = fetch()
    assert outcome.path.read_bytes() == BIG
    assert not github.api.asked(ASSET)  # strangers may ask the API 60 times an hour
    asked = len(github.api.requests)
    assert fetch().status is Status.PRESENT
    assert fetch("there").ok
    assert len(github.api.requests) == asked


@pytest.mark.parametrize("place", ["GITHUB_TOKEN", "GH_TOKEN", "headers"])
def test_a_private_file_is_fetched_by_who_may_see_it(github, fetch, monkeypatch, place):
    github.is_private = True
    fields = {"headers": {"authorization": LOGIN}} if place == "headers" else {}
    if not fields:
        monkeypatch.setenv(place, LOGIN.removeprefix("Bearer "))
    outcome = fetch(**fields)
    assert outcome.error is None
    assert outcome.path.read_bytes() == BIG
    assert github.sent(github.api, "authorization") == {LOGIN}
    assert github.sent(github.storage, "authorization") == {None}
    # Pinned, the API is asked for the file alone; a stranger is told what is wrong.
    before = len(github.api.requests)
    assert fetch("there", **fields).path.read_bytes() == BIG
    assert {request.path for request in github.api.requests[before:]} == {ASSET}
    monkeypatch.delenv(place, raising=False)
    assert "404" in str(fetch("elsewhere").error)


def test_a_private_file_is_not_there_for_strangers(github, fetch):
    github.is_private = True
    error = str(fetch().error)
    assert "no release v3.4-weights of owner/tool that you may see" in error
    assert "GITHUB_TOKEN" in error


def test_own_headers_go_to_the_api_and_nowhere_else(github, fetch):
    with Loopback() as mirror:
        url = mirror.host("/640m.onnx", BIG)
        own = {"X-Team": "blue", "Accept": "text/html", "Cookie": "c"}
        github.storage.host("/signed", tweak=lambda _, reply: setattr(reply, "status", 404))
        assert fetch(headers=own, mirrors=[url]).path.read_bytes() == BIG
        assert github.pages.requests
        for server in (github.pages, github.storage, mirror):
            assert github.sent(server, "x-team") == {None}
            assert github.sent(server, "cookie") == {None}
    assert github.sent(github.api, "x-team") == {"blue"}
    assert github.sent(github.api, "accept") == {"application/json"}


def test_a_pin_cannot_send_the_headers_elsewhere(github, fetch, tmp_path):
    """`models.lock` comes from others; what it says of an address is no reason to tell a secret."""
    with Loopback() as thief:
        source = ModelSource("model", URL, "", 0)
        file = PinnedFile("640m.onnx", len(BIG), None, url=thief.host("/x", BIG), asset_id=1)
        pin = Pin("model", identity(source), "owner/tool", "v3.4-weights", "v3.4-weights", (file,))
        ModelsLock(tmp_path / "models.lock").put([pin])
        assert fetch(headers={"Authorization": LOGIN, "X-Team": "blue"}).ok
        assert thief.requests
        assert github.sent(thief, "authorization") == github.sent(thief, "x-team") == {None}


def test_the_pages_of_github_itself_count_as_its_api(tmp_path):
    source = ModelSource("model", URL, "", 0, headers={"X-Team": "blue"})
    file = PinnedFile("640m.onnx", 5, "a" * 64, url="https://github.com/x", asset_id=7)
    pin = Pin("model", identity(source), "owner/tool", "v1", "v1", (file,))
    resolver = ReleaseResolver(Store(tmp_path), {"GITHUB_TOKEN": "t"})
    (made,) = resolver.resolve(source, pin).sources
    api = "https://api.github.com"
    assert made.urls == (f"{api}/repos/owner/tool/releases/assets/7", "https://github.com/x")
    assert made.headers["https://github.com"] == {"X-Team": "blue"}
    assert made.headers[api]["Authorization"] == "Bearer t"
    assert len(made.headers) == 2
    (other,) = ReleaseResolver(Store(tmp_path), {}).resolve(source, pin).sources
    assert other.urls == ("https://github.com/x",)


def test_a_token_that_ran_out_does_not_keep_a_pinned_public_file_away(github, fetch, monkeypatch):
    assert fetch().ok
    monkeypatch.setenv("GITHUB_TOKEN", "gh_old")
    assert fetch("there").path.read_bytes() == BIG
    assert github.sent(github.pages, "authorization") == {None}


def test_a_token_that_is_refused_is_told(github, fetch, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "gh_old")
    assert "GitHub refused the login for owner/tool. Renew GITHUB_TOKEN" in str(fetch().error)


def test_a_release_without_checksum_is_held_to_what_came_first(github, fetch, tmp_path):
    github.change["digest"] = None
    assert fetch().ok
    assert pin(tmp_path).sha256 == hashlib.sha256(BIG).hexdigest()
    github.content = BIG[::-1]
    assert isinstance(fetch("there").error, ModelChecksumError)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "other.onnx"}, "'other.onnx'"),
        ({"size": -1}, "cannot be used"),
        ({"digest": "sha256:../evil"}, "cannot be used"),
        ({"browser_download_url": "file:///etc/passwd"}, "cannot be used"),
        ({"id": "../../evil"}, "cannot be used"),
        ({"id": -1}, "cannot be used"),
    ],
)
def test_odd_releases_are_refused(github, fetch, change, words):
    github.change = change
    assert words in str(fetch().error)


def test_an_api_that_is_none_is_named(github, fetch, monkeypatch):
    monkeypatch.setenv("GITHUB_API_URL", "api.example.com")
    with pytest.raises(ConfigError, match=r"GITHUB_API_URL: api\.example\.com"):
        fetch()


def test_a_release_that_is_not_there_is_told(github, fetch):
    github.api.host(RELEASE, tweak=lambda _, reply: setattr(reply, "status", 404))
    assert "no release v3.4-weights of owner/tool" in str(fetch().error)
