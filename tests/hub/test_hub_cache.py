"""The shared cache: what is there, what is not, and letting go of exactly what is meant."""

import os
import threading

import pytest
from hub_server import git_sha1

from video_censor_personal.config import ModelSource
from video_censor_personal.errors import ModelCacheError, ModelDownloadError
from video_censor_personal.hub.environment import hub_settings
from video_censor_personal.hub.files import HubFile, read_tree
from video_censor_personal.hub.leases import alone
from video_censor_personal.hub_cache import HubCache
from video_censor_personal.huggingface_registry import HuggingFaceRegistry
from video_censor_personal.models_lock import ModelsLock
from video_censor_personal.sources import Deliveries
from video_censor_personal.sources.batch import Batch
from video_censor_personal.sources.huggingface import HubResolver
from video_censor_personal.store import Store
from video_censor_personal.transfer import CancelToken, Engine, Limits, Phase

BIG = bytes(range(256)) * 1024
FILES = {"model.bin": BIG, "config.json": b"{}"}


@pytest.fixture
def cache(hub_environment):
    return HubCache(hub_settings().cache_dir)


@pytest.fixture
def fetch(hub, tmp_path):
    """Fetch a revision of `org/model` into the cache, without any model folder."""

    def fetch_(name="org/model", revision="main"):
        registry = HuggingFaceRegistry(tmp_path / "registry")
        source = ModelSource(name, f"hf://{name}@{revision}", "", 0)
        batch = Batch([HubResolver(None, registry).resolve(source)])
        batch.look(remember=True)
        ((outcome, _),) = batch.fetch(Engine(), None, CancelToken())
        assert outcome.ok, outcome.error
        return outcome

    return fetch_


def blobs(cache, name="org/model"):
    return {path.name for path in (cache.folder(name) / "blobs").iterdir()}


def test_a_snapshot_needs_no_model_folder(hub, cache, fetch):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    outcome = fetch()
    assert outcome.path == cache.snapshot_path("org/model", commit)
    assert (outcome.path / "model.bin").read_bytes() == BIG
    assert os.readlink(outcome.path / "config.json") == f"../../blobs/{git_sha1(b'{}')}"
    assert cache.commit_of("org/model", "main") == commit


def test_what_is_there_is_told_without_reading_it_again(hub, cache, fetch):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    fetch()
    tree = cache.tree("org/model", commit)
    state = cache.state("org/model", commit, tree)
    assert state.complete
    assert (state.size_bytes, state.have_bytes) == (len(BIG) + 2, len(BIG) + 2)
    assert [model.name for model in cache.scan()] == ["org/model"]
    assert cache.scan()[0].size_bytes == len(BIG) + 2


@pytest.mark.parametrize("what", ["blob", "link", "wrong link"])
def test_what_is_gone_is_missing(hub, cache, fetch, what):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    path = fetch().path / "model.bin"
    if what == "blob":
        path.resolve().unlink()
    else:
        path.unlink()
    if what == "wrong link":
        path.symlink_to((path.parent / "config.json").resolve())
    state = cache.state("org/model", commit, cache.tree("org/model", commit))
    assert state.missing == ("model.bin",)
    assert state.have_bytes == 2
    fetch()
    assert cache.state("org/model", commit, cache.tree("org/model", commit)).complete


@pytest.mark.parametrize("content", [BIG[:-1], BIG[:-1] + b"!", b""])
def test_damage_is_found_by_the_blobs_own_name(hub, cache, fetch, content):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    path = fetch().path / "model.bin"
    keep = path.stat()
    path.resolve().write_bytes(content)
    os.utime(path.resolve(), ns=(keep.st_atime_ns, keep.st_mtime_ns))
    state = cache.state("org/model", commit, cache.tree("org/model", commit))
    assert [name for name, _ in state.damaged] == ["model.bin"]
    assert not state.complete


