"""What may be fetched, from where, and how much of it may stay."""

import contextlib
import errno
import hashlib
import io
import pickle
import zipfile

import pytest
from service_client import has_bytes

from video_censor_personal.service.policy import is_pickle


def archive():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({"a": 1}, protocol=2))
    return data.getvalue()


def test_only_permitted_repositories(hub, serve):
    hub.add_model("good/model", size=1000)
    hub.add_model("bad/model", size=1000)
    client = serve(repositories=("good/*",))
    refused = client.download("bad/model")
    assert refused.status_code == 403
    assert refused.json()["code"] == "repository_not_allowed"
    assert client.download("Good/model").status_code == 202
    assert not hub.asked("bad/model")


def test_a_model_that_the_hub_took_down_is_said_to_be(hub, client):
    hub.add("org/gone", {"config.json": b"{}"}, disabled=True)
    job = client.until_ended(client.create("org/gone")["id"])
    assert job["error"]["code"] == "disabled"
    assert "disabled by the hub" in job["error"]["message"]
    assert not job["error"]["retryable"]
    assert not hub.asked("resolve")


def test_a_cache_that_cannot_be_written_names_the_option_of_the_service(
    hub, serve, tmp_path, caplog
):
    (tmp_path / "file").touch()
    hub.add_model("org/model", size=1000)
    client = serve(cache_dir=tmp_path / "file" / "hub")
    job = client.until_ended(client.create("org/model")["id"])
    assert job["error"]["code"] == "cache_unusable"
    assert "--hf-cache" in job["error"]["message"]
    assert "set --hf-cache to another folder" in caplog.text
    assert "models.cache_dir" not in caplog.text


def test_a_renamed_repository_gets_past_no_list(hub, serve):
    hub.add_model("bad/model", size=1000)
    hub.renamed["good/model"] = "bad/model"
    client = serve(repositories=("good/*",))
    job = client.until_ended(client.create("good/model")["id"])
    assert job["error"]["code"] == "repository_not_allowed"
    assert not hub.files.requests


def test_only_configured_hubs(hub, client):
    answer = client.download("org/model", endpoint="http://169.254.169.254")
    assert answer.status_code == 403
    assert answer.json()["code"] == "endpoint_not_allowed"


def test_an_old_download_keeps_to_what_is_permitted_now(hub, serve):
    """The one that goes on by itself, the one that is resumed, and the one that is tried again."""
    other = hub.endpoint.replace("127.0.0.1", "localhost")
    hub.pace = 50_000
    for name in "abc":
        hub.add_model(f"org/{name}", size=1 << 20)
    with contextlib.ExitStack() as first:
        client = serve(within=first, endpoints=(hub.endpoint, other))
        jobs = [client.create(f"org/{name}", endpoint=other)["id"] for name in "abc"]
        for job in jobs:
            client.until(job, has_bytes(1))
        client.post(f"/api/downloads/{jobs[1]}/pause")
        client.post(f"/api/downloads/{jobs[2]}/cancel")
    asked, fetched = len(hub.requests), len(hub.files.requests)
    hub.pace = None
    client = serve()
    client.post(f"/api/downloads/{jobs[1]}/resume")
    client.post(f"/api/downloads/{jobs[2]}/retry")
    for job in jobs:
        assert client.until_ended(job)["error"]["code"] == "endpoint_not_allowed"
    assert (len(hub.requests), len(hub.files.requests)) == (asked, fetched)


def test_the_token_of_the_hub_goes_to_no_other(hub, serve, settings, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.token = "hf_secret"
    hub.add_model("org/model", size=1000)
    other = hub.endpoint.replace("127.0.0.1", "localhost")
    client = serve(endpoints=(hub.endpoint, other))
    client.until_ended(client.create("org/model", endpoint=other)["id"])
    assert not any("Authorization" in seen.headers for seen in hub.requests)
    client.until_ended(client.create("org/model")["id"])
    assert any("Authorization" in seen.headers for seen in hub.requests)
    assert not any("authorization" in request.headers for request in hub.files.requests)


def test_pickles_are_left_out_and_said_so(hub, client):
    hub.add("org/both", {"model.safetensors": b"fine", "pytorch_model.bin": b"\x80\x02"})
    job = client.until_ended(client.create("org/both")["id"])
    assert job["state"] == "done"
    assert job["left_out"] == ["pytorch_model.bin"]
    assert client.status("org/both")["status"] == "DOWNLOADED"
    assert not hub.asked("resolve.*pytorch_model.bin")


def test_a_repository_of_pickles_alone_is_refused_unless_configured(hub, serve):
    hub.add("org/pickled", {"config.json": b"{}", "model.pt": archive()})
    client = serve()
    job = client.until_ended(client.create("org/pickled")["id"])
    assert job["error"]["code"] == "format_refused"
    assert "model.pt" in job["error"]["message"]
    assert not hub.asked("resolve")


def test_pickles_are_fetched_where_that_is_configured(hub, serve):
    hub.add("org/pickled", {"config.json": b"{}", "model.pt": archive()})
    client = serve(allow_pickle=True)
    assert client.until_ended(client.create("org/pickled")["id"])["state"] == "done"


def test_a_pickle_that_an_earlier_run_brought_is_refused_too(hub, client, tmp_path):
    content = archive() + b"\0" * 1000
    hub.add("org/sly", {"config.json": b"{}", "model.bin": content}, lfs=["model.bin"])
    blobs = tmp_path / "hf" / "hub" / "models--org--sly" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / hashlib.sha256(content).hexdigest()).write_bytes(content)
    job = client.until_ended(client.create("org/sly")["id"])
    assert job["error"]["code"] == "format_refused"
    assert not list(blobs.iterdir())


