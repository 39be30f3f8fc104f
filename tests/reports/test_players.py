"""What other players are given: mpv's script does what it says, in mpv itself where it is there."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from movies import Sound, make_movie

from video_censor_personal.reports.mpv_script import write_mpv_script
from video_censor_personal.reports.player_spans import PlayerSpans
from video_censor_personal.reports.plex_markers import write_plex_markers
from video_censor_personal.timeline import Span

SPANS = PlayerSpans.of([Span.of(1, 2)], [Span.of(2.5, 3), Span.of(0.5, 0.75)])

WITNESS = """
mp.observe_property("time-pos", "number", function(_, time)
    if time then print(string.format("at %.3f %s", time, mp.get_property("mute"))) end
end)
"""


@pytest.mark.skipif(shutil.which("mpv") is None, reason="mpv is not installed")
@pytest.mark.parametrize("name", ['a "quoted" [film].mkv', "other.mkv"])
def test_mpv_skips_and_mutes_its_own_film_only(tmp_path: Path, name: str) -> None:
    movie = make_movie(tmp_path / name, seconds=4, fps=25, sounds=[Sound()])
    script, witness = tmp_path / "film.mpv.lua", tmp_path / "witness.lua"
    write_mpv_script(script, tmp_path / 'a "quoted" [film].mkv', SPANS)
    witness.write_text(WITNESS)
    command = ["mpv", "--no-config", "--vo=null", "--ao=null", "--speed=2"]
    command += [f"--script={script}", f"--script={witness}", str(movie.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    said = [line.split("at ")[1].split() for line in done.stdout.splitlines() if "at " in line]
    shown = {float(time): mute for time, mute in said}
    assert max(shown) > 3.5
    mine = name != "other.mkv"
    assert any(1.15 < time < 1.9 for time in shown) != mine
    assert any(mute == "yes" for time, mute in shown.items() if 2.55 < time < 2.9) == mine
    assert all(mute == "no" for time, mute in shown.items() if time > 3.2)


def test_plex_markers_are_milliseconds_in_order(tmp_path: Path) -> None:
    path = tmp_path / "custom.json"
    write_plex_markers(path, "imdb://tt0133093", SPANS)
    assert json.loads(path.read_text()) == {
        "markers": {
            "imdb://tt0133093": [
                {"start": 500, "end": 750, "mode": "volume"},
                {"start": 1000, "end": 2000, "mode": "skip"},
                {"start": 2500, "end": 3000, "mode": "volume"},
            ]
        }
    }