def test_bit_rot_under_an_unchanged_stat_is_found_when_all_is_read(hub, cache, fetch):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    path = (fetch().path / "model.bin").resolve()
    tree = cache.tree("org/model", commit)
    path.write_bytes(BIG[::-1])
    # as a disk would do it: the record says that this very file was verified
    cache.store.remember(cache.blob_target("org/model", path.name), "sha256", path.name)
    assert cache.state("org/model", commit, tree).complete
    assert not cache.state("org/model", commit, tree, deep=True).complete


def test_looking_changes_nothing_on_disk(hub, cache, fetch, tmp_path):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    fetch()
    before = {p: p.lstat().st_mtime_ns for p in tmp_path.rglob("*")}
    cache.state("org/model", commit, cache.tree("org/model", commit), deep=True)
    cache.scan()
    assert {p: p.lstat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_an_empty_or_missing_cache_holds_nothing(cache):
    assert cache.scan() == []
    assert cache.commit_of("org/model", "main") is None
    assert cache.tree("org/model", "a" * 40) is None
    assert cache.delete("org/model") == 0


# -- deleting


def test_a_revision_takes_only_its_own_blobs_with_it(hub, cache, fetch):
    old = hub.add("org/model", FILES, lfs=["model.bin"], tag="v1")
    fetch(revision="v1")
    new = hub.add("org/model", FILES | {"model.bin": BIG[::-1]}, lfs=["model.bin"])
    fetch()
    shared, own = git_sha1(b"{}"), cache.tree("org/model", old)[1].blob
    assert cache.delete("org/model", old) >= len(BIG)
    assert blobs(cache) == {shared, cache.tree("org/model", new)[1].blob}
    assert own not in blobs(cache)
    assert cache.commit_of("org/model", "v1") is None
    assert cache.commit_of("org/model", "main") == new
    assert cache.state("org/model", new, cache.tree("org/model", new), deep=True).complete
    assert [r.commit for r in cache.scan()[0].revisions] == [new]


def test_the_last_revision_takes_all_with_it(hub, cache, fetch):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    hub.add("org/other", FILES, lfs=["model.bin"])
    fetch()
    fetch("org/other")
    assert cache.delete("org/model", commit) >= len(BIG)
    assert not cache.folder("org/model").exists()
    assert [model.name for model in cache.scan()] == ["org/other"]


def test_a_commit_that_two_models_have_is_deleted_in_one(hub, cache, fetch):
    hub.add("org/model", FILES)
    hub.add("org/fork", FILES)
    same = hub.repositories["org/model"]
    hub.repositories["org/fork"] = same  # forks have their origin's commits
    fetch()
    fetch("org/fork")
    (commit,) = same.commits
    cache.delete("org/fork", commit)
    assert [model.name for model in cache.scan()] == ["org/model"]


def test_a_model_that_is_being_fetched_is_not_deleted(hub, cache, fetch):
    commit = hub.add("org/model", FILES, lfs=["model.bin"])
    fetch()
    target = cache.blob_target("org/model", cache.tree("org/model", commit)[1].blob)
    with cache.store.lock(target) as lock:
        assert lock.acquire()
        with pytest.raises(ModelDownloadError, match="being downloaded"):
            cache.delete("org/model")


def test_every_name_of_a_model_can_be_held_alone(cache):
    for number in range(1200):  # of those some have two seats in one place
        with alone(cache.root, f"org/model-{number}"):
            pass


@pytest.mark.parametrize("what", ["all", "another revision"])
def test_what_arrived_of_a_running_download_is_not_deleted(hub, cache, tmp_path, what):
    """Two files are there and linked by nothing yet, the third is on its way."""
    old = hub.add("org/model", {"old.bin": BIG[::-1]}, lfs=["old.bin"], tag="v1")
    hub.add("org/model", {"a": b"a", "b": b"b", "big.bin": BIG * 8}, lfs=["big.bin"])
    store, lock = Store(tmp_path / "models"), ModelsLock(None)
    deliveries = Deliveries(store, lock, HuggingFaceRegistry(tmp_path / "registry"))
    assert deliveries.fetch([ModelSource("old", "hf://org/model@v1", "", 0)], Engine())[0].ok
    refused = []

    def delete(progress):
        arrived = len(blobs(cache))
        if progress.phase is Phase.FETCHING and arrived == 3 and not refused:
            with pytest.raises(ModelDownloadError, match=f"process {os.getpid()}") as caught:
                cache.delete("org/model", None if what == "all" else old)
            refused.append(caught.value)

    engine = Engine(Limits(bytes_per_s=4_000_000))
    (outcome,) = deliveries.fetch([ModelSource("m", "hf://org/model", "", 0)], engine, delete)
    assert refused
    assert outcome.ok
    assert (outcome.path / "big.bin").read_bytes() == BIG * 8
    assert cache.delete("org/model", old) >= len(BIG)
    assert (outcome.path / "a").read_bytes() == b"a"
    assert cache.delete("org/model") >= 8 * len(BIG)


def test_what_a_library_is_fetching_is_not_deleted(hub, cache, fetch):
    filelock = pytest.importorskip("filelock")
    hub.add("org/model", FILES, lfs=["model.bin"])
    fetch()
    folder = cache.root / ".locks" / "models--org--model"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        filelock.FileLock(folder / f"{'a' * 64}.lock"),
        pytest.raises(ModelDownloadError, match="by another program"),
    ):
        cache.delete("org/model")
    assert cache.delete("org/model") >= len(BIG)


