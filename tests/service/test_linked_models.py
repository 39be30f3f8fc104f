"""Folders of the cache that are links: another's property, shown and left alone."""

import pytest


@pytest.fixture
def linked(hub, client, tmp_path):
    """A cache with two models, of which one was moved elsewhere; the place where it is now."""
    for name in ("here", "moved"):
        hub.add_model(f"org/{name}", size=10_000)
        client.until_ended(client.create(f"org/{name}")["id"])
    folder = tmp_path / "hf" / "hub" / "models--org--moved"
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere, target_is_directory=True)
    return elsewhere


def test_one_linked_model_hides_no_other(client, linked):
    listed = client.get("/api/models/list")
    assert listed.status_code == 200
    models = {model["model"]["hf_repo"]: model for model in listed.json()["models"]}
    assert models["org/here"]["status"] == "DOWNLOADED"
    assert models["org/moved"]["status"] == "PARTIAL"
    assert "models--org--moved is a link" in models["org/moved"]["error_message"]
    assert client.status("org/moved")["status"] == "PARTIAL"
    assert client.get("/api/models/space").json()["cache_size_bytes"] < 15_000


def test_a_linked_model_is_left_alone_and_others_can_be_deleted(client, linked):
    before = sorted(linked.rglob("*"))
    refused = client.delete_model("org/moved")
    assert refused.status_code == 409
    assert refused.json()["code"] == "linked"
    assert str(linked) not in refused.text
    assert sorted(linked.rglob("*")) == before
    assert client.delete_model("org/here").status_code == 200
    job = client.until_ended(client.create("org/moved")["id"])
    assert job["state"] == "failed"
    assert "link" in job["error"]["message"]
    assert sorted(linked.rglob("*")) == before


def test_a_linked_part_is_like_a_linked_model(hub, client, tmp_path):
    hub.add_model("org/model", size=10_000)
    client.until_ended(client.create("org/model")["id"])
    blobs = tmp_path / "hf" / "hub" / "models--org--model" / "blobs"
    blobs.rename(tmp_path / "blobs")
    blobs.symlink_to(tmp_path / "blobs", target_is_directory=True)
    (model,) = client.get("/api/models/list").json()["models"]
    assert model["status"] == "PARTIAL"
    assert "models--org--model/blobs is a link" in model["error_message"]
    assert client.delete_model("org/model").status_code == 409
    assert len(list((tmp_path / "blobs").iterdir())) == 2


def test_making_room_passes_over_linked_models(hub, serve, tmp_path):
    for name in ("moved", "old", "new"):
        hub.add_model(f"org/{name}", size=400_000)
    client = serve(quota_bytes=900_000)
    for name in ("moved", "old"):
        client.until_ended(client.create(f"org/{name}")["id"])
    folder = tmp_path / "hf" / "hub" / "models--org--moved"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    hub.add_model("org/more", size=400_000)
    for name in ("new", "more"):
        assert client.until_ended(client.create(f"org/{name}")["id"])["state"] == "done"
    assert client.status("org/old")["status"] == "NOT_FOUND"
    assert folder.is_symlink()
