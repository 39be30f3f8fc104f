"""What comes in and goes out over HTTP, for validation and for the API description."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from video_censor_personal.hub.names import check_repository, check_revision

__all__ = [
    "Cancelled",
    "Delivery",
    "DeliveryList",
    "Download",
    "DownloadDetail",
    "DownloadPage",
    "DownloadRequest",
    "Health",
    "Login",
    "Model",
    "ModelDownloadRequest",
    "ModelList",
    "ModelPin",
    "ModelStatus",
    "Order",
    "Session",
    "Space",
    "Started",
]

State = Literal["queued", "running", "verifying", "paused", "done", "failed", "cancelled"]
Presence = Literal["DOWNLOADED", "DOWNLOADING", "PARTIAL", "NOT_FOUND"]
Count = Annotated[int, Field(ge=0)]
LeftOut = Annotated[list[str], Field(description="files whose loading could run code")]

_EXAMPLE: dict[str, JsonValue] = {"hf_repo": "Systran/faster-whisper-small", "hf_commit": None}
_JOB_EXAMPLE: dict[str, JsonValue] = {
    "id": "019a9e0c2f1b7c9d0e4f5a6",
    "rev": 42,
    "model": _EXAMPLE,
    "endpoint": "https://huggingface.co",
    "patterns": [],
    "state": "running",
    "priority": 0,
    "position": 1,
    "commit": "536b0662742c02347bc0e980a01041f333bce120",
    "created_at": "2026-01-01T00:00:00.000Z",
    "started_at": "2026-01-01T00:00:00.120Z",
    "ended_at": None,
    "progress": {
        "done_bytes": 241172480,
        "total_bytes": 486209000,
        "fetched_bytes": 241172480,
        "bytes_per_s": 52428800,
        "mean_bytes_per_s": 50331648,
        "eta_s": 4.7,
        "elapsed_s": 4.8,
    },
    "retries": 0,
    "last_error": None,
    "error": None,
    "left_out": [],
}


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    pass


class Model(_In):
    """A repository on the hub, at one revision (null: `main`)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    hf_repo: Annotated[
        str,
        Field(
            max_length=96,
            pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)?$",
        ),
        AfterValidator(check_repository),
    ]
    hf_commit: (
        Annotated[
            str,
            Field(max_length=200, pattern=r"^[A-Za-z0-9_.\-+@/]+$"),
            AfterValidator(check_revision),
        ]
        | None
    ) = Field(None, description="a commit, branch or tag; null: main")


class _Options(_In):
    priority: Annotated[int, Field(ge=-100, le=100)] = Field(
        0, description="the higher, the earlier in the queue"
    )
    patterns: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=50)
    ] = Field([], description="only files that match one of these shell patterns")
    endpoint: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="one of the hubs that the service was configured with"
    )


class ModelDownloadRequest(Model, _Options):
    """A model to be downloaded now."""

    queue: bool = Field(False, description="wait for a place instead of being refused with 429")


class DownloadRequest(Model, _Options):
    """A model to be downloaded when it is its turn."""


class ModelPin(Model):
    """Whether a model stays when the quota wants room."""

    pinned: bool


class Order(_In):
    """Another priority, or (and) the place before another waiting download."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"priority": 10}]})

    priority: Annotated[int, Field(ge=-100, le=100)] | None = None
    before: Annotated[str, Field(max_length=40)] | None = None


class Login(_In):
    """The token, in exchange for a session cookie."""

    token: Annotated[str, Field(min_length=1, max_length=500)]


class Session(_Out):
    signed_in: bool


class ModelReference(_Out):
    hf_repo: str
    hf_commit: str | None


class StatusProgress(_Out):
    start_time: str | None
    elapsed_seconds: float
    downloaded_bytes: Count
    total_bytes: Count | None
    bytes_per_second: Count
    eta_seconds: float | None
    state: State
    retries: Count


class ModelStatus(_Out):
    """The state of the cache. `DOWNLOADED`: every byte that may be here is, and was verified."""

    model: ModelReference
    status: Presence
    progress: StatusProgress | None = Field(description="while it is DOWNLOADING")
    error_message: str | None = Field(description="why it is PARTIAL, or is not there")
    commit: str | None
    have_bytes: Count
    size_bytes: Count | None
    download_id: str | None
    left_out: LeftOut


class Started(_Out):
    """The download belongs to the server from now on."""

    model: ModelReference
    status: Presence
    download_id: str
    state: State


class Cancelled(_Out):
    """What deleting a model did."""

    model: ModelReference
    status: Literal["deleted", "cancelled"]
    freed_bytes: Count


class ListedModel(_Out):
    model: ModelReference
    status: Literal["DOWNLOADED", "PARTIAL"]
    error_message: str | None
    have_bytes: Count
    size_bytes: Count | None
    revisions: list[str]
    pinned: bool
    used_at: str | None
    left_out: LeftOut


class ModelList(_Out):
    models: list[ListedModel]


class Space(_Out):
    cache_size_bytes: Count
    free_bytes: Count
    total_bytes: Count
    cache_path: str
    quota_bytes: Count | None
    reserve_bytes: Count


class Progress(_Out):
    done_bytes: Count
    total_bytes: Count | None = Field(description="null: not known yet")
    fetched_bytes: Count = Field(description="that came over the network, over all tries")
    bytes_per_s: Count = Field(description="over the last five seconds")
    mean_bytes_per_s: Count
    eta_s: float | None
    elapsed_s: float


class Failure(_Out):
    code: str
    message: str
    retryable: bool


class Download(_Out):
    """One download. `rev` grows with every change; keep the highest."""

    model_config = ConfigDict(json_schema_extra={"examples": [_JOB_EXAMPLE]})

    id: str
    rev: int
    model: ModelReference
    endpoint: str
    patterns: list[str]
    state: State
    priority: int
    position: float
    commit: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    progress: Progress
    retries: Count
    last_error: str | None
    error: Failure | None
    left_out: LeftOut


class File(_Out):
    path: str
    size_bytes: Count
    done_bytes: Count
    state: str
    retries: Count
    last_error: str | None


class DownloadDetail(Download):
    """One download with all its files."""

    files: list[File]


class DownloadPage(_Out):
    downloads: list[Download]
    next_cursor: str | None = Field(description="null: there are no more")


class Delivery(_Out):
    id: str
    url: str
    type: str
    download_id: str
    created_at: str
    delivered_at: str | None
    tries: Count
    next_try_at: str | None
    status: int | None
    error: str | None


class DeliveryList(_Out):
    deliveries: list[Delivery]


class Health(_Out):
    status: Literal["ok"]