def test_a_download_waits_for_a_deletion_and_then_brings_everything(hub, cache, fetch):
    hub.add("org/model", FILES, lfs=["model.bin"])
    fetch()
    began, token = threading.Event(), CancelToken()

    def use():
        with cache.in_use(["org/model"], token):
            began.set()

    with alone(cache.root, "org/model"):
        user = threading.Thread(target=use)
        user.start()
        assert not began.wait(0.3)
    user.join(20)
    assert began.is_set()
    with alone(cache.root, "org/model"):
        token.cancel()
        use()  # who is cancelled waits no longer


def test_a_repository_that_another_program_deleted_meanwhile_is_no_success(hub, cache, tmp_path):
    hub.add("org/model", FILES, lfs=["model.bin"])
    deliveries = Deliveries(
        Store(tmp_path / "models"), ModelsLock(None), HuggingFaceRegistry(tmp_path / "registry")
    )

    def delete(progress):
        for path in (cache.folder("org/model") / "blobs").glob(git_sha1(b"{}")):
            path.unlink()

    (outcome,) = deliveries.fetch(
        [ModelSource("m", "hf://org/model", "", 0)], Engine(Limits(connections=1)), delete
    )
    assert "config.json of org/model was deleted" in str(outcome.error)
    assert not list(cache.folder("org/model").glob("snapshots/*/*"))


def test_links_that_lead_out_of_the_cache_take_nothing_with_them(hub, cache, fetch, tmp_path):
    commit = hub.add("org/model", FILES, lfs=["model.bin"], tag="v1")
    hub.add("org/model", {"x": b"x"})
    path = fetch(revision="v1").path
    fetch()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "note").write_text("mine")
    for name, target in (("a", mine / "note"), ("b", mine), ("c", "../../../../../mine/note")):
        (path / name).symlink_to(target)
    (cache.folder("org/model") / "blobs" / ("f" * 64)).symlink_to(mine / "note")
    cache.delete("org/model", commit)
    cache.delete("org/model")
    assert (mine / "note").read_text() == "mine"
    evil = cache.root / "models--org--evil"
    evil.symlink_to(mine)
    assert cache.delete("org/evil") == 0
    assert (mine / "note").read_text() == "mine"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc", "a\0b", "", "a/b/c"])
def test_only_names_can_be_deleted(cache, name):
    with pytest.raises(ValueError, match="org/name"):
        cache.delete(name)
    with pytest.raises(ValueError, match="commit"):
        cache.snapshot_path("org/model", name)


# -- blobs that repositories share


