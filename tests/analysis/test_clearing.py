"""A no lowers what others found, as far as it reaches and no farther."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from records import hearing, record, seeing

from video_censor_personal.analysis.clearing import Clearing
from video_censor_personal.analysis.evidence import Witness
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.detectors.second_look import YES_OR_NO
from video_censor_personal.timeline import Span

BOTH = ("second", "third")


def second(*said: tuple[float, float, float], name: str = "second") -> Witness:
    """Said of stretches from, until, with which score."""
    witness = hearing(name, *said)
    search = replace(witness.search, modality="video")
    heard = tuple(replace(detection, modality="video") for detection in witness.heard)
    scales = {"violence": YES_OR_NO}
    return replace(witness, search=search, heard=heard, scales=scales, again=True)


def share(start: float, end: float, *witnesses: Witness, names: Sequence[str] = BOTH) -> float:
    return Clearing(record(*witnesses), names).share("violence", Span.of(start, end))


def test_the_surer_the_no_the_less_is_left() -> None:
    assert share(3, 3, second((2, 4, 0.0))) == 0
    assert share(3, 3, second((2, 4, 0.1))) == pytest.approx(0.2)
    assert share(3, 3, second((2, 4, 0.4))) == pytest.approx(0.8)


def test_what_is_no_no_or_may_not_clear_leaves_everything() -> None:
    assert share(3, 3, second((2, 4, 0.5))) == 1
    assert share(3, 3, second((2, 4, 0.9))) == 1
    assert share(3, 3, second((2, 4, 0.0)), names=("third",)) == 1
    assert share(3, 3, replace(second((2, 4, 0.0)), again=False)) == 1
    assert Clearing(record(second((2, 4, 0.0))), BOTH).share("nudity", Span.of(3, 3)) == 1


def test_a_no_has_to_cover_all_of_what_it_lowers() -> None:
    looker = second((2, 4, 0.0), (4, 6, 0.1), (8, 9, 0.0))
    assert share(2, 6, looker) == pytest.approx(0.2), "the least sure one of those that cover it"
    assert share(2.5, 5, looker) == pytest.approx(0.2)
    assert share(1.9, 3, looker) == 1
    assert share(5, 6.1, looker) == 1
    assert share(5, 9, looker) == 1
    assert (share(2, 2, looker), share(6, 6, looker), share(7, 7, looker)) == (0, 1, 1)


def test_a_yes_in_the_middle_is_not_covered_by_noes_around_it() -> None:
    assert share(2, 8, second((2, 4, 0.0), (4, 6, 0.9), (6, 8, 0.0))) == 1


def test_the_noes_of_several_multiply() -> None:
    both = second((2, 4, 0.25)), second((2, 4, 0.25), name="third")
    assert share(3, 3, *both) == pytest.approx(0.25)


def test_what_was_seen_is_judged_by_what_is_left_and_what_was_heard_stays() -> None:
    eyes, ears = seeing("eyes", [0.6] * 20), hearing("ears", (2, 4, 0.7), (5, 8, 0.7))
    looker = second((2, 6, 0.0))
    found = judge(record(eyes, ears, looker), {"violence": 0.5}, clearing=BOTH)
    heard = [(float(d.span.start), float(d.span.end)) for d in found if d.detector == "ears"]
    assert heard == [(2, 4), (5, 8)]
    seen = [(float(d.span.start), float(d.span.end)) for d in found if d.detector == "eyes"]
    assert seen == [(0, 2), (5.75, 10)]
    assert not [d for d in found if d.detector == "second"]


def test_what_was_cleared_does_not_add_to_what_was_heard() -> None:
    eyes, ears, looker = seeing("eyes", [0.4] * 20), hearing("ears", (2, 4, 0.3)), second((2, 4, 0))
    heard = [
        [d.detector for d in judge(record(eyes, ears, looker), {"violence": 0.5}, clearing=names)]
        for names in ((), BOTH)
    ]
    assert "ears" in heard[0]
    assert heard[1] == []
