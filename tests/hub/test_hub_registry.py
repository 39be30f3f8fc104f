"""What the hub says is told truly, remembered, and told apart when it says no."""

import json
import logging
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from hub_server import LoopbackHub

from video_censor_personal.errors import (
    ModelDisabledError,
    ModelGatedError,
    ModelHiddenError,
    ModelNotFoundError,
    RegistryAnswerError,
    RegistryError,
    RegistryLoginError,
    RegistryUnreachableError,
    RevisionNotFoundError,
)
from video_censor_personal.huggingface_registry import HuggingFaceRegistry, ModelMetadata
from video_censor_personal.transfer import RetryPolicy

FILES = {"model.bin": b"m" * 5000, "config.json": b"{}"}
AT_ONCE = RetryPolicy(waits_s=(0.0, 0.0, 0.0))


@pytest.fixture
def registry(tmp_path, hub):
    return HuggingFaceRegistry(tmp_path / "registry", retry=AT_ONCE)


# -- facts


def test_versions_sizes_and_checksums_are_the_hubs(hub, registry):
    first = hub.add("org/model", FILES, lfs=["model.bin"], tag="v1")
    second = hub.add("org/model", FILES | {"more.txt": b"12345"}, lfs=["model.bin"])
    metadata = registry.query_model("org/model")
    assert metadata.name == "org/model"
    assert metadata.versions == ["main", "v1"]
    assert metadata.commits == {"main": second, "v1": first}
    assert metadata.sizes == {"main": 5007, "v1": 5002}
    assert len(set(metadata.checksums.values())) == 2
    assert all(len(checksum) == 64 for checksum in metadata.checksums.values())
    assert metadata.last_updated == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert not metadata.deprecated


def test_the_checksum_of_a_version_changes_with_any_byte_and_only_then(hub, registry):
    hub.add("org/a", FILES, lfs=["model.bin"])
    hub.add("org/b", FILES, lfs=["model.bin"])
    hub.add("org/c", FILES | {"config.json": b"{ }"}, lfs=["model.bin"])
    a, b, c = (registry.query_model(f"org/{n}").checksums["main"] for n in "abc")
    assert a == b != c


def test_a_list_of_files_of_many_pages_is_read_to_its_end(hub, registry):
    hub.add("org/model", {f"f{i:04}": b"xy" for i in range(450)})
    assert registry.query_model("org/model").sizes["main"] == 900


def test_metadata_survives_json():
    metadata = ModelMetadata(
        "org/a", ["main"], {"main": "ab"}, {"main": 3}, True, "org/b", datetime.now(UTC)
    )
    assert ModelMetadata.from_dict(json.loads(json.dumps(metadata.to_dict()))) == metadata


# -- memory


def test_an_answer_is_remembered_and_asked_for_again_when_it_is_old(hub, registry, monkeypatch):
    hub.add("org/model", FILES)
    assert registry.get_cached_metadata("org/model") is None
    assert not registry.is_metadata_valid("org/model")
    asked = registry.query_model("org/model")
    count = len(hub.requests)
    assert registry.query_model("org/model") == asked
    assert registry.is_metadata_valid("org/model")
    assert len(hub.requests) == count
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
    assert registry.get_cached_metadata("org/model") is None
    hub.add("org/model", {"new.bin": b"n"})
    assert registry.query_model("org/model").sizes["main"] == 1


def test_a_clock_that_was_turned_back_does_not_keep_an_answer_for_ever(hub, registry, monkeypatch):
    hub.add("org/model", FILES)
    registry.query_model("org/model")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10)
    assert registry.get_cached_metadata("org/model") is None


def test_a_refresh_asks_for_what_changed_only(hub, registry):
    hub.add("org/model", FILES, tag="v1")
    registry.query_model("org/model")
    trees = len(hub.asked("/tree/"))
    assert registry.refresh_metadata("org/model").sizes == {"main": 5002, "v1": 5002}
    assert len(hub.asked("/tree/")) == trees


@pytest.mark.parametrize("away", ["offline", "unplugged"])
def test_without_the_hub_an_old_answer_is_given_with_its_age(
    hub, registry, monkeypatch, caplog, away
):
    hub.add("org/model", FILES)
    asked = registry.query_model("org/model")
    count = len(hub.requests)
    if away == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    else:
        hub.play("/api/", 503, times=100)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 72 * 3600)
    with caplog.at_level(logging.WARNING):
        told = registry.query_model("org/model")
    assert told == asked
    assert told.age_s == pytest.approx(72 * 3600, abs=60)
    assert "3 days ago" in caplog.text
    if away == "offline":
        assert len(hub.requests) == count


def test_offline_without_an_answer_says_so_and_asks_nobody(hub, registry, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RegistryUnreachableError, match="HF_HUB_OFFLINE"):
        registry.query_model("org/model")
    assert not hub.requests


