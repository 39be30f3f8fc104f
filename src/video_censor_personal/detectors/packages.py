"""Which of the packages that a detector takes are installed."""

from __future__ import annotations

import importlib.util
from importlib import metadata

__all__ = ["missing_package", "package_version"]


def missing_package(*names: str, install: str) -> str | None:
    """Which of these packages is missing, and how it is had (`pip install <install>`), as
    `DetectorPlugin.available` says it; None: all are here. None of them is loaded."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed; run: pip install {install}"
    return None


def package_version(name: str) -> str:
    """`pocketsphinx 5.0.4`, as a `DetectorPlugin.revision` says it; `pocketsphinx ?` where it is
    not installed."""
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} ?"
