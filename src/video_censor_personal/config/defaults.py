"""What is used where no file says otherwise."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from video_censor_personal import categories
from video_censor_personal.config.values import CategoryConfig, Config

__all__ = ["default_cache_dir", "default_config"]


def default_config() -> Config:
    """What is used without a file: everything that the built-in detectors can find."""
    config = Config()
    config.detections = {key: CategoryConfig() for key in _DEFAULT_CATEGORIES}
    config.models.cache_dir = str(default_cache_dir())
    return config


_DEFAULT_CATEGORIES = (categories.NUDITY, categories.SEXUAL_THEMES, categories.PROFANITY)


def default_cache_dir() -> Path:
    """Where models lie unless `models.cache_dir` says otherwise."""
    return platformdirs.user_cache_path("video-censor", appauthor=False) / "models"
