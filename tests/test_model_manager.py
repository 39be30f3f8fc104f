"""Names of models become verified local paths, whatever the server or the disk does."""

import hashlib
import itertools
import logging
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hub_server import LoopbackHub
from model_host import ModelHost, model

from video_censor_personal.config import Config, ConfigError, ModelSource, load_config
from video_censor_personal.errors import ModelCacheError
from video_censor_personal.huggingface_registry import ModelMetadata, ModelNotFoundError
from video_censor_personal.model_manager import (
    DiskSpaceError,
    ModelChecksumError,
    ModelDownloadError,
    ModelManager,
)
from video_censor_personal.store import Store
from video_censor_personal.transfer import CancelToken, Engine, FileState, Limits, RetryPolicy

BYTES = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def host():
    with ModelHost() as host:
        yield host


@pytest.fixture
def config(tmp_path):
    config = Config()
    config.path = tmp_path / "my settings.yaml"
    config.models.cache_dir = str(tmp_path / "cache")
    return config


def manager_of(config, *sources, **limits) -> ModelManager:
    """A manager that does not wait between tries."""
    config.models.sources = list(sources)
    engine = Engine(Limits(**limits), RetryPolicy(waits_s=(0.0, 0.0, 0.0)))
    return ModelManager(config, engine=engine)


