"""`/api/models`: the five calls of the contract, and pins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from video_censor_personal.service import schemas
from video_censor_personal.service.guard import Guard
from video_censor_personal.service.jobs import Job, Wanted
from video_censor_personal.service.manager import Manager
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.routes.repetition import Repetition
from video_censor_personal.service.routing import guarded_route, problems
from video_censor_personal.service.states import WORKING

__all__ = ["model_routes", "wanted_from"]

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


def model_routes(manager: Manager, guard: Guard, repetition: Repetition) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/models", tags=["models"], route_class=guarded_route(guard))

    _add_questions(router, manager)
    _add_changes(router, manager, repetition)
    return router


def _add_questions(router: APIRouter, manager: Manager) -> None:
    @router.post("/status", response_model=schemas.ModelStatus, responses=problems(body=True))
    async def status(model: schemas.Model) -> Any:
        """What the cache has of a model. Ask as often as you like: no file is read for it, unless
        it was never verified."""
        name, revision = model.hf_repo, model.hf_commit
        at_work = manager.describe_at_work(name, revision)
        return at_work or await manager.call(manager.describe_status, name, revision)

    @router.get("/list", response_model=schemas.ModelList, responses=problems())
    async def list_models() -> Any:
        """Everything of which something is in the cache."""
        return {"models": await manager.call(manager.describe_models)}

    @router.get("/space", response_model=schemas.Space, responses=problems())
    async def space() -> Any:
        """How much the cache holds, and how much room there is."""
        return await manager.call(manager.describe_space)


def _add_changes(router: APIRouter, manager: Manager, repetition: Repetition) -> None:
    @router.post(
        "/download",
        status_code=202,
        response_model=schemas.Started,
        responses=problems(403, 409, body=True),
    )
    async def download(
        body: schemas.ModelDownloadRequest, response: Response, key: Key = None
    ) -> Any:
        """Start a download. 409: this model is downloading already; 429: three are, and `queue`
        was not set."""

        def start() -> dict[str, Any]:
            wanted = wanted_from(body, manager)
            job = manager.downloads.submit(wanted, priority=body.priority, queue=body.queue)
            status = "DOWNLOADING"
            if job.state not in WORKING:  # it waits, or is over that soon
                status = manager.describe_status(body.hf_repo, body.hf_commit)["status"]
            return {
                "model": _reference(body),
                "status": status,
                "download_id": job.id,
                "state": str(job.state),
            }

        answer = await repetition.run(key, ["download", body.model_dump()], start)
        response.headers["Location"] = f"../downloads/{answer['download_id']}"
        return answer

    @router.delete("", response_model=schemas.Cancelled, responses=problems(404, 409, body=True))
    async def delete(model: schemas.Model) -> Any:
        """Delete a model from the cache (`hf_commit` null: every revision of it). If it is being
        downloaded, that is cancelled instead, and what arrived is kept; a second call deletes it.
        """
        return await manager.call(_delete, manager, model)

    @router.put("/pin", response_model=schemas.ModelStatus, responses=problems(404, body=True))
    async def pin(model: schemas.ModelPin) -> Any:
        """Keep a model whatever the quota wants, or let it go again."""
        return await manager.call(_pin, manager, model)


def wanted_from(
    body: schemas.ModelDownloadRequest | schemas.DownloadRequest, manager: Manager
) -> Wanted:
    """What a request wants.

    Raises:
        Problem: 403, the policy does not permit it.
    """
    endpoint = (body.endpoint or manager.settings.endpoint).rstrip("/")
    wanted = Wanted(body.hf_repo, body.hf_commit, endpoint, tuple(body.patterns))
    manager.policy.check(wanted)
    return wanted


def _delete(manager: Manager, model: schemas.Model) -> dict[str, Any]:
    commit = None
    if model.hf_commit is not None:
        commit = manager.library.commit_of(model.hf_repo, model.hf_commit)
    answer = {"model": _reference(model), "status": "deleted", "freed_bytes": 0}
    if jobs := _downloads_of(manager, model, commit):
        for job in jobs:
            manager.downloads.cancel(job.id)
        return answer | {"status": "cancelled"}
    freed = None
    if model.hf_commit is None or commit is not None:
        freed = manager.library.delete(model.hf_repo, commit)
    if freed is None:
        raise Problem(404, "no_such_model", f"Nothing of {model.hf_repo} is here.")
    return answer | {"freed_bytes": freed}


def _downloads_of(manager: Manager, model: schemas.Model, commit: str | None) -> list[Job]:
    """Those that are to bring what is deleted; without a version, whatever comes of the model."""
    if model.hf_commit is None:
        return manager.downloads.table.active(model.hf_repo)
    job = manager.downloads.find(model.hf_repo, model.hf_commit, commit)
    return [] if job is None else [job]


def _pin(manager: Manager, model: schemas.ModelPin) -> dict[str, Any]:
    commit = manager.library.commit_of(model.hf_repo, model.hf_commit or "main")
    if commit is None:
        raise Problem(404, "no_such_model", f"Nothing of {model.hf_repo} is here.")
    manager.library.pin(model.hf_repo, commit, pinned=model.pinned)
    return manager.describe_status(model.hf_repo, model.hf_commit)


def _reference(model: schemas.Model) -> dict[str, Any]:
    return {"hf_repo": model.hf_repo, "hf_commit": model.hf_commit}
