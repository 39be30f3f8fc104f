"""Models on a Hugging Face hub: a file or a part of a repository, kept in the shared cache."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from video_censor_personal.config import ModelSource
from video_censor_personal.config.model_addresses import ModelAddress, parse_model_address
from video_censor_personal.errors import (
    ConfigError,
    ModelCacheError,
    ModelDisabledError,
    ModelNotFoundError,
    RevisionNotFoundError,
)
from video_censor_personal.hub.api import HubApi, HubModel
from video_censor_personal.hub.environment import HubSettings, hub_settings
from video_censor_personal.hub.files import HubFile
from video_censor_personal.hub.links import place_link
from video_censor_personal.hub.names import check_commit, check_repository, check_revision
from video_censor_personal.hub_cache import HubCache
from video_censor_personal.huggingface_registry import HuggingFaceRegistry
from video_censor_personal.models_lock import Pin, PinnedFile, identity
from video_censor_personal.sources.hub_selection import (
    check_arrived,
    check_declared,
    choose_files,
    revision_of,
)
from video_censor_personal.sources.resolver import Placement
from video_censor_personal.store import Store

__all__ = ["HubResolver"]

log = logging.getLogger(__name__)

_OFFLINE = (
    "it is not all here, and HF_HUB_OFFLINE is set. Unset it, or bring the files of the hub's "
    "cache folder from another machine."
)


class HubResolver:
    """Files of repositories on a hub.

    The bytes go into the cache that all Hugging Face libraries share; under the model's name lies
    a link to its file or folder there.

    Args:
        store: the folder of models, in which the link lies; None: no link, a model's path is in
            the cache.
        registry: whose connections are used, and who is told of deprecated models.
        settings: which hub and cache, asked for at every call.
    """

    def __init__(
        self,
        store: Store | None,
        registry: HuggingFaceRegistry,
        settings: Callable[[], HubSettings] = hub_settings,
    ) -> None:
        self._store, self._registry, self._settings = store, registry, settings
        self._trees: dict[tuple[str, str], tuple[HubFile, ...]] = {}

    def accepts(self, source: ModelSource) -> bool:
        address = _address(source)
        if address is None or address.registry != "hf":
            return False
        return not (source.checksum and source.url.startswith("http"))

    def recall(self, source: ModelSource) -> Pin | None:
        address = _require(source)
        cache = HubCache(self._settings().cache_dir)
        revision = revision_of(source, address)
        commit = cache.commit_of(address.repository, revision)
        tree = cache.tree(address.repository, commit) if commit else None
        if commit is None or tree is None:
            return None
        try:
            files = choose_files(source, address, tree)
        except RevisionNotFoundError:
            return None
        return _pin(source, address.repository, revision, commit, files)

    def resolve(self, source: ModelSource, pin: Pin | None = None) -> Placement:
        address = _require(source)
        settings = self._settings_for(source, address)
        if pin is None:
            pin = self._ask(source, address, settings)
        cache = HubCache(settings.cache_dir)
        files = _pinned_files(source, address, pin)
        check_declared(source, files)
        snapshot = cache.snapshot_path(pin.repository, pin.commit)
        sources = cache.sources(
            pin.repository,
            pin.commit,
            files,
            endpoint=settings.endpoint,
            headers=settings.headers,
        )
        if address.path:
            sources[0] = replace(sources[0], urls=(*sources[0].urls, *source.mirrors))
        blobs = {f.path: cache.folder(pin.repository) / "blobs" / f.blob for f in files}
        target = snapshot / address.path if address.path else snapshot
        link = _Link(
            source.name,
            self._store.path(source.name) if self._store else target,
            target,
            {"": blobs[address.path]} if address.path else blobs,
        )
        return Placement(
            model=source.name,
            store=cache.store,
            sources=tuple(replace(s, name=f"{source.name}: {s.name}") for s in sources),
            path=link.path,
            pin=pin,
            files=blobs,
            is_published=lambda: _all_there(snapshot, blobs) and link.is_right(),
            publish=lambda: self._publish(source, pin, cache, files, link),
            withheld=_OFFLINE if settings.offline else "",
            repository=pin.repository,
        )

    def _settings_for(self, source: ModelSource, address: ModelAddress) -> HubSettings:
        """The configured hub, or the one that an address names: that one without our token.

        The source's own headers are for that hub, for questions and files alike.
        """
        settings = self._settings()
        if address.endpoint not in (None, settings.endpoint):
            settings = replace(settings, endpoint=address.endpoint, token=None)
        return replace(settings, own_headers=tuple(sorted(source.headers.items())))

    def _ask(self, source: ModelSource, address: ModelAddress, settings: HubSettings) -> Pin:
        api = self._registry.api(settings)
        revision = revision_of(source, address)
        model = self._find(source, address.repository, revision, api)
        name = model.name
        if name != address.repository:
            log.warning(
                "%s: %s is now called %s; use that name", source.name, address.repository, name
            )
        if model.new_version or "deprecated" in model.tags:
            instead = f"; its owner names {model.new_version} instead" if model.new_version else ""
            log.warning("%s: %s is deprecated%s", source.name, name, instead)
        if model.gated:
            api.check_access(name)
        cache = HubCache(settings.cache_dir)
        tree = self._trees.get((name, model.commit)) or cache.tree(name, model.commit)
        if tree is None:
            tree = api.files(name, model.commit)
        self._trees[name, model.commit] = tree
        files = choose_files(source, address, tree)
        check_declared(source, files)
        return _pin(source, name, revision, model.commit, files)

    def _find(self, source: ModelSource, name: str, revision: str, api: HubApi) -> HubModel:
        """What the hub says of the model; if it is gone, an error that names others."""
        try:
            model = api.model(name, revision)
            if model.disabled:
                raise ModelDisabledError(
                    f"{name} was disabled by the hub. Choose another model for {source.name}.",
                    model=name,
                )
        except RevisionNotFoundError:
            raise
        except (ModelNotFoundError, ModelDisabledError) as error:
            raise self._registry.with_alternatives(error, api, name) from error
        return model

    def _publish(
        self,
        source: ModelSource,
        pin: Pin,
        cache: HubCache,
        files: Sequence[HubFile],
        link: _Link,
    ) -> None:
        if source.checksum and not (files[0].sha256 and source.algorithm == "sha256"):
            check_arrived(source, cache.folder(pin.repository) / "blobs" / files[0].blob)
        cache.publish(
            pin.repository,
            pin.commit,
            files,
            revision=pin.revision,
            tree=self._trees.get((pin.repository, pin.commit), ()),
        )
        link.place()


@dataclass(frozen=True, slots=True)
class _Link:
    """A model's own path, which leads to `target` in the cache (and may be that).

    `blobs` are the files that must then be under `path`; "" is `path` itself.
    """

    model: str
    path: Path
    target: Path
    blobs: dict[str, Path]

    def is_right(self) -> bool:
        return _all_there(self.path, self.blobs)

    def place(self) -> None:
        """Make it right.

        Raises:
            ModelCacheError: something else lies there, or the folder cannot be written.
        """
        if self.is_right():
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            place_link(self.path, self.target)
        except OSError as exc:
            raise ModelCacheError(
                f"{self.model} cannot be put at {self.path} ({exc.strerror}). Remove what lies "
                "there, or choose another models.cache_dir.",
                model=self.model,
                path=self.path,
            ) from exc


def _address(source: ModelSource) -> ModelAddress | None:
    try:
        return parse_model_address(source.url)
    except ValueError as exc:
        raise ConfigError(f"{source.name}: {exc}", key="url") from exc


def _require(source: ModelSource) -> ModelAddress:
    """The address, with names that can be parts of paths.

    Raises:
        ConfigError: they cannot.
    """
    address = _address(source)
    if address is None:
        raise ConfigError(f"{source.url!r} of {source.name} names no repository", key="url")
    try:
        check_repository(address.repository)
        check_revision(revision_of(source, address))
    except ValueError as exc:
        raise ConfigError(f"{source.name}: {exc}", key="url") from exc
    return address


def _pin(
    source: ModelSource, name: str, revision: str, commit: str, files: Sequence[HubFile]
) -> Pin:
    pinned = tuple(
        PinnedFile(f.path, f.size_bytes, f.sha256, None if f.sha256 else f.git_sha1) for f in files
    )
    return Pin(source.name, identity(source), name, revision, commit, pinned)


def _pinned_files(source: ModelSource, address: ModelAddress, pin: Pin) -> list[HubFile]:
    """The files of a pin, which may have been edited by hand.

    Raises:
        ConfigError: they are not what the source names.
    """
    try:
        check_commit(pin.commit)
        files = [_hub_file(file) for file in pin.files]
        if address.path and [file.path for file in files] != [address.path]:
            raise ValueError(f"it does not pin {address.path}")
    except ValueError as exc:
        raise ConfigError(
            f"the pin of {source.name!r} in models.lock is damaged: {exc}. Delete the file and "
            "run: video-censor models lock"
        ) from exc
    return files


def _hub_file(file: PinnedFile) -> HubFile:
    """The pinned file as the cache names it: small ones by git's checksum, as the hub does."""
    if file.git_sha1 is not None:
        return HubFile(file.path, file.size_bytes, file.git_sha1)
    return HubFile(file.path, file.size_bytes, None, file.sha256)


def _leads_to(link: Path, target: Path) -> bool:
    try:
        return os.path.samefile(link, target)
    except OSError:
        return False


def _all_there(folder: Path, blobs: dict[str, Path]) -> bool:
    """Whether the paths under `folder` ("" is `folder` itself) are those blobs."""
    return all(_leads_to(folder / path, blob) for path, blob in blobs.items())