def everything_under(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Path -> time of change and content, of every file."""
    return {
        str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()
    }


def own_threads() -> set[threading.Thread]:
    """Every thread but those in which the server answers."""
    return {t for t in threading.enumerate() if "_serve" not in t.name}


# -- what is there, what is fetched


def test_what_is_missing_is_fetched_once(host, config):
    manager = manager_of(
        config,
        model("a", host.serve("a.bin", BYTES)),
        model("dir/b", host.serve("b.bin", b"b" * 9)),
    )
    assert manager.verify_models() == {"a": True, "dir/b": True}
    assert manager.get_model_path("a").read_bytes() == BYTES
    assert (manager.cache_dir / "dir" / "b").read_bytes() == b"b" * 9

    before = len(host.requests)
    assert manager.verify_models() == {"a": True, "dir/b": True}
    assert ModelManager(config).verify_models() == {"a": True, "dir/b": True}
    assert len(host.requests) == before


def test_nothing_configured_is_nothing_to_do(config):
    assert manager_of(config).verify_models() == {}
    assert not Path(config.models.cache_dir).exists()


def test_only_the_models_asked_for_are_fetched(host, config):
    wanted, other = model("a", host.serve("a", BYTES)), model("b", host.serve("b", b"b"))
    manager = manager_of(config, wanted, other)
    assert manager.verify_models([wanted]) == {"a": True}
    assert not manager.get_model_path("b").exists()


def test_a_model_put_there_by_hand_is_taken_without_a_download(host, config):
    manager = manager_of(config, model("a", host.serve("a", BYTES)))
    manager.cache_dir.mkdir()
    manager.get_model_path("a").write_bytes(BYTES)
    assert manager.verify_models() == {"a": True}
    assert host.requests == []
    assert "a" in manager.store.recorded()


@pytest.mark.parametrize("damage", [b"short", BYTES[:-1] + b"!", BYTES + b"!"])
def test_a_damaged_model_is_fetched_again(host, config, damage):
    manager = manager_of(config, model("a", host.serve("a", BYTES)))
    manager.verify_models()
    manager.get_model_path("a").write_bytes(damage)
    assert manager.verify_models() == {"a": True}
    assert manager.get_model_path("a").read_bytes() == BYTES


def test_a_question_changes_nothing(host, config):
    manager = manager_of(config, model("a", host.serve("a", BYTES)))
    manager.verify_models()
    assert manager.is_model_valid("a")
    assert not manager.is_model_valid("unknown")
    manager.get_model_path("a").write_bytes(b"damaged")
    before = everything_under(manager.cache_dir)
    requests = len(host.requests)
    assert not manager.is_model_valid("a")
    assert manager.plan().files[0].state is FileState.DAMAGED
    assert everything_under(manager.cache_dir) == before
    assert len(host.requests) == requests


def test_asking_before_anything_exists_makes_no_folder(host, config):
    manager = manager_of(config, model("a", host.serve("a", BYTES)))
    assert not manager.is_model_valid("a")
    assert manager.plan().missing_bytes == len(BYTES)
    assert not manager.cache_dir.exists()


# -- progress


def test_progress_counts_the_bytes_that_arrived(host, config):
    calls = []
    reports = []
    sources = [model("a", host.serve("a", BYTES)), model("b", host.serve("b", BYTES))]
    manager = manager_of(config, *sources, bytes_per_s=2 * len(BYTES))  # both take about a second

    def callback(name, done, total):
        calls.append((time.monotonic(), name, done, total))

    manager.verify_models(progress_callback=callback, listener=reports.append)
    for name in ("a", "b"):
        mine = [(when, done, total) for when, n, done, total in calls if n == name]
        counts = [done for _, done, _ in mine]
        assert all(0 <= done <= len(BYTES) for done in counts)
        assert counts[-1] == len(BYTES)
        assert {total for *_, total in mine} == {len(BYTES)}
        assert any(0 < done < len(BYTES) for done in counts)
        gaps = [b[0] - a[0] for a, b in itertools.pairwise(mine)]
        assert max(gaps) < 0.5
        last = [r for r in reports if r.stage == name][-1]
        assert (last.done, last.total, last.unit, last.finished) == (
            len(BYTES),
            len(BYTES),
            "B",
            True,
        )


def test_a_model_that_is_there_reports_no_arrival(host, config):
    manager = manager_of(config, model("a", host.serve("a", BYTES)))
    manager.verify_models()
    calls = []
    manager.verify_models(progress_callback=lambda *call: calls.append(call))
    assert calls == []


# -- failures


def test_an_optional_model_that_fails_is_false_and_stops_nothing(host, config, caplog):
    manager = manager_of(
        config,
        model("extra", host.url("nowhere"), BYTES, optional=True),
        model("needed", host.serve("needed", BYTES)),
    )
    assert manager.verify_models() == {"extra": False, "needed": True}
    assert "404" in str(manager.failures["extra"])
    assert [r.levelno for r in caplog.records if "extra" in r.getMessage()] == [logging.WARNING]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_model_that_cannot_be_looked_at_fails_alone(host, config, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "sub").symlink_to(tmp_path / "elsewhere")
    extra = model("sub/extra", host.serve("extra", BYTES), optional=True)
    manager = manager_of(config, extra, model("needed", host.serve("needed", BYTES)))
    assert not manager.is_model_valid("sub/extra")
    assert manager.verify_models() == {"sub/extra": False, "needed": True}
    with pytest.raises(ModelCacheError, match=r"Remove the link.*\n.*download sub/extra"):
        manager.verify_models([replace(extra, optional=False)])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_required_failure_is_raised_after_all_others_and_names_every_model(host, config):
    manager = manager_of(
        config,
        model("gone", host.url("gone"), BYTES),
        model("here", host.serve("here", BYTES)),
        model("other", host.url("other"), BYTES),
        model("extra", host.url("extra"), BYTES, optional=True),
    )
    with pytest.raises(ModelDownloadError) as caught:
        manager.verify_models()
    message = str(caught.value)
    assert manager.get_model_path("here").read_bytes() == BYTES
    assert all(name in message for name in ("gone", "other", "extra"))
    assert caught.value.model == "gone"
    assert message.endswith(
        f"video-censor models download gone other extra --config '{config.path}'"
    )
    assert set(manager.failures) == {"gone", "other", "extra"}
    assert caught.value.exit_code == 4


def test_a_404_is_told_with_its_address_and_not_asked_for_again(host, config):
    manager = manager_of(config, model("gone", host.url("gone"), BYTES))
    with pytest.raises(ModelDownloadError, match="404") as caught:
        manager.verify_models()
    assert caught.value.url == host.url("gone")
    assert host.url("gone") in str(caught.value)
    assert caught.value.path == manager.get_model_path("gone")
    assert [request.path for request in host.requests] == ["/gone"]


def test_a_server_that_recovers_is_asked_again(host, config):
    url = host.serve("a", BYTES)
    host.refuse("a", 503, times=2)
    assert manager_of(config, model("a", url)).verify_models() == {"a": True}


def test_other_bytes_than_declared_never_get_the_name(host, config):
    expected = hashlib.sha256(b"declared").hexdigest()
    wrong = b"served!!"
    manager = manager_of(config, model("a", host.serve("a", wrong), b"declared"))
    with pytest.raises(ModelChecksumError) as caught:
        manager.verify_models()
    assert (caught.value.expected, caught.value.actual) == (
        expected,
        hashlib.sha256(wrong).hexdigest(),
    )
    assert expected in str(caught.value)
    assert str(caught.value.actual) in str(caught.value)
    assert not manager.get_model_path("a").exists()


def test_a_model_of_another_size_is_told_with_both_sizes(host, config):
    manager = manager_of(config, model("a", host.serve("a", BYTES + b"more"), BYTES))
    with pytest.raises(ModelChecksumError) as caught:
        manager.verify_models()
    assert (caught.value.expected, caught.value.actual) == (len(BYTES), len(BYTES) + 4)
    assert not manager.get_model_path("a").exists()


def test_no_room_is_told_before_a_byte_moves(host, config):
    huge = model("huge", host.serve("huge", BYTES), size_bytes=10**18)
    manager = manager_of(config, huge)
    with pytest.raises(DiskSpaceError) as caught:
        manager.verify_models()
    message = str(caught.value)
    assert caught.value.expected == 2 * 10**18
    assert 0 < caught.value.actual < 10**18
    assert "2000 PB" in message
    assert "free" in message
    assert message.splitlines()[-1].endswith(
        f"video-censor models download huge --config '{config.path}'"
    )
    assert host.requests == []


def test_an_optional_model_without_room_does_not_keep_others_out(host, config):
    manager = manager_of(
        config,
        model("huge", host.serve("huge", BYTES), size_bytes=10**18, optional=True),
        model("small", host.serve("small", BYTES)),
    )
    assert manager.verify_models() == {"small": True, "huge": False}
    assert isinstance(manager.failures["huge"], DiskSpaceError)


def test_a_cache_that_cannot_be_written_is_told(host, config, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    config.models.cache_dir = str(tmp_path / "file" / "cache")
    manager = manager_of(config, model("a", host.serve("a", BYTES)))
    with pytest.raises(ModelDownloadError, match="cannot be written") as caught:
        manager.verify_models()
    assert str(tmp_path / "file") in str(caught.value)
    assert "video-censor models download a" in str(caught.value)
    assert host.requests == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_serves_what_it_has(host, config):
    manager = manager_of(config, model("a", host.serve("a", BYTES)))
    manager.cache_dir.mkdir()
    manager.get_model_path("a").write_bytes(BYTES)
    manager.cache_dir.chmod(0o555)
    try:
        assert manager.verify_models() == {"a": True}
    finally:
        manager.cache_dir.chmod(0o755)


# -- stopping


def paced(host, content):
    """A model that the server sends in small steps, so that it counts only what is wanted."""
    return model("a", host.serve("a", content, bytes_per_s=32 << 20))


class StopHere(Exception):
    """What a caller may raise from its callback."""


@pytest.mark.parametrize("stop", [KeyboardInterrupt, StopHere])
def test_what_the_callback_raises_stops_everything_and_keeps_what_arrived(host, config, stop):
    content = os.urandom(16 << 20)
    manager = manager_of(config, paced(host, content), bytes_per_s=16 << 20)
    threads = own_threads()

    def callback(name, done, total):
        if done > total / 2:
            raise stop

    with pytest.raises(stop):
        manager.verify_models(progress_callback=callback)
    assert not own_threads() - threads
    assert not manager.get_model_path("a").exists()
    assert manager.plan().files[0].have_bytes > 0

    host.requests.clear()
    before = host.sent_bytes
    assert manager_of(config, *config.models.sources).verify_models() == {"a": True}
    assert manager.get_model_path("a").read_bytes() == content
    assert host.sent_bytes - before < 0.7 * len(content)


def test_cancelling_stops_soon_and_the_next_run_goes_on(host, config):
    content = os.urandom(16 << 20)
    manager = manager_of(config, paced(host, content), bytes_per_s=4 << 20)
    token = CancelToken()
    cancelled_at = []

    def callback(name, done, total):
        if done > total / 4 and not cancelled_at:
            cancelled_at.append(time.monotonic())
            token.cancel()

    with pytest.raises(ModelDownloadError, match="what arrived is kept") as caught:
        manager.verify_models(progress_callback=callback, cancel=token)
    assert time.monotonic() - cancelled_at[0] < 2.5  # the rest would take 3 s
    assert "video-censor models download a" in str(caught.value)
    assert manager_of(config, *config.models.sources).verify_models() == {"a": True}
    assert manager.get_model_path("a").read_bytes() == content


# -- sources


@pytest.mark.parametrize("name", ["../outside", "/etc/model", "a/../../b", "C:\\x", "nul", ""])
def test_a_name_that_leaves_the_cache_is_refused(host, config, tmp_path, name):
    manager = manager_of(config, model(name, host.serve("a", BYTES)))
    with pytest.raises(ConfigError):
        manager.verify_models()
    with pytest.raises(ConfigError):
        manager.get_model_path(name)
    assert host.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_is_used_where_the_first_address_fails(host, config):
    first, second = host.url("gone"), host.serve("a", BYTES)
    assert manager_of(config, model("a", first, BYTES, mirrors=[second])).verify_models() == {
        "a": True
    }


def test_headers_go_to_the_models_own_server_only(host, config):
    with ModelHost() as elsewhere:
        source = model(
            "a",
            host.url("gone"),
            BYTES,
            mirrors=[elsewhere.serve("a", BYTES)],
            headers={"X-Key": "secret"},
        )
        assert manager_of(config, source).verify_models() == {"a": True}
        assert host.requests[0].headers["x-key"] == "secret"
        assert all("x-key" not in request.headers for request in elsewhere.requests)


def test_a_hub_token_goes_to_the_hub_only(host, config, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", host.url("").rstrip("/"))
    with ModelHost() as elsewhere:
        manager = manager_of(
            config,
            model("a", host.serve("a", BYTES)),
            model("b", elsewhere.serve("b", BYTES)),
        )
        manager.verify_models()
        assert all(r.headers["authorization"] == "Bearer hf_secret" for r in host.requests)
        assert all("authorization" not in r.headers for r in elsewhere.requests)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha512", "blake2b"])
def test_other_checksums_than_sha256(host, config, algorithm):
    digest = hashlib.new(algorithm, BYTES).hexdigest()
    source = model("a", host.serve("a", BYTES), checksum=digest.upper(), algorithm=algorithm)
    manager = manager_of(config, source)
    assert manager.verify_models() == {"a": True}
    assert manager.is_model_valid("a")


def test_an_unknown_size_is_taken_from_the_server(host, config):
    calls = []
    manager = manager_of(config, model("a", host.serve("a", BYTES), size_bytes=0))
    manager.verify_models(progress_callback=lambda *call: calls.append(call))
    assert calls[-1] == ("a", len(BYTES), len(BYTES))


def test_a_source_that_cannot_be_used_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "blake3", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path = tmp_path / "my.yaml"
    fields = f"url: 'https://e.com/m', checksum: '{'0' * 64}', size_bytes: 1"
    path.write_text(
        "models:\n  sources:\n    - name: mine\n      algorithm: blake3\n"
        + "".join(f"      {field}\n" for field in fields.split(", "))
    )
    with pytest.raises(ConfigError, match="mine: checksums with blake3") as caught:
        ModelManager(load_config(path)).plan()
    assert (caught.value.file, caught.value.line) == (path, 4)


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"checksum": "zz"}, "m: 'zz' is no sha256"), ({"url": ""}, "m: no URL: only http")],
)
def test_a_source_made_by_a_program_is_named_too(config, fields, says):
    source = model("m", **{"url": "https://e.com/m", "content": BYTES, **fields})
    with pytest.raises(ConfigError, match=says):
        manager_of(config, source).plan()


# -- the rest of the contract


def test_one_model_can_be_had_by_itself(host, config):
    manager = manager_of(config)
    source = model("a", host.serve("a", BYTES), optional=True)
    path = manager._download_model(source)
    assert path == manager.cache_dir / "a"
    assert path.read_bytes() == BYTES
    with pytest.raises(ModelDownloadError, match="404"):
        manager._download_model(model("b", host.url("gone"), BYTES, optional=True))


def test_a_file_anywhere_can_be_compared_with_a_source(config, tmp_path):
    manager = manager_of(config)
    file = tmp_path / "file.bin"
    file.write_bytes(BYTES)
    source = model("a", "https://example.com/a", BYTES)
    assert manager._validate_checksum(file, source)
    file.write_bytes(BYTES[:-1] + b"!")
    assert not manager._validate_checksum(file, source)
    assert file.exists()
    assert not manager._validate_checksum(tmp_path / "none", source)


def test_the_cache_folder_is_the_configured_one_or_that_of_the_platform(config, tmp_path):
    assert ModelManager(config).cache_dir == tmp_path / "cache"
    config.models.cache_dir = "models"
    assert ModelManager(config)._resolve_cache_dir() == tmp_path / "models"
    config.models.cache_dir = None
    found = ModelManager(config).cache_dir
    assert found.parts[-2:] == ("video-censor", "models")
    assert ModelManager(config, cache_dir=tmp_path / "x").cache_dir == tmp_path / "x"


class Registry:
    """Knows one repository."""

    def query_model(self, model_name, force_refresh=False):
        if model_name != "org/llava":
            raise ModelNotFoundError(f"no {model_name}; there is org/llava")
        return ModelMetadata(
            "org/llava", ["main"], {"main": "ab"}, {"main": 5}, deprecated=True, replacement="x/y"
        )


def test_what_is_known_of_a_model(host, config, caplog):
    plain = model("plain", host.serve("a", BYTES), size_bytes=0)
    hub = model("hub", host.url("org/llava/resolve/main/model.bin"), BYTES)
    manager = manager_of(config, plain, hub)
    info = manager.get_model_info("plain")
    assert info.checksums == {"configured": plain.checksum}
    assert info.sizes == {}  # not known: nothing is made up
    manager.verify_models([plain])
    assert manager.get_model_info("plain").sizes == {"configured": len(BYTES)}
    with pytest.raises(ConfigError, match="did you mean 'plain'"):
        manager.get_model_info("plane")

    manager.registry = Registry()
    info = manager.get_model_info("hub")
    assert (info.name, info.versions) == ("hub", ["configured", "main"])
    assert info.sizes == {"main": 5, "configured": len(BYTES)}
    assert (info.deprecated, info.replacement) == (True, "x/y")
    assert manager.get_model_info("org/llava").name == "org/llava"
    assert manager.get_model_info("plain").versions == ["configured"]
    assert "org/llava" in caplog.text
    with pytest.raises(ModelNotFoundError):
        manager.get_model_info("nowhere")


# -- models that a hub knows


@pytest.fixture
def hub(tmp_path, monkeypatch):
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with LoopbackHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


def test_models_of_a_hub_and_of_plain_servers_are_had_together(host, hub, config):
    hub.add("org/model", {"config.json": b"{}", "model.bin": BYTES}, lfs=["model.bin"])
    file = ModelSource("file", "hf://org/model/model.bin", "", 0)
    whole = ModelSource("whole", "hf://org/model", "", 0, files=["*.json", "*.bin"])
    manager = manager_of(config, file, model("plain", host.serve("a", BYTES)), whole)
    calls = []
    assert not manager.is_model_valid("file")
    found = manager.verify_models(progress_callback=lambda *call: calls.append(call))
    assert list(found.items()) == [("file", True), ("plain", True), ("whole", True)]
    assert manager.get_model_path("file").read_bytes() == BYTES
    assert (manager.get_model_path("whole") / "config.json").read_bytes() == b"{}"
    assert manager.is_model_valid("file")
    assert ("file", len(BYTES), len(BYTES)) in calls
    assert manager.get_model_info("file").sizes == {"configured": len(BYTES)}

    asked = len(hub.requests)
    assert all(manager_of(config, *config.models.sources).verify_models().values())
    assert len(hub.requests) == asked


def test_there_must_be_room_for_models_of_all_kinds_together(host, hub, config, monkeypatch):
    hub.add("org/model", {"model.bin": BYTES}, lfs=["model.bin"])
    plain = model("plain", host.serve("a", BYTES))
    file = ModelSource("file", "hf://org/model/model.bin", "", 0)
    monkeypatch.setattr(Store, "free_bytes", lambda store: 3 * len(BYTES))
    with pytest.raises(DiskSpaceError, match="No room for plain, file in ") as caught:
        manager_of(config, plain, file).verify_models()
    assert (caught.value.expected, caught.value.actual) == (4 * len(BYTES), 3 * len(BYTES))
    assert "models.cache_dir or HF_HUB_CACHE" in str(caught.value)
    assert host.requests == hub.asked(host="cdn") == []

    optional = replace(file, optional=True)
    assert manager_of(config, optional, plain).verify_models() == {"file": False, "plain": True}
    assert hub.asked(host="cdn") == []
    assert manager_of(config, plain, file).verify_models() == {"plain": True, "file": True}


def test_disks_of_their_own_have_room_of_their_own(host, hub, config, monkeypatch):
    hub.add("org/model", {"model.bin": BYTES}, lfs=["model.bin"])
    plain = model("plain", host.serve("a", BYTES))
    file = ModelSource("file", "hf://org/model/model.bin", "", 0)
    manager = manager_of(config, plain, file)
    monkeypatch.setattr(Store, "free_bytes", lambda store: 3 * len(BYTES))
    monkeypatch.setattr(Store, "disk", lambda store: int(store.root == manager.cache_dir))
    assert manager.verify_models() == {"plain": True, "file": True}


def test_a_repository_that_is_not_there_is_a_failed_model(host, hub, config):
    gone = ModelSource("gone", "hf://org/nowhere/model.bin", "", 0)
    plain = model("plain", host.serve("a", BYTES))
    manager = manager_of(config, gone, plain)
    with pytest.raises(ModelDownloadError, match="org/nowhere") as caught:
        manager.verify_models()
    assert caught.value.model == "gone"
    assert "video-censor models download gone" in str(caught.value)
    assert manager.is_model_valid("plain")
    assert manager_of(config, replace(gone, optional=True)).verify_models() == {"gone": False}
