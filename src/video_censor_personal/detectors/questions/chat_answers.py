"""What is sent to a chat server about one frame, and what of its reply can be used.

Servers are asked to keep to a JSON schema, but not all do, and some silently do not. So a reply is
believed only if it is exactly what was asked for: anything else is no answer.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "UnusableReply",
    "complaint",
    "is_complaint",
    "read_models",
    "read_reply",
    "request_for",
]

Fields = dict[str, Any]

_MOST_TOKENS_PER_CATEGORY = 60
"""An answer for one category takes about 20; white space and a long name are allowed for."""

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.DOTALL | re.IGNORECASE)


_MOST_WORDS = 200
"""Characters of what a server says is wrong."""


class UnusableReply(ValueError):
    """A reply that is no answer; the message says why, and quotes nothing of it."""


def request_for(model: str, prompt: str, concepts: Mapping[str, str], jpeg: bytes) -> bytes:
    """The body of a request for a chat completion.

    `prompt` holds `{concepts}` where what is looked for goes; `concepts` are categories in words.
    """
    listed = "\n".join(f"- {key}: {said}" for key, said in concepts.items())
    form = {key: {"present": False, "confidence": 0.0} for key in concepts}
    text = (
        f"{prompt.replace('{concepts}', listed)}\n\nAnswer with JSON alone, in exactly this form: "
        f"{json.dumps(form, ensure_ascii=False)}\n`present` says whether the picture shows it, "
        "`confidence` how sure you are of that, from 0 (a guess) to 1 (certain)."
    )
    picture = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
    fields: Fields = {
        "model": model,
        "temperature": 0,
        "max_tokens": 40 + _MOST_TOKENS_PER_CATEGORY * len(concepts),
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": picture}},
                    {"type": "text", "text": text},
                ],
            }
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "frame", "strict": True, "schema": _schema(concepts)},
        },
    }
    return json.dumps(fields).encode()


def _schema(categories: Iterable[str]) -> Fields:
    answer = {
        "type": "object",
        "properties": {
            "present": {"type": "boolean"},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["present", "confidence"],
        "additionalProperties": False,
    }
    keys = list(categories)
    return {
        "type": "object",
        "properties": dict.fromkeys(keys, answer),
        "required": keys,
        "additionalProperties": False,
    }


def read_reply(body: bytes, categories: Iterable[str]) -> dict[str, float]:
    """Category -> score, 0–1: 0.5 and more is a yes, the farther from 0.5 the surer.

    Raises:
        UnusableReply: the body is anything else than one complete, valid answer for exactly these
            categories. JSON in a Markdown fence passes, JSON with words around it does not.
    """
    answers = _json(_unfenced(_text_of(body)), "the answer")
    wanted = set(categories)
    if not isinstance(answers, dict) or set(answers) != wanted:
        raise UnusableReply("the answer is not about exactly what was asked for")
    return {category: _score(answers[category]) for category in sorted(wanted)}


def read_models(body: bytes) -> list[str]:
    """The names in a server's list of models.

    Raises:
        UnusableReply: it is none.
    """
    fields = _json(body, "the list of models")
    listed = fields.get("data") if isinstance(fields, dict) else None
    if not isinstance(listed, list):
        raise UnusableReply("the list of models is none")
    names = [each.get("id") for each in listed if isinstance(each, dict)]
    return [name for name in names if isinstance(name, str) and name]


def is_complaint(body: bytes) -> bool:
    """Whether it says that something is wrong, whatever the status of the reply says."""
    fields = _fields(body)
    return bool(isinstance(fields, dict) and fields.get("error") and "choices" not in fields)


def complaint(body: bytes, secret: str = "") -> str:
    """What a server says is wrong, in a line of at most 200 characters without `secret`; empty:
    nothing for people."""
    said = _fields(body)
    if said is None:
        said = body.decode("utf-8", "replace").strip()
        said = "" if said.startswith("<") else said  # a page
    while isinstance(said, dict):
        said = next((said[key] for key in ("error", "message", "detail") if said.get(key)), "")
    if not isinstance(said, str):
        return ""
    words = "".join(c if c.isprintable() else " " for c in said)
    words = " ".join((words.replace(secret, "***") if secret else words).split())
    return words if len(words) <= _MOST_WORDS else words[: _MOST_WORDS - 1] + "…"


def _fields(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text_of(body: bytes) -> str:
    fields = _json(body, "the reply")
    choices = fields.get("choices") if isinstance(fields, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise UnusableReply("the reply is no chat completion with one choice")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise UnusableReply("the reply holds no message")
    if message.get("refusal"):
        raise UnusableReply("the model refused to answer")
    if choices[0].get("finish_reason") in ("length", "content_filter"):
        raise UnusableReply("the answer was broken off")
    text = message.get("content")
    if not isinstance(text, str):
        raise UnusableReply("the message holds no text")
    return text.strip()


def _unfenced(text: str) -> str:
    fenced = _FENCED.fullmatch(text)
    return fenced[1] if fenced else text


def _score(answer: Any) -> float:
    if not isinstance(answer, dict) or set(answer) != {"present", "confidence"}:
        raise UnusableReply("the answer does not have the form that was asked for")
    present, confidence = answer["present"], answer["confidence"]
    is_number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    if not isinstance(present, bool) or not is_number or not 0 <= confidence <= 1:
        raise UnusableReply("the answer does not have the form that was asked for")
    return 0.5 + float(confidence) / 2 if present else 0.5 - float(confidence) / 2


def _json(text: bytes | str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_refuse)
    except UnusableReply:
        raise
    except (ValueError, RecursionError) as error:
        raise UnusableReply(f"{what} is not JSON") from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise UnusableReply("a key is there twice")
    return fields


def _refuse(constant: str) -> None:
    raise UnusableReply(f"{constant} is no number")
