"""Waiting, pausing, reordering, trying again, and finding downloads."""

import pytest
from service_client import has_bytes


@pytest.fixture
def busy(hub, serve):
    """A service with one place, which `org/first` holds."""
    hub.pace = 100_000
    for name in ("first", "a", "b", "c"):
        hub.add_model(f"org/{name}", size=4 << 20)
    client = serve(at_once=1)
    client.first = client.create("org/first")["id"]
    return client


def waiting(client):
    jobs = client.get("/api/downloads", params={"state": "queued"}).json()["downloads"]
    jobs.sort(key=lambda job: (-job["priority"], job["position"]))
    return [job["model"]["hf_repo"] for job in jobs]


def test_downloads_wait_for_a_place_and_start_in_order(busy, hub):
    a = busy.create("org/a")
    b = busy.create("org/b")
    assert a["state"] == b["state"] == "queued"
    hub.pace = None
    for job in (busy.first, a["id"], b["id"]):
        assert busy.until_ended(job)["state"] == "done"
    assert busy.job(a["id"])["ended_at"] <= busy.job(b["id"])["started_at"]


def test_priority_and_reordering_decide_who_is_next(busy):
    for name in "abc":
        busy.create(f"org/{name}", priority=5 if name == "c" else 0)
    assert waiting(busy) == ["org/c", "org/a", "org/b"]
    ids = {
        job["model"]["hf_repo"]: job["id"]
        for job in busy.get("/api/downloads", params={"state": "queued"}).json()["downloads"]
    }
    busy.patch(f"/api/downloads/{ids['org/c']}", json={"priority": 0})
    assert waiting(busy) == ["org/a", "org/b", "org/c"]
    moved = busy.patch(f"/api/downloads/{ids['org/c']}", json={"before": ids["org/b"]})
    assert moved.status_code == 200
    assert waiting(busy) == ["org/a", "org/c", "org/b"]
    running = busy.patch(f"/api/downloads/{ids['org/a']}", json={"before": busy.first})
    assert running.status_code == 409


def test_a_download_that_waits_has_the_status_of_its_model(busy, hub):
    hub.add_model("org/new", size=1000)
    answer = busy.download("org/new", queue=True).json()
    assert answer["state"] == "queued"
    status = busy.status("org/new")
    assert answer["status"] == status["status"] == "NOT_FOUND"
    assert status["download_id"] == answer["download_id"]


def test_asking_again_says_what_becomes_of_the_first_download(busy):
    def ask_again(**options):
        refused = busy.post("/api/downloads", json={"hf_repo": "org/a", **options})
        assert refused.status_code == 409
        problem = refused.json()
        assert problem["code"] == "already_downloading"
        assert problem["download_id"] == job["id"]
        assert problem["state"] == busy.job(job["id"])["state"]
        assert job["id"] in problem["detail"]
        return problem["detail"]

    job = busy.create("org/a")
    assert "waits to be downloaded already" in ask_again()
    busy.post(f"/api/downloads/{job['id']}/pause")
    assert "resume" in ask_again()
    busy.until(busy.first, has_bytes(1))
    first = busy.post("/api/downloads", json={"hf_repo": "org/first"}).json()
    assert "is downloading already" in first["detail"]


def test_a_retry_is_refused_for_the_download_that_took_its_place(busy):
    old = busy.create("org/a")["id"]
    busy.post(f"/api/downloads/{old}/cancel")
    new = busy.create("org/a")["id"]
    refused = busy.post(f"/api/downloads/{old}/retry")
    assert refused.status_code == 409
    assert refused.json()["download_id"] == new


def test_the_places_in_the_queue_are_never_used_up(busy):
    jobs = {name: busy.create(f"org/{name}")["id"] for name in "abc"}
    for turn in range(120):
        first, moved = ("b", "a") if turn % 2 == 0 else ("a", "b")
        busy.patch(f"/api/downloads/{jobs[moved]}", json={"before": jobs["c"]})
        assert waiting(busy) == [f"org/{first}", f"org/{moved}", "org/c"], turn
    busy.create("org/d")
    assert waiting(busy) == ["org/a", "org/b", "org/c", "org/d"]


