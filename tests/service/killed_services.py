"""Run as a script: serve again and again, killed with SIGKILL at random moments.

The argument is JSON: state, token, models, kills, most_s. Each service is forked from this
process, which has no threads. The first one is asked for the models; the others find them in the
ledger. Prints the ids of the downloads.
"""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx

from video_censor_personal.service import service_settings
from video_censor_personal.service.server import serve


def main() -> None:
    said = json.loads(sys.argv[1])
    settings = replace(service_settings(state_dir=Path(said["state"])), reserve_bytes=0)
    chance = random.Random(5)
    jobs: list[str] = []
    for number in range(said["kills"]):
        there, here = os.pipe()
        pid = os.fork()
        if pid == 0:
            serve(settings, said["token"], "127.0.0.1", 0, functools.partial(_say, here))
            os._exit(1)
        os.close(here)
        address = os.read(there, 200).decode()
        os.close(there)
        if number == 0:
            jobs = _ask(address, said["token"], said["models"])
        time.sleep(chance.uniform(0.05, said["most_s"]))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print(json.dumps({"jobs": jobs, "kills": said["kills"]}))


def _say(pipe: int, address: str) -> None:
    os.write(pipe, address.encode())


def _ask(address: str, token: str, models: list[str]) -> list[str]:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=headers, trust_env=False) as client:
        return [
            client.post("/api/downloads", json={"hf_repo": model}).json()["id"] for model in models
        ]


if __name__ == "__main__":
    main()
