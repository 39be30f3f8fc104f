"""A reply is believed only if it is exactly what was asked for."""

from __future__ import annotations

import json

import pytest
from chat_server import completion

from video_censor_personal.detectors.questions.chat_answers import (
    UnusableReply,
    read_models,
    read_reply,
    request_for,
)

GOOD = (
    '{"gore": {"present": true, "confidence": 0.8}, "drugs": {"present": false, "confidence": 1}}'
)
ASKED = ("gore", "drugs")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n {GOOD} \n",
        f"```json\n{GOOD}\n```",
        f"```\n{json.dumps(json.loads(GOOD), indent=2)}\n```",
    ],
)
def test_an_answer_in_the_form_that_was_asked_for_is_read(text: str) -> None:
    assert read_reply(completion(text), ASKED) == {"gore": 0.9, "drugs": 0.0}


def test_the_least_sure_yes_scores_more_than_the_least_sure_no() -> None:
    def score(present: bool, confidence: float) -> float:
        said = {"gore": {"present": present, "confidence": confidence}}
        return read_reply(completion(json.dumps(said)), ["gore"])["gore"]

    assert score(False, 1) < score(False, 0.1) < score(True, 0.1) < score(True, 1)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I cannot help with that.",
        f"Sure! Here is the answer:\n{GOOD}",
        f"{GOOD}\nLet me know if you need more.",
        f"```json\n{GOOD}\n```\nDone.",
        f"{GOOD}{GOOD}",
        "",
        "null",
        "[]",
        "{}",
        '{"gore": {"present": true, "confidence": 0.8}}',
        GOOD[:-1] + ', "violence": {"present": false, "confidence": 1}}',
        GOOD.replace("true", '"yes"'),
        GOOD.replace("true", "1"),
        GOOD.replace("0.8", "1.8"),
        GOOD.replace("0.8", "-0.1"),
        GOOD.replace("0.8", "true"),
        GOOD.replace("0.8", "NaN"),
        GOOD.replace("0.8", "Infinity"),
        GOOD.replace("0.8", '"0.8"'),
        GOOD.replace("0.8", "null"),
        GOOD.replace('"confidence": 0.8', '"confidence": 0.8, "why": "blood"'),
        GOOD.replace('"drugs"', '"gore"'),
        '{"gore": {"present": false, "confidence": 1}, ' + GOOD[1:],
        "[" * 100_000,
    ],
)
def test_anything_else_is_no_answer(text: str) -> None:
    with pytest.raises(UnusableReply):
        read_reply(completion(text), ASKED)


def test_a_refusal_a_broken_off_answer_and_other_pages_are_no_answer() -> None:
    cut = json.loads(completion(GOOD))
    cut["choices"][0]["finish_reason"] = "length"
    two = json.loads(completion(GOOD))
    two["choices"] *= 2
    bodies = [
        completion(None, refusal="I will not look at this."),
        completion(GOOD, refusal="I will not look at this."),
        completion(None),
        json.dumps(cut).encode(),
        json.dumps(two).encode(),
        b"<html>It works!</html>",
        b'{"choices": []}',
        b'{"choices": [{"message": "yes"}]}',
        b'{"error": {"message": "no such model"}}',
        b"\xff\xfe",
        b"",
    ]
    for body in bodies:
        with pytest.raises(UnusableReply):
            read_reply(body, ASKED)


def test_what_a_reply_says_is_not_repeated_in_the_reason() -> None:
    with pytest.raises(UnusableReply) as refused:
        read_reply(completion("my key is sk-secret"), ASKED)
    assert "secret" not in str(refused.value)


def test_the_request_describes_each_concept_and_asks_for_exactly_them() -> None:
    concepts = {"gore": "a bleeding wound", "small folk": 'leprechauns, "at work"'}
    fields = json.loads(request_for("llava", "Look:\n{concepts}\nNow.", concepts, b"\xff\xd8jpeg"))
    picture, text = fields["messages"][0]["content"]
    assert picture["image_url"]["url"] == "data:image/jpeg;base64,/9hqcGVn"
    assert (
        'Look:\n- gore: a bleeding wound\n- small folk: leprechauns, "at work"\nNow.'
        in text["text"]
    )
    schema = fields["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["gore", "small folk"]
    assert schema["additionalProperties"] is False
    assert fields["temperature"] == 0


def test_a_list_of_models_is_read_and_nothing_else_is() -> None:
    assert read_models(b'{"object": "list", "data": [{"id": "a"}, {"id": 3}, {}]}') == ["a"]
    for body in (b"<html>", b"{}", b'{"data": "a"}', b"[]"):
        with pytest.raises(UnusableReply):
            read_models(body)
