"""Finds what a person does not want to see or hear in their own videos, and writes a censored copy.

    from video_censor_personal import AnalysisPipeline, load_config

Importing this package is cheap: no codec, no model runtime and no disk is touched before something
is used. The names below are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from video_censor_personal.config import Config as Config
    from video_censor_personal.config import load_config as load_config
    from video_censor_personal.errors import VideoCensorError as VideoCensorError
    from video_censor_personal.findings import Report as Report
    from video_censor_personal.model_manager import ModelManager as ModelManager
    from video_censor_personal.pipeline import AnalysisPipeline as AnalysisPipeline

_HOMES = {
    "AnalysisPipeline": "pipeline",
    "Config": "config",
    "ModelManager": "model_manager",
    "Report": "findings",
    "VideoCensorError": "errors",
    "load_config": "config",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
