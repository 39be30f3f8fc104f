"""What tests say to a service."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

TOKEN = "a-token-for-tests-only"


class Client(httpx.Client):
    """Talks to one service, with the token unless told otherwise."""

    def __init__(self, address: str, token: str | None = TOKEN) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url=address, headers=headers, timeout=30, trust_env=False)

    def status(self, repo: str, commit: str | None = None) -> dict[str, Any]:
        answer = self.post("/api/models/status", json={"hf_repo": repo, "hf_commit": commit})
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def download(self, repo: str, **options: Any) -> httpx.Response:
        return self.post("/api/models/download", json={"hf_repo": repo, **options})

    def create(self, repo: str, **options: Any) -> dict[str, Any]:
        answer = self.post("/api/downloads", json={"hf_repo": repo, **options})
        assert answer.status_code == 202, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/downloads/{job_id}")
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def delete_model(self, repo: str, commit: str | None = None) -> httpx.Response:
        body = {"hf_repo": repo, "hf_commit": commit}
        return self.request("DELETE", "/api/models", json=body)

    def until_ended(self, job_id: str, seconds: float = 30) -> dict[str, Any]:
        """The job when it is over, as its event stream tells."""
        last = None
        with self.stream(
            "GET", f"/api/downloads/{job_id}/events?format=ndjson", timeout=seconds
        ) as answer:
            for line in answer.iter_lines():
                last = json.loads(line) if line else last
        return self.job(job_id)

    def until(
        self, job_id: str, is_there: Callable[[dict[str, Any]], bool], seconds: float = 20
    ) -> dict[str, Any]:
        """The first event of the job that `is_there` accepts."""
        with self.stream(
            "GET", f"/api/downloads/{job_id}/events?format=ndjson", timeout=seconds
        ) as answer:
            for line in answer.iter_lines():
                if not line:
                    continue
                facts = json.loads(line)["data"]
                facts = facts["downloads"][0] if "downloads" in facts else facts
                if is_there(facts):
                    result: dict[str, Any] = facts
                    return result
        raise AssertionError(f"the stream ended; the job is {self.job(job_id)}")


def has_bytes(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda job: job["progress"]["done_bytes"] >= count
