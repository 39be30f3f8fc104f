"""Which hub is asked, as whom, and where its files lie: what the environment says right now.

The variables are those of the Hugging Face libraries
(https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables), but they are
read at every call: a service can be told to work online whatever its host process was started
with, and a test needs no fresh process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from video_censor_personal.errors import ConfigError
from video_censor_personal.transfer.address import parse_url

__all__ = ["DEFAULT_ENDPOINT", "HubSettings", "has_login", "hub_settings", "plain_endpoint"]

DEFAULT_ENDPOINT = "https://huggingface.co"
_TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True, slots=True)
class HubSettings:
    """One hub and the cache of its files.

    Attributes:
        endpoint: has no slash at its end.
        own_headers: what is sent to it beside the login; an `Authorization` takes its place.
    """

    cache_dir: Path
    endpoint: str = DEFAULT_ENDPOINT
    token: str | None = field(default=None, repr=False)
    offline: bool = False
    own_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def origin(self) -> str:
        """`scheme://host[:port]` of the endpoint: the only place the token is ever sent to."""
        return parse_url(self.endpoint).origin

    @property
    def headers(self) -> dict[str, dict[str, str]]:
        """Headers by origin, as `transfer.Source` takes them."""
        headers = dict(self.own_headers)
        if self.token is not None and not has_login(headers):
            headers["Authorization"] = f"Bearer {self.token}"
        return {self.origin: headers} if headers else {}


def has_login(headers: Mapping[str, str]) -> bool:
    """Whether there is an `Authorization` among the headers, in whatever case."""
    return any(name.lower() == "authorization" for name in headers)


def hub_settings(
    environment: Mapping[str, str] = os.environ,
    *,
    cache_dir: Path | None = None,
    token: str | Literal[False] | None = None,
) -> HubSettings:
    """What the environment says; `cache_dir` and `token` (False: none at all) win over it.

    Raises:
        ConfigError: `HF_ENDPOINT` is no http(s) address, or the token cannot be a header.
    """
    endpoint = plain_endpoint(environment.get("HF_ENDPOINT") or DEFAULT_ENDPOINT, "HF_ENDPOINT")
    home = _home(environment)
    cache = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    if token is None:
        token = _token(environment, home) or False
    return HubSettings(
        cache_dir=cache_dir or (_expand(cache) if cache else home / "hub"),
        endpoint=endpoint,
        token=token or None,
        offline=_is_true(
            environment.get("HF_HUB_OFFLINE") or environment.get("TRANSFORMERS_OFFLINE")
        ),
    )


def plain_endpoint(text: str, setting: str) -> str:
    """The address of a hub, without a slash at its end; it is shown to everyone.

    Raises:
        ConfigError: it is no http(s) address, or holds what may be secret; names `setting`.
    """
    endpoint = text.rstrip("/")
    try:
        address = parse_url(endpoint)
    except ConfigError as exc:
        raise ConfigError(f"{setting}: {exc}", key=setting) from exc
    if address.basic_auth or "?" in endpoint or "#" in endpoint:
        raise ConfigError(
            f"{setting} is the plain address of a hub, such as https://huggingface.co; "
            "a login belongs in HF_TOKEN, which is sent to HF_ENDPOINT alone",
            key=setting,
        )
    return endpoint


def _home(environment: Mapping[str, str]) -> Path:
    if home := environment.get("HF_HOME"):
        return _expand(home)
    return _expand(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"


def _token(environment: Mapping[str, str], home: Path) -> str | None:
    """The token to send: `HF_TOKEN`, else what `hf auth login` stored."""
    if _is_true(environment.get("HF_HUB_DISABLE_IMPLICIT_TOKEN")):
        return None
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := _clean(environment.get(name, ""), name):
            return token
    named = environment.get("HF_TOKEN_PATH")
    path = _expand(named) if named else home / "token"
    try:
        return _clean(path.read_text(encoding="utf-8"), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"the token file {path} cannot be read; make it readable or set HF_TOKEN", file=path
        ) from exc


def _clean(token: str, where: str) -> str | None:
    token = token.replace("\r", "").replace("\n", "").strip()
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"the token in {where} holds characters that no token has", key=where)
    return token or None


def _is_true(value: str | None) -> bool:
    return (value or "").upper() in _TRUE


def _expand(path: str) -> Path:
    """`~` and `$NAME` as the libraries expand them."""
    return Path(os.path.expandvars(path)).expanduser()
