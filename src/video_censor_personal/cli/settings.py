"""Which configuration a command uses."""

from __future__ import annotations

from pathlib import Path

from video_censor_personal.config import Config, find_profile, load_config

__all__ = ["DEFAULT_FILES", "find_config"]

DEFAULT_FILES = (Path("video-censor.yaml"), Path("config.yaml"))
"""Where a configuration is looked for, in the current folder, when none is named."""


def find_config(path: Path | None, profile: str | None = None) -> Config:
    """The configuration at `path`, else of the first default file there is, else the built-in one;
    over the profile of that name or file.

    Raises:
        ConfigError: a file cannot be read or something in it is wrong.
    """
    under = find_profile(profile) if profile is not None else None
    found = next((file for file in DEFAULT_FILES if file.is_file()), None)
    return load_config(path or found, profile=under)
