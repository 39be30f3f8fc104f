"""`/api/downloads`: the queue, and what can be done to what is in it."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from video_censor_personal.service import schemas
from video_censor_personal.service.facts import describe_file
from video_censor_personal.service.guard import Guard
from video_censor_personal.service.jobs import Job
from video_censor_personal.service.manager import Manager
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.routes.models import Key, wanted_from
from video_censor_personal.service.routes.repetition import Repetition
from video_censor_personal.service.routing import guarded_route, problems
from video_censor_personal.service.states import JobState

__all__ = ["download_routes"]


def download_routes(manager: Manager, guard: Guard, repetition: Repetition) -> APIRouter:
    """The routes."""
    router = APIRouter(
        prefix="/api/downloads", tags=["downloads"], route_class=guarded_route(guard)
    )
    _add_queue(router, manager, repetition)
    _add_one(router, manager)
    _add_actions(router, manager)
    return router


def _add_queue(router: APIRouter, manager: Manager, repetition: Repetition) -> None:
    downloads = manager.downloads

    @router.post(
        "",
        status_code=202,
        response_model=schemas.Download,
        responses=problems(403, 409, body=True),
    )
    async def create(body: schemas.DownloadRequest, response: Response, key: Key = None) -> Any:
        """Put a download into the queue; it starts when there is a place for it."""

        def start() -> dict[str, Any]:
            wanted = wanted_from(body, manager)
            job = downloads.submit(wanted, priority=body.priority, queue=True)
            return downloads.describe(job)

        answer = await repetition.run(key, ["create", body.model_dump()], start)
        response.headers["Location"] = f"downloads/{answer['id']}"
        return answer

    @router.get("", response_model=schemas.DownloadPage, responses=problems())
    async def list_downloads(
        request: Request,
        response: Response,
        state: Annotated[list[JobState] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Any:
        """Downloads, the latest first."""
        before = _read_cursor(cursor) if cursor is not None else None
        jobs = await manager.call(downloads.table.page, state or (), before, limit + 1)
        after = _write_cursor(jobs[limit - 1].id) if len(jobs) > limit else None
        if after is not None:
            url = request.url.include_query_params(cursor=after)
            response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return {
            "downloads": [downloads.describe(job) for job in jobs[:limit]],
            "next_cursor": after,
        }


def _add_one(router: APIRouter, manager: Manager) -> None:
    downloads = manager.downloads

    @router.get("/{job_id}", response_model=schemas.DownloadDetail, responses=problems(404))
    async def show(job_id: str, response: Response) -> Any:
        """One download with all its files."""

        def look() -> dict[str, Any]:
            job = downloads.table.get(job_id)
            files = [describe_file(file) for file in downloads.files(job)]
            return downloads.describe(job) | {"files": files}

        answer = await manager.call(look)
        response.headers["ETag"] = f'"{answer["rev"]}"'
        return answer

    @router.patch(
        "/{job_id}", response_model=schemas.Download, responses=problems(404, 409, 412, body=True)
    )
    async def order(
        job_id: str,
        body: schemas.Order,
        match: Annotated[str | None, Header(alias="If-Match", max_length=40)] = None,
    ) -> Any:
        """Change when it has its turn."""

        def change() -> dict[str, Any]:
            if match is not None and match != f'"{downloads.table.get(job_id).rev}"':
                raise Problem(412, "changed", "The download has changed since you looked.")
            return downloads.describe(downloads.order(job_id, body.priority, body.before))

        return await manager.call(change)

    @router.delete("/{job_id}", status_code=204, responses=problems(404))
    async def remove(job_id: str) -> None:
        """Cancel it if it is not over, and forget it. What arrived is kept."""
        await manager.call(downloads.remove, job_id)


def _add_actions(router: APIRouter, manager: Manager) -> None:
    downloads = manager.downloads

    async def act(action: Any, job_id: str) -> dict[str, Any]:
        job: Job = await manager.call(action, job_id)
        return downloads.describe(job)

    options: dict[str, Any] = {
        "response_model": schemas.Download,
        "responses": problems(404, 409, body=True),
    }

    @router.post("/{job_id}/pause", **options)
    async def pause(job_id: str) -> Any:
        """Stop it and keep its bytes and its place."""
        return await act(downloads.pause, job_id)

    @router.post("/{job_id}/resume", **options)
    async def resume(job_id: str) -> Any:
        """Let a paused download go on when it is its turn."""
        return await act(downloads.resume, job_id)

    @router.post("/{job_id}/cancel", **options)
    async def cancel(job_id: str) -> Any:
        """Stop it for good. When this is answered, nothing moves any more."""
        return await act(downloads.cancel, job_id)

    @router.post("/{job_id}/retry", **options)
    async def retry(job_id: str) -> Any:
        """Try a failed or cancelled download again; what arrived before is not fetched again."""
        return await act(downloads.retry, job_id)


def _write_cursor(job_id: str) -> str:
    return base64.urlsafe_b64encode(job_id.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as exc:
        raise Problem(422, "invalid", "The cursor is none of ours.") from exc
    return text
