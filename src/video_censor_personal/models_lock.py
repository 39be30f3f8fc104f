"""`models.lock`: what every model of a configuration resolved to, beside the configuration.

The next run, another machine and an offline machine get the same bytes: with a pin, no registry is
asked, and every file has its checksum. The file is meant to be committed; it is JSON, sorted, with
one value a line, so that a diff shows what moved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from video_censor_personal.config import ModelSource
from video_censor_personal.errors import ConfigError, ModelCacheError
from video_censor_personal.hub.links import write_text
from video_censor_personal.hub.names import (
    check_blob_name,
    check_file_path,
    check_repository,
    check_revision,
    check_size,
    shorten,
)
from video_censor_personal.store import Lock

__all__ = ["ModelsLock", "Pin", "PinnedFile", "describe_change", "identity", "lock_path"]

_FORMAT = 1
_WAIT_S = 10.0
_ASK_AGAIN_S = 0.01


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file of a pinned model.

    Attributes:
        path: in the repository or release.
        git_sha1: what a hub tells of a small file instead of a sha256.
        sha256: None until it was fetched, for small files of a hub and for files of which the
            registry tells no checksum.
        url: where it is, if that does not follow from the repository.
        asset_id: the number of a release's file, by which GitHub's API gives it to who may see it.

    Raises:
        ValueError: a value that no registry gives.
    """

    path: str
    size_bytes: int
    sha256: str | None = None
    git_sha1: str | None = None
    url: str | None = None
    asset_id: int | None = None

    def __post_init__(self) -> None:
        check_file_path(self.path)
        check_size(self.size_bytes)
        for digest, digits in ((self.sha256, 64), (self.git_sha1, 40)):
            if digest is not None and len(check_blob_name(digest)) != digits:
                raise ValueError(f"{shorten(digest)} is no checksum of {digits} digits")
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"{shorten(self.url)} is no http(s) address")
        if self.asset_id is not None and (type(self.asset_id) is not int or self.asset_id <= 0):
            raise ValueError(f"{shorten(self.asset_id)} is no number of a file")


