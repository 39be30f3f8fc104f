from __future__ import annotations

from fractions import Fraction

import pytest
from movies import Sound, Subtitles, make_movie

from video_censor_personal.media.base import Cue
from video_censor_personal.media.probe import probe
from video_censor_personal.media.subtitles import read_cues, read_subtitles
from video_censor_personal.timeline import Span

_CUES = [(0.5, 1.5, "Well, hello\nthere"), (2, 3.25, "<i>Damn</i> it"), (3.25, 3.5, "Bye")]
_PLAIN = [
    (Span.of(0.5, 1.5), "Well, hello\nthere"),
    (Span.of(2, 3.25), "Damn it"),
    (Span.of(3.25, 3.5), "Bye"),
]
_SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n\n"


def _read(path, languages=()):
    return read_subtitles(probe(path), languages=languages)


@pytest.fixture
def film(tmp_path):
    return make_movie(tmp_path / "film.mp4", seconds=1).path


@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [
        ("a.mp4", "mov_text", "libx264"),
        ("a.mov", "mov_text", "libx264"),
        ("a.mkv", "subrip", "libx264"),
        ("a.mkv", "ass", "libx264"),
        ("a.mkv", "webvtt", "libx264"),
        ("a.webm", "webvtt", "libvpx-vp9"),
    ],
)
@pytest.mark.parametrize("start", [0, 5])
def test_text_tracks_are_read_from_the_origin(tmp_path, name, codec, video, start):
    path = make_movie(
        tmp_path / name,
        video_codec=video,
        start=start,
        subtitles=[Subtitles(_CUES, codec, "eng")],
    ).path

    found = _read(path)

    assert [(cue.span, cue.text) for cue in found.cues] == _PLAIN
    assert {(cue.language, cue.source) for cue in found.cues} == {("eng", "track 1 (eng)")}
    assert found.sources == ("track 1 (eng)",)
    assert found.problems == ()
    assert read_cues(probe(path)) == list(found.cues)


def test_picture_subtitles_are_named_as_unread(tmp_path):
    subtitles = [Subtitles(_CUES, "hdmv_pgs_subtitle", "eng"), Subtitles(_CUES, "subrip", "ger")]
    path = make_movie(tmp_path / "a.mkv", seconds=4, subtitles=subtitles).path

    found = _read(path)

    assert found.sources == ("track 2 (ger)",)
    (problem,) = found.problems
    assert "track 1 (eng)" in problem
    assert "pictures" in problem


def test_the_same_words_at_the_same_time_count_once(tmp_path):
    subtitles = [Subtitles(_CUES, "subrip"), Subtitles(_CUES, "ass")]
    path = make_movie(tmp_path / "a.mkv", subtitles=subtitles, sounds=[Sound()]).path

    found = _read(path)

    assert len(found.cues) == 3
    assert found.sources == ("track 2 (eng)", "track 3 (eng)")


def test_languages_choose_tracks_and_files_by_any_of_their_names(tmp_path):
    subtitles = [
        Subtitles([(0, 1, "one")], "subrip", "ger"),
        Subtitles([(1, 2, "two")], "subrip", "eng"),
        Subtitles([(2, 3, "three")], "subrip", ""),
    ]
    path = make_movie(tmp_path / "a.mkv", seconds=3, subtitles=subtitles).path
    (tmp_path / "a.en-GB.srt").write_text(_SRT.format("four"))
    (tmp_path / "a.french.srt").write_text(_SRT.format("five"))

    def texts(*languages):
        return {cue.text for cue in _read(path, languages).cues}

    assert texts() == {"one", "two", "three", "four", "five"}
    assert texts("de") == texts("deu") == texts("German") == {"one", "three"}
    assert texts("en") == {"two", "three", "four"}
    assert texts("fr", "ger") == {"one", "three", "five"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film.srt", _SRT.format("<i>Sí</i>, señor").encode()),
        ("film.SRT", b"\xef\xbb\xbf" + _SRT.format("Sí, señor").encode()),
        ("film.srt", _SRT.format("Sí, señor").encode("cp1252")),
        ("film.srt", _SRT.format("Sí, señor").replace("\n", "\r\n").encode("utf-16")),
        ("film.vtt", "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 line:0\nSí, señor\n".encode()),
        (
            "film.ass",
            "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, "
            "Name, MarginL, MarginR, MarginV, Effect, Text\n"
            "Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,a note\n"
            "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\i1}Sí, señor\n".encode(),
        ),
    ],
)
def test_files_beside_the_video_are_read_in_many_encodings(film, name, content):
    (film.parent / name).write_bytes(content)

    found = _read(film)

    assert found.cues == (Cue(Span.of(1, 2), "Sí, señor", "", name),)
    assert found.sources == (name,)
    assert found.problems == ()


