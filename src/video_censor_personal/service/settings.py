"""What the person who runs the service decides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from video_censor_personal.hub.environment import hub_settings, plain_endpoint

__all__ = ["LOOPBACK_NAMES", "ServiceSettings", "service_settings"]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Limits and policy. None: no limit.

    Attributes:
        cache_dir: the Hugging Face cache that is managed.
        state_dir: where the ledger and the token lie.
        endpoints: hubs that may be used, as `parse_url` accepts them; the first is the default.
        repositories: shell patterns of what may be downloaded, without regard to case.
        allow_pickle: also fetch files whose loading can run code.
        at_once, queue_length: downloads that run and that may wait.
        time_limit_s: for one run of one download.
        retry_waits_s: pauses between the tries for a file.
        bytes_per_s, bytes_per_s_each: for all downloads together, and for each.
        quota_bytes: what the cache may hold; least recently used models that are not pinned make
            room. None: nothing is ever evicted.
        reserve_bytes: free room on the disk that downloads leave alone.
        requests_per_s, request_burst: for each token or session.
        webhooks: addresses that are told how downloads end. webhook_secret signs what they are
            told (`whsec_` and base64, as https://www.standardwebhooks.com wants it).
        hosts: names under which the service may be addressed; None: any (the application that
            mounts the router checks them).
        listeners: event streams that may be open at once.
        body_bytes: the longest request body.
    """

    cache_dir: Path
    state_dir: Path
    endpoints: tuple[str, ...]
    repositories: tuple[str, ...] = ("*",)
    allow_pickle: bool = False
    at_once: int = 3
    queue_length: int = 1000
    time_limit_s: float = 24 * 3600.0
    retry_waits_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    longest_wait_s: float = 60.0
    bytes_per_s: int | None = None
    bytes_per_s_each: int | None = None
    quota_bytes: int | None = None
    reserve_bytes: int = 1 << 30
    requests_per_s: float = 200.0
    request_burst: int = 400
    webhooks: tuple[str, ...] = ()
    webhook_secret: str | None = None
    hosts: tuple[str, ...] | None = None
    listeners: int = 512
    body_bytes: int = 64 << 10

    @property
    def endpoint(self) -> str:
        """The hub that is used when a request names none."""
        return self.endpoints[0]


def service_settings(
    environment: Mapping[str, str] = os.environ,
    *,
    cache_dir: Path | None = None,
    state_dir: Path | None = None,
    endpoints: tuple[str, ...] = (),
) -> ServiceSettings:
    """Settings with the defaults of this machine and of the Hugging Face variables.

    `endpoints` may be used beside `HF_ENDPOINT`.

    Raises:
        ConfigError: `HF_ENDPOINT` or one of `endpoints` is no plain http(s) address.
    """
    hub = hub_settings(environment, cache_dir=cache_dir)
    others = [plain_endpoint(endpoint, "--endpoint") for endpoint in endpoints]
    return ServiceSettings(
        # Once and for all: the working directory and links may change while the service runs.
        cache_dir=Path(os.path.realpath(hub.cache_dir)),
        state_dir=state_dir or Path(platformdirs.user_state_dir("video-censor", appauthor=False)),
        endpoints=(hub.endpoint, *(other for other in others if other != hub.endpoint)),
        webhook_secret=environment.get("VIDEO_CENSOR_WEBHOOK_SECRET") or None,
    )
