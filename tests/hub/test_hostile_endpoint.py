"""An endpoint that wants to do harm writes nothing outside the cache and gets a clear error."""

import hashlib
import os

import pytest
from hub_server import LoopbackHub

from video_censor_personal.config import ModelSource
from video_censor_personal.errors import RegistryAnswerError, RegistryError, VideoCensorError
from video_censor_personal.huggingface_registry import HuggingFaceRegistry
from video_censor_personal.models_lock import ModelsLock
from video_censor_personal.sources import Deliveries
from video_censor_personal.store import Store
from video_censor_personal.transfer import Engine, RetryPolicy

FILES = {"model.bin": b"m" * 5000, "config.json": b"{}"}
AT_ONCE = RetryPolicy(waits_s=())


@pytest.fixture
def fetch(tmp_path, hub):
    """Fetch `hf://org/model`; afterwards nothing may lie outside the folders it may write."""
    hub.add("org/model", FILES, lfs=["model.bin"])
    folder = tmp_path / "a" / "b" / "models"
    registry = HuggingFaceRegistry(tmp_path / "registry", retry=AT_ONCE)

    def fetch_(**source):
        deliveries = Deliveries(Store(folder), ModelsLock(tmp_path / "models.lock"), registry)
        model = ModelSource(
            "model", **({"url": "hf://org/model"} | source), checksum="", size_bytes=0
        )
        (outcome,) = deliveries.fetch([model], Engine(retry=AT_ONCE))
        return outcome

    yield fetch_
    assert set(os.listdir(tmp_path)) <= {"a", "registry", "hf", "models.lock"}
    for place, allowed in ((tmp_path / "hf", {"hub"}), (folder.parent, {"models"})):
        assert not place.exists() or set(os.listdir(place)) <= allowed
    assert not (tmp_path.parent / "evil").exists()
    for root, folders, names in os.walk(tmp_path):
        assert not [name for name in (*folders, *names) if "evil" in name], root


def change(hub, pattern, key, value, *, only="model.bin"):
    """Let the hub say `value` for `key` (dotted) of its file or model."""

    def lie(data):
        entries = [e for e in data if e.get("path") == only] if isinstance(data, list) else [data]
        for entry in entries:
            *outer, last = key.split(".")
            for part in outer:
                entry = entry[part]
            entry[last] = value
        return data

    hub.rewrite(pattern, lie)


PATHS = [
    "../evil",
    "a/../../evil",
    "/evil",
    "//host/share/evil",
    "\\\\host\\share\\evil",
    "..\\evil",
    "C:evil",
    "C:\\evil",
    "evil\0.bin",
    "evil\n.bin",
    ".",
    "..",
    "",
    "a//evil",
    "./evil",
    "evil/",
    "evil\ud800",
    "x" * 300,
    "evil/" * 400 + "x",
    "x" * 10_000_000,
    None,
    7,
    ["evil"],
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ascii(path)[:24])
def test_file_names(hub, fetch, path):
    change(hub, "/tree/", "path", path)
    outcome = fetch()
    assert isinstance(outcome.error.__cause__, RegistryAnswerError)
    assert len(str(outcome.error)) < 1000
    assert "cannot be used" in str(outcome.error)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lfs.oid", "../../evil"),
        ("lfs.oid", "a" * 63),
        ("lfs.oid", "A" * 64),
        ("lfs.oid", "/" * 64),
        ("lfs.oid", "a" * 40),
        ("lfs.oid", "٣" * 64),
        ("oid", "../evil"),
        ("oid", None),
        ("xetHash", "../evil"),
        ("size", -1),
        ("size", 10**30),
        ("size", "5000"),
        ("size", 1.5),
        ("size", True),
        ("size", None),
        ("lfs.size", 4999),
        ("lfs", "evil"),
        ("lfs", []),
    ],
)
def test_checksums_and_sizes(hub, fetch, key, value):
    change(hub, "/tree/", key, value)
    outcome = fetch()
    if value == []:  # an empty value is no large file, and git's checksum of it is right
        assert outcome.ok
    else:
        assert isinstance(outcome.error.__cause__, RegistryAnswerError)


@pytest.mark.parametrize("commit", ["../../../evil", "main", "a" * 39, "A" * 40, "", None, 7])
def test_commits(hub, fetch, commit):
    change(hub, "/revision/", "sha", commit)
    assert isinstance(fetch().error.__cause__, RegistryAnswerError)


@pytest.mark.parametrize("name", ["../evil", "a/b/c", "/evil", "a\\b", "evil\0", 7])
def test_names_of_models(hub, fetch, name):
    change(hub, "/revision/", "id", name)
    assert isinstance(fetch().error.__cause__, RegistryAnswerError)


def test_files_beside_themselves(hub, fetch):
    hub.rewrite("/tree/", lambda tree: [*tree, {**tree[0], "path": f"{tree[0]['path']}/evil"}])
    assert "as a file and as a folder" in str(fetch().error)


def test_a_file_twice(hub, fetch):
    hub.rewrite("/tree/", lambda tree: [*tree, tree[0]])
    assert "listed twice" in str(fetch().error)


@pytest.mark.parametrize(
    "answer", [[], {}, None, 7, "evil", [7], [None], [[]], [{}], [{"type": "file"}]]
)
def test_answers_of_another_shape(hub, fetch, answer):
    hub.rewrite("/tree/", lambda _: answer)
    outcome = fetch()
    assert isinstance(outcome.error.__cause__, RegistryError)


