"""The service as a process: how it starts, how it stops, and what a kill leaves."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from service_client import TOKEN, Client, has_bytes

from video_censor_personal.cli import main
from video_censor_personal.cli.serve import parser
from video_censor_personal.hub_cache import HubCache

KILLS = 20


def test_it_says_where_it_listens_and_makes_a_token(hub, start_service, monkeypatch):
    monkeypatch.delenv("VIDEO_CENSOR_TOKEN")
    service = start_service()
    token = (service.folder / "state" / "token").read_text().strip()
    assert f"{service.address}/#token={token}" in service.log.read_text()
    with Client(service.address, token) as client:
        assert client.get("/api/models/list").status_code == 200
        assert client.get("/livez", headers={"Host": "evil.example"}).status_code == 421
    assert service.stop()[0] == 0
    assert (service.folder / "state" / "token").read_text().strip() == token


def test_sigterm_checkpoints_and_ends_soon(hub, start_service):
    hub.pace = 100_000
    for name in "abc":
        hub.add_model(f"org/{name}", size=8 << 20)
    service = start_service()
    with Client(service.address) as client, Client(service.address) as listener:
        jobs = [client.create(f"org/{name}")["id"] for name in "abc"]
        client.until(jobs[-1], has_bytes(500_000))
        with listener.stream("GET", "/api/events") as events:
            next(events.iter_lines())
            code, took = service.stop()
    print(f"stopped in {took:.2f} s")
    assert code == 0
    assert took < 4  # it stops within 2 s; the downloads would have taken minutes
    hub.pace = None
    service.start()
    with Client(service.address) as client:
        for job in jobs:
            assert client.until_ended(job)["state"] == "done"
    assert TOKEN not in service.log.read_text()


def test_ctrl_c_stops_it_too(hub, start_service):
    service = start_service()
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(10) == 0
    service._close()


def test_downloads_survive_twenty_kills_and_whole_files_are_not_fetched_again(
    hub, tmp_path, start_service
):
    """A process is forked for every run: starting Python twenty times takes longer."""
    hub.pace = 60_000
    total = 0
    for name in "abc":
        hub.add_model(f"org/{name}", size=256 << 10, files=12)
        total += 12 * (256 << 10)
    script = Path(__file__).parent / "killed_services.py"
    said = {"state": str(tmp_path / "state"), "kills": KILLS, "most_s": 0.3, "token": TOKEN}
    said["models"] = ["org/a", "org/b", "org/c"]
    ran = subprocess.run(
        [sys.executable, script, json.dumps(said)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ.copy(),
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["kills"] == KILLS
    hub.pace = None
    whole = set(HubCache(tmp_path / "hf" / "hub").store.recorded())
    hub.files.requests.clear()
    with Client(start_service().address) as client:
        for job in result["jobs"]:
            ended = client.until_ended(job)
            assert ended["state"] == "done", ended["error"]
        for name in "abc":
            assert client.status(f"org/{name}")["status"] == "DOWNLOADED"
    blobs = {
        f"/{name}/{commit}/{path}": file.blob
        for name, repository in hub.repositories.items()
        for commit, tree in repository.commits.items()
        for path, file in tree.items()
    }
    fetched = {blobs[request.path] for request in hub.files.requests}
    assert not fetched & {target.rpartition("/")[2] for target in whole}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--port", "99999"], 2, "'99999' is no port; write a number from 0 to 65535"),
        (["--port", "abc"], 2, "'abc' is no port; write a number from 0 to 65535"),
        (["--host", "no such host"], 1, "--host no such host is no address of this machine"),
        (["--requests", "0"], 2, "'0' is no number of requests"),
        (["--rate", "0"], 2, "at least 1 byte"),
        (["--quota", "lots"], 2, "lots"),
        (["--endpoint", "ftp://x"], 2, "--endpoint: ftp://x: only http"),
        (["--endpoint", "foo"], 2, "--endpoint: foo: only http"),
        (["--endpoint", "http://u:secret@x/"], 2, "--endpoint is the plain address of a hub"),
        (["--endpoint", "http://x/?q=secret"], 2, "--endpoint is the plain address of a hub"),
        (["--webhook", "http://127.0.0.1/"], 2, "VIDEO_CENSOR_WEBHOOK_SECRET"),
        (["--webhook", "notaurl"], 2, "--webhook: notaurl: only http"),
        (["--webhook", "ftp://x/y"], 2, "--webhook: ftp://x/y: only http"),
        (["--webhook", "http://"], 2, "--webhook: http:// has no valid host"),
        (["--webhook", "http://x:99999/?key=secret"], 2, "--webhook: http://x:99999/ has no valid"),
        (["--allow-host", "http://x"], 2, "--allow-host: 'http://x' is no host name"),
        (["--allow-host", "x:8080"], 2, "--allow-host: 'x:8080' is no host name"),
    ],
)
def test_wrong_usage(tmp_path, capsys, options, code, said):
    assert fail_to_serve("--state-dir", tmp_path, *options) == code
    error = capsys.readouterr().err
    assert said in error
    assert "secret" not in error


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("models.lan", "models.lan"),
        ("Models_2", "Models_2"),
        ("10.0.0.7", "10.0.0.7"),
        ("FD00:0::7", "fd00::7"),
        ("[fd00::7]", "fd00::7"),
    ],
)
def test_names_that_a_service_may_have(name, meant):
    assert parser().parse_args(["--allow-host", name]).allow_host == [meant]


def test_a_port_that_is_taken_is_said(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert fail_to_serve("--state-dir", tmp_path / "state", "--port", port) == 1
    assert f"port {port} of 127.0.0.1 is in use" in capsys.readouterr().err


def fail_to_serve(*options):
    """The exit code of a service that does not start."""
    try:
        return main(["serve", *map(str, options)])
    except SystemExit as exc:
        return exc.code


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_it_listens_on_ipv6(hub, start_service, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,::1")
    service = start_service("--host", "::1")
    assert service.address == f"http://[::1]:{service.port}"
    with Client(service.address) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/api/models/list").status_code == 200
        assert client.get("/livez", headers={"Host": f"localhost:{service.port}"}).is_success
        assert client.get("/livez", headers={"Host": "[::2]"}).status_code == 421
        own = {"Origin": service.address}
        status = client.post("/api/models/status", json={"hf_repo": "a/b"}, headers=own)
        assert status.status_code == 200