def test_a_stale_order_is_refused(busy):
    job = busy.create("org/a")
    path = f"/api/downloads/{job['id']}"
    tag = busy.get(path).headers["etag"]
    assert busy.patch(path, json={"priority": 1}, headers={"If-Match": tag}).status_code == 200
    assert busy.patch(path, json={"priority": 2}, headers={"If-Match": tag}).status_code == 412


def test_a_paused_download_makes_place_and_goes_on_where_it_was(hub, serve):
    hub.pace, hub.paced = 50_000, "model-1"
    hub.add_model("org/big", size=2 << 20, files=2)
    hub.add_model("org/other", size=1000)
    client = serve(at_once=1)
    first = client.create("org/big")["id"]
    second = client.create("org/other")["id"]
    client.until(first, has_bytes((2 << 20) + 100_000))
    paused = client.post(f"/api/downloads/{first}/pause").json()
    assert paused["state"] == "paused"
    assert client.until_ended(second)["state"] == "done"
    assert client.job(first)["state"] == "paused"
    status = client.status("org/big")
    assert status["status"] == "PARTIAL"
    assert "paused" in status["error_message"]
    assert status["have_bytes"] >= 2 << 20

    hub.pace = None
    hub.files.requests.clear()
    assert client.post(f"/api/downloads/{first}/resume").status_code == 200
    assert client.until_ended(first)["state"] == "done"
    assert {r.path.rpartition("/")[2] for r in hub.files.requests} == {"model-1.safetensors"}


def test_a_failed_download_is_tried_again(hub, client):
    job = client.until_ended(client.create("org/later")["id"])
    assert job["state"] == "failed"
    assert client.post(f"/api/downloads/{job['id']}/pause").status_code == 409
    hub.add_model("org/later", size=1000)
    assert client.post(f"/api/downloads/{job['id']}/retry").status_code == 200
    assert client.until_ended(job["id"])["state"] == "done"
    assert client.post(f"/api/downloads/{job['id']}/retry").status_code == 409


def test_tries_that_fail_are_counted_and_told(hub, serve):
    client = serve(retry_waits_s=(0.3, 0.3))
    hub.add_model("org/model", size=200_000)
    (path,) = [path for path in hub.files._files if "model-0" in path]
    content = hub.files._files[path].content

    def fail_twice(request, reply):
        if request.number <= 2:
            reply.status, reply.body = 503, b""

    hub.files.host(path, content, tweak=fail_twice)
    job = client.until_ended(client.create("org/model")["id"])
    assert job["state"] == "done"
    assert job["retries"] >= 1
    (file,) = [file for file in job["files"] if file["path"] == "model-0.safetensors"]
    assert file["retries"] == job["retries"]
    assert "503" in file["last_error"]


def test_a_download_that_takes_too_long_fails_and_keeps_its_bytes(hub, serve):
    hub.pace = 200_000
    hub.add_model("org/model", size=16 << 20)
    client = serve(time_limit_s=1.0)
    job = client.until_ended(client.create("org/model")["id"])
    assert job["state"] == "failed"
    assert job["error"] == {
        "code": "time_limit",
        "message": job["error"]["message"],
        "retryable": True,
    }
    assert job["progress"]["done_bytes"] > 0
    assert client.status("org/model")["have_bytes"] > 0


def test_the_speed_limit_holds(hub, serve):
    hub.add_model("org/model", size=1 << 20)
    client = serve(bytes_per_s_each=1 << 20)
    job = client.until_ended(client.create("org/model")["id"])
    assert job["progress"]["elapsed_s"] > 0.8
    assert job["progress"]["mean_bytes_per_s"] < 1.4 * (1 << 20)


