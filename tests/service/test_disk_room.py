"""Room on the disk: what is reserved already is not asked for again, and nothing goes in vain.

The disk is a small one: what it has free is its size less what the cache really takes of it.
"""

import contextlib

import pytest
from service_client import has_bytes

from video_censor_personal.store import Store

SIZE = 8 << 20
SOME = 1 << 20  # of it; the rest is reserved by then


class SmallDisk:
    def __init__(self):
        self.size_bytes = 1 << 40

    def free_bytes(self, store):
        taken = 0
        for path in store.root.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # published or deleted just now
                taken += path.lstat().st_blocks * 512
        return self.size_bytes - taken


@pytest.fixture
def disk(monkeypatch):
    disk = SmallDisk()
    monkeypatch.setattr(Store, "free_bytes", lambda store: disk.free_bytes(store))
    return disk


@pytest.mark.parametrize("service_ends", [False, True])
def test_a_download_that_began_goes_on_in_the_room_that_it_holds(hub, serve, disk, service_ends):
    disk.size_bytes = SIZE * 5 // 2
    hub.pace = 200_000
    hub.add_model("org/model", size=SIZE)
    with contextlib.ExitStack() as first:
        client = serve(within=first)
        job = client.create("org/model")["id"]
        client.until(job, has_bytes(SOME))
        if not service_ends:
            assert client.post(f"/api/downloads/{job}/pause").json()["state"] == "paused"
            hub.pace = None
            client.post(f"/api/downloads/{job}/resume")
            assert client.until_ended(job)["state"] == "done"
            return
    hub.pace = None
    assert serve().until_ended(job)["state"] == "done"


def test_what_others_hold_is_not_counted_twice(hub, serve, disk):
    disk.size_bytes = SIZE * 7 // 2
    hub.pace, hub.paced = 200_000, "org/first"
    hub.add_model("org/first", size=SIZE)
    hub.add_model("org/second", size=SIZE)
    client = serve()
    client.until(client.create("org/first")["id"], has_bytes(SOME))
    assert client.until_ended(client.create("org/second")["id"])["state"] == "done"


def test_what_others_do_not_hold_yet_is_left_to_them(hub, serve, disk):
    """A run takes the room of a file when it begins it, and these are many."""
    hub.pace, hub.paced = 200_000, "org/first"
    hub.add_model("org/first", size=SIZE // 16, files=32)
    hub.add_model("org/second", size=SIZE)
    client = serve(bytes_per_s_each=400_000)
    client.until(client.create("org/first")["id"], has_bytes(SOME // 4))
    disk.size_bytes = SIZE * 7 // 2
    job = client.until_ended(client.create("org/second")["id"])
    assert job["error"]["code"] == "no_room"


@pytest.mark.parametrize("is_enough", [False, True])
def test_nothing_is_evicted_that_makes_no_room(hub, serve, disk, is_enough):
    for name in ("old", "new"):
        hub.add_model(f"org/{name}", size=SIZE)
    client = serve(quota_bytes=SIZE * 3 // 2)
    client.until_ended(client.create("org/old")["id"])
    disk.size_bytes = SIZE * 5 // 2 if is_enough else SIZE * 3 // 2
    job = client.until_ended(client.create("org/new")["id"])
    if is_enough:
        assert job["state"] == "done"
        assert client.status("org/old")["status"] == "NOT_FOUND"
    else:
        assert job["error"]["code"] == "no_room"
        assert client.status("org/old")["status"] == "DOWNLOADED"
