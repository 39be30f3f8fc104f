"""Models behind a plain address: what the configuration declares is all there is to know."""

from __future__ import annotations

from video_censor_personal.config import ModelSource
from video_censor_personal.hub.environment import hub_settings
from video_censor_personal.models_lock import Pin
from video_censor_personal.sources.resolver import Placement
from video_censor_personal.store import Store
from video_censor_personal.transfer import Source
from video_censor_personal.transfer.address import parse_url

__all__ = ["HttpsResolver", "headers_for"]


class HttpsResolver:
    """A file at an address and its mirrors; it lies in `store` under the model's name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def accepts(self, source: ModelSource) -> bool:
        return bool(source.checksum) and source.url.startswith(("http://", "https://"))

    def recall(self, source: ModelSource) -> Pin | None:
        return None

    def resolve(self, source: ModelSource, pin: Pin | None = None) -> Placement:
        file = Source(
            name=source.name,
            urls=(source.url, *source.mirrors),
            target=source.name,
            size_bytes=source.size_bytes or None,
            checksum=source.checksum.lower(),
            algorithm=source.algorithm,
            headers=headers_for(source, source.url),
        )
        return Placement(source.name, self._store, (file,), self._store.path(source.name))


def headers_for(source: ModelSource, url: str) -> dict[str, dict[str, str]]:
    """Headers by origin: the source's own for the server of `url`, and the hub's login for the hub.

    Mirrors get neither.

    Raises:
        ConfigError: `url` is no address.
    """
    headers = {origin: dict(values) for origin, values in hub_settings().headers.items()}
    if source.headers:
        origin = parse_url(url).origin
        headers[origin] = {**headers.get(origin, {}), **source.headers}
    return headers
