"""Measure the model service: status calls under load, memory of listeners, stops, kills.

    .venv/bin/python benchmarks/service.py            # everything, about four minutes
    .venv/bin/python benchmarks/service.py kills      # or: load, naive, stops

The hub, the service and the clients are processes of their own on this machine, on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "service")]

CLIENTS = 200
POLL_S = 1.0
MODELS = ("org/a", "org/b", "org/c")
MB = 1 << 20
TOKEN = "a-token-for-benchmarks"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


# -- the hub, in a process of its own


def hub(size_mb: int, pace_mb: float) -> None:
    """Serve three models until standard input ends."""
    import hub_server
    from slow_hub import SlowHub

    # The hub of the tests hashes a file at every question; these are too large for that.
    hub_server.git_sha1 = _once(hub_server.git_sha1)
    sha256 = _once(lambda content: hashlib.sha256(content).hexdigest())
    hub_server.HubFile.sha256 = property(lambda file: sha256(file.content))
    with SlowHub() as running:
        running.pace = pace_mb * MB or None
        for name in MODELS:
            content = random.Random(name).randbytes(MB) * size_mb
            commit = running.add(name, {"model.safetensors": content}, lfs=["model.safetensors"])
            running.files.host(f"/{name}/{commit}/model.safetensors", content, tweak=running._pace)
        print(running.endpoint, flush=True)
        sys.stdin.read()
        print(running.files.sent_bytes, flush=True)


def _once(digest: Callable[[bytes], str]) -> Callable[[bytes], str]:
    known: dict[int, str] = {}
    return lambda content: (
        known.setdefault(id(content), "")
        or known.update({id(content): digest(content)})
        or known[id(content)]
    )


class Hub:
    def __init__(self, size_mb: int, pace_mb: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "hub", str(size_mb), str(pace_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.endpoint = self.process.stdout.readline().strip()

    def close(self) -> int:
        """End it; the bytes of files that it has sent."""
        out, _ = self.process.communicate("")
        return int(out)


@contextlib.contextmanager
def machine(size_mb: int, pace_mb: float = 0.0) -> Iterator[tuple[Hub, Path]]:
    """A hub, and a folder for a service."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        running = Hub(size_mb, pace_mb)
        try:
            yield running, Path(folder)
        finally:
            running.close()


class Service:
    def __init__(self, running: Hub, folder: Path, *options: str) -> None:
        environment = os.environ | {
            "HF_ENDPOINT": running.endpoint,
            "HF_HOME": str(folder / "hf"),
            "VIDEO_CENSOR_TOKEN": TOKEN,
            "NO_PROXY": "127.0.0.1",
        }
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "video_censor", "serve", "--port", "0"),
                *(
                    "--state-dir",
                    str(folder / "state"),
                    "--requests",
                    "100000",
                    "--reserve",
                    "0",
                    *options,
                ),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment | {"PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]
        self.client = httpx.Client(base_url=self.address, headers=HEADERS, trust_env=False)

    def start_downloads(self) -> list[str]:
        return [
            self.client.post("/api/downloads", json={"hf_repo": name}).json()["id"]
            for name in MODELS
        ]

    def states(self) -> list[str]:
        return [job["state"] for job in self.client.get("/api/downloads").json()["downloads"]]

    def until_ended(self) -> float:
        """Wait for every download; the seconds that the slowest took."""
        while set(self.states()) & {"queued", "running", "verifying"}:
            time.sleep(0.2)
        jobs = self.client.get("/api/downloads").json()["downloads"]
        assert {job["state"] for job in jobs} == {"done"}, jobs
        return max(job["progress"]["elapsed_s"] for job in jobs)

    def memory_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) * 1024

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


