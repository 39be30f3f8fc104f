"""What a detector's own settings accept, and what they say to a person who mistyped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import Field

from video_censor_personal.config import CategoryConfig, Config, DetectorConfig
from video_censor_personal.detectors.assignment import make_assignment
from video_censor_personal.detectors.base import DetectorSettings
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.registry import discover
from video_censor_personal.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Example:
    size: Annotated[int, Field(ge=64, le=2048)] = 320
    gain: float = 1.0
    model: str | None = None
    files: list[str] = field(default_factory=list)


def read(**options: Any) -> Example:
    return read_options(Example, DetectorSettings(name="eyes", categories={}, options=options))


def test_what_is_not_written_has_its_default() -> None:
    assert read() == Example()


def test_written_values_replace_the_defaults() -> None:
    given = read(size=640, gain=2, model="big", files=["a.txt"])
    assert given == Example(640, 2.0, "big", ["a.txt"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sise": 320}, ["eyes", "'sise'", "did you mean 'size'?"]),
        ({"zzz": 1}, ["'zzz'", "size, gain, model, files"]),
        ({"size": "320"}, ["eyes", "'size'", "'320'", "integer"]),
        ({"size": True}, ["'size'", "integer"]),
        ({"size": 10}, ["'size'", "10", "greater than or equal to 64"]),
        ({"gain": "loud"}, ["'gain'", "number"]),
        ({"files": "a.txt"}, ["'files'", "list"]),
    ],
)
def test_a_mistake_is_named_with_its_key(options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        read(**options)
    assert error.value.key == next(iter(options))
    for word in words:
        assert word in str(error.value)


def chosen(kind: str, **options: Any) -> dict[str, Any]:
    config = Config(detections={"profanity": CategoryConfig()})
    entry = DetectorConfig(kind, options=options)
    return make_assignment(config, entry, discover().plugins[kind], []).chosen_options


@pytest.mark.parametrize("kind", sorted(discover().plugins))
def test_a_default_that_is_written_is_no_choice(kind: str) -> None:
    plugin = discover().plugins[kind]
    server = {"url": "http://127.0.0.1:1/v1"} if kind == "llava-endpoint" else {}
    written = asdict(plugin.options())  # type: ignore[attr-defined]
    written = {key: value for key, value in written.items() if value is not None} | server
    assert chosen(kind, **written) == chosen(kind, **server) == server


def test_what_changes_nothing_that_is_found_is_no_choice() -> None:
    server = {"url": "http://127.0.0.1:1/v1"}
    assert chosen("llava-endpoint", **server, concurrency=9, timeout_s=5.0) == server
    assert chosen("nudenet", size=640) == {"size": 640}
