"""What may be fetched, from where, and how much of it may stay."""

import contextlib
import errno
import hashlib
import io
import pickle
import socket
import zipfile

import pytest
from service_client import has_bytes

from video_censor_personal.service.addresses import reachable_from
from video_censor_personal.service.policy import is_pickle


def archive():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({"a": 1}, protocol=2))
    return data.getvalue()


def test_only_permitted_repositories(hub, serve):
    hub.add_model("good/model", size=1000)
    hub.add_model("bad/model", size=1000)
    client = serve(repositories=("good/*",))
    refused = client.download("bad/model")
    assert refused.status_code == 403
    assert refused.json()["code"] == "repository_not_allowed"
    assert client.download("Good/model").status_code == 202
    assert not hub.asked("bad/model")


def test_a_renamed_repository_gets_past_no_list(hub, serve):
    hub.add_model("bad/model", size=1000)
    hub.renamed["good/model"] = "bad/model"
    client = serve(repositories=("good/*",))
    job = client.until_ended(client.create("good/model")["id"])
    assert job["error"]["code"] == "repository_not_allowed"
    assert not hub.files.requests


def test_only_configured_hubs(hub, client):
    answer = client.download("org/model", endpoint="http://169.254.169.254")
    assert answer.status_code == 403
    assert answer.json()["code"] == "endpoint_not_allowed"


def test_an_old_download_keeps_to_what_is_permitted_now(hub, serve):
    """The one that goes on by itself, the one that is resumed, and the one that is tried again."""
    other = hub.endpoint.replace("127.0.0.1", "localhost")
    hub.pace = 50_000
    for name in "abc":
        hub.add_model(f"org/{name}", size=1 << 20)
    with contextlib.ExitStack() as first:
        client = serve(within=first, endpoints=(hub.endpoint, other))
        jobs = [client.create(f"org/{name}", endpoint=other)["id"] for name in "abc"]
        for job in jobs:
            client.until(job, has_bytes(1))
        client.post(f"/api/downloads/{jobs[1]}/pause")
        client.post(f"/api/downloads/{jobs[2]}/cancel")
    asked, fetched = len(hub.requests), len(hub.files.requests)
    hub.pace = None
    client = serve()
    client.post(f"/api/downloads/{jobs[1]}/resume")
    client.post(f"/api/downloads/{jobs[2]}/retry")
    for job in jobs:
        assert client.until_ended(job)["error"]["code"] == "endpoint_not_allowed"
    assert (len(hub.requests), len(hub.files.requests)) == (asked, fetched)


def test_the_token_of_the_hub_goes_to_no_other(hub, serve, settings, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.token = "hf_secret"
    hub.add_model("org/model", size=1000)
    other = hub.endpoint.replace("127.0.0.1", "localhost")
    client = serve(endpoints=(hub.endpoint, other))
    client.until_ended(client.create("org/model", endpoint=other)["id"])
    assert not any("Authorization" in seen.headers for seen in hub.requests)
    client.until_ended(client.create("org/model")["id"])
    assert any("Authorization" in seen.headers for seen in hub.requests)
    assert not any("authorization" in request.headers for request in hub.files.requests)


def test_pickles_are_left_out_and_said_so(hub, client):
    hub.add("org/both", {"model.safetensors": b"fine", "pytorch_model.bin": b"\x80\x02"})
    job = client.until_ended(client.create("org/both")["id"])
    assert job["state"] == "done"
    assert job["left_out"] == ["pytorch_model.bin"]
    assert client.status("org/both")["status"] == "DOWNLOADED"
    assert not hub.asked("resolve.*pytorch_model.bin")


def test_a_repository_of_pickles_alone_is_refused_unless_configured(hub, serve):
    hub.add("org/pickled", {"config.json": b"{}", "model.pt": archive()})
    client = serve()
    job = client.until_ended(client.create("org/pickled")["id"])
    assert job["error"]["code"] == "format_refused"
    assert "model.pt" in job["error"]["message"]
    assert not hub.asked("resolve")


def test_pickles_are_fetched_where_that_is_configured(hub, serve):
    hub.add("org/pickled", {"config.json": b"{}", "model.pt": archive()})
    client = serve(allow_pickle=True)
    assert client.until_ended(client.create("org/pickled")["id"])["state"] == "done"


def test_a_pickle_that_an_earlier_run_brought_is_refused_too(hub, client, tmp_path):
    content = archive() + b"\0" * 1000
    hub.add("org/sly", {"config.json": b"{}", "model.bin": content}, lfs=["model.bin"])
    blobs = tmp_path / "hf" / "hub" / "models--org--sly" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / hashlib.sha256(content).hexdigest()).write_bytes(content)
    job = client.until_ended(client.create("org/sly")["id"])
    assert job["error"]["code"] == "format_refused"
    assert not list(blobs.iterdir())


