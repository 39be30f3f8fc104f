"""Run as a script: fetch files again and again, killed with SIGKILL at random moments.

The argument is JSON: root, files (name -> [url, size, checksum]), kills, most_s, all_large (all
files are written as large ones are). Prints what every kill left behind. Each run is forked from
this process, which has no threads: that is much faster than starting Python a hundred times.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    Engine,
    FileState,
    Limits,
    RetryPolicy,
    Source,
    assembly,
    make_plan,
)


def main() -> None:
    said = json.loads(sys.argv[1])
    if said["all_large"]:
        assembly._FLUSHED_BYTES = 1
    store = Store(said["root"])
    sources = [Source(n, (url,), n, size, sha) for n, (url, size, sha) in said["files"].items()]
    chance = random.Random(7)
    wrong: list[str] = []
    went_back: list[str] = []
    have: dict[str, int] = {}
    finished = 0
    for _ in range(said["kills"]):
        pid = os.fork()
        if pid == 0:
            Engine(Limits(connections=4), RetryPolicy(waits_s=(0.01,))).fetch(
                make_plan(sources, store)
            )
            os._exit(0)
        time.sleep(chance.uniform(0, said["most_s"]))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for source in sources:
            path = store.path(source.target)
            if path.exists():
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                if digest != source.checksum:
                    wrong.append(source.name)
        for file in make_plan(sources, Store(said["root"])).files:
            if file.have_bytes < have.get(file.source.name, 0):
                went_back.append(f"{file.source.name}: {have[file.source.name]} -> {file}")
            have[file.source.name] = file.have_bytes
            if file.state is FileState.VERIFIED:
                finished += 1
                Path(file.path).unlink()
                have[file.source.name] = 0
    print(json.dumps({"wrong": wrong, "went_back": went_back, "finished": finished}))


if __name__ == "__main__":
    main()
