"""Models of one's own: what an entry names by its path is used as it lies there.

Nothing of it is fetched, verified or kept in the models' folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from video_censor_personal.detectors.base import DetectorSettings
from video_censor_personal.errors import ConfigError

__all__ = ["fingerprint", "is_path", "own_model"]


def is_path(model: str) -> bool:
    """Whether what an entry says under `model` is a path (`./clip`, `~/clip`, `/models/clip`), and
    no name: names may have slashes as well."""
    return os.path.isabs(model) or re.match(r"(~|\.\.?)([/\\]|$)", model) is not None


def own_model(settings: DetectorSettings, model: str) -> Path:
    """The file or the folder that a path leads to, relative to the configuration's own folder.

    Raises:
        ConfigError: there is none, or a folder is empty.
    """
    path = settings.base_dir / Path(model).expanduser()
    if not any(_files(path)):
        what = "is an empty folder" if path.is_dir() else "does not exist"
        key = next((key for key, value in settings.options.items() if value == model), None)
        raise ConfigError(
            f"detector {settings.name!r}: the model {str(path)!r} {what}; correct the path, which "
            "is relative to the folder of the configuration, or name a model of the catalogue",
            key=key,
        )
    return path


def fingerprint(path: Path) -> str:
    """`clip 1a2b3c4d`: its own name and eight hexadecimal digits, which change with the name, the
    size and the time of any file of it. (To read some gigabytes on every run takes too long.)"""
    seen = hashlib.sha256()
    for file in sorted(_files(path)):
        facts = file.stat()
        told = (file.relative_to(path).as_posix(), facts.st_size, facts.st_mtime_ns)
        seen.update(repr(told).encode("utf-8", "surrogateescape"))
    return f"{path.name} {seen.hexdigest()[:8]}"


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from (file for file in path.rglob("*") if file.is_file())
