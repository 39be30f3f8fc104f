"""Our downloads beside those of others, in one run: wall time, processor time, memory.

    python benchmarks/download.py [--scenario big limited small far-small resume verify]
        [--big-mib 2048] [--limited-mib 256] [--files 2000] [--rounds 3] [--peers-python PATH]

Everything comes from loopback: nginx if it is installed (else, and where a slow or far server is
needed, `file_server.py`). The contenders take turns, `--rounds` times, and the median counts. A
contender that is not installed is named and left out. `wall` is the whole process; `work` leaves
out starting Python and importing, and is what the ratios of Python contenders use.

`ours, not synced` is the same engine without the final fsync, which no other contender does.
`peak MiB` of programs smaller than this script is that of this script; what the engine adds to its
process is in brackets.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
SCENARIOS = ("big", "limited", "small", "far-small", "resume", "verify")
SLOW_BYTES_PER_S = 20e6
FAR_S = 0.05


@dataclass(frozen=True)
class Job:
    """What every contender has to do: fetch `files` (name, size, sha256) from `base`."""

    base: str
    files: tuple[tuple[str, int, str], ...]
    folder: Path  # where the list of files lies for those who want one
    hub: str

    @property
    def one(self) -> tuple[str, int, str]:
        return self.files[0]

    @property
    def total_bytes(self) -> int:
        return sum(size for _, size, _ in self.files)


@dataclass
class Result:
    wall_s: list[float] = field(default_factory=list)
    work_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_mib: float = 0.0
    added_mib: float | None = None


@dataclass(frozen=True)
class Contender:
    """`command` gets the job and an empty folder; `needs` are programs or modules."""

    name: str
    command: Callable[[Job, Path], list[str]]
    needs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


# -- the contenders


def ours(*options: str) -> Callable[[Job, Path], list[str]]:
    return lambda job, out: [
        sys.executable, __file__, "--as", "ours", str(job.folder / "job.json"), str(out), *options
    ]  # fmt: skip


def shell(text: str) -> Callable[[Job, Path], list[str]]:
    """A shell command; {url}, {sha}, {out}, {list} are filled in."""

    def command(job: Job, out: Path) -> list[str]:
        name, _, sha = job.one
        values = {
            "url": f"{job.base}/{name}", "sha": sha, "out": out / name, "dir": out,
            "list": job.folder, "hub": job.hub,
        }  # fmt: skip
        return ["sh", "-ec", text.format(**values)]

    return command


def peer(kind: str) -> Callable[[Job, Path], list[str]]:
    return lambda job, out: [
        PEERS_PYTHON, __file__, "--as", kind, str(job.folder / "job.json"), str(out)
    ]  # fmt: skip


PEERS_PYTHON = sys.executable
OPENSSL = "openssl dgst -sha256 {out} | grep -q {sha}"
ONE_FILE = (
    Contender("curl, nothing verified", shell("curl -sf -o {out} {url}"), ("curl",)),
    Contender("curl + openssl", shell("curl -sf -o {out} {url}; " + OPENSSL), ("curl", "openssl")),
    Contender("wget + openssl", shell("wget -qO {out} {url}; " + OPENSSL), ("wget", "openssl")),
    Contender("ours (synced to disk)", ours()),
    Contender("ours, not synced", ours("unsynced")),
    Contender(
        "aria2 -x16, checksum",
        shell(
            "aria2c -q -x16 -s16 -k1M --file-allocation=falloc --checksum=sha-256={sha}"
            " -d {dir} {url}"
        ),
        ("aria2c",),
    ),
    Contender("requests, 8 KiB chunks", peer("requests"), (), ("requests",)),
    Contender("pooch", peer("pooch"), (), ("pooch",)),
    Contender("hf_hub_download + sha256", peer("hub"), (), ("huggingface_hub",)),
)
MANY_FILES = (
    Contender(
        "curl --parallel, nothing verified",
        shell(
            "cd {dir}; curl -sf --no-progress-meter --parallel --parallel-max 16 "
            "--config {list}/curl.txt"
        ),
        ("curl",),
    ),
    Contender(
        "curl --parallel + openssl",
        shell(
            "cd {dir};"
            " curl -sf --no-progress-meter --parallel --parallel-max 16 --config {list}/curl.txt;"
            " openssl dgst -sha256 -r * | cut -d' ' -f1 | cmp - {list}/sums.txt"
        ),
        ("curl", "openssl"),
    ),
    Contender("ours (synced to disk)", ours()),
    Contender("ours, not synced", ours("unsynced")),
    Contender(
        "aria2 -j16, checksum",
        shell("aria2c -q -j16 -x1 -d {dir} -i {list}/aria2.txt"),
        ("aria2c",),
    ),
    Contender("requests, one after another", peer("requests"), (), ("requests",)),
    Contender("hub snapshot + sha256", peer("snapshot"), (), ("huggingface_hub",)),
)


def available(contenders: tuple[Contender, ...]) -> list[Contender]:
    """Those that can run here; says which cannot."""
    found = []
    for contender in contenders:
        missing = [p for p in contender.needs if not shutil.which(p)]
        missing += [m for m in contender.modules if not has_module(m)]
        if missing:
            print(f"   left out: {contender.name} ({', '.join(missing)} is not installed)")
        else:
            found.append(contender)
    return found


def has_module(name: str) -> bool:
    if sys.executable == PEERS_PYTHON:
        return importlib.util.find_spec(name) is not None
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({name!r}) is None)"
    return subprocess.run([PEERS_PYTHON, "-c", code], check=False).returncode == 0


# -- in the child process


def run_as(kind: str, job_file: str, out: str, *options: str) -> None:
    """Do the job as one contender and print how long the work itself took."""
    said = json.loads(Path(job_file).read_text())
    job = Job(said["base"], tuple(map(tuple, said["files"])), Path(job_file).parent, said["hub"])
    began, before = CHILDREN[kind](job, Path(out), options)
    report = {"work_s": time.perf_counter() - began}
    if before is not None:
        report |= {"before_mib": before, "peak_mib": peak_mib()}
    print(json.dumps(report))


def peak_mib() -> float:
    """The most memory this process has had (not, as `getrusage` counts it, its parent before)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this benchmark measures memory through /proc")


