"""A costly detector is asked again only when there is something else to see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from pictures import frame, meadow, with_portrait

from video_censor_personal.analysis.recall import Recalling
from video_censor_personal.findings import Sighting
from video_censor_personal.media.base import Frame

HEIGHT, WIDTH = 720, 1280
STILL = meadow(WIDTH, HEIGHT)


class Costly:
    """Says how many pictures it has looked at."""

    name = "costly"
    categories = frozenset({"things"})

    def __init__(self, failing: int = 0) -> None:
        self.looks = 0
        self.failing = failing

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        seen = []
        for _ in frames:
            self.looks += 1
            if self.looks == self.failing:
                raise RuntimeError("out of memory")
            seen.append([Sighting("things", f"LOOK {self.looks}", 0.5)])
        return seen


def labels(seen: Sequence[Sequence[Sighting]]) -> list[str]:
    return [sighting.label for (sighting,) in seen]


def grainy(picture: np.ndarray, seed: int) -> Frame:
    """Film grain of its own on every picture."""
    grain = np.random.default_rng(seed).normal(0, 3, (*picture.shape[:2], 1))
    return frame(np.clip(picture + grain, 0, 255).astype(np.uint8), seed)


def test_pictures_that_differ_by_their_grain_are_looked_at_once() -> None:
    costly = Costly()
    eyes = Recalling(costly)
    pictures = [grainy(STILL, seed) for seed in range(6)]
    assert labels(eyes.look(pictures[:4])) == ["LOOK 1"] * 4
    assert labels(eyes.look(pictures[4:])) == ["LOOK 1"] * 2
    assert costly.looks == 1


def test_a_cut_and_the_way_back_are_looked_at() -> None:
    other = meadow(WIDTH, HEIGHT, 7)
    eyes = Recalling(Costly())
    film = [grainy(picture, n) for n, picture in enumerate([STILL, STILL, other, other, STILL])]
    assert labels(eyes.look(film)) == ["LOOK 1", "LOOK 1", "LOOK 2", "LOOK 2", "LOOK 3"]


@pytest.mark.parametrize("side", [24, 60])
def test_a_small_thing_that_appears_is_looked_at(side: int) -> None:
    appeared = STILL.copy()
    appeared[300 : 300 + side, 500 : 500 + side] = with_portrait(0, 0, 256, 300)[:side, :side]
    eyes = Recalling(Costly())
    assert labels(eyes.look([grainy(STILL, 0), grainy(appeared, 1)])) == ["LOOK 1", "LOOK 2"]


def test_slow_changes_add_up() -> None:
    costly = Costly()
    eyes = Recalling(costly)
    for step in range(20):  # a fade by one level a look
        eyes.look([frame(np.full((90, 160, 3), 100 + step, np.uint8))])
    assert costly.looks >= 4


def test_after_a_failure_nothing_is_recalled_that_was_not_seen() -> None:
    costly = Costly(failing=2)
    eyes = Recalling(costly)
    other = frame(meadow(WIDTH, HEIGHT, 7))
    eyes.look([frame(STILL)])
    with pytest.raises(RuntimeError):
        eyes.look([other])
    assert labels(eyes.look([other])) == ["LOOK 3"]
    assert labels(eyes.look([frame(STILL)])) == ["LOOK 4"]


def test_it_stands_for_the_detector_it_asks() -> None:
    eyes = Recalling(Costly())
    assert eyes.name == "costly"
    assert eyes.categories == {"things"}
    assert "things" in eyes.scales
