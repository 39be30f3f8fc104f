"""A branch and the commit that it stands for are one model, and one download."""

import threading

from service_client import has_bytes


def test_a_running_branch_is_not_downloaded_again_by_its_commit(hub, client):
    hub.pace = 100_000
    commit = hub.add_model("org/model", size=8 << 20)
    job = client.create("org/model")["id"]
    client.until(job, has_bytes(1))
    refused = client.download("org/model", hf_commit=commit)
    assert refused.status_code == 409
    assert refused.json()["code"] == "already_downloading"
    assert "main" in refused.json()["detail"]
    queued = client.post("/api/downloads", json={"hf_repo": "org/model", "hf_commit": commit})
    assert queued.status_code == 409
    assert len(client.get("/api/downloads").json()["downloads"]) == 1


def test_a_running_commit_is_not_downloaded_again_by_a_branch_or_a_tag(hub, client):
    hub.pace = 100_000
    commit = hub.add_model("org/model", size=8 << 20)
    hub.repositories["org/model"].tags["v1"] = commit
    client.until(client.create("org/model", hf_commit=commit)["id"], has_bytes(1))
    assert client.download("org/model").status_code == 409
    assert client.download("org/model", hf_commit="v1").status_code == 409


def test_what_waits_in_the_queue_counts_too(hub, serve):
    hub.pace = 100_000
    hub.add_model("org/first", size=8 << 20)
    commit = hub.add_model("org/model", size=1000)
    client = serve(at_once=1)
    client.until(client.create("org/first")["id"], has_bytes(1))
    client.create("org/model")
    answer = client.post("/api/downloads", json={"hf_repo": "org/model", "hf_commit": commit})
    assert answer.status_code == 409


def test_other_commits_of_a_repository_are_other_models(hub, client):
    hub.pace = 100_000
    old = hub.add_model("org/model", size=8 << 20)
    hub.add_model("org/model", size=2000)
    client.until(client.create("org/model", hf_commit=old)["id"], has_bytes(1))
    assert client.download("org/model").status_code == 202


def test_a_hub_that_cannot_tell_now_is_asked_again_when_the_download_begins(hub, serve):
    """Then the second download fails at once, and fetches nothing."""
    commit = hub.add_model("org/model", size=8 << 20)
    hub.pace = 100_000
    client = serve()
    first = client.create("org/model", hf_commit=commit)["id"]
    client.until(first, has_bytes(1))
    hub.play("/api/models/org/model/revision/main", 503)
    second = client.create("org/model")["id"]
    ended = client.until_ended(second)
    assert ended["state"] == "failed"
    assert ended["error"]["code"] == "already_downloading"
    assert ended["progress"]["fetched_bytes"] == 0
    assert client.job(first)["state"] == "running"


def test_asking_for_both_at_the_same_time_starts_one(hub, client):
    hub.pace = 100_000
    commit = hub.add_model("org/model", size=8 << 20)
    start = threading.Barrier(2)
    jobs = []

    def ask(**options):
        start.wait(10)
        answer = client.post("/api/downloads", json={"hf_repo": "org/model", **options})
        if answer.status_code == 202:
            jobs.append(answer.json()["id"])

    asking = [threading.Thread(target=ask, kwargs={"hf_commit": c}) for c in (None, commit)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    states = [client.until(job, lambda j: j["commit"] or j["state"] == "failed") for job in jobs]
    assert sum(job["state"] != "failed" for job in states) == 1
