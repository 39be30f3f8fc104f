"""Looking and listening at once: one that fails, or is costly, or is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from movies import Sound, make_movie, tone

from video_censor_personal.analysis.examination import Ears, Examined, examine, passed_over
from video_censor_personal.config import FrameSampling, Processing
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Sighting
from video_censor_personal.media.base import AudioBlock, Cue, Frame
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span


class Counting:
    """Counts its looks; raises at the first one if it is told what."""

    name = "counting"
    categories = frozenset({"things"})

    def __init__(self, *, costly: bool = False, error: BaseException | None = None) -> None:
        self.costly, self._error = costly, error
        self.looks = 0

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        if self._error is not None:
            raise self._error
        self.looks += len(frames)
        return [[] for _ in frames]


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 s in which nothing happens, in groups of more pictures than a decoder may keep."""
    picture = np.full((720, 1280, 3), 90, np.uint8)
    path = tmp_path_factory.mktemp("still") / "a.mp4"
    made = make_movie(
        path, seconds=18, size=(1280, 720), video_options={"g": "60"}, paint=lambda *_: picture
    )
    return made.path


def examined(path: Path, *eyes: Counting) -> Examined:
    processing = Processing(frame_sampling=FrameSampling("uniform", 0.5), max_workers=3)
    return examine(probe(path), eyes, [], [], processing, sensitivities={})


def test_a_costly_detector_is_not_asked_about_the_same_picture_again(still: Path) -> None:
    cheap, costly = Counting(), Counting(costly=True)
    costly.name = "costly"
    found = examined(still, cheap, costly)
    assert cheap.looks == len(found.looks["counting"]) == len(found.looks["costly"]) == 37
    assert costly.looks == 1


@pytest.mark.parametrize(
    ("size", "costly", "placed"),
    [((1280, 720), False, True), ((1280, 720), True, False), ((1200, 720), False, False)],
)
def test_looks_are_placed_where_pictures_are_dear_and_looks_are_cheap(
    tmp_path: Path, size: tuple[int, int], costly: bool, placed: bool
) -> None:
    """In groups of 1.2 s at a look a second, that is two a group, the last a second before the
    next group; else they are a second apart."""
    options = {"g": "12", "bf": "0", "preset": "ultrafast"}
    path = make_movie(tmp_path / "a.mp4", seconds=5, size=size, video_options=options).path
    processing = Processing(frame_sampling=FrameSampling("uniform", 1))
    eyes = [Counting(costly=costly)]
    found = examine(probe(path), eyes, [], [], processing, sensitivities={})
    looked = [float(look.time) for look in found.looks["counting"]]
    assert looked[:5] == ([0, 0.2, 1.2, 1.4, 2.4] if placed else [0, 1, 2, 3, 4])


class Listening:
    """Says what it was played: a detection for each track, and one at the subtitles' times."""

    categories = frozenset({"sounds"})

    def __init__(self, name: str) -> None:
        self.name = name

    def begin(self, cues: Sequence[Cue]) -> None:
        self._cues, self._loudest = cues, 0

    def hear(self, block: AudioBlock) -> list[Detection]:
        self._loudest = max(self._loudest, int(np.abs(block.samples).max()))
        return []

    def finish(self) -> list[Detection]:
        said = [cue.text for cue in self._cues] if not self._loudest else []
        heard = "loud" if self._loudest > 6000 else "soft" if self._loudest else "nothing"
        return [
            Detection("sounds", label, Span.of(0, 1), 1.0, "", self.name, "audio")
            for label in (heard, *said)
        ]


def test_each_is_played_the_tracks_that_it_understands(tmp_path: Path) -> None:
    loud, soft = Sound(tone(440), language="eng"), Sound(tone(440, 0.05), language="jpn")
    info = probe(make_movie(tmp_path / "a.mkv", seconds=1, sounds=[loud, soft]).path)
    cues = [Cue(Span.of(0, 1), "Well.", "eng", "a.srt")]
    spoken: dict[str, list[str]] = {"any": [], "english": ["en"], "german": ["de"]}
    ears = [Ears(name, partial(Listening, name), spoken[name]) for name in spoken]
    found = examine(info, [], ears, cues, Processing(), sensitivities={})
    heard = {name: [d.label for d in said] for name, said in found.heard.items()}
    assert heard == {
        "any": ["loud", "soft"],
        "english": ["loud"],
        "german": ["Well.", "nothing"],  # subtitles tell without sound too
    }
    missed = {each.name: passed_over(info, "audio", each.languages) for each in ears}
    english, japanese = "stream 1 (audio: eng)", "stream 2 (audio: jpn)"
    assert missed == {"any": (), "english": (japanese,), "german": (english, japanese)}


@pytest.mark.parametrize(
    ("error", "raised"), [(KeyboardInterrupt(), KeyboardInterrupt), (ValueError(), DetectorError)]
)
def test_whatever_stops_it_leaves_nothing_running(
    still: Path, error: BaseException, raised: type[BaseException]
) -> None:
    before = set(threading.enumerate())
    with pytest.raises(raised) as caught:
        examined(still, Counting(error=error))
    # While the error is still held, with all that its traceback refers to.
    assert caught.value.__traceback__ is not None
    assert not set(threading.enumerate()) - before
