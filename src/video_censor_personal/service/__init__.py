"""The model manager over HTTP, for machines that serve models.

from video_censor_personal.service import create_router
app.include_router(create_router(), prefix="/models")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from video_censor_personal.service.settings import ServiceSettings, service_settings

if TYPE_CHECKING:
    from video_censor_personal.service.app import create_app, create_router

__all__ = ["ServiceSettings", "create_app", "create_router", "service_settings"]


def __getattr__(name: str) -> Any:
    # FastAPI is an extra, and is loaded on use.
    if name in ("create_app", "create_router"):
        from video_censor_personal.service import app

        return getattr(app, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
