"""Several records of one video: which spare an analysis, or half of it, and which may go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from records import hearing, record, seeing

from video_censor_personal.analysis.archive import (
    halves,
    hindrance,
    joined,
    joined_making,
    with_records,
)
from video_censor_personal.analysis.making import Making, Part
from video_censor_personal.analysis.scores import Scores
from video_censor_personal.findings import Gap
from video_censor_personal.timeline import Span

EYES = Part("eyes", "nudenet", "{}", {"violence": ("Violence", "")}, "320n.onnx 01")
EARS = Part("ears", "sounds", "{}", {"violence": ("Violence", "")}, "yamnet 01", modality="audio")
AGAIN = Part("llava", "llava", "{}", {"violence": ("Violence", "")}, "llava 01", again=True)
FAILED = Gap(Span(Fraction(1), Fraction(2)), "no memory", passing=True)


def made(*parts: Part, rate: float = 0.5) -> Making:
    return Making("0.1", "uniform", rate, parts)


def kept(*parts: Part, seen: float = 0.5, rate: float = 0.5) -> Scores:
    """Scores of detectors of these names, of which the first look saw something."""
    said = [
        hearing(part.name, (1, 2, seen)) if part.modality == "audio" else seeing(part.name, [seen])
        for part in parts
    ]
    at = datetime(2026, 1, 31, tzinfo=UTC)
    return Scores(Path("a.mkv"), 1, "x", at, made(*parts, rate=rate), record(*said), 7)


def failing(scores: Scores, modality: str) -> Scores:
    gaps = {**scores.evidence.gaps, modality: (FAILED,)}
    return replace(scores, evidence=replace(scores.evidence, gaps=gaps))


BOTH = made(EYES, EARS)
OTHER_EARS = replace(EARS, options='{"words": ["car"]}')


def test_each_half_comes_from_the_first_record_that_has_it() -> None:
    newest, older = kept(EYES, OTHER_EARS), kept(EYES, EARS)
    assert halves([newest, older], [BOTH]) == {"video": newest, "audio": older}
    assert halves([newest], [BOTH]) == {"video": newest}
    assert halves([older], [made(EYES, OTHER_EARS)]) == {"video": older}
    assert halves([older], [made(EARS, rate=0.25)]) == {"audio": older}


def test_a_half_in_which_something_failed_is_made_again_and_the_other_is_not() -> None:
    assert halves([failing(kept(EYES, EARS), "video")], [BOTH]).keys() == {"audio"}
    assert halves([failing(kept(EYES, EARS), "audio")], [BOTH]).keys() == {"video"}
    deaf = failing(kept(EYES, EARS), "audio")
    assert not hindrance(deaf, made(EYES)), "nobody asks what is heard"
    assert "something failed" in hindrance(deaf, BOTH)


def test_second_looks_are_not_parted_from_what_pointed_at_them() -> None:
    wanted = made(EYES, OTHER_EARS, AGAIN)
    assert halves([kept(EYES, EARS, AGAIN)], [wanted]) == {}
    assert halves([kept(EYES, EARS, AGAIN)], [made(EYES, OTHER_EARS)]) == {}
    only_heard = halves([kept(EYES, EARS, AGAIN)], [made(EYES, EARS, replace(AGAIN, model="l 2"))])
    assert only_heard.keys() == {"audio"}
    assert not hindrance(kept(EYES, EARS, AGAIN), made(EYES, EARS, AGAIN))


def test_what_was_spared_takes_its_place_with_all_that_was_unknown_in_it() -> None:
    old = failing(kept(EYES, EARS, seen=0.9, rate=0.25), "video")
    old = replace(old, evidence=replace(old.evidence, sensitivities={"violence": 0.9}))
    new = kept(OTHER_EARS)
    evidence = joined(new.evidence, {"video": old})
    assert {witness.name for witness in evidence.witnesses} == {"eyes", "ears"}
    (ears,) = (witness for witness in evidence.witnesses if witness.name == "ears")
    assert ears in new.evidence.witnesses
    assert evidence.gaps["video"] == (FAILED,)
    assert evidence.sensitivities == {"violence": 0.5}, "at which words were looked for"
    making = joined_making(new.making, {"video": old})
    assert sorted(making.parts, key=lambda part: part.name) == [OTHER_EARS, EYES]
    assert making.sample_rate == 0.25
    assert joined(new.evidence, {}) == new.evidence


def test_a_record_stays_as_long_as_it_tells_something_that_the_newest_does_not() -> None:
    rich, poor = kept(EYES, EARS), kept(EYES)
    assert with_records(poor, [rich]).earlier == (rich,)
    assert with_records(rich, [poor]).earlier == ()
    assert with_records(rich, [rich]).earlier == ()
    assert with_records(poor, [kept(EYES, rate=0.25)]).earlier
    assert with_records(failing(rich, "video"), [rich]).earlier == (rich,)
    assert with_records(rich, [failing(rich, "video")]).earlier == ()
    updated = kept(replace(EYES, model="320n.onnx 02"), replace(EARS, subtitles="new"))
    assert with_records(updated, [rich]).earlier == (), "versions replace the ones before"


def test_of_many_records_the_oldest_go() -> None:
    many = [kept(replace(EYES, options=f'{{"size": {n}}}')) for n in range(9)]
    assert with_records(kept(EYES), many).earlier == tuple(many[:4])
