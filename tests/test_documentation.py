"""Every YAML example of the documentation can be used as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from video_censor_personal.config import load_config
from video_censor_personal.config.profiles import find_profile
from video_censor_personal.detectors.pictures.concept_book import read_book
from video_censor_personal.detectors.registry import discover
from video_censor_personal.detectors.roster import assign
from video_censor_personal.detectors.sounds.sound_book import built_in_sounds, read_sounds

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def examples() -> Iterator[object]:
    """Each with its page and line."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in re.finditer(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start(1)) + 1
            yield pytest.param(found[1], id=f"{page.name}:{line}")


@pytest.mark.parametrize("text", list(examples()))
def test_an_example_can_be_used_as_it_is_written(tmp_path: Path, text: str) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(text, "utf-8")
    (tmp_path / "my-words.txt").write_text("frak\n")
    keys = set(yaml.safe_load(text))
    if "concepts" in keys:
        assert read_book(path).digest
    elif "categories" in keys:
        assert read_sounds(path, built_in_sounds().scale).kinds
    elif "description" in keys:
        assert find_profile(str(path)).description
    else:
        assert assign(load_config(path), discover(), anywhere=True)


def test_examples_are_found() -> None:
    assert len(list(examples())) >= 9
