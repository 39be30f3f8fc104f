"""Every mistake in a configuration is named with its file, line, key and the nearest known key."""

import tracemalloc
from pathlib import Path

import pytest

from video_censor_personal.config import Config, ModelSource, default_config, load_config
from video_censor_personal.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def write_(text: str) -> Path:
        path = tmp_path / "my.yaml"
        path.write_text(text)
        return path

    return write_


def test_a_file_of_this_field_loads_and_every_value_is_kept(write):
    config = load_config(
        write(
            """
detections:
  nudity: {enabled: true, sensitivity: 0.7, model: nudenet}
  Sexual Themes: {enabled: false, sensitivity: 1}
  my concept: {}
detectors:
  - {type: nudenet, name: eyes, categories: [nudity], size: 640}
processing:
  frame_sampling: {strategy: scene_based, sample_rate: 1.0}
  segment_merge: {enabled: false, merge_threshold: 3}
  max_workers: 2
output: {format: json, include_confidence: false, include_frames: true, pretty_print: false}
remediation:
  audio: {enabled: true, mode: bleep, categories: [Sexual-Theme], bleep_frequency: 800}
  video: {enabled: true, mode: cut, blank_color: "#102030", category_modes: {NUDITY: blank}}
video:
  metadata_output:
    skip_chapters: {enabled: true, name_format: "skip: {labels}"}
models:
  cache_dir: cache
  auto_download: true
  sources:
    - {name: m, url: "https://example.com/m.bin", checksum: "%s", size_bytes: 12, optional: true}
"""
            % ("ab" * 32)
        )
    )
    assert list(config.detections) == ["nudity", "sexual_themes", "myconcept"]
    assert config.labels == {
        "nudity": "Nudity",
        "sexual_themes": "Sexual Theme",
        "myconcept": "my concept",
    }
    assert config.enabled_categories() == ["nudity", "myconcept"]
    assert config.detections["nudity"].sensitivity == 0.7
    assert config.detectors[0].options == {"size": 640}
    assert config.processing.frame_sampling.strategy == "scene_based"
    assert config.processing.segment_merge.merge_threshold == 3
    assert config.processing.max_workers == 2
    assert not config.output.pretty_print
    assert config.remediation.audio.bleep_frequency == 800
    assert config.remediation.video.category_modes == {"NUDITY": "blank"}
    assert config.video.metadata_output.skip_chapters.name_format == "skip: {labels}"
    assert config.models.sources == [
        ModelSource("m", "https://example.com/m.bin", "ab" * 32, 12, optional=True)
    ]
    assert config.models.cache_dir == str(config.path.parent / "cache")
    assert config.models.auto_download


def test_without_a_file_everything_the_built_in_detectors_find_is_looked_for():
    config = default_config()
    assert config.enabled_categories() == ["nudity", "sexual_themes", "profanity"]
    assert config.models.cache_dir.endswith(("models",))


def test_an_empty_file_means_the_defaults(write):
    assert load_config(write("")).detections == default_config().detections
    assert load_config(write("detections:\n")).detections == default_config().detections