@pytest.mark.parametrize("content", [archive(), pickle.dumps([1], protocol=4)])
def test_a_pickle_under_another_name_never_appears(hub, client, tmp_path, content):
    hub.add(
        "org/sly", {"config.json": b"{}", "model.bin": content + b"\0" * 1000}, lfs=["model.bin"]
    )
    hub.files.host(
        f"/org/sly/{hub.repositories['org/sly'].branches['main']}/model.bin", content + b"\0" * 1000
    )
    job = client.until_ended(client.create("org/sly")["id"])
    assert job["error"]["code"] == "format_refused"
    folder = tmp_path / "hf" / "hub" / "models--org--sly"
    assert not list(folder.glob("snapshots/*/*"))
    assert client.status("org/sly")["status"] != "DOWNLOADED"


def test_what_cannot_be_looked_at_is_kept(hub, client, tmp_path, monkeypatch):
    """Only a format that is refused costs the download."""
    hub.add_model("org/model", size=100_000)

    def fail(path):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr("video_censor_personal.service.policy.is_pickle", fail)
        job = client.until_ended(client.create("org/model")["id"])
    assert job["error"]["code"] == "cache_unusable"
    assert job["error"]["retryable"]
    assert "Too many open files" in job["error"]["message"]
    assert len(list((tmp_path / "hf" / "hub" / "models--org--model" / "blobs").iterdir())) == 2
    hub.files.requests.clear()
    client.post(f"/api/downloads/{job['id']}/retry")
    assert client.until_ended(job["id"])["state"] == "done"
    assert not hub.files.requests


def test_weights_that_are_no_pickles_are_told_apart(tmp_path):
    for name, content, expected in (
        ("ctranslate2", b"\x06\x00\x00\x00\x0c\x00WhisperSpec", False),
        ("gguf", b"GGUF\x03\x00\x00\x00", False),
        ("safetensors", (200).to_bytes(8, "little") + b'{"a"', False),
        ("pickle", pickle.dumps({}), True),
        ("torch", archive(), True),
        ("empty", b"", False),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert is_pickle(path) is expected, name


def test_the_least_recently_used_makes_room_and_what_is_pinned_stays(hub, serve):
    for name in ("old", "kept", "new"):
        hub.add_model(f"org/{name}", size=400_000)
    client = serve(quota_bytes=900_000)
    for name in ("kept", "old"):
        client.until_ended(client.create(f"org/{name}")["id"])
    assert client.put("/api/models/pin", json={"hf_repo": "org/kept", "pinned": True}).json()
    assert client.until_ended(client.create("org/new")["id"])["state"] == "done"
    listed = client.get("/api/models/list").json()["models"]
    assert {m["model"]["hf_repo"]: m["pinned"] for m in listed} == {
        "org/kept": True,
        "org/new": False,
    }
    assert "video_censor_models_evicted_total 1" in client.get("/metrics").text


def test_what_can_never_fit_evicts_nothing(hub, serve):
    hub.add_model("org/small", size=100_000)
    hub.add_model("org/big", size=600_000)
    client = serve(quota_bytes=500_000)
    client.until_ended(client.create("org/small")["id"])
    job = client.until_ended(client.create("org/big")["id"])
    assert job["error"]["code"] == "quota"
    assert client.status("org/small")["status"] == "DOWNLOADED"
    assert not [r for r in hub.files.requests if "org/big" in r.path]


def test_what_is_unfinished_counts_too(hub, serve):
    hub.pace, hub.paced = 50_000, "org/big"
    hub.add_model("org/big", size=8 << 20)
    hub.add_model("org/small", size=8_500_000)
    client = serve(quota_bytes=9_000_000)
    job = client.create("org/big")["id"]
    client.until(job, has_bytes(800_000))
    assert client.post(f"/api/downloads/{job}/pause").json()["state"] == "paused"
    assert client.get("/api/models/space").json()["cache_size_bytes"] > 500_000
    refused = client.until_ended(client.create("org/small")["id"])
    assert refused["state"] == "failed"
    assert refused["error"]["code"] == "quota"


def test_the_reserve_of_the_disk_is_left_alone(hub, serve):
    hub.add_model("org/model", size=1000)
    client = serve(reserve_bytes=1 << 60)
    job = client.until_ended(client.create("org/model")["id"])
    assert job["error"]["code"] == "no_room"
    assert job["error"]["retryable"]
    assert not hub.files.requests


def test_a_full_queue_is_said(hub, serve):
    hub.pace = 10_000
    for name in "abc":
        hub.add_model(f"org/{name}", size=1 << 20)
    client = serve(queue_length=2)
    job = client.create("org/a")
    client.create("org/b")
    refused = client.post("/api/downloads", json={"hf_repo": "org/c"})
    assert refused.status_code == 429
    assert refused.json()["code"] == "queue_full"
    client.until(job["id"], has_bytes(1))
