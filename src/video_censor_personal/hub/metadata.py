"""What is known of a model, as values that can be kept as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["Alternative", "ModelMetadata"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """An existing model that can take the place of another one; `why` says why it fits."""

    name: str
    why: str
    size_bytes: int | None = None


@dataclass
class ModelMetadata:
    """What a registry knows of a model.

    Attributes:
        name: the repository (`org/name`) as the hub calls it now.
        versions: branches and tags, `main` first.
        checksums: version -> sha256 over the list of the version's files (path, size, checksum of
            each), so that it changes when any byte changes.
        sizes: version -> bytes of all its files.
        deprecated: its owner says that it should not be used any more.
        replacement: what to use instead, if that is known; also the new name of a renamed one.
        commits: version -> the commit it stands for.
        gated, private: whether terms must be accepted, or a login is needed, to fetch it.
        license: its licence as the hub names it.
        alternatives: what can take its place if it is deprecated.
        age_s: how old this answer is, in seconds; more than the TTL when the hub was out of reach.
    """

    name: str
    versions: list[str]
    checksums: dict[str, str]
    sizes: dict[str, int]
    deprecated: bool = False
    replacement: str | None = None
    last_updated: datetime | None = None
    commits: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False
    license: str | None = None
    alternatives: list[Alternative] = field(default_factory=list)
    age_s: float = field(default=0.0, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives an equal object back."""
        return {
            "name": self.name,
            "versions": list(self.versions),
            "checksums": dict(self.checksums),
            "sizes": dict(self.sizes),
            "deprecated": self.deprecated,
            "replacement": self.replacement,
            "last_updated": self.last_updated.isoformat() if self.last_updated else None,
            "commits": dict(self.commits),
            "gated": self.gated,
            "private": self.private,
            "license": self.license,
            "alternatives": [
                {"name": a.name, "why": a.why, "size_bytes": a.size_bytes}
                for a in self.alternatives
            ],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelMetadata:
        """The inverse of `to_dict`; keys it does not know are left out, missing ones default.

        Raises:
            KeyError, TypeError, ValueError: `data` does not come from `to_dict`.
        """
        updated = data.get("last_updated")
        return cls(
            name=str(data["name"]),
            versions=[str(version) for version in data["versions"]],
            checksums={str(k): str(v) for k, v in data["checksums"].items()},
            sizes={str(k): int(v) for k, v in data["sizes"].items()},
            deprecated=bool(data.get("deprecated", False)),
            replacement=data.get("replacement"),
            last_updated=datetime.fromisoformat(updated) if updated else None,
            commits={str(k): str(v) for k, v in data.get("commits", {}).items()},
            gated=bool(data.get("gated", False)),
            private=bool(data.get("private", False)),
            license=data.get("license"),
            alternatives=[Alternative(**a) for a in data.get("alternatives", ())],
        )
