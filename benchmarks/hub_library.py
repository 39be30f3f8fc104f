"""Why the hub is asked by a client of our own: what `huggingface_hub` does where it matters.

    pip install 'video-censor-personal[dev]'
    python benchmarks/hub_library.py [--also OTHER_ENVIRONMENT/bin/python]

Each case is a process of its own with an empty cache, against a hub on loopback that is slow to
forgive or lies. `--also` names the interpreter of an environment with another version of the
library. The table says what came of it; nothing here is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hub_server import LoopbackHub

BIG = bytes(range(256)) * 4096
PADDING = 200 << 20
EVIL = "../../../../evil"  # four folders up is beside HF_HOME

COMMON = """
import json, os, re, sys
from pathlib import Path
def tell(said): print(json.dumps(said))
def peak_mb():
    status = Path("/proc/self/status").read_text()  # getrusage tells of the parent as well
    return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024
"""
LIBRARY = """
import huggingface_hub as hub
hub.HfApi, hub.constants  # they are loaded on first use
def attempt(call):
    try: call()
    except Exception as error: return f"refused ({type(error).__name__})"
    return "taken"
"""
OURS = """
from video_censor_personal.config import ModelSource
from video_censor_personal.huggingface_registry import HuggingFaceRegistry
from video_censor_personal.models_lock import ModelsLock
from video_censor_personal.sources import Deliveries
from video_censor_personal.store import Store
from video_censor_personal.transfer import Engine, RetryPolicy
def attempt(url):
    home = Path(os.environ["HF_HOME"])
    deliveries = Deliveries(Store(home / "models"), ModelsLock(None))
    engine = Engine(retry=RetryPolicy(waits_s=()))
    (outcome,) = deliveries.fetch([ModelSource("m", url, "", 0)], engine)
    error = outcome.error and (outcome.error.__cause__ or outcome.error)
    return f"refused ({type(error).__name__})" if error else "taken"
"""

CASES: dict[str, tuple[str, str]] = {
    "HF_HUB_OFFLINE is unset after the import": (
        'os.environ["HF_HUB_OFFLINE"] = "0"\n'
        'said = attempt(lambda: hub.HfApi().model_info("org/model"))\n'
        'tell("asked" if said == "taken" else said)',
        'os.environ["HF_HUB_OFFLINE"] = "0"\nHuggingFaceRegistry().query_model("org/model")\n'
        'tell("asked")',
    ),
    "an answer of 200 MB to one question": (
        'before = peak_mb(); said = attempt(lambda: hub.HfApi().model_info("org/model"))\n'
        'tell(f"{said}, {peak_mb() - before} MB more memory")',
        "before = peak_mb()\n"
        'try: HuggingFaceRegistry().query_model("org/model"); said = "taken"\n'
        'except Exception as error: said = f"refused ({type(error).__name__})"\n'
        'tell(f"{said}, {peak_mb() - before} MB more memory")',
    ),
    "a checksum that is a path": (
        'tell(attempt(lambda: hub.hf_hub_download("org/model", "model.bin")))',
        'tell(attempt("hf://org/model/model.bin"))',
    ),
    "other bytes of the right size": (
        'tell(attempt(lambda: hub.snapshot_download("org/model")))',
        'tell(attempt("hf://org/model"))',
    ),
    "a commit of two repositories is deleted in one": (
        'for name in ("org/model", "org/fork"): hub.snapshot_download(name)\n'
        "repos = hub.scan_cache_dir().repos\n"
        "(commit,) = {r.commit_hash for repo in repos for r in repo.revisions}\n"
        "hub.scan_cache_dir().delete_revisions(commit).execute()\n"
        "left = sorted(repo.repo_id for repo in hub.scan_cache_dir().repos)\n"
        'tell(f"left: {left}")',
        'for name in ("org/model", "org/fork"): attempt(f"hf://{name}")\n'
        "from video_censor_personal.hub.environment import hub_settings\n"
        "from video_censor_personal.hub_cache import HubCache\n"
        "cache = HubCache(hub_settings().cache_dir); (found,) = cache.scan()[0].revisions\n"
        'cache.delete("org/model", found.commit)\n'
        'tell(f"left: {[model.name for model in cache.scan()]}")',
    ),
    "what it brings along": (
        "from importlib import metadata\nseen = set()\ndef need(name):\n"
        "    if name in seen: return\n    seen.add(name)\n"
        "    for text in metadata.requires(name) or ():\n"
        '        if "extra ==" in text: continue\n'
        '        other = re.match(r"[\\w.-]+", text)[0].lower().replace("_", "-")\n'
        "        try: metadata.distribution(other)\n"
        "        except metadata.PackageNotFoundError: continue\n"
        "        need(other)\n"
        'need("huggingface-hub")\n'
        "hub.HfApi\n"
        'tell(f"{len(seen) - 1} packages")',
        'import video_censor_personal.hub.client\ntell("no package")',
    ),
}


def prepare(hub: LoopbackHub, case: str) -> dict[str, str]:
    """Make the hub play its part; more of the environment."""
    hub.add("org/model", {"model.bin": BIG, "config.json": b"{}"}, lfs=["model.bin"])
    if case.startswith("HF_HUB_OFFLINE"):
        return {"HF_HUB_OFFLINE": "1"}
    if "200 MB" in case:
        hub.rewrite("/api/models/", lambda data: json.dumps(data).encode() + b" " * PADDING)
    if "is a path" in case:
        headers = {"X-Repo-Commit": "a" * 40, "ETag": f'"{EVIL}"', "Content-Length": str(len(BIG))}
        hub.play("/resolve/", 200, headers, BIG, times=9)
        hub.rewrite("/tree/", lambda tree: [entry | {"oid": EVIL} for entry in tree])
    if "other bytes" in case:
        (tree,) = hub.repositories["org/model"].commits.values()
        listing = [file.entry(path) for path, file in tree.items()]
        hub.rewrite("/tree/", lambda _: listing)
        tree["model.bin"].content = BIG[::-1]
    if "two repositories" in case:
        hub.repositories["org/fork"] = hub.repositories["org/model"]
    return {}


def run(python: str, program: str, case: str) -> str:
    with LoopbackHub() as hub, tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "a" / "b" / "c" / "hf"
        environment = {
            name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ
        }
        environment |= {
            "HOME": folder,
            "HF_HOME": str(home),
            "HF_ENDPOINT": hub.endpoint,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        } | prepare(hub, case)
        done = subprocess.run(
            [python, "-c", COMMON + program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            return f"failed: {done.stderr.strip().splitlines()[-1]}"
        said: Any = json.loads(done.stdout.splitlines()[-1])
        outside = sorted(path for path in Path(folder).rglob("*evil*") if home not in path.parents)
        return f"{said}, wrote {outside[0]} outside of {home}" if outside else str(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--also", metavar="PYTHON", help="another environment's interpreter")
    arguments = parser.parse_args()
    pythons = [sys.executable, *([arguments.also] if arguments.also else [])]
    for case, (theirs, ours) in CASES.items():
        print(case)
        for python in pythons:
            version = subprocess.check_output(
                [python, "-c", "import huggingface_hub; print(huggingface_hub.__version__)"],
                text=True,
            ).strip()
            print(f"  huggingface_hub {version}: {run(python, LIBRARY + theirs, case)}")
        print(f"  here: {run(sys.executable, OURS + ours, case)}")


if __name__ == "__main__":
    main()
