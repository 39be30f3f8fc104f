"""The models this project knows are usable entries, and what replaces them exists as data."""

from pathlib import Path

import pytest

from video_censor_personal.catalogue import catalogue, known_replacements
from video_censor_personal.config import load_config
from video_censor_personal.config.model_addresses import ModelAddress, parse_model_address
from video_censor_personal.errors import ConfigError
from video_censor_personal.hub.names import check_repository


@pytest.mark.parametrize("model", catalogue(), ids=lambda model: model.name)
def test_every_model_can_be_copied_into_a_configuration(model, tmp_path):
    config = tmp_path / "video-censor.yaml"
    files = f", files: {list(model.files)!r}" if model.files else ""
    config.write_text(f"models: {{sources: [{{name: {model.name}, url: '{model.url}'{files}}}]}}")
    (source,) = load_config(config).models.sources
    assert source.checksum == ""
    assert bool(parse_model_address(source.url).path) != bool(source.files)
    assert model.kind in ("speech", "vision", "sound", "vision-language")
    assert model.purpose


def test_every_model_is_named_by_some_detector_of_this_project():
    """What no detector can use is no entry."""
    docs = Path(__file__).parents[2] / "docs" / "detectors.md"
    text = docs.read_text(encoding="utf-8")
    assert [model.name for model in catalogue() if f"`{model.name}`" not in text] == []


def test_every_kind_is_there_and_names_are_used_once():
    assert {m.kind for m in catalogue()} == {"speech", "vision", "sound", "vision-language"}
    names = [m.name for m in catalogue()]
    assert len(names) == len(set(names))


def test_replacements_are_names_and_replace_nothing_in_turn():
    for old, new in known_replacements().items():
        assert check_repository(old) == old
        assert check_repository(new.name)
        assert new.name.casefold() not in known_replacements()
        assert new.why


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("hf://org/name", ModelAddress("hf", "org/name")),
        ("hf://org/name@v1", ModelAddress("hf", "org/name", "v1")),
        ("hf://org/name/a/b.bin", ModelAddress("hf", "org/name", None, "a/b.bin")),
        (
            "hf://org/name@refs%2Fpr%2F1/a.bin",
            ModelAddress("hf", "org/name", "refs/pr/1", "a.bin"),
        ),
        (
            "https://huggingface.co/org/name/resolve/main/a/b.bin?download=true",
            ModelAddress("hf", "org/name", "main", "a/b.bin", "https://huggingface.co"),
        ),
        (
            "http://mirror:8080/hf/org/name/resolve/v1/a.bin",
            ModelAddress("hf", "org/name", "v1", "a.bin", "http://mirror:8080/hf"),
        ),
        ("gh://o/n@v1.0/a.onnx", ModelAddress("gh", "o/n", "v1.0", "a.onnx")),
        ("https://example.com/a.bin", None),
        ("https://user:pw@hub/org/name/resolve/main/a", None),
    ],
)
def test_addresses(url, address):
    assert parse_model_address(url) == address


@pytest.mark.parametrize(
    "url",
    ["hf://", "hf://name", "hf://../x", "hf://org/name@", "gh://o/n/a", "gh://o/n@v1", "hf:///x"],
)
def test_addresses_that_are_none(url):
    with pytest.raises(ValueError, match="//"):
        parse_model_address(url)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("url: 'hf://org'", "no address of a model"),
        ("url: 'hf://o/n/f', files: [a]", "names one file"),
        ("url: 'hf://o/n@v1', model_version: v2", "two versions"),
        (f"url: 'hf://o/n', checksum: '{'a' * 64}'", "a checksum each"),
        ("url: 'hf://o/n/f', checksum: abc", "64 hexadecimal digits"),
        ("url: 'hf://o/n/f', mirrors: ['hf://o/m/f']", "cannot be downloaded"),
        (
            f"url: 'https://e.com/f', checksum: '{'a' * 64}', size_bytes: 1, model_version: v1",
            "names a repository",
        ),
        ("url: 'https://e.com/f'", "checksum is missing"),
    ],
)
def test_sources_that_contradict_themselves_are_refused(tmp_path, source, words):
    config = tmp_path / "video-censor.yaml"
    config.write_text(f"models:\n  sources:\n    - {{name: m, {source}}}\n")
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(config)
    assert caught.value.line == 3