def test_names_that_look_alike_are_kept_apart(hub, registry):
    names = ["a/b-c", "a-b/c", "A/b-c", "a/B-c", "a/b_c", "a/b.c", "ab/c"]
    for size, name in enumerate(names, 1):
        hub.add(name, {"f": b"x" * size})
        registry.query_model(name)
    fresh = HuggingFaceRegistry(registry.cache_dir)
    for size, name in enumerate(names, 1):
        told = fresh.get_cached_metadata(name)
        assert (told.name, told.sizes["main"]) == (name, size)


def test_two_hubs_are_kept_apart(hub, registry, monkeypatch):
    hub.add("org/model", FILES)
    registry.query_model("org/model")
    with LoopbackHub() as other:
        other.add("org/model", {"f": b"other"})
        monkeypatch.setenv("HF_ENDPOINT", other.endpoint)
        assert registry.get_cached_metadata("org/model") is None
        assert registry.query_model("org/model").sizes["main"] == 5
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    assert registry.get_cached_metadata("org/model").sizes["main"] == 5002


def test_another_process_shares_the_answers(hub, registry):
    hub.add("org/model", FILES)
    code = (
        "import sys; from pathlib import Path\n"
        "from video_censor_personal.huggingface_registry import HuggingFaceRegistry as R\n"
        "print(R(Path(sys.argv[1])).query_model('org/model').sizes['main'])"
    )
    command = [sys.executable, "-c", code, str(registry.cache_dir)]
    assert subprocess.check_output(command, text=True).strip() == "5002"
    count = len(hub.requests)
    assert registry.query_model("org/model").sizes["main"] == 5002
    assert len(hub.requests) == count
    # and an answer that another process replaces is seen here
    hub.add("org/model", {"f": b"new"})
    refresh = code.replace("query_model", "refresh_metadata")
    subprocess.check_call([sys.executable, "-c", refresh, str(registry.cache_dir)])
    assert registry.query_model("org/model").sizes["main"] == 3


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe"])
def test_a_damaged_answer_is_no_answer(hub, registry, damage):
    hub.add("org/model", FILES)
    registry.query_model("org/model")
    (file,) = registry.cache_dir.iterdir()
    file.write_bytes(damage)
    assert registry.get_cached_metadata("org/model") is None
    assert registry.query_model("org/model").sizes["main"] == 5002


def test_answers_can_be_forgotten_and_other_files_stay(hub, registry):
    for name in ("org/a", "org/b"):
        hub.add(name, FILES)
        registry.query_model(name)
    note = registry.cache_dir / "note.json"
    note.write_text("mine")
    registry.clear_cache("org/a")
    assert not registry.is_metadata_valid("org/a")
    assert registry.is_metadata_valid("org/b")
    registry.clear_cache()
    assert [path.name for path in registry.cache_dir.iterdir()] == ["note.json"]
    registry.clear_cache("org/never-asked")


def test_a_thousand_models_are_remembered_at_no_cost(tmp_path, hub_environment):
    registry = HuggingFaceRegistry(tmp_path / "registry")
    for i in range(1000):
        metadata = ModelMetadata(f"org/m{i}", ["main"], {"main": "ab" * 32}, {"main": i})
        registry._save_metadata(metadata.name, metadata)
    for i in range(1000):  # read once
        assert registry.query_model(f"org/m{i}").sizes["main"] == i
    times = []
    for i in range(1000):
        start = time.perf_counter()
        registry.query_model(f"org/m{i}")
        times.append(time.perf_counter() - start)
    assert sorted(times)[500] < 1e-3


@pytest.mark.parametrize("ttl_hours", [0, -1])
def test_a_lifetime_that_is_none_is_refused(ttl_hours):
    with pytest.raises(ValueError, match="ttl_hours"):
        HuggingFaceRegistry(ttl_hours=ttl_hours)


