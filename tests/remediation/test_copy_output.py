"""Where a copy may be written, and that nothing is left behind when it cannot be."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from flagged import copy, heard, report_of, seen, segment
from movies import Sound, cut_off, damage, decoded_audio, frames, level_dbfs, make_movie

from video_censor_personal.config import Remediation
from video_censor_personal.errors import (
    OutputCheckError,
    OutputError,
    OutputExistsError,
    OutputSpaceError,
)
from video_censor_personal.media.probe import probe
from video_censor_personal.outputs import check_output
from video_censor_personal.progress import Progress
from video_censor_personal.remediation.check import Written, check_copy
from video_censor_personal.remediation.plan import make_plan
from video_censor_personal.remediation.writer import check_writable

WORD = segment(heard("hell", 1, 1.3))
BLUR = segment(seen("nudity", 0.5, 1.5))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_movie(tmp_path / "a.mp4", seconds=2, sounds=[Sound()]).path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_source_is_never_overwritten_under_any_name(source: Path) -> None:
    content = source.read_bytes()
    folder = source.parent
    (folder / "hard.mp4").hardlink_to(source)
    (folder / "soft.mp4").symlink_to(source)
    for name in ("a.mp4", "hard.mp4", "soft.mp4", "../" + folder.name + "/a.mp4"):
        with pytest.raises(OutputError, match="is the video itself"):
            copy(source, folder / name, WORD, force=True)
    assert source.read_bytes() == content
    assert names(folder) == ["a.mp4", "hard.mp4", "soft.mp4"]


def test_an_existing_output_needs_force(source: Path) -> None:
    out = source.parent / "b.mp4"
    out.write_text("mine")
    with pytest.raises(OutputExistsError, match="--force"):
        copy(source, out, WORD)
    assert out.read_text() == "mine"
    copy(source, out, WORD, force=True)
    assert len(list(frames(out))) == 20


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
def test_a_link_stays_and_the_file_it_points_to_is_replaced(source: Path, tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (far / "old.mp4").write_text("mine")
    for number, target in enumerate(("old.mp4", "new.mp4")):
        link = tmp_path / f"link{number}.mp4"
        link.symlink_to(far / target)
        with pytest.raises(OutputExistsError, match="--force"):
            copy(source, link, WORD)
        copy(source, link, WORD, force=True)
        assert link.is_symlink()
        assert len(list(frames(far / target))) == 20
    assert names(far) == ["new.mp4", "old.mp4"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
def test_a_link_to_nowhere_is_refused_before_the_work(source: Path, tmp_path: Path) -> None:
    link = tmp_path / "b.mp4"
    link.symlink_to(tmp_path / "unplugged" / "b.mp4")
    with pytest.raises(OutputError, match=r"there is no folder .*unplugged"):
        copy(source, link, WORD, force=True)
    assert link.is_symlink()


def test_places_where_nothing_can_be_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    for output, message in [
        (tmp_path / "folder.mp4", "is a folder"),
        (tmp_path / "missing" / "b.mp4", "there is no folder"),
        (tmp_path / "b.txt", "no ending that says"),
        (tmp_path / "b", "no ending that says"),
    ]:
        with pytest.raises(OutputError, match=message):
            copy(source, output, WORD)
    assert names(tmp_path) == ["a.mp4", "folder.mp4"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(source: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="no permission"):
        copy(source, locked / "b.mp4", WORD)


def test_no_room_is_found_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputSpaceError, match=r"needs about .* and only .* free"):
        check_output(tmp_path / "a.mp4", tmp_path / "b.mp4", size_bytes=1 << 60)


def test_an_hour_of_black_needs_no_room_for_the_pictures_it_replaces(
    source: Path, tmp_path: Path
) -> None:
    info = probe(source)
    info = replace(info, size_bytes=10 * shutil.disk_usage(tmp_path).free)
    out, end = tmp_path / "b.mp4", float(info.duration or 0)
    for found, fits in (((0, end), True), ((1, 1.5), False)):
        black = segment(seen("nudity", *found), video_action="blank")
        plan = make_plan(report_of(black), Remediation(), info)
        with nullcontext() if fits else pytest.raises(OutputSpaceError):
            check_writable(info, plan, out)


def test_a_kind_of_file_that_cannot_hold_the_streams(source: Path, tmp_path: Path) -> None:
    for found in (WORD, BLUR, segment(heard("hell", 1, 1.3), allow=True)):
        with pytest.raises(OutputError, match=r"webm.*\.mp4"):
            copy(source, tmp_path / "b.webm", found)
    assert names(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "codec", "to", "message"),
    [
        ("a.m4a", "aac", "b.wav", r"a \.wav file cannot hold it; name the copy b\.m4a"),
        ("a.mka", "ac3", "b.flac", r"a \.flac file cannot hold it; name the copy b\.mka"),
        ("a.wav", "pcm_s16le", "b.mp4", r"could not be finished .* end in \.mkv"),
    ],
)
def test_a_kind_of_file_that_cannot_hold_the_sound(
    tmp_path: Path, name: str, codec: str, to: str, message: str
) -> None:
    sound = make_movie(
        tmp_path / name, seconds=2, video_codec=None, sounds=[Sound(codec=codec)]
    ).path
    for found in (WORD, segment(heard("hell", 1, 1.3), allow=True)):
        with pytest.raises(OutputError, match=message):
            copy(sound, tmp_path / to, found)
    assert names(tmp_path) == [name]


def test_plain_samples_are_cut_and_muted_in_their_own_kind_of_file(tmp_path: Path) -> None:
    sound = make_movie(
        tmp_path / "a.wav", seconds=3, video_codec=None, sounds=[Sound(codec="pcm_s16le")]
    ).path
    gone = segment(seen("nudity", 2, 2.53), video_action="cut")
    copy(sound, tmp_path / "b.wav", WORD, gone)
    after, rate = decoded_audio(tmp_path / "b.wav")
    assert after.shape[1] / rate == pytest.approx(2.47, abs=0.001)
    assert level_dbfs(after[:, rate : round(1.3 * rate)]) < -90


LIMITED = """
    import resource, sys
    from pathlib import Path
    sys.path[:0] = {paths!r}
    from flagged import copy, seen, segment
    from video_censor_personal.errors import OutputSpaceError
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
    try:
        copy(Path({source!r}), Path({output!r}), segment(seen("nudity", 0.5, 1.5)))
    except OutputSpaceError as error:
        print(error)
        sys.exit(7)
