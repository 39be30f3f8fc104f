"""Who may come in, under which name, how often, and what is never told."""

import itertools
import os
import stat
from pathlib import Path

import httpx
import pytest
from running_service import LocalService
from service_client import TOKEN, Client

from video_censor_personal.errors import ConfigError
from video_censor_personal.service import create_app, service_settings
from video_censor_personal.service.problems import Problem, without_paths
from video_censor_personal.service.rates import RequestRate
from video_censor_personal.service.tokens import Token, find_token

MODEL = {"hf_repo": "org/model"}
PRIVATE = [
    ("GET", "/api/models/list"),
    ("GET", "/api/models/space"),
    ("POST", "/api/models/status"),
    ("POST", "/api/models/download"),
    ("DELETE", "/api/models"),
    ("GET", "/api/downloads"),
    ("POST", "/api/downloads"),
    ("GET", "/api/events"),
    ("GET", "/api/webhooks/deliveries"),
    ("GET", "/metrics"),
]


@pytest.fixture
def stranger(client):
    with Client(str(client.base_url), None) as stranger:
        yield stranger


def test_without_the_token_nothing_is_answered(stranger):
    credentials = itertools.cycle([None, "Bearer wrong", "Basic eDp5", f"Token {TOKEN}"])
    for (method, path), credential in zip(PRIVATE * 2, credentials, strict=False):
        headers = {"Authorization": credential} if credential else {}
        answer = stranger.request(method, path, json=MODEL, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "login_needed"


def test_what_everyone_may_see(stranger):
    for path in ("/livez", "/readyz", "/openapi.json", "/docs", "/", "/static/main.js"):
        assert stranger.get(path).status_code == 200, path


def test_every_private_path_of_the_description_wants_the_token(stranger):
    paths = stranger.get("/openapi.json").json()["paths"]
    public = {"/livez", "/readyz", "/api/session"}
    for path, operations in paths.items():
        for method in operations:
            answer = stranger.request(method, path.replace("{job_id}", "x"), json=MODEL)
            assert (answer.status_code == 401) == (path not in public), path


def test_a_browser_gets_a_session_that_scripts_cannot_read(stranger):
    assert stranger.get("/api/session").json() == {"signed_in": False}
    assert stranger.post("/api/session", json={"token": "wrong"}).status_code == 401
    answer = stranger.post("/api/session", json={"token": TOKEN})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert TOKEN not in cookie
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert stranger.get("/api/session").json() == {"signed_in": True}
    assert stranger.get("/api/models/list").status_code == 200
    stolen = dict(stranger.cookies)
    assert stranger.delete("/api/session").status_code == 204
    stranger.cookies.update(stolen)
    assert stranger.get("/api/session").json() == {"signed_in": False}


def test_a_session_survives_a_restart_but_not_another_token(settings):
    cookies = {}
    for token, is_known in ((TOKEN, True), (TOKEN, True), ("quite-another-token", False)):
        service = LocalService(create_app(settings, token=token))
        with service, Client(service.address, None) as browser:
            if not cookies:
                browser.post("/api/session", json={"token": TOKEN})
                cookies = dict(browser.cookies)
            browser.cookies.update(cookies)
            assert browser.get("/api/session").json() == {"signed_in": is_known}


def test_another_sites_page_can_do_nothing(client, stranger):
    stranger.post("/api/session", json={"token": TOKEN})
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "http://[::1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = stranger.post("/api/models/download", json=MODEL, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["code"] == "wrong_origin"
    own = {"Origin": str(stranger.base_url).rstrip("/")}
    assert stranger.post("/api/models/status", json=MODEL, headers=own).status_code == 200


def test_it_answers_under_its_own_names_only(serve):
    client = serve(hosts=("127.0.0.1", "models.lan"))
    assert client.get("/livez").status_code == 200
    assert client.get("/livez", headers={"Host": "models.lan:80"}).status_code == 200
    for method, path in (
        *PRIVATE,
        ("GET", "/"),
        ("GET", "/livez"),
        ("GET", "/livez/"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
        ("PUT", "/api/downloads"),
    ):
        rebound = client.request(method, path, headers={"Host": "evil.example:8080"}, json=MODEL)
        assert rebound.status_code == 421, path
        assert rebound.json()["code"] == "wrong_host", path


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "no_such_path"),
        ("GET", "/livez/", 404, "no_such_path"),
        ("GET", "/static/nothing.js", 404, "no_such_file"),
        ("PUT", "/livez", 405, "wrong_method"),
        ("PUT", "/api/downloads", 405, "wrong_method"),
    ],
)
def test_what_is_not_there_is_answered_like_everything_else(client, method, path, status, code):
    answer = client.request(method, path, headers={"X-Request-ID": "abc-2"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "abc-2"
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status == 405:
        allowed = answer.headers["allow"]
        assert allowed == ("GET, POST" if path == "/api/downloads" else "GET")


def test_too_many_requests_are_told_when_to_come_back(serve):
    client = serve(requests_per_s=0.5, request_burst=5)
    answers = [client.get("/api/models/list").status_code for _ in range(7)]
    assert answers[:5] == [200] * 5
    refused = client.get("/api/models/list")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    with Client(str(client.base_url), None) as other:
        assert other.get("/livez").status_code == 200


def test_a_bucket_fills_again_with_time():
    now = [0.0]
    rate = RequestRate(2.0, 2, lambda: now[0])
    for _ in range(2):
        rate.spend("a")
    with pytest.raises(Problem):
        rate.spend("a")
    rate.spend("b")
    now[0] = 0.5
    rate.spend("a")
    with pytest.raises(Problem):
        rate.spend("a")


def test_long_headers_are_refused(client):
    assert client.get("/livez", headers={"X-Long": "x" * 20_000}).status_code == 431


def test_errors_name_no_folder_of_this_machine(hub, client, tmp_path):
    hub.add_model("org/model", size=50_000)
    (tmp_path / "hf" / "hub" / "models--org--model").mkdir(parents=True)
    (tmp_path / "hf" / "hub" / "models--org--model" / "blobs").write_text("in the way")
    job = client.until_ended(client.create("org/model")["id"])
    assert job["state"] == "failed"
    assert str(tmp_path) not in job["error"]["message"]


@pytest.mark.parametrize(
    ("text", "root", "shown"),
    [
        ("/srv/hf/a (full)", "/srv/hf", "<cache>/a (full)"),
        ("write to /srv/hf. Then", "/srv/hf", "write to <cache>. Then"),
        ("'/srv/hf': no", "/srv/hf", "'<cache>': no"),
        ("file:///srv/hf/a", "/srv/hf", "file://<cache>/a"),
        ("/srv/hf.old, /srv/hf-2, /srv/hf2", "/srv/hf", "/srv/hf.old, /srv/hf-2, /srv/hf2"),
        ("/mnt/srv/hf/a", "/srv/hf", "/mnt/srv/hf/a"),
        ("http://127.0.0.1/a", ".", "http://127.0.0.1/a"),
        ("http://hub/hf/a", "hf", "http://hub/hf/a"),
        ("http://hub/a", "/", "http://hub/a"),
    ],
)
def test_only_whole_folders_are_taken_out_of_messages(text, root, shown):
    assert without_paths(text, {"cache": Path(root)}) == shown


def test_the_cache_has_one_absolute_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert service_settings(cache_dir=Path("hf/../hub")).cache_dir == tmp_path.resolve() / "hub"


def test_the_pages_are_strict(stranger):
    for path in ("/", "/docs", "/static/main.js"):
        headers = stranger.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert stranger.get("/static/../app.py").status_code == 404
    assert stranger.get("/static/..%2fapp.py").status_code == 404


def test_a_token_is_made_once_and_is_its_owners_alone(tmp_path):
    made = find_token(tmp_path / "state", {})
    assert not made.is_given
    assert len(made.text) > 30
    assert made.text not in repr(made)
    assert find_token(tmp_path / "state", {}) == made
    given = find_token(tmp_path / "state", {"VIDEO_CENSOR_TOKEN": TOKEN})
    assert given == Token(TOKEN, is_given=True)
    with pytest.raises(ConfigError, match="VIDEO_CENSOR_TOKEN"):
        find_token(tmp_path, {"VIDEO_CENSOR_TOKEN": "short"})


def test_what_the_service_keeps_is_its_owners_alone(hub, settings):
    """Also where an earlier version left it open to others."""
    old = os.umask(0)
    try:
        for number in range(2):
            hub.add_model(f"org/{number}", size=1000)
            with LocalService(create_app(settings)) as service, Client(service.address) as client:
                client.until_ended(client.create(f"org/{number}")["id"])
                kept = list(settings.state_dir.iterdir())
                modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in kept}
            assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700
            assert any(name.endswith("-wal") for name in modes)
            assert set(modes.values()) == {0o600}, modes
            for path in settings.state_dir.iterdir():
                path.chmod(0o644)
    finally:
        os.umask(old)


def test_problems_have_an_id_that_the_client_may_choose(stranger):
    answer = stranger.get("/api/models/list", headers={"X-Request-ID": "abc-1"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "abc-1"
    odd = httpx.Headers({"X-Request-ID": "a b<script>"})
    assert stranger.get("/api/models/list", headers=odd).json()["request_id"] != "a b<script>"