def test_a_cache_that_cannot_be_written_costs_no_answer(hub, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    hub.add("org/model", FILES)
    registry = HuggingFaceRegistry(tmp_path / "file" / "registry")
    assert registry.query_model("org/model").sizes["main"] == 5002
    assert "cannot be kept" in caplog.text


# -- what is no more


def test_a_renamed_model_comes_under_its_new_name(hub, registry, caplog):
    hub.add("new/model", FILES)
    hub.renamed["old/model"] = "new/model"
    metadata = registry.query_model("old/model")
    assert (metadata.name, metadata.replacement, metadata.deprecated) == (
        "new/model",
        "new/model",
        False,
    )
    assert "old/model is now called new/model" in caplog.text


def test_a_deprecated_model_comes_with_what_replaces_it(hub, registry, caplog):
    hub.add("org/better", FILES)
    hub.add("org/model", FILES, card={"new_version": "org/better", "license": "mit"})
    metadata = registry.query_model("org/model")
    assert metadata.deprecated
    assert metadata.replacement == "org/better"
    assert metadata.license == "mit"
    assert metadata.alternatives[0].size_bytes == 5002
    assert "org/model is deprecated" in caplog.text
    assert "org/better (5.0 kB)" in caplog.text


def test_a_replacement_that_is_gone_as_well_is_not_named(hub, registry):
    hub.add("org/model", FILES, card={"new_version": "org/gone"}, labels=["deprecated"])
    hub.add("else/model", FILES)
    metadata = registry.query_model("org/model")
    assert metadata.replacement == "else/model"
    assert [a.name for a in metadata.alternatives] == ["else/model"]


def test_a_missing_model_comes_with_existing_ones(hub, registry):
    hub.add("right/whisper-small.en", FILES, downloads=5, task="speech")
    hub.add("other/whisper-small", FILES | {"x": b"x"}, downloads=900)
    hub.add("other/unrelated", FILES)
    with pytest.raises(ModelNotFoundError) as caught:
        registry.query_model("wrong/whisper-small.en")
    assert caught.value.alternatives == ("right/whisper-small.en", "other/whisper-small")
    text = str(caught.value)
    assert "right/whisper-small.en (5.0 kB): the same name under another owner" in text
    assert "made for speech" in text
    assert "900 downloads" in text


def test_our_own_table_names_a_replacement_if_it_exists(hub, registry):
    hub.add("Systran/faster-whisper-small.en", FILES)
    with pytest.raises(ModelNotFoundError, match="the same weights") as caught:
        registry.query_model("guillaumekln/faster-whisper-small.en")
    assert caught.value.alternatives == ("Systran/faster-whisper-small.en",)


# -- what is refused


def test_gated_models_are_told_and_say_what_to_do(hub, registry, monkeypatch):
    hub.add("org/model", FILES, gated="auto")
    assert registry.query_model("org/model").gated
    with pytest.raises(ModelGatedError, match=r"/org/model, accept them and set HF_TOKEN"):
        registry.api().check_access("org/model")
    hub.token = "hf_right"
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    registry.api().check_access("org/model")
    hub.repositories["org/model"].gated = "manual"
    with pytest.raises(ModelGatedError, match="with the account of your token"):
        registry.api().check_access("org/model")


def test_a_private_model_is_seen_with_its_token_only(hub, registry, monkeypatch):
    hub.add("org/model", FILES, private=True)
    hub.token = "hf_right"
    with pytest.raises(ModelHiddenError, match="does not exist or is private"):
        registry.query_model("org/model")
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert registry.query_model("org/model").private


def test_with_a_login_missing_means_missing(hub, registry, monkeypatch):
    hub.token = "hf_right"
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    with pytest.raises(ModelNotFoundError) as caught:
        registry.query_model("org/model")
    assert not isinstance(caught.value, ModelHiddenError)


def test_a_wrong_token_is_told_from_a_missing_model(hub, registry, monkeypatch):
    hub.add("org/model", FILES)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(RegistryLoginError, match="hf auth login"):
        registry.query_model("org/model")


def test_a_disabled_model_is_told(hub, registry):
    hub.add("org/model", FILES, disabled=True)
    with pytest.raises(ModelDisabledError, match="disabled"):
        registry.query_model("org/model")


def test_a_revision_that_is_not_there_is_told(hub, registry):
    hub.add("org/model", FILES)
    with pytest.raises(RevisionNotFoundError, match="no such revision"):
        registry.api().model("org/model", "v9")


@pytest.mark.parametrize(
    "name",
    ["", "../up", "a/b/c", "/abs", "a\\b", "a--b/c", "-a/b", "a/b.git", "a/..", "a b/c", "ä/b"],
)
def test_what_cannot_be_a_name_is_not_asked_for(hub, registry, name):
    with pytest.raises(ModelNotFoundError, match="org/name"):
        registry.query_model(name)
    assert not hub.requests


# -- bad days


def test_errors_that_pass_are_tried_again(hub, registry):
    hub.add("org/model", FILES)
    hub.play(r"/api/models/org/model$", 503, times=2)
    hub.play(r"/refs$", 500)
    assert registry.query_model("org/model").sizes["main"] == 5002


def test_too_many_requests_wait_as_long_as_the_hub_says(hub, tmp_path):
    hub.add("org/model", FILES)
    hub.play("/api/", 429, {"Retry-After": "0"})
    patient = RetryPolicy(waits_s=(3600.0,))
    registry = HuggingFaceRegistry(tmp_path / "registry", retry=patient)
    assert registry.query_model("org/model").sizes["main"] == 5002
    hub.play("/api/", 429, {"RateLimit": '"api";r=0;t=999'}, times=9)
    with pytest.raises(RegistryUnreachableError, match="wait 999 s") as caught:
        registry.api().model("org/model")
    assert caught.value.retry_after_s == 999


def test_errors_that_stay_are_not_tried_again(hub, registry):
    with pytest.raises(RegistryError):
        registry.api().model("org/none")
    assert len(hub.requests) == 1


def test_a_hub_that_is_not_there_is_told(registry, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RegistryUnreachableError, match="HF_ENDPOINT"):
        registry.query_model("org/model")


def test_what_is_no_hub_is_told(hub, registry):
    hub.play("/api/", 200, body=b"<html>hello</html>")
    with pytest.raises(RegistryAnswerError, match="not JSON"):
        registry.query_model("org/model")
    hub.play("/api/", 418)
    with pytest.raises(RegistryAnswerError, match="answered 418"):
        registry.query_model("org/model")