@dataclass(frozen=True, slots=True)
class Pin:
    """What one model source resolved to.

    Attributes:
        source: what of the source decides it: its url, files and version. A source that says
            something else is not pinned by this.
        revision: the branch, tag or commit that was asked for.
        commit: what that meant; for a release its tag.
    """

    name: str
    source: tuple[str, ...]
    repository: str
    revision: str
    commit: str
    files: tuple[PinnedFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def with_sha256(self, digests: Mapping[str, str]) -> Pin:
        """The same pin, with checksums (by path) that were found out on arrival."""
        files = tuple(
            replace(file, sha256=file.sha256 or digests.get(file.path)) for file in self.files
        )
        return replace(self, files=files)


def identity(source: ModelSource) -> tuple[str, ...]:
    """What of a source decides which bytes it means."""
    return (source.url, source.model_version or "", *sorted(source.files))


def lock_path(config_path: Path | None) -> Path | None:
    """Where the pins of a configuration lie; None without a configuration file."""
    return None if config_path is None else config_path.with_name("models.lock")


class ModelsLock:
    """The pins in one file; `path` None: none are kept. Creating it touches no disk.

    `locks`: the folder of locks by which processes take turns at writing. None, or not there:
    nobody else writes.
    """

    def __init__(self, path: Path | None, locks: Path | None = None) -> None:
        self.path, self._locks = path, locks

    def get(self, source: ModelSource) -> Pin | None:
        """The pin of a source; None if there is none or the source says something else now.

        Raises:
            ConfigError: the file is damaged.
        """
        pin = self.pins().get(source.name)
        return pin if pin is not None and pin.source == identity(source) else None

    def pins(self) -> dict[str, Pin]:
        """Every pin by the name of its model.

        Raises:
            ConfigError: the file is damaged.
        """
        if self.path is None:
            return {}
        try:
            data = json.loads(self.path.read_bytes())
            if data["format"] != _FORMAT:
                raise ValueError(f"its format is {shorten(data['format'])}, not {_FORMAT}")
            return {name: _read_pin(name, entry) for name, entry in data["models"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ConfigError(
                f"the pinned models cannot be read ({exc}); restore the file, or delete it and "
                "run: video-censor models lock",
                file=self.path,
            ) from exc

    def put(self, pins: Iterable[Pin]) -> None:
        """Write these pins; those of other models stay.

        Raises:
            ConfigError: the file is damaged.
            ModelCacheError: it cannot be written.
        """
        if self.path is None:
            return
        with self._turn(self.path):
            self._merge(self.path, pins)

    def _merge(self, path: Path, pins: Iterable[Pin]) -> None:
        known = self.pins()
        merged = known | {pin.name: pin for pin in pins}
        if merged == known:
            return
        data = {
            "format": _FORMAT,
            "models": {name: _entry(pin) for name, pin in sorted(merged.items())},
        }
        try:
            write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        except OSError as exc:
            raise ModelCacheError(
                f"{path} cannot be written ({exc.strerror}). Give yourself the right to "
                "write beside the configuration, or copy it elsewhere.",
                path=path,
            ) from exc

    @contextmanager
    def _turn(self, path: Path) -> Iterator[None]:
        """What another process pinned meanwhile must not be written over."""
        if self._locks is None:
            yield
            return
        with Lock(self._locks, f"pins {path.absolute()}") as lock:
            try:
                until = time.monotonic() + _WAIT_S
                while not lock.acquire() and time.monotonic() < until:
                    time.sleep(_ASK_AGAIN_S)
            except OSError:  # no such folder, as nothing was ever fetched: pins can be written
                pass
            yield


def describe_change(old: Pin | None, new: Pin) -> list[str]:
    """What moving from one pin to another changes, a line each; empty if nothing does."""
    if old is None:
        return [f"{new.name}: {new.repository} at {new.commit}, {len(new.files)} files"]
    lines = []
    if (old.repository, old.commit) != (new.repository, new.commit):
        lines.append(f"{new.name}: {old.repository} at {old.commit}")
        lines.append(f"{' ' * len(new.name)}  -> {new.repository} at {new.commit}")
    before = {file.path: file for file in old.files}
    after = {file.path: file for file in new.files}
    lines += [f"  - {path}" for path in before if path not in after]
    for path, file in after.items():
        if path not in before:
            lines.append(f"  + {path} ({file.size_bytes} bytes)")
        elif _digests(before[path]).isdisjoint(_digests(file)):
            lines.append(f"  ~ {path} ({before[path].size_bytes} -> {file.size_bytes} bytes)")
    return lines


def _digests(file: PinnedFile) -> set[str]:
    return {digest for digest in (file.sha256, file.git_sha1) if digest}


def _entry(pin: Pin) -> dict[str, Any]:
    url, version, *patterns = pin.source
    files = []
    for file in sorted(pin.files, key=lambda file: file.path):
        values = {
            "path": file.path,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "git_sha1": file.git_sha1,
            "url": file.url,
            "asset_id": file.asset_id,
        }
        files.append({key: value for key, value in values.items() if value is not None})
    return {
        "url": url,
        "model_version": version,
        "patterns": patterns,
        "repository": pin.repository,
        "revision": pin.revision,
        "commit": pin.commit,
        "files": files,
    }


def _read_pin(name: str, entry: dict[str, Any]) -> Pin:
    files = tuple(PinnedFile(**file) for file in entry["files"])
    if not files:
        raise ValueError(f"{shorten(name)} has no files")
    return Pin(
        name=name,
        source=(str(entry["url"]), str(entry["model_version"]), *map(str, entry["patterns"])),
        repository=check_repository(entry["repository"]),
        revision=check_revision(entry["revision"]),
        commit=str(entry["commit"]),
        files=files,
    )
