"""Names of models in, verified local paths out.

    manager = ModelManager(config)
    manager.verify_models()                 # fetches what is missing or damaged
    path = manager.get_model_path("llava-7b")

A model lies under its name only after its checksum was right, so the path of a model for which
`is_model_valid` says yes can be used without looking at the bytes again.
"""

from video_censor_personal.errors import DiskSpaceError, ModelChecksumError, ModelDownloadError
from video_censor_personal.model_manager.manager import ModelManager
from video_censor_personal.model_manager.sources import (
    about_bytes,
    describe_model_size,
    find_source,
    find_sources,
)

__all__ = [
    "DiskSpaceError",
    "ModelChecksumError",
    "ModelDownloadError",
    "ModelManager",
    "about_bytes",
    "describe_model_size",
    "find_source",
    "find_sources",
]
