"""The hub's API as far as models are concerned; every value is checked before it is handed on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from video_censor_personal.errors import RegistryAnswerError, RegistryUnreachableError
from video_censor_personal.hub.client import DEADLINE_S, ApiClient
from video_censor_personal.hub.environment import HubSettings
from video_censor_personal.hub.files import HubFile
from video_censor_personal.hub.names import (
    check_blob_name,
    check_commit,
    check_repository,
    check_revision,
    check_tree,
    shorten,
)
from video_censor_personal.transfer import CancelToken, RetryPolicy

__all__ = ["Found", "HubApi", "HubModel"]

_MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class HubModel:
    """What the hub says about a repository at one revision. `name` is what it is called now."""

    name: str
    commit: str
    gated: bool = False
    private: bool = False
    disabled: bool = False
    tags: tuple[str, ...] = ()
    license: str | None = None
    new_version: str | None = None
    task: str | None = None
    last_modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One result of a search."""

    name: str
    downloads: int
    task: str | None


class HubApi:
    """Asks the hub of `settings`.

    Every method raises `RegistryError` (see `refusals.refusal`), `RegistryUnreachableError`
    without asking if the settings say offline, and `RegistryAnswerError` for answers that could
    do harm.
    """

    def __init__(
        self,
        settings: HubSettings,
        *,
        retry: RetryPolicy | None = None,
        cancel: CancelToken | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.settings = settings
        headers = settings.headers.get(settings.origin, {})
        self._client = ApiClient(
            settings.endpoint, headers, retry=retry, cancel=cancel, deadline_s=deadline_s
        )

    def model(self, name: str, revision: str | None = None) -> HubModel:
        """What the hub says of a model; a renamed one comes back under its new name."""
        path = f"/api/models/{name}"
        if revision is not None:
            path += f"/revision/{quote(revision, safe='')}"
        with _Checked(self.settings, name):
            return _read_model(self._get(path, name), name)

    def check_access(self, name: str) -> None:
        """Make sure that this login may fetch the files of a model.

        Raises:
            ModelGatedError: its terms were not accepted; and as every method.
        """
        self._get(f"/api/models/{name}/auth-check", name, expect_json=False)

    def versions(self, name: str) -> dict[str, str]:
        """Branch or tag -> commit, `main` first, tags after branches."""
        data = self._get(f"/api/models/{name}/refs", name)
        with _Checked(self.settings, name):
            found = {
                check_revision(ref["name"]): check_commit(ref["targetCommit"])
                for kind in ("tags", "branches")
                for ref in data[kind]
            }
            tags = [ref["name"] for ref in data["tags"]]
        order = sorted(found, key=lambda version: (version != "main", version in tags))
        return {version: found[version] for version in order}

    def files(self, name: str, commit: str) -> tuple[HubFile, ...]:
        """Every file of a commit, by path."""
        url: str | None = f"/api/models/{name}/tree/{commit}"
        query: dict[str, str] | None = {"recursive": "true", "expand": "false"}
        files: list[HubFile] = []
        for _ in range(_MOST_PAGES):
            self._check_online(name)
            answer = self._client.get(url or "", query, model=name)
            with _Checked(self.settings, name):
                files += [_read_file(item) for item in answer.data if item["type"] == "file"]
            url, query = answer.next_url, None
            if url is None:
                break
        else:
            raise RegistryAnswerError(
                f"the list of files of {name} has more than {_MOST_PAGES} pages", model=name
            )
        with _Checked(self.settings, name):
            check_tree(file.path for file in files)
        return tuple(sorted(files, key=lambda file: file.path))

    def search(self, words: str, limit: int = 5) -> list[Found]:
        """Models whose name holds `words`, the most downloaded first."""
        query = {"search": words, "limit": str(limit), "sort": "downloads", "direction": "-1"}
        data = self._get("/api/models", None, query)
        with _Checked(self.settings, None):
            return [
                Found(
                    check_repository(hit["id"]),
                    int(hit.get("downloads") or 0),
                    _text(hit, "pipeline_tag"),
                )
                for hit in data[:limit]
            ]

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._client.close()

    def _get(
        self,
        path: str,
        model: str | None,
        query: dict[str, str] | None = None,
        *,
        expect_json: bool = True,
    ) -> Any:
        self._check_online(model)
        return self._client.get(path, query, model=model, expect_json=expect_json).data

    def _check_online(self, model: str | None) -> None:
        if self.settings.offline:
            raise RegistryUnreachableError(
                f"HF_HUB_OFFLINE is set, so {self.settings.endpoint} was not asked"
                + (f" about {model}" if model else "")
                + ". Unset it, or use what is in the cache.",
                model=model,
                url=self.settings.endpoint,
            )


class _Checked:
    """Turns every way in which an answer can be malformed into one error."""

    def __init__(self, settings: HubSettings, model: str | None) -> None:
        self._settings, self._model = settings, model

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        if isinstance(exc, (KeyError, TypeError, ValueError, AttributeError, OverflowError)):
            what = f"{exc.args[0]!r} is missing" if isinstance(exc, KeyError) else str(exc)
            about = f" about {self._model}" if self._model else ""
            raise RegistryAnswerError(
                f"{self._settings.endpoint} gave an answer{about} that cannot be used: "
                f"{shorten(what, 300)[1:-1]}. Nothing was written. Is HF_ENDPOINT the right hub?",
                model=self._model,
                url=self._settings.endpoint,
            ) from exc


def _read_model(data: dict[str, Any], asked: str) -> HubModel:
    card = data.get("cardData") or {}
    tags = tuple(str(tag)[:100] for tag in (data.get("tags") or ())[:1000])
    licence = card.get("license") or next((t[8:] for t in tags if t.startswith("license:")), None)
    newer = card.get("new_version")
    modified = data.get("lastModified")
    return HubModel(
        name=check_repository(data.get("id") or asked),
        commit=check_commit(data["sha"]),
        gated=bool(data.get("gated")),
        private=bool(data.get("private")),
        disabled=bool(data.get("disabled")),
        tags=tags,
        license=str(licence)[:100] if licence else None,
        new_version=check_repository(newer) if newer else None,
        task=_text(data, "pipeline_tag"),
        last_modified=datetime.fromisoformat(modified) if modified else None,
    )


def _read_file(item: dict[str, Any]) -> HubFile:
    lfs = item.get("lfs") or {}
    if lfs and lfs["size"] != item["size"]:
        raise ValueError(f"the size of {shorten(item['path'])} is given as two different ones")
    sha256 = lfs["oid"] if lfs else None
    git_sha1 = check_blob_name(item["oid"])
    return HubFile(item["path"], item["size"], git_sha1, sha256, item.get("xetHash") or None)


def _text(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value[:100] if isinstance(value, str) else None
