"""Where every ONNX model is opened: on which device, with how many threads, and who is told.

    session = open_session(path, threads=2, device="auto", detector="nudenet")

Imports onnxruntime, so import it where a model is opened, not at the top of a plug-in.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from video_censor_personal.errors import DetectorError

# From 1.31 on, onnxruntime tells its maker of every session unless this is set before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

__all__ = ["available_devices", "device_problem", "open_session"]

_log = logging.getLogger(__name__)

_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Devices by the names people use, the best first."""

_INSTALL = {
    "cuda": "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]' "
    "(an NVIDIA card and its driver)",
    "coreml": "CoreML comes with onnxruntime on a Mac, and only there",
    "directml": "pip uninstall onnxruntime, then pip install onnxruntime-directml (Windows only)",
}

_PROVIDER_OPTIONS: dict[str, dict[str, str]] = {
    # The default tries every algorithm for each new shape of input; ours change with the video's
    # shape and the size of the batch
    # (https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html).
    "cuda": {"cudnn_conv_algo_search": "HEURISTIC"},
}


def available_devices() -> list[str]:
    """What the installed onnxruntime was built for, the best first; `cpu` is always there.

    Whether the machine's driver plays along shows only when a model is opened.
    """
    there = set(onnxruntime.get_available_providers())
    return [device for device, provider in _PROVIDERS.items() if provider in there]


def device_problem(device: str) -> str:
    """Why models cannot run on a `device` that was named, and what to do; empty: they can, as far
    as can be told before one is opened."""
    there = available_devices()
    if device == "auto" or device in there:
        return ""
    return (
        f"the device {device!r} is not there: the installed onnxruntime computes on "
        f"{', '.join(there)}. {_INSTALL[device]}; or use the device auto"
    )


def open_session(
    path: Path, *, threads: int = 1, device: str = "auto", detector: str = ""
) -> onnxruntime.InferenceSession:
    """A model, ready to run.

    `device` is `auto` (the best that works, with a warning where the best does not), `cpu`,
    `cuda`, `coreml` or `directml`; `detector` is named in errors.

    Raises:
        DetectorError: there is no such file, it is no model that can be loaded, or the device that
            was named is not there.
    """
    if not path.is_file():
        what = "is a folder, not an ONNX file" if path.is_dir() else "is not there"
        raise DetectorError(
            f"the model {path} {what}; download the models again, or verify them", detector=detector
        )
    there = available_devices()
    if device == "auto":
        if there[0] != "cpu":
            try:
                return _open(path, threads, there[0], detector)
            except DetectorError as error:
                _log.warning("%s; the CPU is used instead", error)
        return _open(path, threads, "cpu", detector)
    if problem := device_problem(device):
        raise DetectorError(problem, detector=detector)
    return _open(path, threads, device, detector)


def _open(path: Path, threads: int, device: str, detector: str) -> onnxruntime.InferenceSession:
    if device == "cuda" and hasattr(onnxruntime, "preload_dlls"):
        # Finds the CUDA libraries that pip installed; without it only the system's are looked for.
        onnxruntime.preload_dlls()
    provider = _PROVIDERS[device]
    wanted: list[Any] = [(provider, _PROVIDER_OPTIONS.get(device, {}))]
    if device != "cpu":
        wanted.append(_PROVIDERS["cpu"])  # for what the accelerator has no kernel for
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(path), _options(threads, device), providers=wanted, enable_fallback=0
        )
    except Exception as error:
        # ONNX Runtime's errors share no base class below Exception.
        raise DetectorError(
            f"the model {path} cannot be loaded on the device {device}: {error}; if it is damaged "
            "or no ONNX model, download it again (video-censor models verify tells)",
            detector=detector,
        ) from error
    if provider not in session.get_providers():
        # Libraries that cannot be loaded are no error to onnxruntime: it only leaves them out.
        raise DetectorError(
            f"the device {device} cannot be used: onnxruntime knows it, but its driver or "
            f"libraries are missing. {_INSTALL[device]}",
            detector=detector,
        )
    return session


def _options(threads: int, device: str) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait take the decoder's processor away (measured: 25–44 ms
    # instead of 14 ms a picture on two busy cores).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device == "directml":
        # DirectML demands it
        # (https://onnxruntime.ai/docs/execution-providers/DirectML-ExecutionProvider.html).
        options.enable_mem_pattern = False
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return options