def test_a_request_that_is_repeated_with_its_key_is_done_once(hub, client):
    hub.pace = 50_000
    hub.add_model("org/model", size=2 << 20)
    body = {"hf_repo": "org/model"}
    headers = {"Idempotency-Key": "abc"}
    first = client.post("/api/models/download", json=body, headers=headers)
    second = client.post("/api/models/download", json=body, headers=headers)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    other = client.post("/api/models/download", json={"hf_repo": "org/x"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] == "key_reused"
    location = str(first.url.join(first.headers["location"]))
    assert client.get(location).json()["id"] == first.json()["download_id"]


def test_pages_of_downloads_are_complete_and_without_repetition(hub, client):
    ids = []
    for n in range(7):
        hub.add_model(f"org/m{n}", size=100)
        ids.append(client.create(f"org/m{n}")["id"])
    for job in ids:
        client.until_ended(job)
    url, seen = "/api/downloads?limit=3", []
    while url:
        answer = client.get(url)
        seen += [job["id"] for job in answer.json()["downloads"]]
        url = answer.links.get("next", {}).get("url")
    assert seen == ids[::-1]
    assert client.get("/api/downloads?cursor=%F0%9F").status_code == 422
    done = client.get("/api/downloads", params={"state": ["failed", "queued"]}).json()
    assert done == {"downloads": [], "next_cursor": None}


def test_a_download_is_forgotten_when_it_is_dismissed(busy):
    assert busy.delete(f"/api/downloads/{busy.first}").status_code == 204
    assert busy.get(f"/api/downloads/{busy.first}").status_code == 404
    assert busy.delete(f"/api/downloads/{busy.first}").status_code == 404


def test_cancelling_stops_the_transfer_at_once(busy, hub):
    busy.until(busy.first, has_bytes(300_000))
    assert busy.post(f"/api/downloads/{busy.first}/cancel").json()["state"] == "cancelled"
    assert hub.files.serving == 0 or not busy.get("/metrics").text.count(
        'video_censor_downloads{state="running"} 1'
    )
    assert busy.post(f"/api/downloads/{busy.first}/cancel").status_code == 409


def test_only_some_files_of_a_repository(hub, client):
    hub.add_model("org/model", size=1000, files=3)
    job = client.until_ended(client.create("org/model", patterns=["*-1.*", "*.json"])["id"])
    assert [file["path"] for file in job["files"]] == ["config.json", "model-1.safetensors"]
    none = client.until_ended(client.create("org/model", patterns=["*.gguf"])["id"])
    assert none["error"]["code"] == "no_such_files"


def test_two_revisions_are_two_models(hub, client):
    old = hub.add_model("org/model", size=1000)
    new = hub.add_model("org/model", size=2000)
    client.until_ended(client.create("org/model", hf_commit=old)["id"])
    assert client.status("org/model", old)["status"] == "DOWNLOADED"
    assert client.status("org/model")["status"] == "NOT_FOUND"
    client.until_ended(client.create("org/model")["id"])
    assert client.status("org/model")["commit"] == new
    assert client.delete_model("org/model", old).status_code == 200
    assert client.status("org/model", old)["status"] == "NOT_FOUND"
    assert client.status("org/model")["status"] == "DOWNLOADED"


def test_an_old_version_stays_while_a_new_one_comes(hub, serve):
    """They may share files, and those that arrived of the new one are linked by nothing yet."""
    client = serve()
    old = hub.add_model("org/model")
    client.until_ended(client.create("org/model")["id"])
    hub.pace = 400_000
    hub.add_model("org/model", size=2 << 20, extra=b"more")
    job = client.create("org/model", hf_commit="main")["id"]
    client.until(job, has_bytes(100_000))
    refused = client.delete_model("org/model", old)
    assert refused.status_code == 409
    assert "being fetched right now" in refused.text
    hub.pace = None
    assert client.until_ended(job)["state"] == "done"
    assert client.delete_model("org/model", old).status_code == 200
    assert client.status("org/model")["status"] == "DOWNLOADED"
