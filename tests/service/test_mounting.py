"""The router inside another application, which goes on with its own work."""

import asyncio
import time
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from running_service import LocalService
from service_client import TOKEN, Client, has_bytes
from starlette.responses import StreamingResponse

from video_censor_personal.errors import ConfigError
from video_censor_personal.service import create_router
from video_censor_personal.service.manager import Manager

CHUNK_EVERY_S = 0.02
CHUNKS = 75


@pytest.fixture
def upstream():
    """A model server whose answer comes bit by bit, each with the time at which it was sent."""
    app = FastAPI()

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {}

    @app.get("/generate")
    async def generate() -> StreamingResponse:
        async def tokens():
            for _ in range(CHUNKS):
                await asyncio.sleep(CHUNK_EVERY_S)
                yield f"{time.monotonic()}\n"

        return StreamingResponse(tokens())

    with LocalService(app) as service:
        yield service.address


@pytest.fixture
def host(settings, upstream):
    """An application that proxies that server, and has the router under a prefix."""
    app = FastAPI()
    proxied = httpx.AsyncClient(base_url=upstream, trust_env=False)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"host": "its own"}

    @app.get("/generate")
    async def generate() -> StreamingResponse:
        async def chunks():
            async with proxied.stream("GET", "/generate") as answer:
                async for chunk in answer.aiter_raw():
                    yield chunk

        return StreamingResponse(chunks())

    @app.get("/boom")
    async def boom() -> None:
        raise KeyError("the host's own business")

    before = (list(app.user_middleware), dict(app.exception_handlers))
    app.include_router(create_router(settings, token=TOKEN), prefix="/ml")
    assert (list(app.user_middleware), dict(app.exception_handlers)) == before
    with LocalService(app) as service, Client(service.address) as client:
        yield client


def delays(client):
    """Seconds between the sending and the arrival of every chunk."""
    found = []
    with client.stream("GET", "/generate") as answer:
        for line in answer.iter_lines():
            found.append(time.monotonic() - float(line))
    assert len(found) == CHUNKS
    return sorted(found)


def test_the_streams_of_the_host_are_not_delayed(hub, host):
    quiet = delays(host)
    hub.pace = 2_000_000
    for name in "abc":
        hub.add_model(f"org/{name}", size=12 << 20)
        job = host.post("/ml/api/downloads", json={"hf_repo": f"org/{name}"}).json()["id"]
    path = f"/ml/api/downloads/{job}"
    while not has_bytes(100_000)(host.get(path).json()):
        time.sleep(0.1)  # no more often than its limit of requests allows
    busy = delays(host)
    median, worst = busy[CHUNKS // 2], busy[-2]
    print(f"chunk delay: quiet {quiet[CHUNKS // 2] * 1e3:.1f} ms, busy {median * 1e3:.1f} ms")
    # Three downloads, their server and the client share this process and its interpreter lock,
    # and the machine with other tests: what waits for a download waits for seconds.
    assert median < 0.25
    assert worst < 2


def test_it_answers_under_the_prefix_and_leaves_the_rest_alone(hub, host):
    hub.add_model("org/model", size=1000)
    assert host.get("/livez").json() == {"host": "its own"}
    created = host.post("/ml/api/models/download", json={"hf_repo": "org/model"})
    assert created.status_code == 202
    location = str(created.url.join(created.headers["location"]))
    assert host.get(location).json()["id"] == created.json()["download_id"]
    assert host.get("/ml/api/models/list").status_code == 200
    assert host.get("/ml/livez").status_code == 404
    assert host.get("/nothing").json() == {"detail": "Not Found"}
    assert host.get("/nothing").headers["content-type"] == "application/json"
    assert host.get("/ml/api/models/list", headers={"Authorization": "no"}).status_code == 401
    boom = host.get("/boom")
    assert boom.status_code == 500
    assert "x-request-id" not in boom.headers


def test_the_session_of_a_mounted_service_is_for_its_prefix_only(host):
    with Client(str(host.base_url), None) as browser:
        answer = browser.post("/ml/api/session", json={"token": TOKEN})
        assert "Path=/ml;" in answer.headers["set-cookie"] + ";"
        assert browser.get("/ml/api/models/list").status_code == 200


def test_the_host_can_decide_who_comes_in(settings):
    app = FastAPI()
    router = create_router(
        settings,
        authenticate=lambda request: request.headers.get("x-user") == "ann",
        probes=True,
        page=True,
    )
    app.include_router(router, prefix="/ml")
    with LocalService(app) as service, Client(service.address, None) as client:
        assert client.get("/ml/api/models/list").status_code == 401
        assert client.get("/ml/api/models/list", headers={"X-User": "ann"}).status_code == 200
        assert client.get("/ml/livez").status_code == 200
        assert client.get("/ml/", follow_redirects=True).status_code == 200


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("name", ["hub", "linked"])
def test_two_services_of_one_cache_are_refused(settings, serve, tmp_path, elsewhere, name):
    """Wherever the second one keeps its state, and whatever it calls the cache."""
    serve()
    cache = settings.cache_dir.with_name(name)
    if name == "linked":
        cache.symlink_to(settings.cache_dir, target_is_directory=True)
    state = tmp_path / "elsewhere" if elsewhere else settings.state_dir
    manager = Manager(replace(settings, cache_dir=cache, state_dir=state))

    async def start():
        try:
            await manager.start()
        finally:
            await manager.stop()

    with pytest.raises(ConfigError, match="another process serves the cache"):
        asyncio.run(start())
