"""The five calls, on a real server, a loopback hub and the real cache."""

import os
import threading
import time

import pytest
from service_client import has_bytes


def test_the_whole_life_of_a_model(hub, client):
    hub.add_model("org/model", size=300_000, files=2)
    assert client.status("org/model")["status"] == "NOT_FOUND"

    answer = client.download("org/model")
    assert answer.status_code == 202
    job = client.until_ended(answer.json()["download_id"])
    assert job["state"] == "done"
    assert job["progress"]["done_bytes"] == job["progress"]["fetched_bytes"] == 600_002

    status = client.status("org/model")
    assert status["status"] == "DOWNLOADED"
    assert status["progress"] is None
    assert status["error_message"] is None
    (listed,) = client.get("/api/models/list").json()["models"]
    assert listed["status"] == "DOWNLOADED"
    assert listed["model"] == {"hf_repo": "org/model", "hf_commit": status["commit"]}
    assert client.get("/api/models/space").json()["cache_size_bytes"] >= 600_002

    assert client.delete_model("org/model").status_code == 200
    assert client.status("org/model")["status"] == "NOT_FOUND"
    assert client.get("/api/models/list").json() == {"models": []}
    assert client.delete_model("org/model").status_code == 404


def test_the_hugging_face_library_finds_what_was_downloaded(hub, client, tmp_path):
    library = pytest.importorskip("huggingface_hub")
    commit = hub.add_model("org/model", size=100_000)
    client.until_ended(client.create("org/model")["id"])
    cache = tmp_path / "hf" / "hub"
    path = library.snapshot_download("org/model", cache_dir=cache, local_files_only=True)
    assert path.endswith(commit)
    assert sorted(os.listdir(path)) == ["config.json", "model-0.safetensors"]
    scan = library.scan_cache_dir(cache)
    assert not scan.warnings
    check = library.HfApi(endpoint=hub.endpoint).verify_repo_checksums("org/model", cache_dir=cache)
    assert (check.checked_count, check.mismatches, check.missing_paths) == (2, [], [])


def test_damage_on_disk_is_seen_and_only_it_is_repaired(hub, client, tmp_path):
    hub.add_model("org/model", size=300_000, files=3)
    client.until_ended(client.create("org/model")["id"])
    (snapshot,) = (tmp_path / "hf/hub/models--org--model/snapshots").iterdir()
    damaged = (snapshot / "model-1.safetensors").resolve()
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    status = client.status("org/model")
    assert status["status"] == "PARTIAL"
    assert "model-1.safetensors" in status["error_message"]
    assert "checksum" in status["error_message"]
    hub.files.requests.clear()
    job = client.until_ended(client.create("org/model")["id"])
    assert job["state"] == "done"
    assert {r.path.rpartition("/")[2] for r in hub.files.requests} == {"model-1.safetensors"}
    assert damaged.read_bytes() == content
    assert client.status("org/model")["status"] == "DOWNLOADED"


def test_files_that_nobody_verified_are_not_called_downloaded_before_they_are(
    hub, client, tmp_path
):
    """As another program leaves them: without a record of ours, one of them wrong."""
    library = pytest.importorskip("huggingface_hub")
    hub.add_model("org/model", size=100_000, files=2)
    cache = tmp_path / "hf" / "hub"
    library.snapshot_download("org/model", cache_dir=cache, endpoint=hub.endpoint)
    assert client.status("org/model")["status"] == "DOWNLOADED"
    path = library.hf_hub_download(
        "org/model", "model-0.safetensors", cache_dir=cache, local_files_only=True
    )
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"other")
    assert client.status("org/model")["status"] == "PARTIAL"


