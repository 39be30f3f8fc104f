"""Whether a report belongs to the video it is used with."""

import os
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from movies import make_movie

from video_censor_personal.errors import InputError
from video_censor_personal.media.probe import probe
from video_censor_personal.reports.json_report import check_belongs, fingerprint
from video_censor_personal.timeline import Span


def test_its_own_video_is_the_same_even_under_another_name(report, video, tmp_path):
    assert check_belongs(report, video).verdict == "same"
    renamed = tmp_path / "renamed.mkv"
    shutil.copy(video.path, renamed)
    assert check_belongs(report, probe(renamed)).verdict == "same"


def test_a_movie_of_the_same_length_in_another_container_is_probably_it(report, tmp_path):
    path = tmp_path / "movie.mp4"
    make_movie(path, seconds=4)
    likeness = check_belongs(report, probe(path))
    assert likeness.verdict == "probably"
    assert "another container" in likeness.sentence


def test_a_file_that_was_changed_under_the_same_name_is_doubted(report, video, tmp_path):
    path = tmp_path / video.path.name
    make_movie(path, seconds=4, fps=10)
    likeness = check_belongs(report, probe(path))
    assert likeness.verdict == "probably"
    assert "changed" in likeness.sentence


def test_a_video_of_another_length_is_another_one(report, tmp_path):
    path = tmp_path / "movie.mkv"
    make_movie(path, seconds=6)
    likeness = check_belongs(report, probe(path))
    assert likeness.verdict == "other"
    assert "00:00:04.000" in likeness.sentence
    assert "00:00:06.000" in likeness.sentence


def test_a_foreign_report_fits_unless_something_contradicts(report, video):
    foreign = replace(report, fingerprint=None, size_bytes=None)
    assert check_belongs(foreign, video).verdict == "probably"
    anonymous = replace(foreign, source=Path(), duration=None)
    assert check_belongs(anonymous, video).verdict == "probably"
    named = replace(foreign, source=Path("other.mkv"), duration=None)
    assert check_belongs(named, video).verdict == "other"


def test_a_report_that_speaks_of_times_after_the_end_is_of_another_video(report, video):
    late = replace(report.segments[0], span=Span.of(90, 91))
    foreign = replace(report, fingerprint=None, duration=None, segments=(late,))
    likeness = check_belongs(foreign, video)
    assert likeness.verdict == "other"
    assert "00:01:30.000" in likeness.sentence


def test_a_fingerprint_changes_with_the_size_and_with_bytes_at_both_ends(tmp_path):
    path = tmp_path / "file"
    content = bytearray(os.urandom(3_000_000))
    path.write_bytes(content)
    first = fingerprint(path)
    assert fingerprint(path) == first
    for position in (0, len(content) - 1):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert fingerprint(path) != first
    path.write_bytes(content + b"\0")
    assert fingerprint(path) != first
    path.write_bytes(b"")
    assert fingerprint(path) != first


def test_a_fingerprint_of_what_cannot_be_read_is_an_error_of_the_input(tmp_path):
    with pytest.raises(InputError, match="none"):
        fingerprint(tmp_path / "none")


def test_a_second_of_difference_is_allowed(report, video):
    near = replace(report, fingerprint="other", duration=video.duration + Fraction(9, 10))
    assert check_belongs(near, video).verdict == "probably"
