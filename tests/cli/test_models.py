"""`video-censor models`: what people and programs see, and the exit codes."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hub_server import LoopbackHub
from model_host import ModelHost, model

from video_censor_personal.cli import main
from video_censor_personal.config import ModelSource
from video_censor_personal.store import Store

BYTES = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def host():
    with ModelHost() as host:
        yield host


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a configuration with these models into the current folder; its path."""
    monkeypatch.chdir(tmp_path)

    def write_(*sources, extra: str = "") -> Path:
        path = tmp_path / "my.yaml"
        fields = ("name", "url", "checksum", "size_bytes", "optional")
        lines = [
            json.dumps({f: getattr(s, f) for f in fields if getattr(s, f) != ""}) for s in sources
        ]
        path.write_text(
            "models:\n  cache_dir: cache\n  sources: [" + ", ".join(lines) + "]\n" + extra
        )
        return path

    return write_


@pytest.fixture
def models(capsys):
    """Run `video-censor models ...`; exit code, standard output, standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            code = main(["models", *map(str, arguments)])
        except SystemExit as stop:  # argparse
            code = stop.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


def events(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "video_censor", "models", *map(str, arguments)]


# -- looking


def test_list_shows_every_model_and_what_is_there(host, write, models, tmp_path):
    config = write(
        model("here", host.serve("here", BYTES)),
        model("absent", "https://models.example.com/absent", BYTES, optional=True),
    )
    assert models("download", "here", "--config", config)[0] == 0
    code, out, _ = models("list", "--config", config)
    assert code == 0
    assert [line.split()[:4] for line in out.splitlines()[1:3]] == [
        ["here", "1.0", "MB", "ready"],
        ["absent", "1.0", "MB", "missing"],
    ]
    assert "models.example.com" in out
    assert "optional" in out
    assert str(tmp_path / "cache") in out


def test_list_says_which_detector_takes_a_model(host, write, models):
    config = write(
        model("big.onnx", host.serve("one", BYTES)),
        extra="detectors: [{type: nudenet, name: eyes, model: big.onnx, size: 640}]\n",
    )
    code, out, _ = models("list", "--json", "--config", config)
    assert code == 0
    assert events(out)[0]["models"][0]["used_by"] == ["eyes"]


def test_list_names_what_is_there_and_not_configured(host, write, models):
    one, two = model("one", host.serve("one", BYTES)), model("two", host.serve("two", b"2"))
    assert models("download", "--config", write(one, two))[0] == 0
    code, out, _ = models("list", "--json", "--config", write(one))
    (result,) = events(out)
    assert code == 0
    assert [(m["name"], m["state"]) for m in result["models"]] == [("one", "verified")]
    assert result["others"] == [{"name": "two", "size_bytes": 1}]


def test_without_models_it_says_so(tmp_path, monkeypatch, models):
    monkeypatch.chdir(tmp_path)
    for verb in ("list", "status", "download", "verify"):
        code, out, _ = models(verb, "--cache-dir", tmp_path / "cache")
        assert code == 0
        assert "nothing to download" in out
    assert not (tmp_path / "cache").exists()


def test_status_is_4_while_a_required_model_is_missing(host, write, models):
    config = write(
        model("needed", host.serve("needed", BYTES)),
        model("extra", host.url("nowhere"), BYTES, optional=True),
    )
    code, out, _ = models("status", "--config", config)
    assert code == 4
    assert f"video-censor models download needed extra --config {config}" in out
    assert host.requests == []
    assert models("status", "extra", "--config", config)[0] == 0
    assert models("download", "needed", "--config", config)[0] == 0
    assert models("status", "--config", config)[0] == 0


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_an_optional_model_that_cannot_be_looked_at_is_told(host, write, models, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "sub").symlink_to(tmp_path / "elsewhere")
    extra = model("sub/x", host.serve("x", BYTES), optional=True)
    config = write(extra, model("needed", host.serve("needed", BYTES)))
    code, out, _ = models("list", "--config", config)
    assert code == 0
    assert re.search(r"^sub/x +1.0 MB +unreadable", out, re.MULTILINE)
    assert "sub/x: " in out
    assert "Remove the link" in out
    code, out, err = models("download", "--config", config)
    assert (code, "needed: downloaded" in out, "Remove the link" in err) == (0, True, True)
    code, out, _ = models("verify", "--config", config)
    assert (code, "1 of 2 are ready" in out, "To fetch" in out) == (0, True, False)
    for command_ in ("path", "download"):
        code, _, err = models(command_, "sub/x", "--config", config)
        assert (code, "Remove the link" in err) == (4, True)


def test_path_prints_just_the_path(host, write, models, tmp_path):
    config = write(model("a", host.serve("a", BYTES)))
    code, out, err = models("path", "a", "--config", config)
    assert (code, out) == (4, "")
    assert f"video-censor models download a --config {config}" in err
    models("download", "--config", config)
    assert models("path", "a", "--config", config) == (0, f"{tmp_path / 'cache' / 'a'}\n", "")
    assert models("path", "a", "-q", "--config", config)[1] == f"{tmp_path / 'cache' / 'a'}\n"
    assert models("path", "b", "--config", config)[0] == 2


# -- fetching


def test_download_fetches_once_and_says_what_it_did(host, write, models, tmp_path):
    config = write(model("a", host.serve("a", BYTES)))
    code, out, err = models("download", "--config", config)
    assert code == 0
    assert "a: downloaded, 1.0 MB" in out
    assert "a: done, 1.0 MB" in err
    assert (tmp_path / "cache" / "a").read_bytes() == BYTES
    requests = len(host.requests)
    code, out, _ = models("download", "--config", config)
    assert (code, len(host.requests)) == (0, requests)
    assert "a: was there" in out


def test_a_dry_run_tells_and_fetches_nothing(host, write, models, tmp_path):
    config = write(model("a", host.serve("a", BYTES)))
    code, out, _ = models("download", "--dry-run", "--config", config)
    assert code == 0
    assert "would download 1.0 MB" in out
    assert "2.1 MB of free room" in out
    assert host.requests == []
    assert not (tmp_path / "cache").exists()
    code, out, _ = models("download", "--dry-run", "--json", "--config", config)
    (result,) = events(out)
    assert (result["missing_bytes"], result["room_bytes"]) == (len(BYTES), 2 * len(BYTES))


def test_a_size_that_is_not_known_is_not_made_up(host, write, models):
    unknown = model("u", host.serve("u", BYTES), size_bytes=0)
    for sources in ([unknown], [unknown, model("k", host.serve("k", BYTES))]):
        config = write(*sources)
        for command_ in (["status"], ["download", "--dry-run"], ["list"]):
            _, out, _ = models(*command_, "--config", config)
            assert not re.search(r"\b0 B\b", out)
            assert command_ == ["list"] or "size unknown" in out
    _, out, _ = models("status", "--config", config)
    assert "0 of 2 are ready; 1.0 MB and 1 more (size unknown) to download" in out
    assert "u: downloaded, 1.0 MB" in models("download", "--config", config)[1]


def test_json_is_one_object_a_line_with_true_counts(host, write, models):
    config = write(model("a", host.serve("a", BYTES)), model("b", host.serve("b", b"b")))
    code, out, _ = models("download", "--json", "--config", config)
    told = events(out)
    assert code == 0
    progress = [e for e in told if e["event"] == "progress" and e["stage"] == "a"]
    assert progress[-1]["done"] == progress[-1]["total"] == len(BYTES)
    assert told[-1]["event"] == "result"
    assert {m["name"]: m["result"] for m in told[-1]["models"]} == {
        "a": "downloaded",
        "b": "downloaded",
    }


def test_a_failure_is_told_in_json_too(host, write, models):
    config = write(model("a", host.url("gone"), BYTES))
    code, out, _ = models("download", "--json", "--config", config)
    error = events(out)[-1]
    assert code == 4
    assert (error["event"], error["exit_code"]) == ("error", 4)
    assert "404" in error["message"]


def test_an_optional_failure_is_0_unless_it_was_asked_for(host, write, models):
    config = write(
        model("extra", host.url("gone"), BYTES, optional=True), model("a", host.serve("a", BYTES))
    )
    code, out, _ = models("download", "--config", config)
    assert code == 0
    assert "extra: not there (optional)" in out
    assert models("download", "extra", "--config", config)[0] == 4


def test_wrong_usage_is_2(host, write, models):
    config = write(model("llava", host.serve("a", BYTES)))
    assert models()[0] == 2
    assert models("frobnicate")[0] == 2
    code, _, err = models("download", "lava", "--config", config)
    assert code == 2
    assert "did you mean 'llava'" in err
    assert models("list", "--config", "nowhere.yaml")[0] == 2
    bad = write(model("../x", host.url("a"), BYTES))
    assert models("download", "--config", bad)[0] == 2


def test_help_explains_every_command(models):
    code, out, _ = models("--help")
    assert code == 0
    for verb in ("list", "status", "download", "verify", "prune", "rm", "path", "lock"):
        assert verb in out
        assert models(verb, "--help")[0] == 0


# -- verifying


def test_verify_finds_damage_that_keeps_size_and_times(host, write, models, tmp_path):
    config = write(model("a", host.serve("a", BYTES)))
    models("download", "--config", config)
    file = tmp_path / "cache" / "a"
    assert models("verify", "--config", config)[0] == 0
    before = file.stat()
    file.write_bytes(b"!" + BYTES[1:])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    code, out, _ = models("verify", "--deep", "--config", config)
    assert code == 4
    assert "damaged" in out
    assert model("a", host.url("a")).checksum in out  # the expected one
    assert file.exists()
    assert models("download", "--config", config)[0] == 0
    assert models("verify", "--deep", "a", "--config", config)[0] == 0
    assert file.read_bytes() == BYTES


# -- removing


def test_rm_removes_what_it_is_told_to(host, write, models, tmp_path):
    config = write(model("a", host.serve("a", BYTES)), model("b", host.serve("b", b"b")))
    models("download", "--config", config)
    code, out, _ = models("rm", "a", "--dry-run", "--config", config)
    assert code == 0
    assert "would remove a (1.0 MB)" in out
    assert (tmp_path / "cache" / "a").exists()
    assert models("rm", "a", "nothing", "--config", config)[0] == 2
    assert (tmp_path / "cache" / "a").exists()
    code, out, _ = models("rm", "a", "--config", config)
    assert (code, out.splitlines()[0]) == (0, "removed a (1.0 MB)")
    assert not (tmp_path / "cache" / "a").exists()
    assert (tmp_path / "cache" / "b").exists()
    assert models("status", "a", "--config", config)[0] == 4
    code, out, _ = models("rm", "a", "--config", config)
    assert (code, out.split()[0]) == (0, "nothing")


def test_rm_says_that_a_model_is_being_downloaded(host, write, models, tmp_path):
    config = write(model("a", host.serve("a", BYTES)))
    store = Store(tmp_path / "cache")
    store.prepare()
    store.partial_path("a").write_bytes(BYTES)
    with store.lock("a") as lock:
        assert lock.acquire()
        code, _, err = models("rm", "a", "--config", config)
        assert code != 0
        assert f"a is being downloaded by process {os.getpid()}" in err
        assert store.partial_path("a").exists()
    assert models("rm", "a", "--config", config)[0] == 0
    assert not store.partial_path("a").exists()


def test_prune_removes_what_the_configuration_does_not_name(host, write, models, tmp_path):
    keep, drop = model("keep", host.serve("keep", BYTES)), model("drop", host.serve("drop", b"d"))
    models("download", "--config", write(keep, drop))
    mine = tmp_path / "cache" / "mine.txt"
    mine.write_text("not a model")
    config = write(keep)

    code, _, err = models("prune", "--config", config)  # nobody to ask
    assert code == 2
    assert "--yes" in err
    code, out, _ = models("prune", "--dry-run", "--config", config)
    assert code == 0
    assert "drop" in out
    assert (tmp_path / "cache" / "drop").exists()
    code, out, _ = models("prune", "-y", "--json", "--config", config)
    assert code == 0
    (removed,) = events(out)[-1]["removed"]
    assert (removed["name"], removed["kind"]) == ("drop", "model")
    assert removed["bytes"] > 0
    assert not (tmp_path / "cache" / "drop").exists()
    assert (tmp_path / "cache" / "keep").exists()
    assert mine.exists()


def test_a_strange_record_stops_neither_list_nor_rm_nor_prune(host, write, models, tmp_path):
    keep, drop = model("keep", host.serve("keep", BYTES)), model("drop", host.serve("drop", b"d"))
    models("download", "--config", write(keep, drop))
    records = tmp_path / "cache" / ".transfer" / "records.jsonl"
    lines = records.read_text()
    records.write_text(lines + lines.replace('"keep"', '"../../keep"').replace('"drop"', '"/etc"'))
    config = write(keep)
    for command_ in (["list"], ["rm", "keep"], ["prune", "--yes"], ["download"]):
        code, _, err = models(*command_, "--config", config)
        assert code == 0
        assert "lines that cannot be used" in err
    assert not (tmp_path / "cache" / "drop").exists()
    assert (tmp_path / "cache" / "keep").exists()
    assert "cannot be used" not in models("list", "--config", config)[2]  # it was written anew


def test_prune_without_a_configuration_removes_no_model(host, write, models, tmp_path):
    models("download", "--config", write(model("a", host.serve("a", BYTES))))
    code, _, err = models("prune", "-y", "--cache-dir", tmp_path / "cache")
    assert code == 0
    assert (tmp_path / "cache" / "a").exists()
    assert "left alone" in err


# -- registries


@pytest.fixture
def hub(tmp_path, monkeypatch):
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with LoopbackHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


def test_lock_pins_what_a_hub_has_and_moves_only_when_told(hub, write, models, tmp_path):
    first = hub.add("org/model", {"model.bin": BYTES}, lfs=["model.bin"])
    config = write(ModelSource("m", "hf://org/model/model.bin", "", 0))
    code, out, _ = models("lock", "--config", config)
    assert code == 0
    assert first in out
    assert first in (tmp_path / "models.lock").read_text()
    assert not (tmp_path / "cache").exists()

    second = hub.add("org/model", {"model.bin": b"new"}, lfs=["model.bin"])
    code, out, _ = models("lock", "--config", config)
    assert (code, "unchanged" in out) == (0, True)
    assert models("download", "--config", config)[0] == 0
    assert (tmp_path / "cache" / "m").read_bytes() == BYTES

    code, out, _ = models("lock", "--update", "--json", "--config", config)
    (changed,) = events(out)[-1]["models"]
    assert (changed["previous_commit"], changed["commit"]) == (first, second)
    assert models("download", "--config", config)[0] == 0
    assert (tmp_path / "cache" / "m").read_bytes() == b"new"


def test_a_model_of_a_hub_comes_from_there_before_it_is_pinned_too(hub, write, models):
    hub.add("org/model", {"model.bin": BYTES}, lfs=["model.bin"])
    config = write(ModelSource("m", "hf://org/model/model.bin", "", 0))
    for command_ in ("list", "lock", "list"):
        code, out, _ = models(command_, "--json", "--config", config)
        hosts = [m["host"] for m in events(out)[-1]["models"] if "host" in m]
        assert (code, set(hosts)) == (
            0,
            set() if command_ == "lock" else {urlsplit(hub.endpoint).netloc},
        )


def test_lock_needs_a_configuration_and_leaves_plain_models_alone(host, write, models, tmp_path):
    assert models("lock")[0] == 2
    code, out, _ = models("lock", "--config", write(model("a", host.serve("a", BYTES))))
    assert code == 0
    assert "nothing to pin" in out
    assert not (tmp_path / "models.lock").exists()


def test_removing_a_hub_model_leaves_the_shared_files(hub, write, models, tmp_path):
    hub.add("org/model", {"model.bin": BYTES}, lfs=["model.bin"])
    config = write(ModelSource("m", "hf://org/model/model.bin", "", 0))
    assert models("download", "--config", config)[0] == 0
    told = "m, a link: its files stay in the Hugging Face cache, which other programs share"
    for dry in (["--dry-run"], []):
        code, out, err = models("rm", "m", *dry, "--config", config)
        assert (code, out, err) == (0, f"{'would remove' if dry else 'removed'} {told}\n", "")
    assert not (tmp_path / "cache" / "m").exists()
    asked = len(hub.asked(host="cdn"))
    assert models("status", "--config", config)[0] == 4
    code, out, _ = models("download", "--config", config)
    assert (code, out.startswith("m: was there")) == (0, True)
    assert len(hub.asked(host="cdn")) == asked


def test_a_file_of_two_models_is_to_be_downloaded_once(hub, write, models):
    hub.add("org/model", {"model.bin": BYTES, "b": b"b" * 2000}, lfs=["model.bin"])
    whole = ModelSource("whole", "hf://org/model", "", 0)
    one = ModelSource("one", "hf://org/model/model.bin", "", 0)
    for sources, size in (([whole, one], len(BYTES) + 2000), ([one], len(BYTES))):
        _, out, _ = models("download", "--dry-run", "--json", "--config", write(*sources))
        assert events(out)[0]["missing_bytes"] == size


def test_prune_removes_unfinished_downloads_from_the_shared_cache_too(hub, write, models, tmp_path):
    hub.add("org/model", {"model.bin": BYTES}, lfs=["model.bin"])
    config = write(ModelSource("m", "hf://org/model", "", 0))
    assert models("download", "--config", config)[0] == 0
    left = tmp_path / "hf" / "hub" / ".locks" / ".video-censor" / "partial" / "blob-1234"
    left.write_bytes(bytes(5000))
    _, out, _ = models("prune", "--dry-run", "--json", "--config", config)
    (facts,) = events(out)[-1]["removed"]
    assert (facts["name"], facts["kind"]) == ("blob-1234", "unfinished")
    code, out, _ = models("prune", "--yes", "--config", config)
    assert code == 0
    assert "removed unfinished download blob-1234" in out
    assert not left.exists()
    assert models("status", "--config", config)[0] == 0


def test_the_catalog_shows_known_models(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = models("catalog")
    assert code == 0
    code, listing, _ = models("catalog", "--json")
    known = events(listing)[0]["models"]
    assert all(m["name"] in out and m["purpose"] in out for m in known)
    assert all(m["url"].startswith(("hf://", "gh://", "https://")) for m in known)


# -- processes


def test_a_required_model_that_cannot_be_had_ends_with_4(host, write):
    config = write(model("a", host.url("gone"), BYTES))
    done = subprocess.run(
        command("download", "--config", config), capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert done.stdout == ""
    assert "404" in done.stderr
    assert done.stderr.rstrip().endswith(f"video-censor models download a --config {config}")
    assert "Traceback" not in done.stderr


SLOW = "  rate_limit_bytes_per_s: {}\n"


def test_ctrl_c_is_130_and_the_next_run_goes_on(host, write, models, tmp_path):
    content = os.urandom(24 << 20)
    source = model("a", host.serve("a", content, bytes_per_s=32 << 20))
    config = write(source, extra=SLOW.format(16 << 20))
    process = subprocess.Popen(
        command("download", "--json", "--config", config),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if json.loads(line).get("done", 0) > len(content) / 2:
                process.send_signal(signal.SIGINT)
                break
        rest, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "kept" in json.loads(rest.splitlines()[-1])["message"]
    assert "Traceback" not in err
    assert not (tmp_path / "cache" / "a").exists()

    sent = host.sent_bytes
    assert models("download", "--config", write(source))[0] == 0
    assert (tmp_path / "cache" / "a").read_bytes() == content
    assert host.sent_bytes - sent < 0.8 * len(content)


def test_two_processes_fetch_a_model_once(host, write, tmp_path):
    content = os.urandom(4 << 20)
    config = write(model("a", host.serve("a", content, bytes_per_s=2 << 20)))
    both = [
        subprocess.Popen(
            command("download", "--config", config), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = sorted(process.communicate(timeout=30)[0].split()[1] for process in both)
    assert said == [b"downloaded,", b"was"]
    assert [process.returncode for process in both] == [0, 0]
    assert (tmp_path / "cache" / "a").read_bytes() == content
    assert host.sent_bytes < 1.2 * len(content)


def test_prune_asks_on_a_terminal(host, write, models, tmp_path):
    pty = pytest.importorskip("pty")
    keep, drop = model("keep", host.serve("keep", BYTES)), model("drop", host.serve("drop", b"d"))
    models("download", "--config", write(keep, drop))
    config = write(keep)
    for answer, stays in ((b"n\n", True), (b"y\n", False)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = subprocess.run(
            command("prune", "--config", config), stdin=theirs, capture_output=True, check=True
        )
        os.close(ours)
        os.close(theirs)
        assert b"drop" in done.stderr
        assert (tmp_path / "cache" / "drop").exists() == stays


def test_prune_leaves_what_was_gone_on_with_while_it_asked(host, write, models, tmp_path):
    """A download begins between the question and its answer."""
    pty = pytest.importorskip("pty")
    config = write(model("a", host.serve("a", BYTES)))
    models("list", "--config", config)
    store = Store(tmp_path / "cache")
    store.prepare()
    for name in ("a", "old"):
        store.partial_path(name).write_bytes(bytes(5000))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("prune", "--config", config),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    asked = b""
    while b"[y/N]" not in asked:
        asked += process.stderr.read1(4096)
    with store.lock("a") as lock:
        assert lock.acquire()
        os.write(ours, b"y\n")
        out, err = process.communicate(timeout=20)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert store.partial_path("a").exists()
    assert not store.partial_path("old").exists()
    assert b"left alone" in err
    assert out.count(b"removed unfinished download") == 1


def read_to_end(terminal):
    """A terminal holds 4 kB, and gives them in parts."""
    parts = []
    with contextlib.suppress(OSError):  # the other side was closed
        while part := os.read(terminal, 4096):
            parts.append(part)
    return b"".join(parts)


def test_a_terminal_sees_a_bar_for_every_model(host, write, tmp_path):
    pty = pytest.importorskip("pty")
    config = write(
        model("first", host.serve("a", BYTES)),
        model("second", host.serve("b", BYTES)),
        extra=SLOW.format(2 * len(BYTES)),
    )
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(read_to_end, ours)
        done = subprocess.run(
            command("download", "--config", config),
            stderr=theirs,
            stdout=subprocess.PIPE,
            check=True,
        )
        os.close(theirs)
        seen = shown.result().decode()
    os.close(ours)
    assert b"first: downloaded" in done.stdout
    for name in ("first", "second"):
        assert f"{name}:" in seen
        assert f"{name}: done, 1.0 MB" in seen
    assert "B/s" in seen
