"""Which configuration a command uses."""

from __future__ import annotations

from pathlib import Path

from video_censor_personal.config import Config, default_config, load_config

__all__ = ["DEFAULT_FILES", "find_config"]

DEFAULT_FILES = (Path("video-censor.yaml"), Path("config.yaml"))
"""Where a configuration is looked for, in the current folder, when none is named."""


def find_config(path: Path | None) -> Config:
    """The configuration at `path`, else of the first default file there is, else the built-in one.

    Raises:
        ConfigError: the file cannot be read or something in it is wrong.
    """
    if path is not None:
        return load_config(path)
    found = next((file for file in DEFAULT_FILES if file.is_file()), None)
    return load_config(found) if found else default_config()
