"""Python, the libraries, and what the FFmpeg in PyAV can read and write."""

from __future__ import annotations

import platform
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Literal

from video_censor_personal import __version__
from video_censor_personal.doctor.findings import Finding

__all__ = ["look_at_codecs", "look_at_software"]

_PROJECT = "video-censor-personal"
_EXTRAS = {
    "whisper": "better speech recognition",
    "clip": "violence and concepts of your own",
    "llava": "second opinions",
    "service": "video-censor serve",
    "blake3": "models with blake3 checksums",
}
_STAND_INS = {"onnxruntime": ("onnxruntime-gpu", "onnxruntime-directml")}
"""Distributions that bring the same package."""

_DECODERS = {
    "pictures": ("h264", "hevc", "av1", "vp9", "mpeg2video", "mpeg4", "vc1", "prores"),
    "sound": ("aac", "ac3", "eac3", "dca", "truehd", "mp3", "opus", "flac"),
}
_ENCODERS = {
    "pictures": ("libx264", "libx265", "libsvtav1", "libvpx-vp9"),
    "sound": ("aac", "ac3", "eac3", "libmp3lame", "libopus", "flac"),
}
_INDISPENSABLE = {"h264", "aac", "libx264"}


def look_at_software() -> Iterator[Finding]:
    """The program, Python, and every library that is declared, with its version."""
    facts = {"version": __version__, "python": platform.python_version()}
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding(
        "program",
        "ok",
        f"video-censor {__version__}, Python {facts['python']}, {system}",
        facts=facts,
    )
    required = _requirements()
    versions = {name: _version(name) for name in required.pop("")}
    there = {name: version for name, version in versions.items() if version}
    listed = ", ".join(f"{name} {version}" for name, version in there.items())
    yield Finding("libraries", "ok", listed, facts=there)
    for name in sorted(versions.keys() - there.keys()):
        yield Finding(name, "missing", f"{name} is not installed", f"pip install '{name}'")
    for extra, purpose in _EXTRAS.items():
        yield _extra(extra, purpose, required.get(extra, ()))


def _extra(extra: str, purpose: str, names: Sequence[str]) -> Finding:
    versions = {name: _version(name) for name in names}
    if all(versions.values()):
        text = ", ".join(f"{name} {version}" for name, version in versions.items())
        return Finding(f"extra {extra}", "ok", f"{text} ({purpose})", facts=versions)
    lacking = ", ".join(name for name, version in versions.items() if not version)
    return Finding(
        f"extra {extra}",
        "note",
        f"{lacking} not installed ({purpose})",
        f"pip install '{_PROJECT}[{extra}]'",
    )


def _requirements() -> dict[str, list[str]]:
    """Extra -> the distributions it needs; those that are always needed under ``""``."""
    required: dict[str, list[str]] = defaultdict(list)
    for line in metadata.requires(_PROJECT) or ():
        name = re.match(r"[A-Za-z0-9._-]+", line)
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", line)
        if name:
            required[extra.group(1) if extra else ""].append(name.group())
    return required


def _version(name: str) -> str:
    for candidate in (name, *_STAND_INS.get(name, ())):
        try:
            return metadata.version(candidate)
        except metadata.PackageNotFoundError:
            continue
    return ""


def look_at_codecs() -> Iterator[Finding]:
    """What films can be read, what a copy can be written in, and what hardware encodes."""
    import av

    versions = {name: ".".join(map(str, n)) for name, n in av.library_versions.items()}
    main = ", ".join(f"{name} {versions[name]}" for name in ("libavcodec", "libavformat"))
    yield Finding("PyAV", "ok", f"PyAV {av.__version__} with {main}", facts=versions)
    for kind in ("pictures", "sound"):
        yield _codecs(f"reads {kind}", _DECODERS[kind], "r")
    for kind in ("pictures", "sound"):
        yield _codecs(f"writes {kind}", _ENCODERS[kind], "w")
    yield _hardware()


def _codecs(name: str, wanted: Sequence[str], mode: Literal["r", "w"]) -> Finding:
    there = [codec for codec in wanted if _is_there(codec, mode)]
    lacking = [codec for codec in wanted if codec not in there]
    text = ", ".join(there) or "nothing"
    text += f"; not {', '.join(lacking)}" if lacking else ""
    facts = {"there": there, "lacking": lacking}
    if _INDISPENSABLE.intersection(lacking):
        return Finding(name, "missing", text, "pip install --force-reinstall av", facts)
    return Finding(name, "note" if lacking else "ok", text, facts=facts)


def _is_there(codec: str, mode: Literal["r", "w"]) -> bool:
    from av.codec.codec import Codec, UnknownCodecError

    try:
        Codec(codec, mode)
    except UnknownCodecError:
        return False
    return True


def _hardware() -> Finding:
    from video_censor_personal.remediation.hardware import hardware_encoder

    working = [
        name for codec in ("h264", "hevc", "av1") if (name := hardware_encoder(codec, "auto"))
    ]
    if working:
        text = f"{', '.join(working)} (used with `remediation.video.encoder: auto`)"
        return Finding("hardware encoders", "ok", text, facts={"working": working})
    return Finding("hardware encoders", "note", "none that works; libx264 and the like do the work")