@pytest.mark.parametrize("ref", ["../evil", "a/../../evil", "/evil", "a\0", "", "x" * 999])
def test_versions(hub, tmp_path, ref):
    hub.add("org/model", FILES)
    hub.rewrite("/refs", lambda refs: refs | {"tags": [{"name": ref, "targetCommit": "a" * 40}]})
    registry = HuggingFaceRegistry(tmp_path / "registry", retry=AT_ONCE)
    with pytest.raises(RegistryAnswerError):
        registry.query_model("org/model")


def test_an_endless_list_of_files(hub, fetch):
    link = f'<{hub.endpoint}/api/models/org/model/tree/x?cursor=1>; rel="next"'
    hub.play("/tree/", 200, {"Link": link}, b"[]", times=10_000)
    assert "pages" in str(fetch().error)


def test_a_list_that_goes_on_elsewhere(hub, fetch):
    with LoopbackHub() as other:
        link = f'<{other.endpoint}/api/evil>; rel="next"'
        hub.play("/tree/", 200, {"Link": link}, b"[]")
        assert "sent us to" in str(fetch().error)
        assert not other.requests


def test_an_answer_without_end(hub, fetch):
    hub.play("/tree/", 200, body=b"[" + b" " * (33 << 20))
    assert "longer than 32 MiB" in str(fetch().error)


def test_json_that_nests_without_end(hub, fetch):
    hub.play("/tree/", 200, body=b"[" * 1_000_000)
    assert "not JSON" in str(fetch().error)


def test_an_answer_of_a_terabyte(hub, fetch):
    hub.play("/tree/", 200, {"Content-Length": str(1 << 40), "Connection": "close"}, b"[]")
    assert fetch().error is not None


@pytest.mark.parametrize("header", ["X" * 100_000, "../evil"])
def test_headers_of_the_api(hub, fetch, header):
    hub.play("/revision/", 200, {"X-Repo-Commit": header, "ETag": header, "Link": header})
    assert isinstance(fetch().error, VideoCensorError)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/evil",
        "http://127.0.0.1:1/evil",
        "//169.254.169.254/latest/meta-data",
        "http://[::1",
        "",
        "\\\\host\\share",
        "x" * 50_000,
    ],
    ids=lambda location: location[:20],
)
def test_redirects_of_the_api(hub, fetch, location):
    hub.play("/revision/", 307, {"Location": location}, times=9)
    assert isinstance(fetch().error.__cause__, RegistryError)


def test_redirects_in_a_circle(hub, fetch):
    hub.play("/revision/", 307, {"Location": "/api/models/org/model/revision/main"}, times=99)
    assert "redirects for ever" in str(fetch().error)


def test_a_size_of_a_terabyte_finds_no_room(hub, fetch):
    terabytes = 15 << 40
    change(hub, "/tree/", "size", terabytes)
    change(hub, "/tree/", "lfs.size", terabytes)
    outcome = fetch()
    assert "free" in str(outcome.error)
    assert not hub.asked("/resolve/")


def test_other_bytes_than_promised_are_never_the_model(hub, fetch, tmp_path):
    honest = hub.repositories["org/model"].commits
    (tree,) = honest.values()
    wrong = hashlib.sha256(b"else").hexdigest()
    change(hub, "/tree/", "lfs.oid", wrong)
    outcome = fetch()
    assert "checksum" in str(outcome.error)
    assert not (tmp_path / "a" / "b" / "models" / "model").exists()
    assert not list((tmp_path / "hf").rglob("snapshots/*/*"))
    assert tree["model.bin"].content == FILES["model.bin"]


def test_headers_of_a_file_decide_nothing(hub, fetch, tmp_path):
    headers = {"ETag": '"../../evil"', "X-Linked-Etag": '"/evil"', "X-Repo-Commit": "../evil"}
    hub.play("/resolve/.*/config.json", 200, headers, FILES["config.json"])
    outcome = fetch()
    assert outcome.ok
    assert (outcome.path / "config.json").read_bytes() == b"{}"


# -- the token


def test_the_token_goes_to_the_endpoint_only(hub, fetch, monkeypatch):
    hub.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert fetch().ok
    for seen in hub.requests:
        expected = "Bearer hf_secret" if seen.host == "hub" else None
        assert seen.headers.get("Authorization") == expected
        assert "hf_secret" not in seen.path
    assert {seen.host for seen in hub.requests} == {"hub", "cdn"}


def test_the_token_goes_to_no_hub_that_an_address_names(hub, fetch, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with LoopbackHub() as other:
        other.add("org/model", FILES, lfs=["model.bin"])
        assert fetch(url=f"{other.endpoint}/org/model/resolve/main/model.bin").ok
        assert other.requests
        assert not [seen for seen in other.requests if "Authorization" in seen.headers]
    assert not hub.requests


def test_the_token_is_in_no_message_and_no_file(hub, fetch, monkeypatch, caplog, tmp_path):
    caplog.set_level("DEBUG")
    hub.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch()
    hub.play("/revision/", 500, times=9)
    hub.repositories["org/model"].gated = "manual"
    for _ in range(2):
        (tmp_path / "models.lock").unlink(missing_ok=True)
        assert "hf_secret" not in str(fetch().error)
    assert "hf_secret" not in caplog.text
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hf_secret" not in path.read_bytes()
