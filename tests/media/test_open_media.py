from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from movies import Sound, Subtitles, cut_off, make_movie

from video_censor_personal.errors import InputError, InputNotFoundError, NotMediaError
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe


def _refused(path: Path, error: type[InputError] = NotMediaError) -> str:
    with pytest.raises(error) as caught:
        probe(path)
    assert type(caught.value) is error
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_named_with_the_nearest_one_there(tmp_path):
    (tmp_path / "holiday 2024.mp4").write_bytes(b"x")

    assert "Did you mean" not in _refused(tmp_path / "wedding.mkv", InputNotFoundError)
    message = _refused(tmp_path / "holidy 2024.mp4", InputNotFoundError)

    assert f"Did you mean {tmp_path / 'holiday 2024.mp4'}?" in message


def test_a_missing_folder_is_named(tmp_path):
    message = _refused(tmp_path / "nowhere" / "a.mp4", InputNotFoundError)
    assert str(tmp_path / "nowhere") in message.replace(str(tmp_path / "nowhere" / "a.mp4"), "")


def test_a_folder_is_refused(tmp_path):
    assert "is a folder" in _refused(tmp_path, InputError)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "a.mp4"
    path.touch()
    assert "empty" in _refused(path, InputError)


def test_a_pipe_is_refused_at_once(tmp_path):
    path = tmp_path / "a.mp4"
    os.mkfifo(path)
    assert "not an ordinary file" in _refused(path, InputError)


@pytest.mark.parametrize(
    "content",
    [b"This is just a text.\n" * 40, b"#EXTM3U\n#EXTINF:1\nhttp://127.0.0.1:9/a.ts\n", b"\xc3"],
)
def test_a_text_named_mp4_is_refused(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert "is a text file" in _refused(path)


def test_noise_is_refused(tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(bytes(range(256)) * 64)
    assert "damaged or of no known kind" in _refused(path)


def test_an_mp4_cut_off_before_its_index_says_so(tmp_path):
    path = make_movie(tmp_path / "a.mp4", seconds=2).path  # the index comes last
    cut_off(path, 0.7)
    message = _refused(path)
    assert "without its index" in message
    assert "cut off" in message


def test_subtitles_alone_are_no_video(tmp_path):
    subtitles = [Subtitles([(0, 1, "Hi")], "subrip")]
    path = make_movie(tmp_path / "a.mkv", video_codec=None, subtitles=subtitles).path
    assert "no video and no sound, only subtitle" in _refused(path)


def test_a_file_without_permission_is_refused(tmp_path):
    path = make_movie(tmp_path / "a.mp4", seconds=1).path
    path.chmod(0)
    nobody = 65534
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(nobody)
        assert "permission denied" in _refused(path, InputError)
    finally:
        if root:
            os.seteuid(0)


NAMES = [
    "-i.mp4",
    "a%03d.mkv",
    "concat:a|b.mkv",
    "http:host.mp4",
    "pipe:1.mp4",
    "file:a.mkv",
    "a?b#c&d.mkv",
    "ünïcødé 🎬.mkv",
    "subfile,,start,1,end,2,,:a.mkv",
    os.fsdecode(b"odd-\xff\xfe-bytes.mkv"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(tmp_path, monkeypatch, movie, name):
    monkeypatch.chdir(tmp_path)
    kind = "h264+aac.mp4" if name.endswith("mp4") else "h264+aac.mkv"
    Path(name).write_bytes(movie(kind).path.read_bytes())

    info = probe(Path(name))

    assert info.video.width == 160
    assert len(list(decode_frames(info))) == len(movie(kind).times)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"),
        ("a.mp4", "ffconcat version 1.0\nfile '{}'\n"),
    ],
)
def test_a_list_of_files_opens_none_of_them(tmp_path, name, text):
    named = tmp_path / "named.ts"
    os.mkfifo(named)  # whoever opens it waits for ever
    path = tmp_path / name
    path.write_text(text.format(named.name))

    assert "is a text file" in _refused(path)


def test_nothing_is_printed_about_a_damaged_file(tmp_path):
    path = make_movie(tmp_path / "a.mkv", seconds=1, sounds=[Sound()]).path
    cut_off(path, 0.5)
    code = (
        "import sys; from video_censor_personal.media import frames, probe\n"
        "print(len(list(frames.decode_frames(probe.probe(sys.argv[1])))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert int(done.stdout) > 1
