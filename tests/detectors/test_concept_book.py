"""What concepts look like: the file that comes along, and a person's own over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_censor_personal.categories import key
from video_censor_personal.detectors.base import CategorySettings
from video_censor_personal.detectors.pictures.concept_book import Concept, built_in_book, read_book
from video_censor_personal.detectors.zero_shot import plugin
from video_censor_personal.errors import ConfigError


def concept(name: str, text: str = "", folder: Path | None = None, **more: str) -> Concept:
    book = built_in_book()
    if folder:
        (folder / "my.yaml").write_text(text)
        book = book.updated(read_book(folder / "my.yaml"))
    return book.concept(CategorySettings(key(name), name, **more), "clip")


def test_what_the_detector_says_it_knows_is_in_the_file() -> None:
    assert set(built_in_book().keys) == plugin.categories - {"*"}


@pytest.mark.parametrize("name", built_in_book().keys)
def test_every_built_in_concept_is_usable_with_both_families(name: str) -> None:
    for family in ("clip", "siglip"):
        made = built_in_book().concept(CategorySettings(name, name), family)
        assert len(made.prompts) > 3
        assert len(made.others) > 10
        assert not set(made.prompts) & set(made.others)
        assert made.scale.strict > made.scale.default > made.scale.lenient >= 0.5


def test_without_a_description_the_name_must_do() -> None:
    assert concept("Leprechauns").prompts == ("Leprechauns",)


def test_a_description_is_said_without_its_full_stop() -> None:
    assert concept("Folk", description=" small men in green. ").prompts == ("small men in green",)
    assert concept("gore", description="red paint").prompts == ("red paint",)


def test_what_is_looked_for_is_never_neutral() -> None:
    assert "a cartoon" in concept("Violence").others
    assert "a cartoon" not in concept("Cartoons").others
    assert "a city at night" not in concept("Night", description="cities: a city at night").others
    assert "a city at night" in concept("City").others


def test_a_file_replaces_only_what_it_says(tmp_path: Path) -> None:
    text = "concepts: {Sexual Themes: {prompts: [a kiss]}}"
    before, after = concept("sexual_themes"), concept("sexual_themes", text, tmp_path)
    assert after.prompts == ("a kiss",)
    assert after.others == before.others
    assert after.scale == before.scale
    assert concept("gore", text, tmp_path) == concept("gore")


def test_a_file_may_change_what_is_neutral_and_every_scale(tmp_path: Path) -> None:
    text = "neutral: [nothing]\nscales: {clip: {strict: 0.8, default: 0.6, lenient: 0.4}}"
    made = concept("knitting", text, tmp_path)
    assert made.others == ("nothing",)
    assert (made.scale.strict, made.scale.default, made.scale.lenient) == (0.8, 0.6, 0.4)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("concepts:\n  gore:\n    prompt: [a]", 3, 'did you mean "prompts"'),
        ("concepts:\n  gore:\n    prompts: a wound", 3, "must be a list"),
        ("concepts:\n  gore:\n    prompts: []", 3, "prompts"),
        ("concepts:\n  gore: {}\n  GORE: {}", 3, "the same concept"),
        ("concepts:\n  '---': {}", 2, "no category name"),
        ("scales:\n  clap: {}", 2, 'did you mean "clip"'),
        ("scales:\n  clip: {strict: 0.2, default: 0.6, lenient: 0.4}", 2, "strict >= default"),
        ("scales:\n  clip: {strict: 2, default: 0.6, lenient: 0.4}", 2, "at most 1"),
        ("scales:\n  clip: {strict: 0.9}", 2, "missing"),
        ("templates:\n  - a photo", 2, "must hold {}"),
        ("neutral: []", 1, "neutral"),
        ("- gore", 1, "a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        read_book(tmp_path / "my.yaml")
    assert caught.value.line == line or text.startswith("- ")
    assert str(tmp_path / "my.yaml") in str(caught.value)
