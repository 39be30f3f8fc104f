"""Cores, memory, devices, and the place where models lie."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from video_censor_personal.config import Config
from video_censor_personal.doctor.findings import Finding
from video_censor_personal.model_manager import ModelManager
from video_censor_personal.sizes import describe_size

__all__ = ["look_at_devices", "look_at_machine", "memory_bytes", "nearest_folder"]

_LITTLE_ROOM_BYTES = 2_000_000_000
"""Less than the smallest set of models that a profile wants takes, twice (see `docs/models.md`)."""

_CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")


def look_at_machine(config: Config) -> Iterator[Finding]:
    """What there is to work with."""
    cores = core_count()
    yield Finding("processor", "ok", f"{cores} cores for this program", facts={"cores": cores})
    memory = memory_bytes()
    if memory is None:
        yield Finding("memory", "note", "how much there is could not be found out")
    else:
        facts = {"memory_bytes": memory}
        yield Finding("memory", "ok", describe_size(memory), facts=facts)
    yield _cache(ModelManager(config).cache_dir)


def core_count() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """The machine's main memory, or what a container is allowed of it; None where nothing tells."""
    known = []
    with suppress(AttributeError, ValueError, OSError):
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):  # "max" where there is no limit
        known.append(int(_CONTROL_GROUP.read_text()))
    return min(known, default=None)


def nearest_folder(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def _cache(folder: Path) -> Finding:
    there = nearest_folder(folder)
    free = shutil.disk_usage(there).free
    text = f"{describe_size(free)} free at {folder}"
    facts = {"path": str(folder), "free_bytes": free}
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Finding(
            "model cache",
            "failed",
            f"{text}; nothing can be written there ({error.strerror})",
            "give yourself the right to write there, or name another folder in models.cache_dir",
            facts,
        )
    if free < _LITTLE_ROOM_BYTES:
        remedy = "video-censor models prune, or another disk in models.cache_dir"
        return Finding("model cache", "note", text, remedy, facts)
    return Finding("model cache", "ok", text, facts=facts)


def look_at_devices() -> Iterator[Finding]:
    """What each library that runs models was built for, and finds here."""
    from video_censor_personal.detectors.onnx_session import available_devices

    devices = available_devices()
    yield Finding("onnxruntime", "ok", ", ".join(devices), facts={"devices": devices})
    if find_spec("ctranslate2") is not None:
        import ctranslate2

        cards = ctranslate2.get_cuda_device_count()
        text = f"{cards} graphics cards" if cards else "cpu; no graphics card that it can use"
        yield Finding("ctranslate2", "ok", text, facts={"cuda_devices": cards})
    if find_spec("torch") is not None:
        import torch

        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        text = ", ".join(names) or "cpu"
        yield Finding("torch", "ok", text, facts={"cuda_devices": names})
