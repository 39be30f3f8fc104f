"""Models named by their repository: fetched, pinned, and the same everywhere afterwards."""

import hashlib
import json
import os
import shutil
import threading
from dataclasses import replace

import pytest
from hub_server import LoopbackHub, git_sha1
from loopback import Loopback

from video_censor_personal.config import ModelSource
from video_censor_personal.errors import (
    ConfigError,
    ModelChecksumError,
    ModelDisabledError,
    ModelGatedError,
    ModelHiddenError,
    RevisionNotFoundError,
)
from video_censor_personal.hub.environment import HubSettings, hub_settings
from video_censor_personal.huggingface_registry import HuggingFaceRegistry
from video_censor_personal.models_lock import ModelsLock, describe_change
from video_censor_personal.sources import Deliveries
from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileState,
    Limits,
    Phase,
    RetryPolicy,
    Status,
)

BIG = bytes(range(256)) * 2048
FILES = {"onnx/a.onnx": BIG, "onnx/b.onnx": BIG[::-1], "config.json": b"{}", "README.md": b"# hi"}
LFS = ["onnx/a.onnx", "onnx/b.onnx"]
AT_ONCE = RetryPolicy(waits_s=(0.0,))


def source(url="hf://org/model", name="model", checksum="", size_bytes=0, **more):
    return ModelSource(name, url, checksum, size_bytes, **more)


@pytest.fixture
def machine(tmp_path):
    """Deliveries of a machine with its own models, cache and registry, sharing `models.lock`."""

    def machine_(name="here", **options):
        home = tmp_path / name
        store, lock = Store(home / "models"), ModelsLock(tmp_path / "models.lock")

        def settings() -> HubSettings:
            return hub_settings(cache_dir=home / "hub")

        registry = HuggingFaceRegistry(home / "registry", settings=settings, retry=AT_ONCE)
        return Deliveries(store, lock, registry, settings, **options)

    return machine_


def fetch(deliveries, *sources, listener=None, **limits):
    return deliveries.fetch(sources, Engine(Limits(**limits), AT_ONCE), listener)


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# -- what is fetched


