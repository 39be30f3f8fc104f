"""What may stand in a word list, and what a user is told about a line that may not."""

from __future__ import annotations

import json

import pytest

from video_censor_personal.detectors.speech.word_list import Entry, parse_lines, read_word_list
from video_censor_personal.errors import ConfigError


def test_sections_give_severity_and_tags_and_lines_inflections_and_replacements():
    words = parse_lines([
        "# mine", "", "plain", "[1 silly, food]", "turnip{s,ed} | carrot{s,ed}", "[3]",
        "oh fudge | my", "/b[ae]d/ | good", "gri*", "!Grimsby",
    ], language="en")  # fmt: skip
    assert words.entries == (
        Entry("plain", 4, "", (), "en"),
        Entry("turnip", 1, "carrot", ("silly", "food"), "en"),
        Entry("turnips", 1, "carrots", ("silly", "food"), "en"),
        Entry("turniped", 1, "carroted", ("silly", "food"), "en"),
        Entry("oh fudge", 3, "my", (), "en"),
        Entry("b[ae]d", 3, "good", (), "en", "regex"),
        Entry("gri*", 3, "", (), "en", "wildcard"),
    )
    assert [entry.form for entry in words.allowed] == ["grimsby"]


def test_the_lists_of_cleanvid_and_monkeyplug_are_read_as_they_are(tmp_path):
    plain = tmp_path / "swears.txt"
    plain.write_text("\ufeffassbag|jerk\r\nball sack\r\nDAMN|dang\r\n")
    assert [(e.form, e.replacement) for e in read_word_list(plain).entries] == [
        ("assbag", "jerk"), ("ball sack", ""), ("damn", "dang"),
    ]  # fmt: skip
    array = tmp_path / "swears.json"
    array.write_text(json.dumps(["damn|dang", "ball sack"]))
    assert [(e.form, e.replacement) for e in read_word_list(array).entries] == [
        ("damn", "dang"), ("ball sack", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("f***", "write the whole word"),
        ("***", "no letter"),
        ("/un(closed/", "no regular expression"),
        ("/open", "no closing /"),
        ("/x*/", "everywhere"),
        ("[9 loud]", "severity of 1 (mild) to 4"),
        ("damn{s", "write damn{s,ed}"),
        ("damn{s,ed} | darn{s}", "as many, or one for all"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_what_to_do(tmp_path, line, advice):
    path = tmp_path / "mine.txt"
    path.write_text(f"# comment\nfine\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_word_list(path)
    assert caught.value.line == 3
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert advice in str(caught.value)


def test_a_list_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.txt: the word list cannot be read"):
        read_word_list(tmp_path / "nowhere.txt")
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_word_list(binary)
    array = tmp_path / "list.json"
    array.write_text('["a",\n 3]')
    with pytest.raises(ConfigError, match="array of strings"):
        read_word_list(array)
    array.write_text('["a",\n oops]')
    with pytest.raises(ConfigError, match="line 2"):
        read_word_list(array)