@pytest.mark.parametrize("content", [archive(), pickle.dumps([1], protocol=4)])
def test_a_pickle_under_another_name_never_appears(hub, client, tmp_path, content):
    hub.add(
        "org/sly", {"config.json": b"{}", "model.bin": content + b"\0" * 1000}, lfs=["model.bin"]
    )
    hub.files.host(
        f"/org/sly/{hub.repositories['org/sly'].branches['main']}/model.bin", content + b"\0" * 1000
    )
    job = client.until_ended(client.create("org/sly")["id"])
    assert job["error"]["code"] == "format_refused"
    folder = tmp_path / "hf" / "hub" / "models--org--sly"
    assert not list(folder.glob("snapshots/*/*"))
    assert client.status("org/sly")["status"] != "DOWNLOADED"


def test_what_cannot_be_looked_at_is_kept(hub, client, tmp_path, monkeypatch):
    """Only a format that is refused costs the download."""
    hub.add_model("org/model", size=100_000)

    def fail(path):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr("video_censor_personal.service.policy.is_pickle", fail)
        job = client.until_ended(client.create("org/model")["id"])
    assert job["error"]["code"] == "cache_unusable"
    assert job["error"]["retryable"]
    assert "Too many open files" in job["error"]["message"]
    assert len(list((tmp_path / "hf" / "hub" / "models--org--model" / "blobs").iterdir())) == 2
    hub.files.requests.clear()
    client.post(f"/api/downloads/{job['id']}/retry")
    assert client.until_ended(job["id"])["state"] == "done"
    assert not hub.files.requests


def test_weights_that_are_no_pickles_are_told_apart(tmp_path):
    for name, content, expected in (
        ("ctranslate2", b"\x06\x00\x00\x00\x0c\x00WhisperSpec", False),
        ("gguf", b"GGUF\x03\x00\x00\x00", False),
        ("safetensors", (200).to_bytes(8, "little") + b'{"a"', False),
        ("pickle", pickle.dumps({}), True),
        ("torch", archive(), True),
        ("empty", b"", False),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert is_pickle(path) is expected, name


def test_the_least_recently_used_makes_room_and_what_is_pinned_stays(hub, serve):
    for name in ("old", "kept", "new"):
        hub.add_model(f"org/{name}", size=400_000)
    client = serve(quota_bytes=900_000)
    for name in ("kept", "old"):
        client.until_ended(client.create(f"org/{name}")["id"])
    assert client.put("/api/models/pin", json={"hf_repo": "org/kept", "pinned": True}).json()
    assert client.until_ended(client.create("org/new")["id"])["state"] == "done"
    listed = client.get("/api/models/list").json()["models"]
    assert {m["model"]["hf_repo"]: m["pinned"] for m in listed} == {
        "org/kept": True,
        "org/new": False,
    }
    assert "video_censor_models_evicted_total 1" in client.get("/metrics").text


def test_what_can_never_fit_evicts_nothing(hub, serve):
    hub.add_model("org/small", size=100_000)
    hub.add_model("org/big", size=600_000)
    client = serve(quota_bytes=500_000)
    client.until_ended(client.create("org/small")["id"])
    job = client.until_ended(client.create("org/big")["id"])
    assert job["error"]["code"] == "quota"
    assert client.status("org/small")["status"] == "DOWNLOADED"
    assert not [r for r in hub.files.requests if "org/big" in r.path]


def test_what_is_unfinished_counts_too(hub, serve):
    hub.pace, hub.paced = 50_000, "org/big"
    hub.add_model("org/big", size=8 << 20)
    hub.add_model("org/small", size=8_500_000)
    client = serve(quota_bytes=9_000_000)
    job = client.create("org/big")["id"]
    client.until(job, has_bytes(800_000))
    assert client.post(f"/api/downloads/{job}/pause").json()["state"] == "paused"
    assert client.get("/api/models/space").json()["cache_size_bytes"] > 500_000
    refused = client.until_ended(client.create("org/small")["id"])
    assert refused["state"] == "failed"
    assert refused["error"]["code"] == "quota"


def test_the_reserve_of_the_disk_is_left_alone(hub, serve):
    hub.add_model("org/model", size=1000)
    client = serve(reserve_bytes=1 << 60)
    job = client.until_ended(client.create("org/model")["id"])
    assert job["error"]["code"] == "no_room"
    assert job["error"]["retryable"]
    assert not hub.files.requests


def test_a_full_queue_is_said(hub, serve):
    hub.pace = 10_000
    for name in "abc":
        hub.add_model(f"org/{name}", size=1 << 20)
    client = serve(queue_length=2)
    job = client.create("org/a")
    client.create("org/b")
    refused = client.post("/api/downloads", json={"hf_repo": "org/c"})
    assert refused.status_code == 429
    assert refused.json()["code"] == "queue_full"
    client.until(job["id"], has_bytes(1))


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("3fff::1", False),
        ("192.0.0.8", False),
        ("::", False),
        # IPv6 addresses that carry an IPv4 address, which a gateway may unwrap
        ("::ffff:10.0.0.1", False),  # mapped
        ("::ffff:93.184.215.14", True),
        ("::10.0.0.1", False),  # compatible
        ("::93.184.215.14", True),
        ("::ffff:0:127.0.0.1", False),  # translated
        ("64:ff9b::7f00:1", False),  # NAT64
        ("64:ff9b::169.254.169.254", False),
        ("64:ff9b::93.184.215.14", True),
        ("64:ff9b:1::93.184.215.14", False),  # NAT64 of a network of one's own
        ("2002:7f00:1::", False),  # 6to4
        ("2002:5db8:d70e::", True),
        ("2001:0:5db8:d70e:0:0:f5ff:fffe", False),  # Teredo: the client is 10.0.0.1
        ("2001:0:a00:1:0:0:a247:28f1", False),  # Teredo: the server is
        ("2606:2800:21f:cb07:0:5efe:10.0.0.1", False),  # ISATAP
        ("fe80::5efe:93.184.215.14", False),
        ("224.0.0.1", False),
        ("no address", False),
    ],
)
def test_which_addresses_are_public(address, permitted):
    rule = reachable_from("https://hub.example")
    assert rule("https://hub.example", "93.184.215.14")
    assert rule("https://cdn.example", address) is permitted


