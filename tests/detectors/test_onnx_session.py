"""Models are opened in one place: what a person is told when one cannot be, and on which device."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from video_censor_personal.detectors.onnx_session import available_devices, open_session
from video_censor_personal.errors import DetectorError


@pytest.fixture(scope="module")
def weights() -> Path:
    spec = importlib.util.find_spec("nudenet")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "320n.onnx"


@pytest.fixture
def a_card_without_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime says that it knows CUDA, and cannot make use of it."""
    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: there)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_model_is_opened_and_runs(weights: Path, device: str) -> None:
    session = open_session(weights, threads=2, device=device)
    assert "CPUExecutionProvider" in session.get_providers()
    assert session.get_session_options().intra_op_num_threads == 2
    picture = np.zeros((1, 3, 64, 64), np.float32)
    assert session.run(None, {session.get_inputs()[0].name: picture})[0].shape[:2] == (1, 22)


def test_the_processor_is_always_there() -> None:
    assert available_devices()[-1] == "cpu"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"no\.onnx is not there") as caught:
        open_session(tmp_path / "no.onnx", detector="eyes")
    assert caught.value.detector == "eyes"


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="is a folder"):
        open_session(tmp_path)


@pytest.mark.parametrize("keep", [0, 1000, 1_000_000])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, weights: Path, keep: int) -> None:
    damaged = tmp_path / "half.onnx"
    damaged.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(DetectorError, match=r"half\.onnx cannot be loaded.*verify"):
        open_session(damaged)


def test_a_file_of_another_kind_is_no_model(tmp_path: Path, weights: Path) -> None:
    other = tmp_path / "text.onnx"
    shutil.copy(Path(__file__), other)
    with pytest.raises(DetectorError, match="cannot be loaded"):
        open_session(other)


@pytest.mark.parametrize(
    ("device", "advice"),
    [("cuda", "onnxruntime-gpu"), ("coreml", "on a Mac"), ("directml", "onnxruntime-directml")],
)
def test_a_device_that_is_not_there_is_refused_by_name(
    weights: Path, device: str, advice: str
) -> None:
    if device in available_devices():
        pytest.skip(f"this machine has {device}")
    with pytest.raises(DetectorError, match=advice) as caught:
        open_session(weights, device=device)
    assert f"{device!r} is not there" in str(caught.value)
    assert "computes on cpu" in str(caught.value)


@pytest.mark.usefixtures("a_card_without_its_driver")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_auto_falls_back_to_the_processor_and_says_so(
    weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        session = open_session(weights, device="auto")
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert "device cuda cannot be used" in caplog.text
    assert "the CPU is used instead" in caplog.text


@pytest.mark.usefixtures("a_card_without_its_driver")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_device_asked_for_by_name_is_never_replaced(weights: Path) -> None:
    with pytest.raises(DetectorError, match="driver or libraries are missing"):
        open_session(weights, device="cuda")


def test_telemetry_is_off_before_the_runtime_is_loaded() -> None:
    code = (
        "import os\n"
        "import video_censor_personal.detectors.onnx_session\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "1"
