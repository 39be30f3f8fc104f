"""Our files in their cache and theirs in ours: the real libraries, as separate processes.

huggingface_hub 2.x comes with the test dependencies; VIDEO_CENSOR_HUB1_PYTHON names the
interpreter of an environment that has 1.x.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from video_censor_personal.config import ModelSource
from video_censor_personal.config.model_addresses import parse_model_address
from video_censor_personal.hub.environment import hub_settings
from video_censor_personal.hub.library_locks import library_locks
from video_censor_personal.hub_cache import HubCache
from video_censor_personal.models_lock import ModelsLock
from video_censor_personal.sources import Deliveries
from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileState,
    Phase,
    PlannedFile,
    Source,
)

BIG = bytes(range(256)) * 4096
FILES = {
    "model.bin": BIG,
    "onnx/model.onnx": BIG[::-1],
    "onnx/copy.onnx": BIG[::-1],  # the same bytes twice are one blob
    "config.json": b'{"a": 1}',
    "empty": b"",
    "déjà vu.txt": b"accents and spaces",
}
LFS = ["model.bin", "onnx/model.onnx", "onnx/copy.onnx"]


def _interpreters():
    yield pytest.param(sys.executable, id="hub2")
    other = os.environ.get("VIDEO_CENSOR_HUB1_PYTHON")
    reason = "VIDEO_CENSOR_HUB1_PYTHON names no interpreter that has huggingface_hub<2"
    yield pytest.param(other, id="hub1", marks=pytest.mark.skipif(not other, reason=reason))


@pytest.fixture(params=_interpreters())
def library(request):
    """Runs code with `hub` = huggingface_hub; what it leaves in `out`. Any warning is an error."""
    pytest.importorskip("huggingface_hub")

    def run(code):
        program = (
            "import json, logging, os, sys\n"
            "import huggingface_hub as hub\n"
            "class Loud(logging.Handler):\n"
            "    def emit(self, record): sys.exit(f'warned: {record.getMessage()}')\n"
            "logging.getLogger('huggingface_hub').addHandler(Loud(logging.WARNING))\n"
            f"{code}\n"
            "print(json.dumps(out))"
        )
        quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        result = subprocess.run(
            [request.param, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            env=os.environ | quiet,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


@pytest.fixture
def deliver(tmp_path):
    def deliver_(url="hf://org/model", listener=None, **options):
        store, lock = Store(tmp_path / "models"), ModelsLock(tmp_path / "models.lock")
        source = ModelSource("model", url, "", 0, **options)
        (outcome,) = Deliveries(store, lock).fetch([source], Engine(), listener)
        return outcome

    return deliver_


def content_requests(hub):
    return [r for r in hub.requests if "/resolve/" in r.path or r.host == "cdn"]


def test_what_we_fetched_the_library_finds_whole_and_verified(hub, library, deliver):
    commit = hub.add("org/model", FILES, lfs=LFS, tag="v1")
    outcome = deliver()
    assert outcome.ok
    hub.requests.clear()
    out = library(
        "p = hub.snapshot_download('org/model', local_files_only=True)\n"
        "out = {n: open(os.path.join(p, n), 'rb').read().hex() for n in "
        f"{sorted(FILES)!r}}} | {{'path': p}}"
    )
    path = out.pop("path")
    assert {name: bytes.fromhex(content) for name, content in out.items()} == FILES
    assert os.path.samefile(path, outcome.path)
    assert path.endswith(commit)
    assert not content_requests(hub)


def test_the_library_downloads_nothing_again(hub, library, deliver):
    hub.add("org/model", FILES, lfs=LFS, tag="v1")
    deliver()
    hub.requests.clear()
    library(
        "hub.snapshot_download('org/model')\n"
        "hub.snapshot_download('org/model', revision='v1')\n"
        "out = hub.hf_hub_download('org/model', 'onnx/model.onnx')"
    )
    assert not [r for r in content_requests(hub) if r.method == "GET"]


def test_the_library_finds_no_fault_with_the_cache(hub, library, deliver):
    commit = hub.add("org/model", FILES, lfs=LFS)
    deliver()
    out = library(
        "scan = hub.scan_cache_dir()\n"
        "check = hub.HfApi().verify_repo_checksums('org/model')\n"
        "repo, = scan.repos\n"
        "out = dict(warnings=[str(w) for w in scan.warnings], id=repo.repo_id,\n"
        "  refs={k: v.commit_hash for k, v in repo.refs.items()}, size=repo.size_on_disk,\n"
        "  files=repo.nb_files, checked=check.checked_count, mismatches=len(check.mismatches),\n"
        "  missing=len(check.missing_paths), extra=len(check.extra_paths))"
    )
    assert out == {
        "warnings": [],
        "id": "org/model",
        "refs": {"main": commit},
        "size": 2 * len(BIG) + 26,
        "files": 5,
        "checked": 6,
        "mismatches": 0,
        "missing": 0,
        "extra": 0,
    }


def test_a_part_is_not_taken_for_the_whole(hub, library, deliver):
    hub.add("org/model", FILES, lfs=LFS)
    deliver(files=["onnx/*"])
    out = library(
        "out = []\n"
        "for patterns in (['onnx/*'], None):\n"
        "    try: out.append(hub.snapshot_download('org/model', allow_patterns=patterns,"
        " local_files_only=True)[:1])\n"
        "    except hub.errors.LocalEntryNotFoundError as e: out.append(type(e).__name__)"
    )
    assert out == ["/", "IncompleteSnapshotError"]


def test_what_the_library_fetched_we_find(hub, library, deliver):
    hub.add("org/model", FILES, lfs=LFS)
    library("out = hub.snapshot_download('org/model')")
    hub.requests.clear()
    outcome = deliver()
    assert outcome.ok
    assert outcome.fetched_bytes == 0
    assert (outcome.path / "onnx" / "copy.onnx").read_bytes() == BIG[::-1]
    assert not content_requests(hub)
    cache = HubCache(hub_settings().cache_dir)
    (model,) = cache.scan()
    (revision,) = model.revisions
    tree = cache.tree("org/model", revision.commit)
    assert cache.state("org/model", revision.commit, tree, deep=True).complete
    assert revision.refs == ("main",)


def test_what_the_library_fetched_we_find_without_the_hub(hub, library, deliver, monkeypatch):
    hub.add("org/model", FILES, lfs=LFS)
    library("out = hub.snapshot_download('org/model')")
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert deliver().ok
    assert not hub.requests


def test_one_file_that_the_library_fetched_is_enough_for_one_file(hub, library, deliver):
    hub.add("org/model", FILES, lfs=LFS)
    library("out = hub.hf_hub_download('org/model', 'model.bin')")
    hub.requests.clear()
    outcome = deliver("hf://org/model/model.bin")
    assert outcome.path.read_bytes() == BIG
    assert not content_requests(hub)


def test_damage_that_the_library_returns_is_seen_and_only_it_is_fetched(hub, library, deliver):
    commit = hub.add("org/model", FILES, lfs=LFS)
    path = Path(library("out = hub.snapshot_download('org/model')"))
    blob = (path / "model.bin").resolve()
    blob.chmod(0o644)
    blob.write_bytes(BIG[:-1] + b"!")
    library("out = hub.snapshot_download('org/model', local_files_only=True)")
    cache = HubCache(hub_settings().cache_dir)
    state = cache.state("org/model", commit, cache.tree("org/model", commit))
    assert [name for name, _ in state.damaged] == ["model.bin"]
    hub.requests.clear()
    outcome = deliver()
    assert (outcome.path / "model.bin").read_bytes() == BIG
    assert {r.path.rpartition("/")[2] for r in content_requests(hub) if r.host == "hub"} == {
        "model.bin"
    }


@pytest.mark.parametrize(
    ("facts", "url", "theirs", "ours"),
    [
        ({}, "hf://org/none/model.bin", "RepositoryNotFoundError", "ModelNotFoundError"),
        ({"private": True}, "", "RepositoryNotFoundError", "ModelHiddenError"),
        ({"gated": "manual"}, "", "GatedRepoError", "ModelGatedError"),
        ({"disabled": True}, "", "DisabledRepoError", "ModelDisabledError"),
        ({}, "hf://org/model@v9/model.bin", "RevisionNotFoundError", "RevisionNotFoundError"),
        ({}, "hf://org/model/none.bin", "RemoteEntryNotFoundError", "RevisionNotFoundError"),
    ],
)
def test_every_refusal_has_the_name_that_the_documentation_gives_it(
    hub, library, deliver, facts, url, theirs, ours
):
    hub.add("org/model", FILES, lfs=LFS, **facts)
    url = url or "hf://org/model/model.bin"
    address = parse_model_address(url)
    out = library(
        f"try: hub.hf_hub_download({address.repository!r}, {address.path!r}, "
        f"revision={address.version!r}); out = []\n"
        "except Exception as error: out = [kind.__name__ for each in (error, error.__cause__)"
        " for kind in type(each).__mro__]"
    )
    assert theirs in out
    error = deliver(url).error.__cause__
    assert ours in [kind.__name__ for kind in type(error).__mro__]
    page = (Path(__file__).parents[2] / "docs" / "huggingface.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("|") and f"`{theirs}`" in line]
    assert f"`{ours}`" in row


def test_the_library_prunes_nothing_of_a_running_download(hub, library, deliver):
    hub.add("org/model", FILES, lfs=LFS)
    pruned = []

    def prune(progress):
        if progress.phase is Phase.FETCHING and not pruned:
            program = "from huggingface_hub.cli.hf import main; main()"
            arguments = ["cache", "prune", "--yes"]
            pruned.append(subprocess.run([sys.executable, "-c", program, *arguments]).returncode)

    outcome = deliver(listener=prune)
    assert outcome.ok
    assert pruned == [0]
    assert outcome.fetched_bytes == 2 * len(BIG) + 26  # nothing had to be fetched twice


def test_the_library_deletes_what_we_fetched(hub, library, deliver):
    commit = hub.add("org/model", FILES, lfs=LFS)
    deliver()
    library(f"hub.scan_cache_dir().delete_revisions('{commit}').execute(); out = 0")
    assert HubCache(hub_settings().cache_dir).scan() == []
    outcome = deliver()
    assert outcome.ok
    assert outcome.fetched_bytes == 2 * len(BIG) + 26


def test_what_a_library_is_fetching_is_waited_for(hub, library, deliver):
    """A program holds the library's lock on a blob, and lets go when the blob is there."""
    filelock = pytest.importorskip("filelock")
    hub.add("org/model", FILES, lfs=LFS)
    cache = HubCache(hub_settings().cache_dir)
    (tree,) = hub.repositories["org/model"].commits.values()
    blob = tree["model.bin"].blob
    folder = cache.root / ".locks" / "models--org--model"
    folder.mkdir(parents=True)
    lock = filelock.FileLock(folder / f"{blob}.lock", thread_local=False)
    lock.acquire()
    waited = threading.Event()

    def finish():
        waited.wait(20)
        place = cache.folder("org/model") / "blobs" / blob
        place.parent.mkdir(parents=True)
        place.write_bytes(BIG)
        lock.release()

    thread = threading.Thread(target=finish)
    thread.start()
    outcome = deliver(
        "hf://org/model/model.bin",
        lambda progress: waited.set() if progress.phase is Phase.WAITING else None,
    )
    thread.join()
    assert waited.is_set()
    assert outcome.path.read_bytes() == BIG
    assert not content_requests(hub)


def test_waiting_costs_no_open_files_and_can_be_cancelled(hub, hub_environment, tmp_path):
    filelock = pytest.importorskip("filelock")
    source = Source("a", ("http://127.0.0.1/a",), f"models--org--model/blobs/{'a' * 64}", 5)
    wanted = PlannedFile(source, tmp_path, FileState.MISSING)
    folder = tmp_path / ".locks" / "models--org--model"
    folder.mkdir(parents=True)
    token, open_files = CancelToken(), []

    def wait(_):
        open_files.append(len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)
        if len(open_files) == 5:
            token.cancel()

    with (
        filelock.FileLock(folder / f"{'a' * 64}.lock"),
        library_locks(tmp_path, [wanted], cancel=token, on_wait=wait) as waited,
    ):
        assert waited
    assert len(set(open_files)) == 1
