"""What the Hugging Face hub knows of a model: versions, sizes, checksums, and what to use instead.

    registry = HuggingFaceRegistry()
    registry.query_model("Systran/faster-whisper-small.en").sizes["main"]

Answers are kept on disk for `ttl_hours`, shared by all processes. `HF_ENDPOINT`, `HF_TOKEN`,
`HF_HOME` and `HF_HUB_OFFLINE` mean what they mean to the Hugging Face libraries, and are read
when a question is asked, not when this module is imported.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from video_censor_personal.errors import (
    ModelDisabledError,
    ModelNotFoundError,
    RegistryError,
    RegistryUnreachableError,
)
from video_censor_personal.hub.environment import HubSettings, hub_settings
from video_censor_personal.hub.metadata import Alternative, ModelMetadata
from video_censor_personal.hub.metadata_cache import MetadataCache, Remembered
from video_censor_personal.hub.names import check_repository, shorten

if TYPE_CHECKING:  # they load an HTTP library, which nobody needs before a question is asked
    from video_censor_personal.hub.alternatives import KnownReplacement
    from video_censor_personal.hub.api import HubApi, HubModel
    from video_censor_personal.hub.files import HubFile
    from video_censor_personal.transfer import RetryPolicy

__all__ = [
    "Alternative",
    "HuggingFaceRegistry",
    "ModelMetadata",
    "ModelNotFoundError",
    "RegistryError",
    "digest_of",
]

log = logging.getLogger(__name__)

# A version costs a listing of its files; some repositories have hundreds of tags.
_MOST_COMMITS = 12


class HuggingFaceRegistry:
    """Asks the hub about models and remembers the answers. Creating it touches no disk.

    Args:
        cache_dir: where answers are kept; None: a folder of its own in the user's cache directory.
        ttl_hours: how long an answer counts as fresh.
        settings: which hub is asked and as whom, asked for at every question.
        retry: how patient a question is.

    Raises:
        ValueError: `ttl_hours` is not positive.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        ttl_hours: int = 24,
        *,
        settings: Callable[[], HubSettings] = hub_settings,
        retry: RetryPolicy | None = None,
    ) -> None:
        if ttl_hours <= 0:
            raise ValueError(f"ttl_hours must be positive, not {ttl_hours}")
        self.cache_dir = Path(cache_dir) if cache_dir else _default_cache_dir()
        self.ttl_s = ttl_hours * 3600.0
        self._settings, self._retry = settings, retry
        self._cache = MetadataCache(self.cache_dir)
        self._apis: dict[HubSettings, HubApi] = {}
        self._warned: set[str] = set()

    def query_model(self, model_name: str, force_refresh: bool = False) -> ModelMetadata:
        """What is known of `org/name`: the remembered answer while it is fresh, else a new one.

        Out of reach or offline, an old answer is given with a warning that says how old. A
        deprecated or renamed model is given with a warning that names what to use instead.

        Raises:
            ModelNotFoundError: there is no such model; `alternatives` names existing ones.
            RegistryError: gated, disabled, login refused, or no answer and nothing remembered.
        """
        metadata = None if force_refresh else self.get_cached_metadata(model_name)
        if metadata is None:
            metadata = self._ask(model_name)
        if metadata.deprecated or metadata.name != model_name:
            self._warn_of(model_name, metadata)
        return metadata

    def get_cached_metadata(self, model_name: str) -> ModelMetadata | None:
        """The remembered answer; None if there is none or it has expired."""
        remembered = self._remembered(model_name)
        if remembered is None or not 0 <= remembered.age_s() < self.ttl_s:
            return None
        return _revive(remembered)

    def is_metadata_valid(self, model_name: str) -> bool:
        """Whether `get_cached_metadata` has an answer."""
        return self.get_cached_metadata(model_name) is not None

    def refresh_metadata(self, model_name: str) -> ModelMetadata:
        """Ask the hub now, whatever is remembered; raises as `query_model`."""
        return self.query_model(model_name, force_refresh=True)

    def clear_cache(self, model_name: str | None = None) -> None:
        """Forget one model, or all."""
        if model_name is None:
            self._cache.clear()
        else:
            self._cache.forget(self._settings().endpoint, _checked(model_name))

    def api(self, settings: HubSettings | None = None) -> HubApi:
        """The API of the hub that `settings` (None: the environment) names, kept for reuse."""
        from video_censor_personal.hub.api import HubApi

        settings = settings or self._settings()
        if settings not in self._apis:
            self._apis[settings] = HubApi(settings, retry=self._retry)
        return self._apis[settings]

    def with_alternatives(self, error: RegistryError, api: HubApi, name: str) -> RegistryError:
        """The same error, also naming what exists and can take the model's place."""
        from video_censor_personal.hub.alternatives import describe

        found = self._alternatives(api, name)
        return type(error)(
            f"{error}{describe(found)}",
            model=error.model,
            url=error.url,
            alternatives=[a.name for a in found],
        )

    def _ask(self, model_name: str) -> ModelMetadata:
        """Ask the hub; out of reach, fall back on an answer of any age."""
        try:
            metadata = self._fetch_from_api(model_name)
        except RegistryUnreachableError as error:
            old = self._remembered(model_name)
            metadata_then = _revive(old) if old else None
            if old is None or metadata_then is None:
                raise
            log.warning(
                "%s: the hub was not reached, using what it said %s ago (%s)",
                model_name,
                _describe_age(old.age_s()),
                error,
            )
            return metadata_then
        self._save_metadata(model_name, metadata)
        return metadata

    def _fetch_from_api(self, model_name: str) -> ModelMetadata:
        name = _checked(model_name)
        api = self.api()
        try:
            model = api.model(name)
            if model.disabled:
                raise ModelDisabledError(
                    f"{name} was disabled by the hub. Choose another model.", model=name
                )
        except (ModelNotFoundError, ModelDisabledError) as error:
            raise self.with_alternatives(error, api, name) from error
        known = self._known_replacements()
        entry = known.get(model.name.casefold())
        metadata = self._describe(api, model, name)
        metadata.deprecated = "deprecated" in model.tags or bool(model.new_version or entry)
        metadata.replacement = model.new_version or (entry.name if entry else None)
        if metadata.deprecated:
            metadata.alternatives = self._alternatives(api, model.name, model.new_version)
            exists = {a.name.casefold(): a.name for a in metadata.alternatives}
            fallback = next(iter(exists.values()), None)
            metadata.replacement = exists.get((metadata.replacement or "").casefold(), fallback)
        elif model.name != name:
            metadata.replacement = model.name
        return metadata

    def _describe(self, api: HubApi, model: HubModel, asked: str) -> ModelMetadata:
        """Versions with their sizes and checksums; what is known of a commit is not asked again."""
        versions = api.versions(model.name) or {"main": model.commit}
        old = self._remembered(asked)
        before = _revive(old) if old else None
        facts: dict[str, tuple[str, int]] = {}
        if before is not None:
            facts = {
                before.commits[v]: (before.checksums[v], before.sizes[v]) for v in before.checksums
            }
        for commit in list(dict.fromkeys(versions.values()))[:_MOST_COMMITS]:
            if commit not in facts:
                files = api.files(model.name, commit)
                facts[commit] = digest_of(files), sum(file.size_bytes for file in files)
        told = {version: facts[commit] for version, commit in versions.items() if commit in facts}
        return ModelMetadata(
            name=model.name,
            versions=list(versions),
            checksums={version: checksum for version, (checksum, _) in told.items()},
            sizes={version: size for version, (_, size) in told.items()},
            last_updated=model.last_modified,
            commits=versions,
            gated=model.gated,
            private=model.private,
            license=model.license,
        )

    def _save_metadata(self, model_name: str, metadata: ModelMetadata) -> None:
        """Remember an answer; a cache that cannot be written costs the next question, no more."""
        try:
            self._cache.put(self._settings().endpoint, _checked(model_name), metadata.to_dict())
        except OSError as error:
            log.warning("what the hub said about %s cannot be kept: %s", model_name, error)

    def _remembered(self, model_name: str) -> Remembered | None:
        return self._cache.get(self._settings().endpoint, _checked(model_name))

    def _alternatives(self, api: HubApi, name: str, newer: str | None = None) -> list[Alternative]:
        from video_censor_personal.hub.alternatives import find_alternatives

        return find_alternatives(api, name, self._known_replacements(), newer=newer)

    def _warn_of(self, asked: str, metadata: ModelMetadata) -> None:
        from video_censor_personal.hub.alternatives import describe

        if asked in self._warned:
            return
        self._warned.add(asked)
        if metadata.name != asked:
            log.warning("%s is now called %s; use that name", asked, metadata.name)
        if metadata.deprecated:
            log.warning("%s is deprecated.%s", metadata.name, describe(metadata.alternatives))

    def _known_replacements(self) -> Mapping[str, KnownReplacement]:
        from video_censor_personal.catalogue import known_replacements

        return known_replacements()


def digest_of(files: Iterable[HubFile]) -> str:
    """sha256 over `<checksum> <size> <path>` of every file by path, a line each."""
    lines = sorted((file.path, f"{file.blob} {file.size_bytes} {file.path}\n") for file in files)
    return hashlib.sha256("".join(line for _, line in lines).encode()).hexdigest()


def _checked(name: str) -> str:
    """A repository's name.

    Raises:
        ModelNotFoundError: nothing on any hub can be called that.
    """
    try:
        return check_repository(name)
    except ValueError as exc:
        raise ModelNotFoundError(str(exc), model=shorten(name)) from exc


def _revive(remembered: Remembered) -> ModelMetadata | None:
    """The answer with its age; None for one that another version of this program wrote."""
    try:
        metadata = ModelMetadata.from_dict(remembered.data)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    metadata.age_s = max(0.0, remembered.age_s())
    return metadata


def _describe_age(age_s: float) -> str:
    hours = age_s / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"


def _default_cache_dir() -> Path:
    return platformdirs.user_cache_path("video-censor", appauthor=False) / "registry"
