"""The configuration: its values, and how they are read from a YAML file."""

from video_censor_personal.config.defaults import default_cache_dir, default_config
from video_censor_personal.config.loading import load_config
from video_censor_personal.config.profiles import Profile, find_profile, list_profiles
from video_censor_personal.config.values import (
    AudioRemediation,
    CategoryConfig,
    Config,
    DetectorConfig,
    FrameSampling,
    ModelsConfig,
    ModelSource,
    Output,
    Processing,
    Remediation,
    SegmentMerge,
    SkipChapters,
    VideoRemediation,
)
from video_censor_personal.errors import ConfigError

__all__ = [
    "AudioRemediation",
    "CategoryConfig",
    "Config",
    "ConfigError",
    "DetectorConfig",
    "FrameSampling",
    "ModelSource",
    "ModelsConfig",
    "Output",
    "Processing",
    "Profile",
    "Remediation",
    "SegmentMerge",
    "SkipChapters",
    "VideoRemediation",
    "default_cache_dir",
    "default_config",
    "find_profile",
    "list_profiles",
    "load_config",
]
