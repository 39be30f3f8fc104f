"""A model hub on loopback, for tests that fetch the models of detectors as a person would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import LoopbackHub
from tiny_clip import make_tiny_clip
from tiny_tagger import make_tiny_tagger


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with LoopbackHub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        yield served


@pytest.fixture
def tiny_models(hub: LoopbackHub, tmp_path: Path) -> str:
    """A tiny CLIP and a tiny YAMNet on the hub: what a configuration says of where they are."""
    folder = make_tiny_clip(tmp_path / "clip")
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items()}
    hub.add("org/clip", contents, lfs=[name for name in contents if name.endswith(".onnx")])
    tagger = make_tiny_tagger(tmp_path / "made.onnx").read_bytes()
    hub.add("org/yamnet", {"yamnet.onnx": tagger}, lfs=["yamnet.onnx"])
    return (
        "models:\n  cache_dir: models\n  sources:\n"
        "    - {name: clip-b32, url: hf://org/clip}\n"
        "    - {name: yamnet, url: hf://org/yamnet/yamnet.onnx}\n"
    )