def test_the_state_while_it_downloads_has_true_bytes(hub, client):
    hub.pace = 200_000
    hub.add_model("org/model", size=8 << 20)
    answer = client.download("org/model").json()
    client.until(answer["download_id"], has_bytes(200_000))
    status = client.status("org/model")
    assert status["status"] == "DOWNLOADING"
    progress = status["progress"]
    assert 200_000 <= progress["downloaded_bytes"] < progress["total_bytes"] == (8 << 20) + 2
    assert progress["elapsed_seconds"] > 0
    assert progress["start_time"].endswith("Z")
    (listed,) = client.get("/api/models/list").json()["models"]
    assert listed["status"] == "PARTIAL"


def test_refusals(hub, client):
    hub.pace = 50_000
    for name in "abcde":
        hub.add_model(f"org/{name}", size=4 << 20)
    assert client.download("org/a").status_code == 202
    again = client.download("org/a")
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert again.json()["code"] == "already_downloading"
    assert client.download("org/b").status_code == 202
    assert client.download("org/c").status_code == 202
    fourth = client.download("org/d")
    assert fourth.status_code == 429
    assert int(fourth.headers["retry-after"]) >= 1
    queued = client.download("org/d", queue=True)
    assert queued.status_code == 202
    assert queued.json()["state"] == "queued"


def test_deleting_a_model_stops_the_download_of_any_of_its_versions(hub, client):
    hub.pace = 400_000
    commit = hub.add_model("org/model", size=16 << 20)
    answer = client.download("org/model", hf_commit=hub.repositories["org/model"].branches["main"])
    assert answer.status_code == 202, commit
    client.until(answer.json()["download_id"], has_bytes(300_000))
    assert client.delete_model("org/model").json()["status"] == "cancelled"
    assert client.job(answer.json()["download_id"])["state"] == "cancelled"


def test_deleting_what_downloads_stops_it_at_once(hub, client):
    hub.pace = 400_000
    hub.add_model("org/model", size=16 << 20)
    answer = client.download("org/model").json()
    client.until(answer["download_id"], has_bytes(300_000))
    began = time.monotonic()
    cancelled = client.delete_model("org/model")
    took = time.monotonic() - began
    assert cancelled.status_code == 200
    assert cancelled.json()["status"] == "cancelled"
    assert took < 3  # the download would have taken half a minute
    # What was in the server's and the system's buffers may still leave; a transfer would go on.
    for _ in range(10):
        sent = hub.files.sent_bytes
        threading.Event().wait(0.3)
        if hub.files.sent_bytes == sent:
            break
    assert hub.files.sent_bytes == sent < 8 << 20
    assert client.job(answer["download_id"])["state"] == "cancelled"
    status = client.status("org/model")
    assert status["status"] == "PARTIAL"
    assert client.delete_model("org/model").json()["status"] == "deleted"
    assert client.status("org/model")["status"] == "NOT_FOUND"


def test_a_model_that_does_not_exist_fails_with_the_reason(hub, client):
    answer = client.download("org/nothing")
    assert answer.status_code == 202
    job = client.until_ended(answer.json()["download_id"])
    assert job["state"] == "failed"
    assert job["error"]["code"] == "not_found"
    status = client.status("org/nothing")
    assert status["status"] == "NOT_FOUND"
    assert "org/nothing" in status["error_message"]


def test_it_downloads_whatever_offline_mode_says(hub, serve, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.add_model("org/model", size=10_000)
    client = serve()
    assert client.until_ended(client.create("org/model")["id"])["state"] == "done"


def test_malformed_bodies(client):
    for body, status in (
        (b"{", 400),
        (b"[]", 422),
        (b"\xff\xfe", 400),
        (b'{"hf_repo": "../../etc"}', 422),
        (b'{"hf_repo": "a/b/c"}', 422),
        (b'{"hf_repo": "org/model", "hf_commit": "../x"}', 422),
        (b'{"hf_repo": "org/model", "prority": 3}', 422),
        (b'{"hf_repo": "' + b"x" * 100_000 + b'"}', 413),
    ):
        answer = client.post(
            "/api/models/download", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == status, body[:50]
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]