# -- load


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b'{"hf_repo": "org/a"}'
    writer.write(
        b"POST /api/models/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
        + TOKEN.encode()
        + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


async def poll(port: int, times: list[float], stop: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(random.uniform(0, POLL_S))
    while not stop.is_set():
        began = time.perf_counter()
        await exchange(reader, writer)
        times.append(time.perf_counter() - began)
        await asyncio.sleep(POLL_S)
    writer.close()


async def listen(port: int, counts: list[int], stop: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(
        b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
        + TOKEN.encode()
        + b"\r\n\r\n"
    )
    seen = 0
    waiting = asyncio.ensure_future(stop.wait())
    while not stop.is_set():
        line = asyncio.ensure_future(reader.readline())
        await asyncio.wait({line, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            break
        seen += line.result().startswith(b"event:")
    counts.append(seen)
    writer.close()


@contextlib.asynccontextmanager
async def crowd(port: int, times: list[float], counts: list[int]) -> AsyncIterator[None]:
    """So many clients, each polling and listening."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(poll(port, times, stop)) for _ in range(CLIENTS)]
    tasks += [asyncio.create_task(listen(port, counts, stop)) for _ in range(CLIENTS)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def clients(port: int) -> None:
    """The crowd, in a process of its own, until standard input ends."""

    async def run() -> None:
        times: list[float] = []
        counts: list[int] = []
        async with crowd(port, times, counts):
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        print(json.dumps({"times": times, "events": counts}))

    asyncio.run(run())


def load() -> None:
    size_mb, pace_mb = 256, 4.0
    print(f"\nload: 3 downloads of {size_mb} MiB, a hub of {pace_mb:g} MiB/s a connection")
    alone = downloads_with_crowd(size_mb, pace_mb, with_crowd=False)
    print(f"  downloads alone             {alone['seconds']:7.1f} s")
    both = downloads_with_crowd(size_mb, pace_mb, with_crowd=True)
    times = sorted(both["times"])
    print(f"  with {CLIENTS} clients            {both['seconds']:7.1f} s")
    print(f"  slowdown                    {both['seconds'] / alone['seconds'] - 1:7.1%}")
    print(f"  status calls                {len(times):7d}   ({len(times) / both['seconds']:.0f}/s)")
    for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99), ("worst", 1.0)):
        value = times[min(len(times) - 1, int(share * len(times)))]
        print(f"  status {name:20} {value * 1e3:7.1f} ms")
    print(f"  events a listener           {statistics.median(both['events']):7.0f}")
    print(f"  memory                      {both['before'] / MB:7.1f} MiB")
    print(f"  memory a client             {both['each'] / 1024:7.1f} KiB (poller and listener)")


def downloads_with_crowd(size_mb: int, pace_mb: float, *, with_crowd: bool) -> dict[str, object]:
    with machine(size_mb, pace_mb) as (running, folder):
        service = Service(running, folder)
        process, found = None, {}
        try:
            before = service.memory_bytes()
            if with_crowd:
                port = service.address.rpartition(":")[2]
                process = subprocess.Popen(
                    [sys.executable, __file__, "clients", port],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                while f"event_listeners {CLIENTS}" not in service.client.get("/metrics").text:
                    time.sleep(0.2)
                found["each"] = (service.memory_bytes() - before) / CLIENTS
            service.start_downloads()
            seconds = service.until_ended()
            if process is not None:
                out, _ = process.communicate("")
                found |= json.loads(out)
            return found | {"seconds": seconds, "before": before}
        finally:
            service.kill()


# -- against hashing at every call


def naive() -> None:
    size_mb = 512
    print(f"\na status call, a model of {size_mb} MiB")
    with machine(size_mb) as (running, folder):
        service = Service(running, folder)
        try:
            job = service.client.post("/api/downloads", json={"hf_repo": "org/a"}).json()
            service.until_ended()
            ours = []
            for _ in range(300):
                began = time.perf_counter()
                answer = service.client.post("/api/models/status", json={"hf_repo": "org/a"})
                ours.append(time.perf_counter() - began)
                assert answer.json()["status"] == "DOWNLOADED", job
            (blob,) = (folder / "hf/hub/models--org--a/blobs").iterdir()
            theirs = []
            for _ in range(3):
                began = time.perf_counter()
                with blob.open("rb") as file:
                    assert hashlib.file_digest(file, "sha256").hexdigest() == blob.name
                theirs.append(time.perf_counter() - began)
        finally:
            service.kill()
    fast, slow = statistics.median(ours), statistics.median(theirs)
    print(f"  here, over HTTP             {fast * 1e3:7.2f} ms")
    print(f"  hashing it (without HTTP)   {slow * 1e3:7.0f} ms   {slow / fast:.0f} times as long")


# -- stopping


def stops() -> None:
    size_mb, pace_mb, rounds = 512, 4.0, 5
    print(
        f"\nstopping 3 downloads of {size_mb} MiB, {pace_mb:g} MiB/s a connection, {rounds} times"
    )
    measured: dict[str, list[float]] = {}
    for _ in range(rounds):
        with machine(size_mb, pace_mb) as (running, folder):
            for name, seconds in stopped(running, folder).items():
                measured.setdefault(name, []).append(seconds)
    for name, times in measured.items():
        median, worst = statistics.median(times), max(times)
        print(f"  {name:28}{median * 1e3:7.0f} ms, at worst {worst * 1e3:.0f}")


def stopped(running: Hub, folder: Path) -> dict[str, float]:
    """How long it takes until a download and the service have stopped, in seconds."""
    service = Service(running, folder)
    try:
        service.start_downloads()
        while service.states() != ["running"] * len(MODELS) or not all_receive(service):
            time.sleep(0.05)
        began = time.perf_counter()
        service.client.request("DELETE", "/api/models", json={"hf_repo": MODELS[0]})
        answered = time.perf_counter() - began
        while service.states().count("running") == len(MODELS):
            time.sleep(0.005)
        cancelled = time.perf_counter() - began
        service.client.close()
        began = time.perf_counter()
        service.process.terminate()
        service.process.wait()
        ended = time.perf_counter() - began
    finally:
        service.kill()
    return {"DELETE answered": answered, "its download stopped": cancelled, "SIGTERM": ended}


def all_receive(service: Service) -> bool:
    jobs = service.client.get("/api/downloads").json()["downloads"]
    return all(job["progress"]["fetched_bytes"] for job in jobs)


# -- kills


def kills() -> None:
    # So fast that all twenty kills come while bytes arrive. The hub sets the pace, so that what it
    # sent is what came: nothing waits in the system's buffers.
    for size_mb, pace_mb in ((1024, 4.0), (100, 0.5)):
        killed(size_mb, pace_mb, 20)


def killed(size_mb: int, pace_mb: float, count: int) -> None:
    print(f"\n{count} x kill -9, 3 downloads of {size_mb} MiB, {pace_mb:g} MiB/s a connection")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        running, folder = Hub(size_mb, pace_mb), Path(name)
        chance, survived = random.Random(3), 0
        for number in range(count):
            service = Service(running, folder)
            if number == 0:
                service.start_downloads()
            time.sleep(chance.uniform(0.2, 1.0))
            survived += "running" in service.states()
            service.kill()
        service = Service(running, folder)
        try:
            service.until_ended()
            jobs = service.client.get("/api/downloads").json()["downloads"]
        finally:
            service.kill()
        total = size_mb * MB * len(MODELS)
        twice = running.close() - total
        print(f"  kills during downloads      {survived:7d}")
        print(f"  downloads done              {len(jobs):7d} of {len(MODELS)}")
        print(f"  fetched more than once      {twice / total:7.2%}   ({twice / MB:.0f} MiB)")


def main() -> None:
    command, *values = sys.argv[1:] or ["all"]
    if command == "hub":
        hub(int(values[0]), float(values[1]))
    elif command == "clients":
        clients(int(values[0]))
    else:
        for each in (load, naive, stops, kills):
            if command in ("all", each.__name__):
                each()


if __name__ == "__main__":
    main()
