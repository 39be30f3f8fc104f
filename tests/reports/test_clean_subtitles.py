"""Cleaned subtitles, read back by the library that players use or as text."""

import shutil
from dataclasses import replace

import pysubs2
import pytest
from movies import Subtitles, make_movie

from video_censor_personal.errors import OutputError
from video_censor_personal.media.probe import probe
from video_censor_personal.reports.clean_subtitles import write_clean_subtitles
from video_censor_personal.timeline import Span

SRT = """1
00:00:00,500 --> 00:00:01,500
What the <font color="#ff0000">hell</font>?

2
00:00:02,000 --> 00:00:03,000
A <i>DAMN</i> shame,
hellish even.

3
00:00:03,500 --> 00:00:03,900
What the hell is that café?
"""


@pytest.fixture
def copied(video, tmp_path):
    """The video in a folder of its own."""
    path = tmp_path / video.path.name
    shutil.copy(video.path, path)
    return probe(path)


def cues(path):
    return [(e.start, e.end, e.plaintext) for e in pysubs2.load(str(path)).events]


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass"])
def test_flagged_words_of_a_track_become_asterisks_and_times_stay(report, copied, tmp_path, suffix):
    path = tmp_path / f"clean{suffix}"
    assert write_clean_subtitles(copied, report, path)
    assert cues(path) == [
        (500, 1500, "What the ****?"),
        (2000, 3000, "A **** shame."),
        (3500, 3900, "Quite."),
    ]


@pytest.mark.parametrize("codec", ["mov_text", "ass", "webvtt"])
def test_tracks_of_other_kinds_are_cleaned_too(report, tmp_path, codec):
    path = tmp_path / ("movie.mp4" if codec == "mov_text" else "movie.mkv")
    make_movie(path, seconds=4, subtitles=[Subtitles([(0.5, 1.5, "What the hell?")], codec=codec)])
    assert write_clean_subtitles(probe(path), report, tmp_path / "clean.srt")
    assert cues(tmp_path / "clean.srt") == [(500, 1500, "What the ****?")]


def test_a_file_beside_the_video_is_preferred_and_keeps_its_styling(report, copied, tmp_path):
    (tmp_path / "movie.en.srt").write_text(SRT, encoding="utf-8")
    path = tmp_path / "clean.srt"
    assert write_clean_subtitles(copied, report, path)
    text = path.read_text(encoding="utf-8")
    assert 'What the <font color="#ff0000">****</font>?' in text
    assert "A <i>****</i> shame,\nhellish even." in text
    assert "What the hell is that café?" in text, "said at another time, and not flagged there"


def test_a_file_in_an_old_encoding_keeps_its_bytes(report, copied, tmp_path):
    (tmp_path / "movie.srt").write_bytes(SRT.encode("latin-1"))
    write_clean_subtitles(copied, report, tmp_path / "clean.srt")
    assert "café?".encode("latin-1") in (tmp_path / "clean.srt").read_bytes()
    (tmp_path / "movie.srt").write_bytes(SRT.encode("utf-16"))
    write_clean_subtitles(copied, report, tmp_path / "clean.srt")
    assert "café?" in (tmp_path / "clean.srt").read_text(encoding="utf-8")


def test_a_replacement_stands_instead_of_asterisks(report, copied, tmp_path):
    first, *rest = report.segments
    word = replace(first.detections[0], replacement="heck")
    report = replace(report, segments=(replace(first, detections=(word,)), *rest))
    write_clean_subtitles(copied, report, tmp_path / "clean.srt")
    assert cues(tmp_path / "clean.srt")[0][2] == "What the heck?"


@pytest.mark.parametrize("edit", [{"allow": True}, {"audio_action": "none"}])
def test_what_a_person_lets_stay_is_not_touched(report, copied, tmp_path, edit):
    segments = (replace(report.segments[0], **edit), report.segments[1])
    write_clean_subtitles(copied, replace(report, segments=segments), tmp_path / "clean.srt")
    assert [text for _, _, text in cues(tmp_path / "clean.srt")] == [
        "What the hell?",
        "A **** shame.",
        "Quite.",
    ]


def test_cuts_shorten_move_and_remove_subtitles(report, copied, tmp_path):
    path = tmp_path / "clean.srt"
    write_clean_subtitles(copied, report, path, cuts=[Span.of(1, 1.25), Span.of(1.9, 3.1)])
    assert cues(path) == [(500, 1250, "What the ****?"), (2050, 2450, "Quite.")]


def test_without_subtitles_nothing_is_written(report, tmp_path):
    make_movie(tmp_path / "movie.mp4", seconds=1)
    assert not write_clean_subtitles(probe(tmp_path / "movie.mp4"), report, tmp_path / "clean.srt")
    assert not (tmp_path / "clean.srt").exists()


def test_a_name_that_stands_for_no_kind_of_subtitles_is_refused(report, video, tmp_path):
    with pytest.raises(OutputError, match=r"\.srt"):
        write_clean_subtitles(video, report, tmp_path / "clean.txt")
