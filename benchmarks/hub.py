"""A snapshot of many files, and what is known of many models, against `huggingface_hub`.

    pip install 'video-censor-personal[dev]'
    python benchmarks/hub.py --files 500 --rounds 3

A hub on loopback (a process of its own) serves a repository of files of 4 to 64 KiB, every tenth
one an LFS file behind a redirect. Every run is a process of its own with an empty or a filled
cache; the rounds are interleaved, so that a busy machine is equally unkind to all. Times are those
of the call, without the start of Python; reported are medians. Ours verifies every byte, the
library's does not. Requests are counted by the server, those for content apart.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"

OURS = """
import sys, time
from pathlib import Path
from video_censor_personal.config import ModelSource
from video_censor_personal.models_lock import ModelsLock
from video_censor_personal.sources import Deliveries
from video_censor_personal.store import Store
from video_censor_personal.transfer import Engine
home = Path(sys.argv[1])
lock = ModelsLock(home / "models.lock" if sys.argv[2] == "lock" else None)
start = time.perf_counter()
source = ModelSource("model", "hf://org/model", "", 0)
(outcome,) = Deliveries(Store(home / "models"), lock).fetch([source], Engine())
print(time.perf_counter() - start)
assert outcome.ok, outcome.error
"""

LIBRARY = """
import time
import huggingface_hub
start = time.perf_counter()
huggingface_hub.snapshot_download("org/model")
print(time.perf_counter() - start)
"""

LIBRARY_VERIFIED = LIBRARY.replace(
    "print(", 'huggingface_hub.HfApi().verify_repo_checksums("org/model")\nprint('
)

METADATA = """
import sys, time
from pathlib import Path
from video_censor_personal.huggingface_registry import HuggingFaceRegistry, ModelMetadata
registry = HuggingFaceRegistry(Path(sys.argv[1]))
count = int(sys.argv[2])
for i in range(count):
    name = f"org/model-{i}"
    registry._save_metadata(name, ModelMetadata(name, ["main"], {"main": "ab" * 32}, {"main": i}))
fresh = HuggingFaceRegistry(Path(sys.argv[1]))
for _ in ("from the disk", "from memory"):
    times = []
    for i in range(count):
        start = time.perf_counter()
        fresh.query_model(f"org/model-{i}")
        times.append(time.perf_counter() - start)
    times.sort()
    print(times[count // 2] * 1e6, times[int(count * 0.99)] * 1e6)
"""


def serve(count: int) -> None:
    """Play the hub until standard input ends; a line on it asks for the requests so far."""
    sys.path.insert(0, str(TESTS))
    from hub_server import LoopbackHub

    chance = random.Random(1)
    files = {
        f"part{i % 7}/file{i:04}.bin": chance.randbytes(chance.randint(4 << 10, 64 << 10))
        for i in range(count)
    }
    with LoopbackHub() as hub:
        hub.add("org/model", files, lfs=[name for i, name in enumerate(files) if i % 10 == 0])
        print(hub.endpoint, sum(map(len, files.values())), flush=True)
        for _ in sys.stdin:
            content = [r for r in hub.requests if "/resolve/" in r.path or r.host == "cdn"]
            print(json.dumps([len(hub.requests), len(content)]), flush=True)
            hub.requests.clear()


class Bench:
    """Runs programs against one hub and keeps what they took."""

    def __init__(self, count: int) -> None:
        command = [sys.executable, __file__, "--serve", str(count)]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.endpoint, size = self._read().split()
        self.size_bytes = int(size)
        self.times: dict[str, list[float]] = {}
        self.requests: dict[str, list[int]] = {}

    def _read(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()

    def run(self, what: str, program: str, home: Path, *arguments: str) -> None:
        environment = os.environ | {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home / "hf"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        command = [sys.executable, "-c", program, str(home), *arguments]
        seconds = float(subprocess.check_output(command, text=True, env=environment))
        self.times.setdefault(what, []).append(seconds)
        assert self._server.stdin is not None
        self._server.stdin.write("\n")
        self._server.stdin.flush()
        self.requests[what] = json.loads(self._read())

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def report(self) -> None:
        reference = statistics.median(self.times["snapshot_download"])
        print(f"{'':44}{'s':>8}{'x':>7}{'requests':>10}{'content':>9}")
        for what, times in self.times.items():
            median = statistics.median(times)
            total, content = self.requests[what]
            print(f"{what:44}{median:8.3f}{median / reference:7.2f}{total:10}{content:9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    bench = Bench(arguments.files)
    try:
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as folder:
                theirs, checked, ours = (Path(folder) / name for name in ("a", "b", "c"))
                bench.run("snapshot_download", LIBRARY, theirs)
                bench.run("snapshot_download + verify_repo_checksums", LIBRARY_VERIFIED, checked)
                bench.run("ours, verified", OURS, ours, "lock")
                bench.run("snapshot_download, again", LIBRARY, theirs)
                bench.run("ours, again, without models.lock", OURS, ours, "none")
                bench.run("ours, again, with models.lock", OURS, ours, "lock")
    finally:
        bench.close()
    print(f"{arguments.files} files, {bench.size_bytes / 1e6:.0f} MB, median of {arguments.rounds}")
    bench.report()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-c", METADATA, folder, str(arguments.models)]
        lines = subprocess.check_output(command, text=True).splitlines()
        took = time.perf_counter() - start
    print(f"\nquery_model of {arguments.models} remembered models ({took:.1f} s in all)")
    for what, line in zip(("first time in a process", "after that"), lines, strict=True):
        median, slow = map(float, line.split())
        print(f"{what:44}{median:8.0f} µs median, {slow:.0f} µs at 99 %")


if __name__ == "__main__":
    main()