def test_times_of_files_count_from_the_first_frame(tmp_path):
    path = make_movie(tmp_path / "a.mkv", start=5, seconds=3).path
    (tmp_path / "a.srt").write_text(_SRT.format("now"))

    assert [cue.span for cue in _read(path).cues] == [Span(Fraction(1), Fraction(2))]


def test_the_language_of_a_file_is_in_its_name(film):
    for name in ("film.de.srt", "film.en.sdh.srt", "film.forced.srt", "film.Spanish.srt"):
        (film.parent / name).write_text(_SRT.format(name))

    assert {cue.text: cue.language for cue in _read(film).cues} == {
        "film.de.srt": "de",
        "film.en.sdh.srt": "en",
        "film.forced.srt": "",
        "film.Spanish.srt": "spanish",
    }


def test_files_of_other_videos_are_left_alone(film):
    for name in ("film2.srt", "film.s01e02.srt", "film.clean.srt", "other.srt", "film.txt"):
        (film.parent / name).write_text(_SRT.format(name))
    (film.parent / "film.en.srt").mkdir()

    assert _read(film).sources == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film.srt", bytes(range(256)) * 20),
        ("film.srt", b"nothing of the kind"),
        ("film.vtt", b"WEBVTT\n\nx:y --> z\nHi\n"),
        ("film.ass", b"[Events]\nDialogue: nonsense\n"),
        ("film.srt", b""),
    ],
)
def test_a_damaged_file_is_a_problem_and_the_others_are_read(film, name, content):
    (film.parent / name).write_bytes(content)
    (film.parent / "film.de.srt").write_text(_SRT.format("ja"))

    found = _read(film)

    assert [cue.text for cue in found.cues] == ["ja"]
    assert found.sources == ("film.de.srt",)
    (problem,) = found.problems
    assert name in problem


_ASS = "0,0:00:0{}.00,0:00:0{}.00,Default,,0,0,0,,{}"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "film.vtt",
            "WEBVTT\n\n00:01.000 --> 00:02.000\none\n\n00:0x.000 --> 00:03.000\ntwo\n\n"
            "00:05.000 --> 00:06.000\nthree\n",
        ),
        (
            "film.srt",
            "1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:0x,000 --> 00:00:03,000\ntwo\n\n"
            "3\n00:00:05,000 --> 00:00:06,000\nthree\n",
        ),
        (
            "film.ass",
            "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, "
            f"MarginV, Effect, Text\nDialogue: {_ASS.format(1, 2, 'one')}\n"
            f"Dialogue: {_ASS.format('x', 3, 'two')}\nDialogue: {_ASS.format(5, 6, 'three')}\n",
        ),
    ],
)
def test_one_damaged_cue_costs_only_itself(film, name, content):
    (film.parent / name).write_text(content)

    found = _read(film)

    assert [(cue.span, cue.text) for cue in found.cues] == [
        (Span.of(1, 2), "one"),
        (Span.of(5, 6), "three"),
    ]
    (problem,) = found.problems
    assert name in problem
    assert "1 of 3 cues are damaged" in problem


def test_a_video_without_subtitles_has_none(film):
    found = _read(film)
    assert (found.cues, found.sources, found.problems) == ((), (), ())