def test_one_file_lies_under_its_models_name(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    (outcome,) = fetch(machine(), source("hf://org/model/onnx/a.onnx", "dir/a.onnx"))
    assert outcome.status is Status.FETCHED
    assert outcome.path.read_bytes() == BIG
    assert outcome.path.parts[-2:] == ("dir", "a.onnx")
    assert outcome.size_bytes == outcome.fetched_bytes == len(BIG)


def test_a_part_of_a_repository_is_a_folder_with_just_that(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    (outcome,) = fetch(machine(), source(files=["onnx/a*", "*.json"]))
    assert tree(outcome.path) == {"onnx/a.onnx": BIG, "config.json": b"{}"}
    assert not hub.asked("b.onnx|README")


@pytest.mark.parametrize(
    ("url", "version"),
    [("hf://org/model@v1", None), ("hf://org/model", "v1"), ("hf://org/model", "COMMIT")],
)
def test_a_version_pins_what_is_fetched(hub, machine, url, version):
    commit = hub.add("org/model", {"f": b"old"}, tag="v1")
    hub.add("org/model", {"f": b"newer"})
    version = commit if version == "COMMIT" else version
    (outcome,) = fetch(machine(), source(url, model_version=version))
    assert tree(outcome.path) == {"f": b"old"}


def test_a_page_of_the_hub_gains_the_same_facts(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    deliveries = machine()
    wanted = source(f"{hub.endpoint}/org/model/resolve/main/onnx/a.onnx")
    assert deliveries.accepts(wanted)
    (outcome,) = fetch(deliveries, wanted)
    assert outcome.path.read_bytes() == BIG
    assert deliveries.lock.get(wanted).files[0].sha256 == hashlib.sha256(BIG).hexdigest()


def test_plain_addresses_are_none_of_this(hub, machine):
    assert not machine().accepts(source("https://e.com/m.bin", checksum="a" * 64))
    assert not machine().accepts(
        source(f"{hub.endpoint}/org/model/resolve/main/a", checksum="a" * 64)
    )


def test_models_that_share_files_fetch_them_once(hub, machine):
    hub.add("org/model", FILES | {"copy.onnx": BIG}, lfs=[*LFS, "copy.onnx"])
    outcomes = fetch(machine(), source(), source("hf://org/model/onnx/a.onnx", "a"))
    assert [o.ok for o in outcomes] == [True, True]
    assert outcomes[1].path.read_bytes() == BIG
    assert sum(o.fetched_bytes for o in outcomes[:1]) == 2 * len(BIG) + 6
    resolved = [seen.path for seen in hub.asked("/resolve/.*(a|copy).onnx")]
    assert len(resolved) == 1


def test_progress_is_of_models_and_true(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    told = []
    fetch(machine(), source(), listener=told.append)
    assert {p.name for p in told} == {"model"}
    assert {p.total_bytes for p in told} == {2 * len(BIG) + 6}
    counts = [p.done_bytes for p in told]
    assert counts == sorted(counts)
    assert told[-1].phase is Phase.DONE
    assert counts[-1] == 2 * len(BIG) + 6


def test_one_that_fails_does_not_stop_the_others(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    outcomes = fetch(machine(), source("hf://org/none", "none"), source())
    assert [o.ok for o in outcomes] == [False, True]
    assert "none" in str(outcomes[0].error)


def test_a_kept_download_goes_on_where_it_was_stopped(hub, machine):
    hub.add("org/model", {"a": BIG * 8}, lfs=["a"])
    token, engine = CancelToken(), Engine(Limits(connections=1, bytes_per_s=4_000_000), AT_ONCE)
    (outcome,) = machine().fetch(
        [source()],
        engine,
        lambda p: token.cancel() if p.done_bytes > 2_000_000 else None,
        token,
    )
    assert outcome.status is Status.CANCELLED
    assert not outcome.path.exists()
    assert not list(hub_folder(outcome).rglob("snapshots"))
    (state,) = machine().look([source()], ask=True)
    assert state.state is FileState.PARTIAL
    assert state.have_bytes > 1_000_000
    (again,) = fetch(machine(), source())
    assert again.ok
    assert again.fetched_bytes == 8 * len(BIG) - state.have_bytes


def hub_folder(outcome):
    return outcome.path.parents[1] / "hub"


def test_a_damaged_file_is_seen_and_repaired_alone(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    (outcome,) = fetch(machine(), source())
    blob = (outcome.path / "onnx" / "a.onnx").resolve()
    blob.write_bytes(BIG[:-1] + b"?")
    (state,) = machine().look([source()])
    assert state.state is FileState.DAMAGED
    assert state.reason.startswith("org/model/onnx/a.onnx: its sha256 checksum is ")
    hub.requests.clear()
    (again,) = fetch(machine(), source())
    assert again.ok
    assert tree(again.path) == FILES
    assert not hub.asked("b.onnx|config.json|README")


def test_no_room_leaves_optional_models_out(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    hub.add("org/huge", {"f": b"x"}, lfs=["f"])

    def grow(listing):
        listing[0]["size"] = listing[0]["lfs"]["size"] = 15 << 40
        return listing

    hub.rewrite("/org/huge/tree/", grow)
    huge = source("hf://org/huge", "huge", optional=True)
    outcomes = fetch(machine(), huge, source())
    assert [o.ok for o in outcomes] == [False, True]
    assert "No room for huge, model in" in str(outcomes[0].error)
    assert "33.0 TB must be free" in str(outcomes[0].error)
    assert "another disk in HF_HUB_CACHE" in str(outcomes[0].error)


# -- what is remembered


def test_the_second_run_asks_for_no_content_and_with_pins_for_nothing(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    here = machine()
    fetch(here, source())
    hub.requests.clear()
    (outcome,) = fetch(machine(), source())
    assert outcome.status is Status.PRESENT
    assert not hub.requests
    here.lock.path.unlink()
    (outcome,) = fetch(machine(), source())
    assert outcome.status is Status.PRESENT
    assert [seen.path for seen in hub.requests] == ["/api/models/org/model/revision/main"]


def test_another_machine_gets_the_pinned_bytes(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    fetch(machine(), source())
    hub.add("org/model", {"onnx/a.onnx": b"changed"})
    (outcome,) = fetch(machine("there"), source())
    assert tree(outcome.path) == FILES
    assert not hub.asked("/api/.*main|/api/.*refs")[1:]


def test_an_offline_machine_needs_only_the_files(hub, machine, monkeypatch, tmp_path):
    hub.add("org/model", FILES, lfs=LFS)
    fetch(machine(), source())
    shutil.copytree(tmp_path / "here" / "hub", tmp_path / "there" / "hub", symlinks=True)
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (outcome,) = fetch(machine("there"), source())
    assert tree(outcome.path) == FILES
    (tmp_path / "models.lock").unlink()
    (outcome,) = fetch(machine("there"), source())
    assert outcome.ok
    assert not hub.requests
    (missing,) = fetch(machine("empty"), source())
    assert "HF_HUB_OFFLINE" in str(missing.error)


def test_a_hub_that_is_away_is_done_without(hub, machine, tmp_path, caplog):
    hub.add("org/model", FILES, lfs=LFS)
    fetch(machine(), source())
    (tmp_path / "models.lock").unlink()
    hub.play("/", 503, times=99)
    (outcome,) = fetch(machine(), source())
    assert outcome.ok
    assert "was not reached" in caplog.text


def test_the_lock_says_all_there_is_to_know(hub, machine, tmp_path):
    commit = hub.add("org/model", FILES, lfs=LFS)
    fetch(machine(), source(files=["*.json", "onnx/a.onnx"]))
    data = json.loads((tmp_path / "models.lock").read_text())
    assert data["models"]["model"] == {
        "url": "hf://org/model",
        "model_version": "",
        "patterns": ["*.json", "onnx/a.onnx"],
        "repository": "org/model",
        "revision": "main",
        "commit": commit,
        "files": [
            {
                "path": "config.json",
                "size_bytes": 2,
                "sha256": hashlib.sha256(b"{}").hexdigest(),
                "git_sha1": git_sha1(b"{}"),
            },
            {
                "path": "onnx/a.onnx",
                "size_bytes": len(BIG),
                "sha256": hashlib.sha256(BIG).hexdigest(),
            },
        ],
    }


def test_pins_move_on_purpose_and_say_how(hub, machine):
    old = hub.add("org/model", FILES, lfs=LFS)
    here = machine()
    ((before, first),) = here.pin([source()])
    assert before is None
    assert first.commit == old
    new = hub.add("org/model", {"onnx/a.onnx": BIG[1:], "config.json": b"{}", "x": b"x"}, lfs=LFS)
    assert here.pin([source()]) == [(first, first)]
    ((before, after),) = here.pin([source()], update=True)
    assert describe_change(before, after) == [
        f"model: org/model at {old}",
        f"       -> org/model at {new}",
        "  - README.md",
        "  - onnx/b.onnx",
        f"  ~ onnx/a.onnx ({len(BIG)} -> {len(BIG) - 1} bytes)",
        "  + x (1 bytes)",
    ]
    assert not hub.asked("/resolve/")
    (outcome,) = fetch(here, source())
    assert (outcome.path / "x").read_bytes() == b"x"


@pytest.mark.parametrize(
    "other",
    [{"url": "hf://org/model@v1"}, {"files": ["*.json"]}, {"model_version": "v1"}],
)
def test_a_source_that_says_something_else_is_not_pinned(hub, machine, other):
    hub.add("org/model", FILES, lfs=LFS, tag="v1")
    here = machine()
    fetch(here, source())
    assert here.lock.get(source())
    assert here.lock.get(source(**other)) is None


def test_pins_of_other_models_stay(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    fetch(machine(), source(name="a"))
    fetch(machine(), source(name="b"))
    assert set(machine().lock.pins()) == {"a", "b"}


def test_pins_that_many_write_at_once_all_stay(hub, machine, tmp_path):
    hub.add("org/model", FILES, lfs=LFS)
    ((_, pin),) = machine().pin([source()])
    (tmp_path / "locks").mkdir()
    names = [f"{thread}-{number}" for thread in range(6) for number in range(8)]

    def put(thread):
        lock = ModelsLock(tmp_path / "many.lock", tmp_path / "locks")
        for name in names[thread * 8 : thread * 8 + 8]:
            lock.put([replace(pin, name=name)])

    threads = [threading.Thread(target=put, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(ModelsLock(tmp_path / "many.lock").pins()) == set(names)


def test_an_optional_model_that_cannot_be_had_keeps_no_other_from_being_pinned(
    hub, machine, caplog
):
    hub.add("org/model", FILES, lfs=LFS)
    hub.add("org/gated", FILES, lfs=LFS, gated=True)
    here, gated = machine(), source("hf://org/gated", "gated", optional=True)
    assert [new.name for _, new in here.pin([gated, source()])] == ["model"]
    assert "gated is optional and was not pinned" in caplog.text
    with pytest.raises(ModelGatedError):
        here.pin([replace(gated, optional=False)])


@pytest.mark.parametrize(
    "damage",
    [
        lambda lock: lock.replace('"format": 1', '"format": 9'),
        lambda lock: lock[:50],
        lambda lock: lock.replace("onnx/a.onnx", "../../evil"),
        lambda lock: lock.replace('"repository": "org/model"', '"repository": "../x"'),
        lambda lock: lock.replace('"size_bytes": 2', '"size_bytes": -2'),
        lambda lock: lock.replace('"sha256": "', '"sha256": "../'),
        lambda lock: lock.replace('"commit": "', '"commit": "../'),
        lambda lock: lock.replace('"revision": "', '"revision": "../'),
        lambda lock: "[]",
    ],
)
def test_a_damaged_lock_is_refused(hub, machine, tmp_path, damage):
    hub.add("org/model", FILES, lfs=LFS)
    fetch(machine(), source())
    lock = tmp_path / "models.lock"
    lock.write_text(damage(lock.read_text()))
    with pytest.raises(ConfigError, match=r"models\.lock"):
        fetch(machine(), source())
    assert not (tmp_path / "evil").exists()


def test_a_pin_of_another_file_than_the_url_names_is_refused(hub, machine, tmp_path):
    hub.add("org/model", FILES, lfs=LFS)
    wanted = source("hf://org/model/onnx/a.onnx")
    fetch(machine(), wanted)
    lock = tmp_path / "models.lock"
    lock.write_text(lock.read_text().replace('"path": "onnx/a.onnx"', '"path": "onnx/b.onnx"'))
    with pytest.raises(ConfigError, match="does not pin"):
        fetch(machine(), wanted)


@pytest.mark.parametrize("declared", [("md5", "a" * 32), ("sha256", "a" * 64)])
@pytest.mark.parametrize("pinned", [False, True])
def test_a_declared_checksum_counts_whatever_the_hub_or_the_lock_says(
    hub, machine, declared, pinned
):
    hub.add("org/model", FILES, lfs=LFS)
    url = "hf://org/model/onnx/a.onnx"
    if pinned:
        fetch(machine(), source(url))
    algorithm, checksum = declared
    try:
        (outcome,) = fetch(machine(), source(url, checksum=checksum, algorithm=algorithm))
    except ModelChecksumError:
        return
    assert isinstance(outcome.error, ModelChecksumError)


def test_own_headers_go_to_the_hub_only(hub, machine, monkeypatch):
    """Questions and files, but not the servers that it redirects to, and no mirror."""
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    hub.token = "hf_right"
    hub.add("org/model", FILES, lfs=LFS)
    fetch(machine(), source(headers={"X-Team": "blue"}))
    sent = {(s.host, s.headers.get("X-Team"), s.headers.get("Authorization")) for s in hub.requests}
    assert sent == {("hub", "blue", "Bearer hf_right"), ("cdn", None, None)}
    with Loopback() as mirror:
        url = mirror.host("/a.onnx", BIG)
        hub.play("/resolve/", 404, times=9)
        wanted = source(
            "hf://org/model/onnx/a.onnx", "a", mirrors=[url], headers={"X-Team": "blue"}
        )
        assert fetch(machine("there"), wanted)[0].path.read_bytes() == BIG
        assert {r.headers.get("x-team") for r in mirror.requests} == {None}
        assert {r.headers.get("authorization") for r in mirror.requests} == {None}


def test_a_login_of_the_source_itself_opens_a_private_model(hub, machine, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    hub.add("org/model", FILES, lfs=LFS, private=True)
    hub.token = "hf_right"
    (outcome,) = fetch(machine(), source(headers={"authorization": "Bearer hf_right"}))
    assert tree(outcome.path) == FILES
    for seen in hub.requests:
        assert [name.lower() for name in seen.headers].count("authorization") == (
            seen.host == "hub"
        )


def test_headers_for_the_hub_that_an_address_names_go_there_and_take_no_token_along(
    hub, machine, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    with LoopbackHub() as other:
        other.add("org/model", FILES, lfs=LFS)
        url = f"{other.endpoint}/org/model/resolve/main/onnx/a.onnx"
        assert fetch(machine(), source(url, headers={"X-Team": "blue"}))[0].ok
        assert {(s.host, s.headers.get("X-Team")) for s in other.requests} == {
            ("hub", "blue"),
            ("cdn", None),
        }
        assert {s.headers.get("Authorization") for s in other.requests} == {None}
    assert not hub.requests


# -- what is refused


def test_a_file_that_is_not_there_names_what_is(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    (outcome,) = fetch(machine(), source("hf://org/model/onnx/c.onnx"))
    assert isinstance(outcome.error.__cause__, RevisionNotFoundError)
    assert "onnx/a.onnx" in str(outcome.error)
    (outcome,) = fetch(machine(), source(files=["*.gguf"]))
    assert "*.gguf" in str(outcome.error)


def test_declared_facts_must_be_the_hubs(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    url, right = "hf://org/model/onnx/a.onnx", hashlib.sha256(BIG).hexdigest()
    (outcome,) = fetch(machine(), source(url, checksum="0" * 64))
    assert isinstance(outcome.error, ModelChecksumError)
    assert (outcome.error.expected, outcome.error.actual) == ("0" * 64, right)
    (outcome,) = fetch(machine(), source(url, size_bytes=7))
    assert outcome.error.actual == len(BIG)
    assert not hub.asked("/resolve/")
    (outcome,) = fetch(machine(), source(url, checksum=right.upper(), size_bytes=len(BIG)))
    assert outcome.ok


def test_a_declared_checksum_of_a_small_file_is_compared_on_arrival(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    url, right = "hf://org/model/config.json", hashlib.md5(b"{}").hexdigest()
    (outcome,) = fetch(machine(), source(url, checksum="0" * 32, algorithm="md5"))
    assert isinstance(outcome.error, ModelChecksumError)
    assert not outcome.path.exists()
    (outcome,) = fetch(machine(), source(url, checksum=right, algorithm="md5"))
    assert outcome.ok


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({"gated": "manual"}, ModelGatedError),
        ({"private": True}, ModelHiddenError),
        ({"disabled": True}, ModelDisabledError),
    ],
)
def test_models_that_are_not_for_us_say_why(hub, machine, facts, kind):
    hub.add("org/model", FILES, lfs=LFS, **facts)
    (outcome,) = fetch(machine(), source())
    assert isinstance(outcome.error.__cause__, kind)
    assert not hub.asked("/resolve/")


def test_a_model_that_is_gone_is_told_with_others_that_exist(hub, machine):
    hub.add("else/model", FILES, lfs=LFS)
    (outcome,) = fetch(machine(), source())
    assert "else/model (1.0 MB): the same name under another owner" in str(outcome.error)
    assert outcome.error.__cause__.alternatives == ("else/model",)


def test_renamed_and_deprecated_models_are_fetched_with_a_warning(hub, machine, caplog):
    hub.add("new/model", FILES, lfs=LFS, card={"new_version": "new/better"})
    hub.renamed["org/model"] = "new/model"
    (outcome,) = fetch(machine(), source())
    assert tree(outcome.path) == FILES
    assert "org/model is now called new/model" in caplog.text
    assert "its owner names new/better instead" in caplog.text


def test_what_lies_under_a_models_name_by_hand_is_not_deleted(hub, machine, tmp_path):
    hub.add("org/model", FILES, lfs=LFS)
    mine = tmp_path / "here" / "models" / "model"
    mine.mkdir(parents=True)
    (mine / "note").write_text("mine")
    (outcome,) = fetch(machine(), source())
    assert "Remove what lies there" in str(outcome.error)
    assert (mine / "note").read_text() == "mine"


def test_without_symbolic_links_hard_links_take_their_place(hub, machine, monkeypatch):
    def refuse(*_, **__):
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(os, "symlink", refuse)
    hub.add("org/model", FILES, lfs=LFS)
    wanted = (source(), source("hf://org/model/onnx/a.onnx", "one"))
    outcomes = fetch(machine(), *wanted)
    assert tree(outcomes[0].path) == FILES
    assert outcomes[1].path.read_bytes() == BIG
    assert not outcomes[0].path.is_symlink()
    hub.requests.clear()
    assert [o.status for o in fetch(machine(), *wanted)] == [Status.PRESENT] * 2
    assert not hub.requests
    (outcomes[0].path / "config.json").unlink()
    (state,) = machine().look([source()])
    assert state.state is FileState.PARTIAL


# -- looking changes nothing


def test_looking_asks_and_changes_nothing(hub, machine, tmp_path):
    hub.add("org/model", FILES, lfs=LFS)
    (state,) = machine().look([source()])
    assert (state.state, state.missing_bytes) == (FileState.MISSING, None)
    assert not hub.requests
    (state,) = machine().look([source()], ask=True)
    assert (state.state, state.missing_bytes) == (FileState.MISSING, 2 * len(BIG) + 6)
    assert not os.path.exists(tmp_path / "here")
    (state,) = machine().look([source("hf://org/none")], ask=True)
    assert "does not exist" in state.reason


def test_many_threads_fetch_a_model_once(hub, machine):
    hub.add("org/model", FILES, lfs=LFS)
    outcomes = []
    threads = [
        threading.Thread(target=lambda: outcomes.extend(fetch(machine(), source())))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [o.ok for o in outcomes] == [True] * 4
    assert len(hub.asked("/resolve/.*a.onnx")) == 1


def test_two_hubs_at_once_are_kept_apart(hub, machine, monkeypatch):
    hub.add("org/model", FILES, lfs=LFS)
    with LoopbackHub(prefix="/mirror") as other:
        other.add("org/model", {"config.json": b"[]"})
        url = f"{other.endpoint}/org/model/resolve/main/config.json"
        outcomes = fetch(machine(), source(), source(url, "other"))
        assert outcomes[1].path.read_bytes() == b"[]"
        assert tree(outcomes[0].path) == FILES
