"""Where it is looked a second time, and where the budget goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import evidences, hearing, record, seeing

from video_censor_personal.analysis.evidence import Evidence, candidates
from video_censor_personal.analysis.look_plan import LookPlan, Stretch, plan_looks
from video_censor_personal.detectors.second_look import SecondLookOptions
from video_censor_personal.timeline import Span, subtract

ONE = frozenset({"violence"})


def plan(evidence: Evidence, *categories: str, **options: object) -> LookPlan:
    return plan_looks(evidence, frozenset(categories or ONE), SecondLookOptions(**options))


def spans(parts: Iterable[Stretch | Span]) -> list[tuple[float, float]]:
    found = [part.span if isinstance(part, Stretch) else part for part in parts]
    return [(float(span.start), float(span.end)) for span in found]


def times(stretch: Stretch) -> list[float]:
    return [float(time) for time in stretch.times]


def test_only_stretches_with_evidence_are_looked_at_start_middle_and_end() -> None:
    made = plan(record(seeing("eyes", [0, 0, *[0.3] * 6, 0, 0, 0.1, 0])))
    assert spans(made.stretches) == [(0.75, 4.0), (4.75, 5.5)]
    assert times(made.stretches[0]) == pytest.approx([0.75 + 3.25 * n / 6 for n in (1, 3, 5)])
    assert times(made.stretches[1]) == [5.125]
    assert made.passed_over == {}


def test_what_was_heard_is_looked_at_and_the_rest_of_the_pictures_is_not() -> None:
    made = plan(record(hearing("ears", (2, 4, 0.4)), end=10))
    assert spans(made.stretches) == [(2, 4)]
    assert spans(made.passed_over["violence"]) == [(0, 2), (4, 10)]


def test_a_category_that_nobody_sees_is_looked_for_in_every_shot_on_request() -> None:
    eyes = seeing("eyes", [0] * 40, category="nudity", step=Fraction(1))
    looks = [replace(look, starts_shot=look.time in (7, 33)) for look in eyes.looks]
    evidence = record(replace(eyes, looks=tuple(looks)), end=40)
    assert spans(plan(evidence).passed_over["violence"]) == [(0, 40)]
    assert plan(evidence).stretches == ()
    made = plan(evidence, look="scenes", every_s=15)
    assert spans(made.stretches) == [(0, 7), (7, 20), (20, 33), (33, 40)]
    assert made.passed_over == {}


def test_a_category_that_others_see_is_not_looked_for_in_every_scene() -> None:
    made = plan(record(seeing("eyes", [0, 0, 0.4, 0])), look="scenes")
    assert spans(made.stretches) == [(0.75, 1.5)]


def test_a_long_stretch_is_divided() -> None:
    made = plan(record(seeing("eyes", [0.4] * 50), end=25), every_s=10)
    assert spans(made.stretches) == [(0, 8.333), (8.333, 16.667), (16.667, 25)]
    assert all(len(stretch.times) == 3 for stretch in made.stretches)


def test_the_strongest_evidence_is_looked_at_first_and_once_before_any_is_twice() -> None:
    weak, strong = [0.1] * 6, [0.4] * 6
    evidence = record(seeing("eyes", [0, *weak, 0, *strong, 0, *weak, 0]), end=11)
    looked = [len(stretch.times) for stretch in plan(evidence, budget=1).stretches]
    assert looked == [0, 1, 0]
    looked = [len(stretch.times) for stretch in plan(evidence, budget=4).stretches]
    assert looked == [1, 2, 1]


def test_a_small_budget_is_spread_over_the_film() -> None:
    made = plan(record(end=100), look="scenes", every_s=1, budget=8)
    looked = [float(stretch.span.start) for stretch in made.stretches if stretch.times]
    assert len(looked) == 8
    assert all(any(at <= time < at + 25 for time in looked) for at in (0, 25, 50, 75))


def test_a_frame_is_looked_at_once_for_all_its_categories() -> None:
    evidence = record(seeing("eyes", [0, 0.4, 0]), seeing("others", [0, 0.3, 0], category="nudity"))
    made = plan(evidence, "violence", "nudity", budget=1)
    (asked,) = made.moments.values()
    assert asked == {"violence", "nudity"}


@given(evidences, st.integers(1, 30), st.integers(1, 4), st.sampled_from(["candidates", "scenes"]))
def test_every_plan_keeps_to_its_bounds(
    evidence: Evidence, budget: int, most: int, look: str
) -> None:
    made = plan(
        evidence, "violence", "faces", look=look, budget=budget, frames_per_span=most, every_s=1
    )
    assert len(made.moments) <= budget
    film = Span(Fraction(0), evidence.end)
    for category in ("violence", "faces"):
        mine = [stretch for stretch in made.stretches if stretch.category == category]
        for stretch in mine:
            assert len(stretch.times) <= most
            assert all(stretch.span.contains(time) for time in stretch.times)
            assert stretch.span.duration <= Fraction(1001, 1000)
        for before, after in pairwise(mine):
            assert before.span.end <= after.span.start
        planned = [stretch.span for stretch in mine] + list(made.passed_over.get(category, ()))
        for span in candidates(evidence, [category])[category]:
            inside = span.clipped(film)
            assert inside is None or not subtract(inside, planned)
        if mine and not mine[0].seen:
            assert not subtract(film, planned), "what nobody sees is looked at or known not to be"