"""


@pytest.mark.skipif(os.name != "posix", reason="there is no such limit")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_during_the_work(source: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"b{suffix}"
    code = LIMITED.format(paths=_test_paths(), source=str(source), output=str(output))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert "could not be written to its end: file too large" in done.stdout
    assert "Exception ignored" not in done.stderr
    assert names(tmp_path) == ["a.mp4"]


def _test_paths() -> list[str]:
    here = Path(__file__).parent
    return [str(here), str(here.parent)]


INTERRUPTED = """
    import os, signal, sys
    from pathlib import Path
    sys.path[:0] = {paths!r}
    from flagged import copy, seen, segment
    def stop(progress):
        os.kill(os.getpid(), signal.SIGINT)
    copy(Path({source!r}), Path({output!r}), segment(seen("nudity", 0.5, 1.5)), listener=stop)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals work otherwise there")
def test_ctrl_c_leaves_nothing(source: Path, tmp_path: Path) -> None:
    code = INTERRUPTED.format(
        paths=_test_paths(), source=str(source), output=str(tmp_path / "b.mp4")
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in done.stderr
    assert names(tmp_path) == ["a.mp4"]


def test_an_error_on_the_way_leaves_an_existing_output_as_it_was(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "b.mp4"
    out.write_text("mine")

    def fail(_: Progress) -> None:
        raise RuntimeError("the listener broke")

    with pytest.raises(RuntimeError):
        copy(source, out, WORD, force=True, listener=fail)
    assert out.read_text() == "mine"
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


def test_progress_counts_seconds_that_were_written(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=6, sounds=[Sound()])
    told: list[Progress] = []
    copy(movie.path, tmp_path / "b.mp4", BLUR, listener=told.append)
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert len(done) > 8
    assert told[-1].finished
    assert not any(progress.finished for progress in told[:-1])
    assert told[-1].done == pytest.approx(6, abs=0.1)
    assert {progress.stage for progress in told} == {"copy"}


def test_a_film_cut_off_in_the_middle_is_copied_as_far_as_it_goes(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    movie = make_movie(tmp_path / "a.mp4", seconds=6, sounds=[Sound()], container_options=options)
    cut_off(movie.path, 0.6)
    copy(movie.path, tmp_path / "b.mp4", BLUR, segment(heard("hell", 1, 1.3)))
    assert 15 < len(list(frames(tmp_path / "b.mp4"))) < 55
    sound, rate = decoded_audio(tmp_path / "b.mp4")
    assert level_dbfs(sound[:, rate : round(1.3 * rate)]) < -50


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_damage_in_the_middle_is_got_over(tmp_path: Path, name: str) -> None:
    movie = make_movie(tmp_path / name, seconds=6, size=(320, 240), sounds=[Sound()])
    damage(movie.path, 0.4, 3000)
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, segment(heard("hell", 5, 5.4)), segment(seen("nudity", 4, 5)))
    sound, rate = decoded_audio(out)
    assert level_dbfs(sound[:, round(5.0 * rate) : round(5.4 * rate)]) < -50
    assert level_dbfs(sound[:, round(5.6 * rate) : round(5.9 * rate)]) > -20
    assert max(time for time, _ in frames(out)) > 5.5


def test_the_check_finds_what_is_missing(source: Path, tmp_path: Path) -> None:
    def written(video: int, audio: int) -> dict[int, Written]:
        with av.open(str(source)) as container:
            end = container.duration
        return {
            0: Written("video", 0, True, video, end, Fraction(1, av.time_base)),
            1: Written("audio", 0, False, audio, end, Fraction(1, av.time_base)),
        }

    with av.open(str(source)) as container:
        sounds = sum(1 for p in container.demux(container.streams[1]) if p.size)
    right = written(20, sounds)
    check_copy(source, right, source)
    for wrong in (
        written(21, sounds),
        written(20, sounds - 1),
        {0: written(20, 0)[0]},
        {**written(20, sounds), 2: Written("audio")},
        {0: written(20, sounds)[1], 1: written(20, sounds)[0]},
    ):
        with pytest.raises(OutputCheckError, match="checked and is not right"):
            check_copy(source, wrong, source)
    with pytest.raises(OutputCheckError, match=r"right: it holds video, audio, not video\."):
        check_copy(source, {0: written(20, 0)[0]}, source)
    cut_off(source, 0.7)
    with pytest.raises(OutputCheckError):
        check_copy(source, right, source)