@pytest.fixture
def shared(cache):
    """A blob of two repositories, as huggingface_hub keeps what it fetched by Xet."""
    xet, blob = "e" * 64, "d" * 64
    payload = cache.root / "blobs" / "ee" / xet
    payload.parent.mkdir(parents=True)
    payload.write_bytes(BIG)
    (cache.root / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
    links = []
    for name in ("org/a", "org/b"):
        link = cache.folder(name) / "blobs" / blob
        link.parent.mkdir(parents=True)
        link.symlink_to(f"../../blobs/ee/{xet}")
        snapshot = cache.snapshot_path(name, "c" * 40)
        snapshot.mkdir(parents=True)
        (snapshot / "model.bin").symlink_to(f"../../blobs/{blob}")
        links.append(link.relative_to(cache.root).as_posix())
    payload.with_name(f"{xet}.refs").write_text("".join(f"{link}\n" for link in links))
    return payload


def test_a_shared_blob_goes_with_its_last_user(cache, shared):
    cache.delete("org/a")
    assert shared.read_bytes() == BIG
    assert cache.delete("org/b") >= len(BIG)
    assert not shared.exists()
    assert not shared.with_name(f"{shared.name}.refs").exists()


@pytest.mark.parametrize("doubt", ["no list", "another layout", "no marker"])
def test_a_shared_blob_in_doubt_stays(cache, shared, doubt):
    marker = cache.root / "blobs" / ".huggingface-shared-blobs"
    if doubt == "no list":
        shared.with_name(f"{shared.name}.refs").unlink()
    elif doubt == "another layout":
        marker.write_text("2\n")
    else:
        marker.unlink()
    cache.delete("org/a")
    cache.delete("org/b")
    assert shared.read_bytes() == BIG


# -- listings that others wrote


@pytest.mark.parametrize(
    "listing",
    [
        "",
        "[]",
        '{"format_version": 2, "files": {}}',
        '{"format_version": 1, "files": {"../x": {"size": 1, "blob_id": "%s"}}}',
        '{"format_version": 1, "files": {"x": {"size": 1, "blob_id": "../y"}}}',
        '{"format_version": 1, "files": {"x": {"size": -1, "blob_id": "%s"}}}',
        '{"format_version": 1, "files": {"x": {"size": 1, "blob_id": "%s", "lfs_sha256": "%s"}}}',
    ],
)
def test_a_listing_that_no_honest_program_writes_is_not_believed(tmp_path, listing):
    path = tmp_path / "tree.json"
    path.write_text(listing.replace("%s", "a" * 40))
    assert read_tree(path) is None


def test_a_file_without_any_checksum_is_none():
    with pytest.raises(ValueError, match="no checksum"):
        HubFile("a", 1, None)


def test_references_that_lead_nowhere_are_no_versions(cache):
    refs = cache.folder("org/model") / "refs"
    refs.mkdir(parents=True)
    for text in ("", "main", "../../x", "a" * 39, "A" * 40):
        (refs / "main").write_text(text)
        assert cache.commit_of("org/model", "main") is None
    with pytest.raises(ValueError, match="org/name"):
        cache.commit_of("../x", "main")
    assert cache.commit_of("org/model", "../../../etc/passwd") is None


@pytest.mark.parametrize("part", ["refs", "snapshots", "trees", "blobs"])
def test_a_folder_that_leads_out_of_the_cache_is_not_deleted_through(tmp_path, part):
    cache = HubCache(tmp_path / "hub")
    outside = tmp_path / "outside"
    (outside / ("1" * 40)).mkdir(parents=True)
    (outside / ("1" * 40) / "mine.txt").write_text("mine")
    (outside / "main").write_text("1" * 40)
    folder = tmp_path / "hub" / "models--org--model"
    folder.mkdir(parents=True)
    (folder / part).symlink_to(outside)
    for commit in (None, "1" * 40):
        with pytest.raises(ModelCacheError, match="is a link"):
            cache.delete("org/model", commit)
    assert (outside / ("1" * 40) / "mine.txt").read_text() == "mine"
    assert (outside / "main").exists()
