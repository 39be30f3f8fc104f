"""Models of which not every file was asked for, or may come."""

from dataclasses import replace

import pytest
from running_service import LocalService
from service_client import Client

from video_censor_personal.service import create_app


def test_a_chosen_part_is_partial_and_says_what_it_lacks(hub, client, tmp_path):
    library = pytest.importorskip("huggingface_hub")
    hub.add_model("org/two", size=1000, files=2)
    job = client.create("org/two", patterns=["*.json"])["id"]
    assert client.until_ended(job)["state"] == "done"
    status = client.status("org/two")
    assert status["status"] == "PARTIAL"
    assert status["error_message"] == (
        "2 of 3 files were not asked for: model-0.safetensors, model-1.safetensors. "
        "Download it without patterns to have all."
    )
    (listed,) = client.get("/api/models/list").json()["models"]
    assert (listed["status"], listed["error_message"]) == ("PARTIAL", status["error_message"])
    cache = tmp_path / "hf" / "hub"
    assert library.snapshot_download("org/two", cache_dir=cache, local_files_only=True)
    # Parts add up.
    client.until_ended(client.create("org/two", patterns=["*-0.*"])["id"])
    assert "1 of 3 files were not" in client.status("org/two")["error_message"]
    client.until_ended(client.create("org/two", patterns=["*-1.*"])["id"])
    assert client.status("org/two")["status"] == "DOWNLOADED"


def test_a_part_is_known_after_its_download_was_forgotten_and_is_gone_when_deleted(hub, client):
    hub.add_model("org/two", size=1000)
    job = client.create("org/two", patterns=["*.json"])["id"]
    client.until_ended(job)
    client.delete(f"/api/downloads/{job}")
    assert client.status("org/two")["status"] == "PARTIAL"
    client.delete_model("org/two")
    assert client.status("org/two")["status"] == "NOT_FOUND"
    client.until_ended(client.create("org/two")["id"])
    assert client.status("org/two")["status"] == "DOWNLOADED"


def test_what_another_program_adds_to_a_part_counts(hub, settings, tmp_path):
    hub.add_model("org/two", size=1000)
    other = replace(settings, state_dir=tmp_path / "other")
    for config, patterns, expected in (
        (settings, ["*.json"], "PARTIAL"),
        (other, [], "DOWNLOADED"),
        (settings, None, "DOWNLOADED"),
    ):
        with LocalService(create_app(config)) as service, Client(service.address) as client:
            if patterns is not None:
                client.until_ended(client.create("org/two", patterns=patterns)["id"])
            assert client.status("org/two")["status"] == expected


def test_a_model_without_its_pickles_is_whole_as_long_as_they_may_not_come(hub, settings):
    hub.add("org/both", {"model.safetensors": b"fine", "pytorch_model.bin": b"\x80\x02"})
    with LocalService(create_app(settings)) as service, Client(service.address) as client:
        client.until_ended(client.create("org/both")["id"])
        status = client.status("org/both")
        assert status["status"] == "DOWNLOADED"
        assert status["left_out"] == ["pytorch_model.bin"]
        (listed,) = client.get("/api/models/list").json()["models"]
        assert listed["left_out"] == ["pytorch_model.bin"]
    with (
        LocalService(create_app(replace(settings, allow_pickle=True))) as service,
        Client(service.address) as client,
    ):
        status = client.status("org/both")
        assert (status["status"], status["left_out"]) == ("PARTIAL", [])
        assert "pytorch_model.bin" in status["error_message"]
        client.until_ended(client.create("org/both")["id"])
        assert client.status("org/both")["status"] == "DOWNLOADED"