def test_models_are_always_there():
    assert Config().models.sources == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("detections:\n  nudity: {sensitivty: 1}\n", 2, ["sensitivty", '"sensitivity"']),
        ("detections:\n  nudity:\n    sensitivity: 1.5\n", 3, ["at most 1", "1.5"]),
        ("detections:\n  nudity:\n    sensitivity: high\n", 3, ["must be a number", '"high"']),
        ("detections:\n  nudity:\n    enabled: 1\n", 3, ["true or false"]),
        ("detections:\n  profanty: {}\n", 2, ["'profanty'", "'profanity'"]),
        ("detections:\n  Nudity: {}\n  nudity: {}\n", 3, ["same category"]),
        ("detections:\n  nudity: {}\n  nudity: {}\n", 3, ["twice", "line 2"]),
        ("detections:\n  '-': {}\n", 2, ["letter or a digit"]),
        ("detections:\n\tnudity: {}\n", 2, ["tab", "spaces"]),
        ("detections: [nudity]\n", 1, ["detections", "mapping"]),
        ("detections:\n  nudity: {enabled: false}\n", 1, ["no category is enabled"]),
        ("on: {}\n", 1, ["quotes"]),
        ("- a\n", 1, ["mapping"]),
        ("a: [\n", 2, ["not YAML"]),
        ("procesing: {}\n", 1, ["procesing", '"processing"']),
        ("labels: {}\n", 1, ["unknown key"]),
        ("processing:\n  max_workers: 0\n", 2, ["at least 1"]),
        ("processing:\n  frame_sampling:\n    sample_rate: .nan\n", 3, ["sample_rate"]),
        ("processing:\n  frame_sampling:\n    strategy: sometimes\n", 3, ["'uniform'", "'all'"]),
        ("output: {format: xml}\n", 1, ["'json'"]),
        ("remediation:\n  audio:\n    categories: [profanty]\n", 3, ["'profanity'"]),
        ("remediation:\n  video:\n    category_modes: {blood: cut}\n", 3, ["'blood'"]),
        ("remediation:\n  video:\n    blank_color: red\n", 3, ["colour", '"red"']),
        ("remediation:\n  audio:\n    bleep_file: no.wav\n", 3, ["no.wav"]),
        ("video:\n  metadata_output:\n    skip_chapters: {name_format: '{x}'}\n", 3, ["{labels}"]),
        ("detectors:\n  - {type: nudenet, categories: [blood]}\n", 2, ["'blood'"]),
        ("detectors:\n  - {name: eyes}\n", 2, ["type is missing"]),
        ("models:\n  sources:\n    - {name: a}\n", 3, ["url is missing", "checksum is missing"]),
        (
            "models:\n  sources:\n    - {name: a, url: 'https://e.com/m'}\n",
            3,
            ["size_bytes is missing; write 0 if it is not known"],
        ),
        (
            "models:\n  sources:\n    - {name: a, url: 'hf:/org/m'}\n",
            3,
            ["'hf:/org/m' is no address of a model; write it as hf://org/name/file"],
        ),
        ("output:\n  plex_key: 2026-02-30\n", 2, ["2026-02-30", "quotes"]),
        ("output:\n  plex_key: !!int ''\n", 2, ["cannot be read"]),
        ("output:\n  plex_key: 4711\n", 2, ["must be text", "4711", "put it in quotes"]),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_was_meant(write, text, line, words):
    with pytest.raises(ConfigError) as caught:
        load_config(write(text))
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{caught.value.file}, line {line}: ")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"checksum": "abc"}, ["64 hexadecimal digits", "3 characters"]),
        ({"algorithm": "crc32"}, ["'md5'", "'sha256'", '"crc32"']),
        ({"url": "file:///etc/passwd"}, ["file:///etc/passwd", "https://"]),
        ({"url": "ftp://me:secret@e.com/x"}, ["'ftp://e.com/x' of 'm' cannot be downloaded"]),
        ({"url": "https://"}, ["cannot be downloaded"]),
        ({"mirrors": ["https://["]}, ["'https://[' of 'm' cannot be downloaded"]),
        ({"url": "https://e.com:99999/x"}, ["cannot be downloaded"]),
        ({"headers": {"A: b": "x"}}, ["'A: b' is no header"]),
        ({"headers": {"A": "\u00e9"}}, ["'A' is no header"]),
        ({"headers": {"range": "bytes=0-"}}, ["'range' is the downloader's own"]),
        ({"name": ".Transfer/x"}, ["belongs to the downloader"]),
        ({"size_bytes": -1}, ["at least 0"]),
        ({"size_bytes": 1.5}, ["whole number"]),
    ],
)
def test_a_model_source_that_could_never_work_is_refused(write, source, words):
    values = {"name": "m", "url": "https://example.com/m", "checksum": "0" * 64, "size_bytes": 1}
    lines = "\n".join(f"      {k}: {v!r}" for k, v in (values | source).items())
    with pytest.raises(ConfigError) as caught:
        load_config(write("models:\n  sources:\n    -\n" + lines))
    assert caught.value.line is not None
    assert "secret" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_checksum_of_digits_only_wants_quotes(write):
    one = (
        "models:\n  sources:\n    - {name: m, url: 'https://e.com/m', size_bytes: 1, checksum: %s}"
    )
    with pytest.raises(ConfigError, match=r"checksum must be text.*; put it in quotes") as caught:
        load_config(write(one % ("1" * 64)))
    assert caught.value.line == 3
    quoted = one % ("'" + "1" * 64 + "'")
    assert load_config(write(quoted)).models.sources[0].checksum == "1" * 64


