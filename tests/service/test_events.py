"""Event streams: true order, no more than asked for, and nothing lost over a reconnect."""

import asyncio
import json
import time

import pytest
from service_client import TOKEN, Client, has_bytes

from video_censor_personal.service.ledger import Event
from video_censor_personal.service.listeners import Listener, Listeners
from video_censor_personal.service.problems import Problem


def read_events(client, count=None, after=None, path="/api/events", seconds=20):
    """Parsed server-sent events: dicts with id, event, data."""
    headers = {"Last-Event-ID": str(after)} if after is not None else {}
    events, fields = [], {}
    with client.stream("GET", path, headers=headers, timeout=seconds) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "data" in fields:
                events.append(
                    {
                        "id": int(fields["id"]),
                        "event": fields["event"],
                        "data": json.loads(fields["data"]),
                    }
                )
            fields = {}
            if count is not None and len(events) >= count:
                break
    return events


def test_a_stream_begins_with_a_snapshot_and_ends_with_its_download(hub, client):
    hub.pace = 200_000
    hub.add_model("org/model", size=600_000)
    job = client.create("org/model")
    events = read_events(client, path=f"/api/downloads/{job['id']}/events")
    assert events[0]["event"] == "snapshot"
    ids = [event["id"] for event in events]
    assert ids == sorted(ids)
    assert events[-1]["event"] == "state"
    assert events[-1]["data"]["state"] == "done"
    counts = [e["data"]["progress"]["done_bytes"] for e in events[1:] if e["event"] == "progress"]
    assert len(counts) >= 2
    assert counts == sorted(counts)
    assert read_events(client, path=f"/api/downloads/{job['id']}/events")[0]["data"]["downloads"]


def test_no_more_than_four_a_second(hub, client):
    hub.pace = 150_000
    hub.add_model("org/model", size=1 << 20)
    job = client.create("org/model")
    began = time.monotonic()
    events = read_events(client, path=f"/api/downloads/{job['id']}/events")
    took = time.monotonic() - began
    progress = [event for event in events if event["event"] == "progress"]
    assert 2 <= len(progress) <= 4 * took + 1


def test_what_was_missed_comes_after_a_reconnect_and_a_restart(hub, serve):
    first = serve()
    hub.add_model("org/a", size=1000)
    job = first.create("org/a")
    first.until_ended(job["id"])
    (snapshot,) = read_events(first, 1)
    seen = [snapshot["id"]]
    hub.add_model("org/b", size=1000)
    first.until_ended(first.create("org/b")["id"])
    missed = read_events(first, 3, after=seen[-1])
    assert {event["data"]["model"]["hf_repo"] for event in missed} == {"org/b"}
    assert [e["data"]["state"] for e in missed if e["event"] == "state"][:2] == [
        "queued",
        "running",
    ]
    assert all(event["id"] > seen[-1] for event in missed)


def test_a_download_that_is_over_keeps_nobody_who_knows_it(hub, client):
    hub.add_model("org/a", size=1000)
    job = client.create("org/a")["id"]
    client.until_ended(job)
    path = f"/api/downloads/{job}/events?format=ndjson"
    (line,) = filter(None, client.get(path).text.splitlines())
    last = json.loads(line)["id"]
    assert client.get(f"{path}&after={last}", timeout=15).text.strip() == ""
    answer = client.get(path, headers={"Last-Event-ID": str(last)}, timeout=15)
    assert answer.text.strip() == ""


def test_a_download_that_was_over_and_is_tried_again_is_heard_to_its_end(hub, client):
    hub.pace = 100_000
    hub.add_model("org/a", size=1 << 20)
    job = client.create("org/a")["id"]
    path = f"/api/downloads/{job}/events"
    (first,) = read_events(client, 1, path=path)
    client.post(f"/api/downloads/{job}/cancel")
    client.post(f"/api/downloads/{job}/retry")
    hub.pace = None
    states = [
        event["data"]["state"]
        for event in read_events(client, after=first["id"], path=path)
        if event["event"] == "state"
    ]
    assert "cancelled" in states
    assert states[-1] == "done"


def test_an_id_that_is_not_known_gets_a_snapshot(hub, client):
    hub.add_model("org/a", size=1000)
    client.until_ended(client.create("org/a")["id"])
    (event,) = read_events(client, 1, after=10**9)
    assert event["event"] == "snapshot"
    assert len(event["data"]["downloads"]) == 1


def test_lines_of_json_for_curl(hub, client):
    hub.add_model("org/a", size=1000)
    job = client.create("org/a")["id"]
    path = f"/api/downloads/{job}/events"
    answer = client.get(path, headers={"Accept": "application/x-ndjson"}, timeout=20)
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines() if line]
    assert lines[0]["event"] == "snapshot"
    assert answer.text.endswith("\n")


def test_too_many_listeners_are_refused_and_places_come_free(hub, serve):
    client = serve(listeners=2)
    address = str(client.base_url)
    with (
        Client(address) as one,
        one.stream("GET", "/api/events"),
        Client(address) as two,
        two.stream("GET", "/api/events"),
    ):
        refused = client.get("/api/events")
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
    deadline = time.monotonic() + 10
    while "event_listeners 0" not in client.get("/metrics").text:
        assert time.monotonic() < deadline


def test_work_goes_on_when_nobody_listens(hub, client):
    hub.pace = 300_000
    hub.add_model("org/a", size=500_000)
    job = client.create("org/a")["id"]
    with Client(str(client.base_url), TOKEN) as other:
        other.until(job, has_bytes(100_000))
    assert client.until_ended(job)["state"] == "done"


def progress(number, job="j"):
    return Event(number, "progress", job, "{}")


def state(number, job="j"):
    return Event(number, "state", job, "{}")


def test_a_slow_listener_gets_the_latest_progress_and_every_state():
    async def listen():
        listener = Listener(None)
        for number in range(1, 1000):
            listener.offer(state(number) if number in (5, 500) else progress(number))
        return await listener.wait(0)

    assert [event.id for event in asyncio.run(listen())] == [5, 500, 999]


def test_a_listener_who_lets_everything_pile_up_is_told_to_start_over():
    async def listen():
        listener = Listener(None)
        for number in range(10_000):
            listener.offer(state(number))
        assert listener.lost
        return len(await listener.wait(0))

    assert asyncio.run(listen()) <= 128


def test_listeners_of_one_download_hear_of_no_other():
    async def listen():
        listeners = Listeners(5)
        listeners.bind(asyncio.get_running_loop())
        with listeners.listen("a") as listener:
            listeners.publish([state(1, "a"), state(2, "b")])
            return [event.id for event in await listener.wait(5)]

    assert asyncio.run(listen()) == [1]


def test_a_service_that_stops_ends_its_streams():
    async def listen():
        listeners = Listeners(5)
        listeners.bind(asyncio.get_running_loop())
        with listeners.listen(None) as listener:
            listeners.close()
            assert await listener.wait(60) == []
            assert listener.closed
        with pytest.raises(Problem):
            listeners.listen(None).__enter__()

    asyncio.run(listen())
