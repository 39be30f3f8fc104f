"""Run as a script: fetch one file in a process of its own and say on standard output how it went.

The argument is JSON: root, url, size, checksum, and optionally `unknown`: the engine is not told
size and checksum, and `file_limit`: the largest file this process may write once half of the bytes
are there.
"""

from __future__ import annotations

import json
import sys

from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    Engine,
    FileProgress,
    Limits,
    RetryPolicy,
    Source,
    make_plan,
)


def main() -> None:
    said = json.loads(sys.argv[1])
    known = {} if said.get("unknown") else {k: said[k] for k in ("size", "checksum")}
    source = Source("model", (said["url"],), "model", known.get("size"), known.get("checksum"))
    phases: list[str] = []
    waited_for: list[int] = []

    def listen(progress: FileProgress) -> None:
        if progress.phase.value not in phases:
            phases.append(progress.phase.value)
        if progress.phase.value == "waiting":
            waited_for.append(progress.done_bytes)
        if progress.done_bytes * 2 > said["size"] and "file_limit" in said:
            import resource

            most = said.pop("file_limit")
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    limits = Limits(connections=4)
    plan = make_plan([source], Store(said["root"]))
    (outcome,) = Engine(limits, RetryPolicy(waits_s=(0.01,))).fetch(plan, listen)
    error = outcome.error
    answer = {
        "status": outcome.status.value,
        "fetched": outcome.fetched_bytes,
        "phases": phases,
        "waited_for": waited_for,
        "error": f"{type(error).__name__}: {error}" if error else None,
        "expected": error.expected if error else None,
        "actual": error.actual if error else None,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