def as_ours(job: Job, out: Path, options: tuple[str, ...]) -> tuple[float, float | None]:
    from video_censor_personal.store import Store
    from video_censor_personal.transfer import Engine, Source, make_plan

    before = peak_mib()
    began = time.perf_counter()
    sources = [Source(n, (f"{job.base}/{n}",), n, size, sha) for n, size, sha in job.files]
    outcomes = Engine(durable="unsynced" not in options).fetch(make_plan(sources, Store(out)))
    assert all(o.ok for o in outcomes), next(o.error for o in outcomes if not o.ok)
    return began, before


def as_requests(job: Job, out: Path, _: tuple[str, ...]) -> tuple[float, None]:
    import requests

    began = time.perf_counter()
    session = requests.Session()
    for name, _size, sha in job.files:
        digest = hashlib.sha256()
        with session.get(f"{job.base}/{name}", stream=True) as answer, (out / name).open("wb") as f:
            for chunk in answer.iter_content(8192):
                f.write(chunk)
                digest.update(chunk)
        assert digest.hexdigest() == sha
    return began, None


def as_pooch(job: Job, out: Path, _: tuple[str, ...]) -> tuple[float, None]:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    began = time.perf_counter()
    name, _size, sha = job.one
    pooch.retrieve(f"{job.base}/{name}", known_hash=sha, path=out, fname=name)
    return began, None