def _models(*names: str) -> str:
    lines = [
        f"    - {{name: {name!r}, url: 'https://e.com/m', checksum: '{'0' * 64}', size_bytes: 1}}"
        for name in names
    ]
    return "\n".join(["models:", "  sources:", *lines])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("m", "m"), "two models are named 'm'; a name"),
        (("m", "M"), "two models are named 'M' .*'m' is the same file on Windows"),
        (("Stra\u00dfe", "STRASSE"), "two models are named"),
        (("\u00e9", "e\u0301"), "two models are named"),
        (("a", "a/b"), "the model 'a' is a file, and 'a/b' needs a folder"),
        (("a/b", "a"), "the model 'a' is a file, and 'a/b' needs a folder"),
        (("x/Y/z", "X/y"), "the model 'X/y' is a file, and 'x/Y/z' needs a folder"),
        (("fine", "../up"), "'../up' cannot name a model file"),
        (("fine", "-x"), "'-x' begins with a dash"),
        (("fine", "a/con"), "device on Windows"),
    ],
)
def test_models_that_cannot_lie_beside_each_other_are_refused(write, names, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(write(_models(*names)))
    assert str(caught.value).startswith(f"{caught.value.file}, line 4: ")


def test_models_may_share_a_folder(write):
    names = ["a/b", "a/c", "ab", "a-b", "a/d/b"]
    assert [source.name for source in load_config(write(_models(*names))).models.sources] == names


def test_all_mistakes_are_named_at_once(write):
    with pytest.raises(ConfigError) as caught:
        load_config(write("output: {format: xml, edl: 3}\nfoo: 1\n"))
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "detections:\n  nuditty: {}\n  nudity: {sensitivty: .3}\n  '-': {enabld: 1}\n",
            {"'nuditty' is no category": 2, "letter or a digit": 4, "sensitivty": 3, "enabld": 4},
        ),
        (
            "remediation:\n  audio:\n    mode: lout\n    categories: [profanty, nudty]\n"
            "  video: {category_modes: {profanty: bluur}}\n",
            {"'profanty'": 4, "'nudty'": 4, "lout": 3, "bluur": 5},
        ),
        ("detectors: [{type: 3, categories: [fases]}, 7]\noutput: []\n", {"fases": 1, "[]": 2}),
        ("detectors: {a: b}\nremediation: [3]\ndetections: 4\n", {"[3]": 2, "4": 3}),
    ],
)
def test_mistakes_of_every_kind_are_named_at_once(write, text, lines):
    with pytest.raises(ConfigError) as caught:
        load_config(write(text))
    said = str(caught.value).splitlines()
    for words, line in lines.items():
        assert any(words in each and f"my.yaml, line {line}: " in each for each in said), words


def test_a_category_that_stands_twice_is_named_as_it_was_written(write):
    with pytest.raises(ConfigError, match="'Sexual-Themes' and 'sexual theme' are the same"):
        load_config(write("detections:\n  sexual theme: {}\n  Sexual-Themes: {}\n"))


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / name)
    assert str(tmp_path) in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(path)


def test_nothing_to_look_for_is_refused(write):
    with pytest.raises(ConfigError, match="nothing to look for"):
        load_config(write("detections: {}"))


def test_an_alias_of_itself_is_refused(write):
    with pytest.raises(ConfigError, match="without end"):
        load_config(write("detectors: &a [*a]"))


_BOMBS = {
    "lists": "x0: &x0 [a]\n"
    + "".join(f"x{i}: &x{i} [{f'*x{i - 1},' * 9}]\n" for i in range(1, 20)),
    "merges": "x0: &x0 {a: 1, b: 2}\n"
    + "".join(f"x{i}: &x{i}\n  <<: [{f'*x{i - 1},' * 9}]\n" for i in range(1, 20)),
    "texts": f"x: &x '{'x' * 50_000}'\ny: [{'*x,' * 2000}]\n",
}


@pytest.mark.parametrize("bomb", _BOMBS.values(), ids=_BOMBS)
def test_aliases_that_explode_are_refused_before_they_do(write, bomb):
    path = write(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match=r"line \d+: with its aliases"):
            load_config(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_honest_aliases_mean_what_they_stand_for(write):
    config = load_config(
        write(
            "detections:\n  nudity: &strict {sensitivity: 0.9}\n  faces: *strict\n"
            "  violence: {<<: *strict, enabled: false}\n"
        )
    )
    assert {c.sensitivity for c in config.detections.values()} == {0.9}
    assert config.enabled_categories() == ["nudity", "faces"]


@pytest.mark.parametrize(
    "title",
    [
        "{labels.__class__}",
        "{labels[0]}",
        "{labels!r}",
        "{labels:>999999999}",
        "{}",
        "{0}",
        "{",
        "}",
    ],
)
def test_a_chapter_title_holds_nothing_but_its_two_names(write, title):
    text = "video:\n  metadata_output:\n    skip_chapters: {name_format: '%s'}\n"
    with pytest.raises(ConfigError, match="no other braces"):
        load_config(write(text % title))
    plain = "{{skip}} {labels} {confidence}"
    skip = load_config(write(text % plain)).video.metadata_output.skip_chapters
    assert skip.name_format == plain