def test_a_configured_hub_in_a_private_network_may_have_its_files_beside_it():
    rule = reachable_from("http://hub.lan")
    assert not rule("http://files.lan", "10.0.0.9")
    assert rule("http://hub.lan", "10.0.0.8")
    assert rule("http://files.lan", "10.0.0.9")
    assert rule("https://cdn.example", "93.184.215.14")
    assert rule("http://files.lan", "64:ff9b::10.0.0.9")
    for address in ("169.254.169.254", "127.0.0.1", "0.0.0.0", "fd00:ec2::254"):
        assert not rule("http://files.lan", address)


def test_a_hub_cannot_send_a_download_to_the_metadata_of_the_cloud(hub, client, monkeypatch):
    """And a hub's own network is told apart by the address, not by the name."""
    hub.add_model("org/model", size=100_000)
    asked = []
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        asked.append(host)
        if host == "innocent.example":
            return real("169.254.169.254", port, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(type(hub), "cdn", "http://innocent.example")
    job = client.until_ended(client.create("org/model")["id"])
    assert "innocent.example" in asked
    assert job["state"] == "failed"
    assert "private network" in job["error"]["message"]


def test_a_name_that_is_rebound_between_two_connections_is_judged_at_each(hub, client, monkeypatch):
    """The check is of the address that is connected to, not of an earlier answer of the DNS."""
    hub.add_model("org/model", size=100_000)
    real = socket.getaddrinfo
    answers = iter(["127.0.0.1"])

    def resolve(host, port, *args, **kwargs):
        if host == "rebound.example":
            return real(next(answers, "10.0.0.1"), port, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    port = hub.files.origin.rpartition(":")[2]
    monkeypatch.setattr(type(hub), "cdn", f"http://rebound.example:{port}")
    assert client.until_ended(client.create("org/model")["id"])["state"] == "done"
    hub.add_model("org/other", size=100_000)
    job = client.until_ended(client.create("org/other")["id"])
    assert job["state"] == "failed"
    assert "private network" in job["error"]["message"]