def as_hub(job: Job, out: Path, _: tuple[str, ...]) -> tuple[float, None]:
    os.environ.update(HUB_SETTINGS, HF_ENDPOINT=job.hub)
    from huggingface_hub import hf_hub_download

    began = time.perf_counter()
    name, _size, sha = job.one
    with open(hf_hub_download("bench/files", name, cache_dir=out), "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha
    return began, None


def as_snapshot(job: Job, out: Path, _: tuple[str, ...]) -> tuple[float, None]:
    os.environ.update(HUB_SETTINGS, HF_ENDPOINT=job.hub)
    from huggingface_hub import snapshot_download

    began = time.perf_counter()
    folder = Path(snapshot_download("bench/files", cache_dir=out, max_workers=8))
    for name, _size, sha in job.files:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha
    return began, None


HUB_SETTINGS = {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
CHILDREN: dict[str, Callable[[Job, Path, tuple[str, ...]], tuple[float, float | None]]] = {
    "ours": as_ours,
    "requests": as_requests,
    "pooch": as_pooch,
    "hub": as_hub,
    "snapshot": as_snapshot,
}


# -- measuring


def measure(contender: Contender, job: Job, out: Path, result: Result) -> None:
    out.mkdir()
    os.sync()  # what the one before left to be written is not this one's work
    began = time.perf_counter()
    process = subprocess.Popen(contender.command(job, out), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{contender.name} failed with {process.returncode}")
    inner = json.loads(said.strip().splitlines()[-1]) if said.strip().startswith("{") else {}
    result.wall_s.append(wall)
    result.work_s.append(inner.get("work_s", wall))
    result.cpu_s.append(usage.ru_utime + usage.ru_stime)
    result.peak_mib = max(result.peak_mib, usage.ru_maxrss / 1024)
    if "peak_mib" in inner:
        result.added_mib = max(result.added_mib or 0, inner["peak_mib"] - inner["before_mib"])
    if len(job.files) == 1:
        shutil.rmtree(out)
    # Thousands of files stay until the scenario ends: ext4 searches a way around inodes that were
    # deleted in the last minutes, which cost the next contender up to twice its own work.


def compare(title: str, contenders: tuple[Contender, ...], job: Job, rounds: int) -> None:
    print(f"\n## {title}")
    running = available(contenders)
    results = {c.name: Result() for c in running}
    room = Path(tempfile.mkdtemp(prefix="download-", dir=job.folder.parent))
    try:
        for number in range(rounds):
            for place, contender in enumerate(running):
                measure(contender, job, room / f"{number}-{place}", results[contender.name])
    finally:
        shutil.rmtree(room)
    first = statistics.median(results[running[0].name].work_s)
    print(f"{'':36}{'wall s':>9}{'work s':>9}{'ratio':>8}{'CPU s/GB':>10}{'peak MiB':>10}")
    for name, result in results.items():
        work = statistics.median(result.work_s)
        cpu = statistics.median(result.cpu_s) / (job.total_bytes / 1e9)
        added = f"  (+{result.added_mib:.0f})" if result.added_mib is not None else ""
        print(
            f"{name:36}{statistics.median(result.wall_s):9.2f}{work:9.2f}{work / first:8.2f}"
            f"{cpu:10.2f}{result.peak_mib:10.0f}{added}"
        )


# -- the servers


@contextmanager
def serve(folder: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, str(HERE / "file_server.py"), str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serve_fast(folder: Path, room: Path) -> Iterator[str]:
    """nginx, or our own server where that is not installed."""
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if nginx is None:
        print("   nginx is not installed: served by file_server.py")
        with serve(folder) as base:
            yield base
        return
    port = random.randint(20_000, 40_000)
    conf = room / "nginx.conf"
    temp = "".join(
        f"{kind}_temp_path {room};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf.write_text(
        f"daemon off; worker_processes 2; pid {room}/nginx.pid; error_log {room}/error.log;"
        "events { worker_connections 512; }"
        f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; {temp}"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
    )
    process = subprocess.Popen([nginx, "-p", str(room), "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


# -- the material


def make_file(path: Path, size: int) -> tuple[str, int, str]:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        while size > file.tell():
            block = os.urandom(min(1 << 20, size - file.tell()))
            file.write(block)
            digest.update(block)
    return path.name, size, digest.hexdigest()


def make_job(
    room: Path, name: str, base: str, hub: str, files: tuple[tuple[str, int, str], ...]
) -> Job:
    folder = room / f"{name}-list"
    folder.mkdir()
    job = Job(base, files, folder, hub)
    (folder / "job.json").write_text(json.dumps({"base": base, "hub": hub, "files": files}))
    (folder / "curl.txt").write_text(
        "".join(f'url = "{base}/{n}"\nremote-name\n' for n, _, _ in files)
    )
    (folder / "aria2.txt").write_text(
        "".join(f"{base}/{n}\n  out={n}\n  checksum=sha-256={sha}\n" for n, _, sha in files)
    )
    (folder / "sums.txt").write_text("".join(f"{sha}\n" for _, _, sha in sorted(files)))
    return job


# -- what only we do


def resume(job: Job, room: Path) -> None:
    """Kill a download at half and look at how much the next run fetches."""
    from video_censor_personal.store import Store
    from video_censor_personal.transfer import Engine, Source, make_plan

    print("\n## killed at half, run again")
    name, size, sha = job.one
    out = room / "resumed"
    source = Source(name, (f"{job.base}/{name}",), name, size, sha)
    process = subprocess.Popen(ours()(job, out), stdout=subprocess.DEVNULL)
    while make_plan([source], Store(out)).files[0].have_bytes < size / 2:
        time.sleep(0.005)
    process.kill()
    process.wait()
    had = make_plan([source], Store(out)).files[0].have_bytes
    began = time.perf_counter()
    (outcome,) = Engine().fetch(make_plan([source], Store(out)))
    assert outcome.ok, outcome.error
    again = had + outcome.fetched_bytes - size
    print(f"had {had / size:.1%}, fetched again {again / size:.2%} of {size:,} bytes, ", end="")
    print(f"finished and verified after {time.perf_counter() - began:.2f} s")
    shutil.rmtree(out)


def deep_verify(folder: Path, names: list[tuple[str, int, str]]) -> None:
    """Hash two models at once, and recognise one by its record."""
    from video_censor_personal.store import Store
    from video_censor_personal.transfer import Source, inspect, verify

    print("\n## deep verification of two models, recognition of one")
    store = Store(folder)
    sources = [Source(n, ("http://localhost/",), n, size, sha) for n, size, sha in names]
    verify(sources, store, deep=True)
    cores = min(2, os.cpu_count() or 1)
    rates = {1: 0.0, 2: 0.0}  # by how many models at once
    for _ in range(3):
        for count in rates:
            began, before = time.perf_counter(), time.process_time()
            verify(sources[:count], store, deep=True)
            size = sum(s.size_bytes or 0 for s in sources[:count])
            rates[count] = max(rates[count], size / (time.perf_counter() - began))
            cpu = (time.process_time() - before) / size * 1e9
            print(f"{count} at once: {cpu:.2f} CPU s/GB", end="; ")
    print(f"\nbest: one {rates[1] / 1e9:.2f} GB/s, two {rates[2] / 1e9:.2f} GB/s: ", end="")
    print(f"{rates[2] / rates[1] / cores:.2f} of {cores} times one core's rate")
    began = time.perf_counter()
    for _ in range(1000):
        inspect(sources[0], store)
    print(f"a verified model is recognised in {(time.perf_counter() - began):.3f} ms")


def main() -> None:
    if "--as" in sys.argv:
        run_as(*sys.argv[sys.argv.index("--as") + 1 :])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", nargs="+", choices=SCENARIOS, default=SCENARIOS)
    parser.add_argument("--big-mib", type=int, default=2048)
    parser.add_argument("--limited-mib", type=int, default=256)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--only", nargs="+", help="contenders whose names contain one of these")
    parser.add_argument(
        "--folder", type=Path, help="where the files lie (default: a temporary one)"
    )
    # Else a checkout, unlike what is installed, would be compiled in every process measured.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    said = parser.parse_args()
    global PEERS_PYTHON
    PEERS_PYTHON = said.peers_python
    room = Path(tempfile.mkdtemp(prefix="download-bench-", dir=said.folder))
    try:
        run(said, room)
    finally:
        shutil.rmtree(room)


def run(said: argparse.Namespace, room: Path) -> None:
    def chosen(contenders: tuple[Contender, ...]) -> tuple[Contender, ...]:
        return tuple(c for c in contenders if not said.only or any(o in c.name for o in said.only))

    big, limited, small = (room / n for n in ("big", "limited", "small"))
    for folder in (big, limited, small):
        folder.mkdir()
    wanted = set(said.scenario)
    if wanted & {"big", "resume", "verify"}:
        files = (make_file(big / "big.bin", said.big_mib << 20),)
        with serve_fast(big, room) as base, serve(big) as hub:
            job = make_job(room, "big", base, hub, files)
            if "big" in wanted:
                title = f"{said.big_mib} MiB, one file, fast server"
                compare(title, chosen(ONE_FILE), job, said.rounds)
            if "resume" in wanted:
                resume(job, room)
        if "verify" in wanted:
            other = make_file(big / "other.bin", said.big_mib << 20)
            deep_verify(big, [*files, other])
    if "limited" in wanted:
        files = (make_file(limited / "limited.bin", said.limited_mib << 20),)
        with serve(limited, "--bytes-per-s", str(SLOW_BYTES_PER_S)) as base:
            job = make_job(room, "limited", base, base, files)
            title = f"{said.limited_mib} MiB, every connection held to 20 MB/s"
            compare(title, chosen(ONE_FILE), job, said.rounds)
    if wanted & {"small", "far-small"}:
        chance = random.Random(1)
        sizes = [chance.randint(20 << 10, 200 << 10) for _ in range(said.files)]
        many = tuple(make_file(small / f"file-{i:05}.bin", s) for i, s in enumerate(sizes))
        if "small" in wanted:
            with serve_fast(small, room) as base, serve(small) as hub:
                job = make_job(room, "small", base, hub, many)
                title = f"{said.files} files of 20-200 KiB, fast server"
                compare(title, chosen(MANY_FILES), job, said.rounds)
        if "far-small" in wanted:
            with serve(small, "--delay-s", str(FAR_S)) as base:
                job = make_job(room, "far", base, base, many)
                title = f"{said.files} files of 20-200 KiB, 50 ms to the first byte"
                compare(title, chosen(MANY_FILES), job, said.rounds)


if __name__ == "__main__":
    main()
