"""Frames shown to a chat server: what is sent, what is believed, and how long it is waited for."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chat_server import ChatServer, Reply, completion
from loopback import CERTIFICATE
from pictures import frame

from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
from video_censor_personal.detectors.llava_endpoint import LlavaEndpoint, plugin
from video_censor_personal.detectors.second_look import Answer, Question
from video_censor_personal.errors import ConfigError, DetectorError

RED, GREEN = (200, 30, 30), (30, 200, 30)
KEY = "sk-do-not-tell-anyone"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as made:
        yield made


def settings(url: str, *categories: str, **options: object) -> DetectorSettings:
    chosen = {
        name: CategorySettings(name, name.title(), description=f"a lot of {name}")
        for name in categories or ("gore",)
    }
    return DetectorSettings("mine", chosen, {"url": url, **options})


def built(server: ChatServer, *categories: str, **options: object) -> LlavaEndpoint:
    return plugin.build(settings(server.url, *categories, **options))


def question(colour: tuple[int, int, int], *categories: str, size: int = 64) -> Question:
    picture = np.full((size // 2, size, 3), colour, np.uint8)
    return Question(frame(picture), frozenset(categories or ("gore",)))


def ask(looker: LlavaEndpoint, *questions: Question) -> list[Answer]:
    try:
        return looker.answer(questions or (question(RED),))
    finally:
        looker.release()


# -- good answers


def test_each_frame_gets_the_answer_for_its_own_picture(server: ChatServer) -> None:
    looker = built(server, concurrency=3)
    answers = ask(looker, *(question(c) for c in (RED, GREEN, GREEN, RED, GREEN, RED, RED)))
    assert [answer.scores["gore"] > 0.5 for answer in answers] == [1, 0, 0, 1, 0, 1, 1]
    assert not any(answer.failure for answer in answers)


def test_only_the_categories_in_question_are_asked_for(server: ChatServer) -> None:
    looker = built(server, "gore", "drugs", "spiders")
    (answer,) = ask(looker, question(RED, "drugs", "spiders"))
    assert set(answer.scores) == {"drugs", "spiders"}
    text = server.questions[0].fields["messages"][0]["content"][1]["text"]
    assert "a lot of spiders" in text
    assert "gore" not in text


def test_pictures_are_sent_no_larger_than_asked(server: ChatServer) -> None:
    looker = built(server, max_side=96)
    ask(looker, question(RED, size=300), question(RED, size=50), question(RED, size=33))
    sizes = [asked.picture.shape[:2] for asked in server.questions if asked.picture is not None]
    assert sorted(sizes) == [(16, 33), (25, 50), (48, 96)]


def test_the_persons_own_prompt_is_asked(server: ChatServer, tmp_path: Path) -> None:
    (tmp_path / "my.txt").write_text("Est-ce qu'on voit\n{concepts}\n?")
    looker = built(server, prompt=str(tmp_path / "my.txt"))
    ask(looker)
    text = server.questions[0].fields["messages"][0]["content"][1]["text"]
    assert text.startswith("Est-ce qu'on voit\n- gore: a lot of gore\n?")


# -- a server that is not there, or not the right one, is found out before the film


def test_the_only_model_of_a_server_needs_no_name(server: ChatServer) -> None:
    ask(built(server))
    assert server.questions[0].fields["model"] == "llava:7b"
    ask(built(server, model="llava"))
    assert server.questions[1].fields["model"] == "llava"


def test_a_model_that_the_server_lacks_is_refused_with_those_it_has(server: ChatServer) -> None:
    server.models = ("qwen", "llava:13b")
    with pytest.raises(DetectorError, match=r"has no model 'gemma'.*'qwen', 'llava:13b'"):
        built(server, model="gemma")
    with pytest.raises(DetectorError, match=r"name it in `model` .*'qwen', 'llava:13b'"):
        built(server)


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (Reply(404), "no OpenAI-compatible server answers at this address"),
        (Reply(401), "api_key_env"),
        (Reply(200, b"<html>It works!</html>"), "the list of models is not JSON"),
        (Reply(302, headers={"Location": "http://example.com/"}), "not followed"),
        (Reply(200, b"x" * (2 << 20)), "too long"),
        (Reply(silent=True), "it took longer than 1 s; raise timeout_s"),
    ],
)
def test_what_is_no_chat_server_is_refused_at_the_start(
    server: ChatServer, listing: Reply, said: str
) -> None:
    server.listing = listing
    with pytest.raises(DetectorError, match=said):
        built(server, timeout_s=1, retries=0)


def test_nobody_there_is_said_with_the_address() -> None:
    with ChatServer() as gone:
        url = gone.url
    with pytest.raises(DetectorError, match=rf"{url}: no connection: Connection refused"):
        plugin.build(settings(url, retries=0))
    optional = plugin.build(replace(settings(url, retries=0), optional=True))
    assert "no connection" in optional.absence
    assert "optional" not in optional.absence, "it is that already"


# -- bad answers are neither a yes nor a no


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, completion("I cannot help with that.")), "not JSON"),
        (Reply(200, completion('{"violence": 1}')), "not about exactly what was asked for"),
        (Reply(200, b"<html>busy</html>"), "not JSON"),
        (Reply(200, completion("x" * (2 << 20))), "too long"),
        (Reply(400, b"bad request"), "HTTP 400 Bad Request (“bad request”); if its model sees no"),
        (
            Reply(400, b'{"error": {"message": "no vision\\n"}}'),
            "HTTP 400 Bad Request (“no vision”)",
        ),
        (Reply(400, b"<html>" + KEY.encode()), "HTTP 400 Bad Request; if its model"),
        (Reply(200, b'{"error": "out of memory"}'), "reports an error (“out of memory”)"),
        (Reply(413), "max_side"),
        (Reply(307, headers={"Location": "http://example.com/"}), "not followed"),
    ],
)
def test_a_bad_answer_is_no_answer_and_is_not_asked_for_again(
    server: ChatServer, reply: Reply, said: str
) -> None:
    server.replies.append(reply)
    bad, good = ask(built(server, concurrency=1), question(RED), question(RED))
    assert said in bad.failure
    assert not bad.scores
    assert bad.passing, "by the next run: the server may have been repaired"
    assert good.scores == {"gore": pytest.approx(0.95)}
    assert len(server.questions) == 2


def test_what_a_server_says_is_quoted_in_short_and_without_the_key(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    body = json.dumps({"detail": f"{KEY} may not\x1b[2J, {'a' * 500}{KEY}"}).encode()
    server.every = Reply(400, body)
    (answer,) = ask(built(server, api_key_env="MY_KEY"))
    assert "*** may not [2J, aaa" in answer.failure
    assert len(answer.failure) < 400
    assert KEY not in answer.failure
    assert "\x1b" not in answer.failure


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(429, headers={"Retry-After": "0"}),
        Reply(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Reply(200, completion("{"), length=5000, headers={"Retry-After": "0"}),
    ],
    ids=["busy", "overloaded", "cut off"],
)
def test_what_passes_is_asked_again(server: ChatServer, trouble: Reply) -> None:
    server.replies.append(trouble)
    (answer,) = ask(built(server))
    assert answer.scores == {"gore": pytest.approx(0.95)}
    assert len(server.questions) == 2


def test_who_never_recovers_is_given_up(server: ChatServer) -> None:
    server.every = Reply(503, headers={"Retry-After": "0"})
    (answer,) = ask(built(server, retries=2))
    assert "HTTP 503" in answer.failure
    assert answer.passing
    assert len(server.questions) == 3


def test_a_slow_answer_is_not_waited_for(server: ChatServer) -> None:
    server.replies.append(Reply(silent=True))
    began = time.monotonic()
    slow, good = ask(built(server, timeout_s=1, retries=0), question(RED), question(GREEN))
    assert time.monotonic() - began < 20
    late, other = sorted((slow, good), key=lambda answer: not answer.failure)
    assert late.failure.count("no answer") == 1
    assert "it took longer than 1 s; raise timeout_s" in late.failure
    assert late.passing
    assert other.scores


def test_an_answer_that_trickles_in_forever_is_cut_off(server: ChatServer) -> None:
    server.replies.append(Reply(body=b"{", length=5000, trickles=True))
    (answer,) = ask(built(server, timeout_s=1, retries=0))
    assert "it took longer than 1 s; raise timeout_s" in answer.failure


# -- bounds


def test_no_more_requests_at_once_than_allowed_and_no_fewer(server: ChatServer) -> None:
    server.gather = 3
    ask(built(server, concurrency=3), *[question(RED)] * 9)
    assert len(server.questions) == 9
    assert server.most_at_once == 3


def test_an_interrupt_ends_requests_under_way_at_once(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.every = Reply(silent=True)
    looker = built(server, timeout_s=60)

    def interrupt() -> None:
        if server.questions:
            raise KeyboardInterrupt

    monkeypatch.setattr(looker._endpoint, "cut_overdue", interrupt)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask(looker, *[question(RED)] * 20)
    assert time.monotonic() - began < 20
    assert not [t for t in threading.enumerate() if t.name.startswith("endpoint")]


def test_the_proxy_of_the_environment_is_not_asked_for_what_is_on_this_machine(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert ask(built(server))[0].scores


def test_the_proxy_of_the_environment_is_asked_for_what_is_elsewhere(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    looker = plugin.build(settings("http://gpu-box.invalid:8000"))
    assert ask(looker)[0].scores
    assert server.questions[0].headers["Host"] == "gpu-box.invalid:8000"


def test_a_secure_server_is_believed_if_its_certificate_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer(tls=True) as server:
        with pytest.raises(DetectorError, match="no secure connection"):
            built(server, retries=0)
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert ask(built(server))[0].scores


# -- secrets


def test_the_key_is_sent_and_never_told(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    looker = built(server, api_key_env="MY_KEY", retries=0)
    server.replies += [
        Reply(200, completion(f"I know {KEY}")),
        Reply(500, KEY.encode()),
        Reply(401, KEY.encode()),
        Reply(302, headers={"Location": f"http://example.com/{KEY}"}),
        None,
    ]
    answers = ask(looker, *[question(RED)] * 5)
    assert {r.headers["Authorization"] for r in (*server.questions, *server.others)} == {
        f"Bearer {KEY}"
    }
    assert sum(bool(answer.failure) for answer in answers) == 4
    told = [caplog.text, repr(answers), repr(looker), json.dumps(server.questions[0].fields)]
    told.append(plugin.revision(settings(server.url, api_key_env="MY_KEY", model="llava")))
    assert not any(KEY in text for text in told)


def test_a_key_that_is_not_there_or_cannot_be_sent_is_refused_by_its_name(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(DetectorError, match="MY_KEY, which is not set"):
        built(server, api_key_env="MY_KEY")
    monkeypatch.setenv("MY_KEY", "sk-1\nX-Evil: 1")
    with pytest.raises(DetectorError, match="MY_KEY") as refused:
        built(server, api_key_env="MY_KEY")
    assert "sk-1" not in str(refused.value)


def test_an_optional_one_without_its_key_is_absent_and_asks_nobody(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    wanted = replace(settings(server.url, api_key_env="MY_KEY"), optional=True)
    assert "set it: `export MY_KEY=...`" in plugin.build(wanted).absence
    assert not server.others


def test_frames_that_leave_the_machine_are_said() -> None:
    for here in ("http://127.0.0.1:8000", "http://localhost/v1", "http://[::1]:80/v1"):
        assert plugin.warnings(settings(here)) == []
    (plain,) = plugin.warnings(settings("http://gpu-box:8000"))
    assert plain == (
        "mine: frames of the video leave this machine, unencrypted for http://gpu-box:8000/v1"
    )
    (secure,) = plugin.warnings(settings("https://api.example.com/openai/v1/"))
    assert "unencrypted" not in secure


# -- options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs the `url`"),
        ({"url": "gpu-box:8000"}, "http or https"),
        ({"url": "ftp://gpu-box"}, "http or https"),
        ({"url": f"http://me:{KEY}@gpu-box"}, "api_key_env"),
        ({"url": f"http://gpu-box/v1?key={KEY}"}, "api_key_env"),
        ({"url": "http://gpu-box", "prompt": "nowhere.txt"}, "cannot read the prompt"),
        ({"url": "http://gpu-box", "concurrency": 0}, "concurrency"),
        ({"url": "http://gpu-box", "buget": 3}, "did you mean 'budget'"),
        ({"url": "http://gpu-box", "look": "everywhere"}, "'look' is 'everywhere'"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, object], said: str) -> None:
    chosen = {"gore": CategorySettings("gore", "Gore")}
    with pytest.raises(ConfigError, match=said) as refused:
        plugin.check(DetectorSettings("mine", chosen, options))
    assert KEY not in str(refused.value)


def test_a_prompt_without_the_place_for_what_is_looked_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my.txt").write_text("Is it bad?")
    with pytest.raises(ConfigError, match=r"must hold \{concepts\}"):
        plugin.check(settings("http://gpu-box", prompt=str(tmp_path / "my.txt")))


def test_another_prompt_or_model_is_another_revision(tmp_path: Path) -> None:
    (tmp_path / "my.txt").write_text("Is it {concepts}?")
    asked = [
        {"model": "a"},
        {"model": "b"},
        {"model": "a", "prompt": str(tmp_path / "my.txt")},
    ]
    revisions = {plugin.revision(settings("http://gpu-box", **options)) for options in asked}
    assert len(revisions) == 3
    assert plugin.revision(settings("http://gpu-box")) == "", "the server may change its only model"
