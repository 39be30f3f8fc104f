"""Models that are files of a GitHub release: `gh://owner/name@tag/asset`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from video_censor_personal.config import ModelSource
from video_censor_personal.config.model_addresses import ModelAddress, parse_model_address
from video_censor_personal.errors import (
    ConfigError,
    ModelChecksumError,
    ModelNotFoundError,
    RegistryAnswerError,
    RegistryError,
    RegistryUnreachableError,
)
from video_censor_personal.hub.client import ApiClient
from video_censor_personal.hub.environment import has_login
from video_censor_personal.hub.names import check_size, shorten
from video_censor_personal.models_lock import Pin, PinnedFile, identity
from video_censor_personal.sources.resolver import Placement
from video_censor_personal.store import Store
from video_censor_personal.transfer import Source
from video_censor_personal.transfer.address import parse_url

__all__ = ["ReleaseResolver"]

_API, _PAGES = "https://api.github.com", "https://github.com"
_MOST_ASSETS = 1000


class ReleaseResolver:
    """Files of GitHub releases; they lie in `store` under the model's name.

    `GITHUB_API_URL` names another server (GitHub Enterprise) and `GITHUB_TOKEN` or `GH_TOKEN` a
    login, as for GitHub's own tools; the token goes to the API only. The source's own headers go to
    the API and to the web server beside it, wherever the release says that its files are.
    """

    def __init__(self, store: Store, environment: Mapping[str, str] = os.environ) -> None:
        self._store, self._environment = store, environment

    def accepts(self, source: ModelSource) -> bool:
        return source.url.startswith("gh://")

    def recall(self, source: ModelSource) -> Pin | None:
        return None

    def resolve(self, source: ModelSource, pin: Pin | None = None) -> Placement:
        if pin is None:
            pin = self._ask(source, _address(source))
        (asset,) = pin.files
        urls = [asset.url or "", *source.mirrors]
        asked = self._headers(source)
        if asset.asset_id is not None and has_login(asked):
            # The page's address of a private release takes no token; the API gives the file.
            urls.insert(0, f"{self._api}/repos/{pin.repository}/releases/assets/{asset.asset_id}")
        checksum, algorithm = asset.sha256, "sha256"
        if source.checksum:
            checksum, algorithm = source.checksum.lower(), source.algorithm
        file = Source(
            name=source.name,
            urls=tuple(urls),
            target=source.name,
            size_bytes=asset.size_bytes,
            checksum=checksum,
            algorithm=algorithm,
            headers=self._headers_by_origin(source, asked),
        )
        path = self._store.path(source.name)
        return Placement(source.name, self._store, (file,), path, pin, {asset.path: path})

    @property
    def _api(self) -> str:
        api = (self._environment.get("GITHUB_API_URL") or _API).rstrip("/")
        try:
            parse_url(api)
        except ConfigError as exc:
            raise ConfigError(f"GITHUB_API_URL: {exc}", key="GITHUB_API_URL") from exc
        return api

    def _headers(self, source: ModelSource) -> dict[str, str]:
        """What the API is sent: the source's own headers, and a login if they hold none."""
        headers = dict(source.headers)
        token = self._environment.get("GITHUB_TOKEN") or self._environment.get("GH_TOKEN")
        if token and not has_login(headers):
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _headers_by_origin(
        self, source: ModelSource, asked: Mapping[str, str]
    ) -> dict[str, dict[str, str]]:
        api = parse_url(self._api).origin
        page = _PAGES if api == _API else api  # the two are one server
        # https://docs.github.com/rest/releases/assets#get-a-release-asset
        own = {name: value for name, value in asked.items() if name.lower() != "accept"}
        return {page: dict(source.headers), api: {**own, "Accept": "application/octet-stream"}}

    def _ask(self, source: ModelSource, address: ModelAddress) -> Pin:
        tag = source.model_version or address.version or ""
        data = self._release(address.repository, tag, self._headers(source))
        try:
            assets = {str(asset["name"]): asset for asset in data["assets"][:_MOST_ASSETS]}
            asset = assets.get(address.path)
            pinned = None if asset is None else _read_asset(address.path, asset)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise RegistryAnswerError(
                f"GitHub gave an answer about {address.repository}@{tag} that cannot be used: "
                f"{shorten(str(exc), 200)}",
                model=address.repository,
                url=source.url,
            ) from exc
        if pinned is None:
            raise ModelNotFoundError(
                f"the release {tag} of {address.repository} has no file {address.path}; it has "
                f"{', '.join(map(shorten, list(assets)[:5])) or 'none'}. "
                f"Correct the url of {source.name}.",
                model=address.repository,
                url=source.url,
            )
        _check_declared(source, pinned)
        return Pin(source.name, identity(source), address.repository, tag, tag, (pinned,))

    def _release(self, repository: str, tag: str, headers: Mapping[str, str]) -> dict[str, Any]:
        client = ApiClient(self._api, headers, setting="GITHUB_API_URL")
        path = f"/repos/{repository}/releases/tags/{quote(tag, safe='')}"
        try:
            data: dict[str, Any] = client.get(path, model=repository).data
        except (RegistryUnreachableError, RegistryAnswerError):
            raise
        except ModelNotFoundError as exc:
            raise ModelNotFoundError(
                f"GitHub has no release {tag} of {repository} that you may see. Correct the url; "
                "for a private repository, or if GitHub limits your requests, set GITHUB_TOKEN or "
                "put a login into `headers` of the model.",
                model=repository,
                url=exc.url,
            ) from exc
        except RegistryError as exc:
            raise type(exc)(
                f"GitHub refused the login for {repository}. Renew GITHUB_TOKEN, or the login in "
                "`headers` of the model, or leave it out.",
                model=repository,
                url=exc.url,
            ) from exc
        finally:
            client.close()
        return data


def _address(source: ModelSource) -> ModelAddress:
    try:
        address = parse_model_address(source.url)
    except ValueError as exc:
        raise ConfigError(f"{source.name}: {exc}", key="url") from exc
    if address is None or address.registry != "gh":
        raise ConfigError(f"{source.url!r} of {source.name} names no release", key="url")
    return address


def _read_asset(name: str, asset: dict[str, Any]) -> PinnedFile:
    """Releases before mid-2025 have no digest: then the first fetch decides, and the pin holds it
    to that."""
    digest = asset.get("digest") or ""
    sha256 = digest.removeprefix("sha256:") if digest.startswith("sha256:") else None
    return PinnedFile(
        name,
        check_size(asset["size"]),
        sha256,
        url=asset["browser_download_url"],
        asset_id=asset.get("id"),
    )


def _check_declared(source: ModelSource, file: PinnedFile) -> None:
    same_size = source.size_bytes in (0, file.size_bytes)
    comparable = source.checksum and source.algorithm == "sha256" and file.sha256
    if same_size and (not comparable or source.checksum.lower() == file.sha256):
        return
    raise ModelChecksumError(
        f"{source.name} is declared with other bytes ({source.size_bytes} bytes, "
        f"{source.checksum}) than GitHub has ({file.size_bytes} bytes, {file.sha256}). Correct "
        "checksum and size_bytes, or leave them out.",
        model=source.name,
        url=source.url,
        expected=source.checksum or source.size_bytes,
        actual=file.sha256 or file.size_bytes,
    )
