"""What is to be had: one file, where it comes from and what its bytes must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from video_censor_personal.errors import ConfigError
from video_censor_personal.transfer.address import Address, parse_url
from video_censor_personal.transfer.checksum import GIT_BLOB, check_algorithm, check_checksum

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be had.

    Attributes:
        name: what people call it (in progress, messages and results); unique within a plan.
        urls: where it can be fetched, best first; the rest are mirrors. Only http and https.
        target: path under the store's root, parts separated by "/".
        size_bytes: None: not known before the server says it.
        checksum: lower-case hex; None: not known, then the result reports the sha256 that arrived.
        algorithm: md5, sha1, sha256, sha512, blake2b, blake3 (if installed) or git-blob-sha1.
        headers: origin ("https://host" or "https://host:port") -> headers sent to that origin only.
        addresses: the URLs, taken apart.

    Raises:
        ConfigError: an unknown algorithm, a malformed checksum, an URL that is not http(s), a
            header that would be two. The message names the source.
    """

    name: str
    urls: tuple[str, ...] = field(repr=False)
    target: str
    size_bytes: int | None = None
    checksum: str | None = None
    algorithm: str = "sha256"
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    addresses: tuple[Address, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.urls:
            raise ConfigError(f"{self.name} has no URL to be fetched from", key="url")
        try:
            object.__setattr__(self, "addresses", tuple(map(parse_url, self.urls)))
            check_algorithm(self.algorithm)
            if self.checksum is not None:
                check_checksum(self.algorithm, self.checksum)
        except ConfigError as exc:
            raise ConfigError(f"{self.name}: {exc}", key=exc.key) from exc
        if self.size_bytes is None and self.algorithm == GIT_BLOB:
            raise ConfigError(f"{self.name}: {GIT_BLOB} needs size_bytes", key="size_bytes")
        if self.size_bytes is not None and self.size_bytes < 0:
            raise ConfigError(f"{self.name}: size_bytes is below zero", key="size_bytes")
        for origin, headers in self.headers.items():
            for name, value in headers.items():
                if not (name + value).isprintable() or not (name + value).isascii():
                    raise ConfigError(
                        f"{self.name}: the header {name!r} for {origin} has a character "
                        "that no header may have",
                        key="headers",
                    )

    @property
    def origin_headers(self) -> dict[str, Mapping[str, str]]:
        """The headers by origin, origins as `Address.origin` writes them."""
        return {parse_url(origin).origin: own for origin, own in self.headers.items()}

    @property
    def digest_algorithm(self) -> str:
        """The algorithm that results are reported in."""
        return self.algorithm if self.checksum is not None else "sha256"
