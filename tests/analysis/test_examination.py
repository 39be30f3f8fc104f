"""Looking and listening at once: one that fails, or is costly, or is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from movies import make_movie

from video_censor_personal.analysis.examination import Examined, examine
from video_censor_personal.config import FrameSampling, Processing
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Sighting
from video_censor_personal.media.base import Frame
from video_censor_personal.media.probe import probe


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
    return examine(probe(path), eyes, list, [], processing, sensitivities={})


def test_a_costly_detector_is_not_asked_about_the_same_picture_again(still: Path) -> None:
    cheap, costly = Counting(), Counting(costly=True)
    costly.name = "costly"
    found = examined(still, cheap, costly)
    assert cheap.looks == len(found.looks["counting"]) == len(found.looks["costly"]) == 37
    assert costly.looks == 1


@pytest.mark.parametrize(
    ("error", "raised"), [(KeyboardInterrupt(), KeyboardInterrupt), (ValueError(), DetectorError)]
)
def test_whatever_stops_it_leaves_nothing_running(
    still: Path, error: BaseException, raised: type[BaseException]
) -> None:
    before = threading.active_count()
    with pytest.raises(raised) as caught:
        examined(still, Counting(error=error))
    # While the error is still held, with all that its traceback refers to.
    assert caught.value.__traceback__ is not None
    assert threading.active_count() == before
