"""A yes adds, a no changes nothing unless it may, and what is no answer is unknown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from movies import cut_off, damage, make_movie
from records import hearing, record, seeing

from video_censor_personal.analysis.coverage import Search, cover
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.analysis.second_looks import look_again
from video_censor_personal.detectors.base import Scale
from video_censor_personal.detectors.second_look import (
    YES_OR_NO,
    Answer,
    Question,
    SecondLook,
    SecondLookOptions,
)
from video_censor_personal.findings import Coverage
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.probe import probe
from video_censor_personal.progress import Progress
from video_censor_personal.timeline import Span

RED, GREY = (200, 30, 30), (120, 120, 120)
END = 12


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of grey, red from 2 to 5 and from 9 to 10."""

    def paint(number: int, width: int, height: int) -> np.ndarray:
        red = 20 <= number < 50 or 90 <= number < 100
        return np.full((height, width, 3), RED if red else GREY, np.uint8)

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make_movie(path, seconds=END, paint=paint).path


def red_is_violent(question: Question) -> Answer:
    red, green, _ = question.frame.rgb(64).mean(axis=(0, 1))
    return Answer(dict.fromkeys(question.categories, 0.9 if red > green + 60 else 0.05))


@dataclass
class Scripted:
    """A second look that says what a function says; keeps what it was asked."""

    says: Callable[[Question], Answer] = red_is_violent
    options: SecondLookOptions = field(default_factory=SecondLookOptions)
    absence: str = ""
    name: str = "second"
    batch: int = 2
    categories: frozenset[str] = frozenset({"violence"})
    asked: list[float] = field(default_factory=list)
    released: bool = False

    @property
    def labels(self) -> dict[str, str]:
        return {category: category.title() for category in self.categories}

    @property
    def scales(self) -> dict[str, Scale]:
        return dict.fromkeys(self.categories, YES_OR_NO)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked += [float(question.frame.time) for question in questions]
        return [self.says(question) for question in questions]

    def release(self) -> None:
        self.released = True


def scripted(says: Callable[[Question], Answer] = red_is_violent, **options: object) -> Scripted:
    return Scripted(says, SecondLookOptions(**options))


def first_pass(*found: tuple[int, int], strength: float = 0.3, name: str = "eyes") -> Witness:
    """A cheap detector with weak evidence in some stretches; looks every half second."""
    scores = [
        strength if any(start <= number / 2 < end for start, end in found) else 0
        for number in range(END * 2)
    ]
    return seeing(name, scores)


def after(film: Path | MediaInfo, looker: Scripted, *witnesses: Witness) -> Evidence:
    assert isinstance(looker, SecondLook)
    silent = Witness(Search("second", "video", looker.categories, {"*": "a note"}))
    info = film if isinstance(film, MediaInfo) else probe(film)
    return look_again(info, record(*witnesses, silent, end=END), [looker], threads=1)


def found(
    evidence: Evidence, sensitivity: float = 0.5, clearing: Sequence[str] = ()
) -> list[tuple[str, float, float, float]]:
    return [
        (d.detector, float(d.span.start), float(d.span.end), round(d.confidence, 3))
        for d in judge(evidence, {"violence": sensitivity}, clearing=clearing)
    ]


def coverage(evidence: Evidence) -> Coverage:
    return cover(["violence"], evidence.searches, evidence.gaps, evidence.duration)[0]


def test_without_those_who_pointed_nobody_looked_everywhere(film: Path) -> None:
    """As an analysis without them: what was found stays, and the rest is unknown."""
    evidence = after(film, scripted(), first_pass((2, 5)), first_pass((2, 3), name="others"))
    mine = frozenset({"violence"})
    assert coverage(evidence.narrowed({"second": mine, "eyes": mine})).status == "analysed"
    alone = evidence.narrowed({"second": mine})
    assert [name for name, *_ in found(alone)] == ["second"]
    assert coverage(alone).status == "unknown"
    assert "only looked at what others pointed at" in coverage(alone).gaps[0].reason


# -- yes


def test_a_yes_over_weak_evidence_counts_over_the_whole_stretch(film: Path) -> None:
    weak = first_pass((2, 5), (6, 8))
    assert found(record(weak, end=END)) == []
    looker = scripted()
    evidence = after(film, looker, weak)
    both = round(1 - (1 - 0.3) * (1 - YES_OR_NO.strength(0.9)), 3)
    assert found(evidence) == [("eyes", 1.75, 5.0, both), ("second", 1.75, 5.0, both)]
    assert looker.asked == [2.2, 3.3, 4.4, 6.1, 6.8, 7.6]
    assert looker.released
    assert coverage(evidence).status == "analysed"


def test_one_frame_that_shows_it_is_enough(film: Path) -> None:
    evidence = after(film, scripted(), first_pass((3, 9)))
    (second,) = [f for f in found(evidence) if f[0] == "second"]
    assert second[1:3] == (2.75, 9.0)
    (said,) = [d for d in judge(evidence, {"violence": 0.5}) if d.detector == "second"]
    assert "1 of 3 frames" in said.reasoning
    assert (said.score, said.track, said.label) == (0.9, (), "Violence")


def test_padding_is_added_to_what_was_looked_at_again(film: Path) -> None:
    evidence = after(film, scripted(), first_pass((2, 5)))
    (said,) = [d for d in judge(evidence, {"violence": 0.5}, padding=0.5) if d.detector == "second"]
    assert (said.span.start, said.span.end) == (Fraction(5, 4), Fraction(11, 2))


def test_what_was_heard_is_looked_at(film: Path) -> None:
    ears = hearing("ears", (2.5, 4.5, 0.3))
    evidence = after(film, scripted(), ears)
    assert [f[:3] for f in found(evidence)] == [("second", 2.5, 4.5), ("ears", 2.5, 4.5)]
    covered = coverage(evidence)
    assert covered.status == "partial", "the rest of the pictures was not looked at by anybody"
    assert [(gap.span.start, gap.span.end) for gap in covered.gaps] == [(0, 2.5), (4.5, END)]


# -- no


def test_a_no_takes_nothing_away(film: Path) -> None:
    strong = first_pass((6, 8), strength=0.8)
    assert found(after(film, scripted(), strong)) == found(record(strong, end=END))


def test_a_no_of_one_that_may_clear_takes_it_away_where_all_frames_say_so(film: Path) -> None:
    strong = first_pass((2, 5), (6, 8), strength=0.8)
    evidence = after(film, scripted(), strong)
    assert [f[:3] for f in found(evidence, clearing=["second"])] == [
        ("eyes", 1.75, 5.0),
        ("second", 1.75, 5.0),
    ]
    # 0.8 × 0.05 / 0.5: still there for who wants to see everything that might be
    assert ("eyes", 5.75, 8.0, 0.08) in found(evidence, 0.95, ["second"])


def test_a_doubtful_no_lowers_a_little(film: Path) -> None:
    def doubts(question: Question) -> Answer:
        return Answer(dict.fromkeys(question.categories, 0.4))

    evidence = after(film, scripted(doubts), first_pass((6, 8), strength=0.8))
    assert found(evidence, clearing=["second"]) == [("eyes", 5.75, 8.0, 0.64)]


def test_a_no_to_some_frames_and_no_answer_to_others_clears_nothing(film: Path) -> None:
    def answers_late(question: Question) -> Answer:
        if question.frame.time > 7:
            return Answer(failure="chatty")
        return Answer(dict.fromkeys(question.categories, 0.0))

    strong = first_pass((6, 8), strength=0.8)
    evidence = after(film, scripted(answers_late), strong)
    assert found(evidence, clearing=["second"]) == [("eyes", 5.75, 8.0, 0.8)]
    assert coverage(evidence).status == "partial"


def test_nobody_clears_what_is_damaged(tmp_path: Path) -> None:
    path = make_movie(tmp_path / "a.mp4", seconds=END).path
    damage(path, 0.4, count=4000)
    strong = first_pass((0, END), strength=0.8)
    evidence = after(path, scripted(every_s=2), strong)
    broken = [gap.span for gap in evidence.gaps["video"] if gap.category is None]
    assert broken
    left = [Span.of(start, end) for _, start, end, _ in found(evidence, clearing=["second"])]
    assert left
    assert all(any(gap.overlaps(span) for span in left) for gap in broken)


# -- no answer


@pytest.mark.parametrize("passing", [False, True])
def test_no_answer_is_a_gap_over_its_stretch_alone(film: Path, passing: bool) -> None:
    def refuses_red(question: Question) -> Answer:
        answer = red_is_violent(question)
        refused = answer.scores["violence"] > 0.5
        return Answer(failure="it chats", passing=passing) if refused else answer

    evidence = after(film, scripted(refuses_red), first_pass((2, 5), (6, 8)))
    assert found(evidence) == []
    covered = coverage(evidence)
    assert covered.status == "partial"
    (gap,) = covered.gaps
    assert (gap.span.start, gap.span.end, gap.reason) == (1.75, 5, "second: it chats")
    assert bool(evidence.passing) == passing, "what may pass is tried again by the next run"


@pytest.mark.parametrize("trouble", [ValueError("broken"), None])
def test_a_plug_in_that_fails_or_miscounts_is_no_answer(
    film: Path, trouble: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = scripted()

    def fail(_: Sequence[Question]) -> list[Answer]:
        if trouble:
            raise trouble
        return []

    monkeypatch.setattr(looker, "answer", fail)
    evidence = after(film, looker, first_pass((6, 8)))
    (gap,) = coverage(evidence).gaps
    assert gap.reason.startswith("second: it failed")
    assert found(evidence) == []


def test_an_answer_that_leaves_a_category_out_is_none(film: Path) -> None:
    evidence = after(film, scripted(lambda _: Answer({})), first_pass((6, 8)))
    assert coverage(evidence).status == "partial"


@pytest.mark.parametrize(
    "scores", [{"violence": math.nan}, {"violence": -math.inf}, {"violence": 0.0, "Violence": 0.9}]
)
def test_an_answer_that_nobody_could_judge_is_none(film: Path, scores: dict[str, float]) -> None:
    looker = scripted(lambda _: Answer(scores))
    evidence = after(film, looker, first_pass((6, 8), strength=0.8))
    assert coverage(evidence).status == "partial"
    assert found(evidence, clearing=["second"]) == [("eyes", 5.75, 8.0, 0.8)]
    assert evidence.passing


def test_who_answers_nothing_for_long_is_not_asked_any_more(film: Path) -> None:
    looker = scripted(lambda _: Answer(failure="no answer", passing=True))
    evidence = after(film, looker, first_pass(*((n, n + 1) for n in range(0, END, 2))))
    assert len(looker.asked) == 3 * looker.batch
    gaps = coverage(evidence).gaps
    assert len(gaps) == 6
    assert gaps[-1].reason == (
        "second: not asked any more, after 6 questions in a row without an answer that can be used "
        "(the last: no answer)"
    )


def test_an_interrupt_gets_through(film: Path) -> None:
    def interrupt(_: Question) -> Answer:
        raise KeyboardInterrupt

    looker = scripted(interrupt)
    with pytest.raises(KeyboardInterrupt):
        after(film, looker, first_pass((6, 8)))
    assert looker.released


def test_damaged_pictures_are_a_gap_even_if_nobody_else_looks(film: Path, tmp_path: Path) -> None:
    short = make_movie(
        tmp_path / "a.mp4", seconds=END, container_options={"movflags": "faststart"}
    ).path
    cut_off(short, 0.5)
    covered = coverage(after(short, scripted(look="scenes")))
    assert covered.status == "partial"
    assert covered.gaps[-1].span.end == END


# -- what nobody else looks for


def test_what_nobody_looks_at_pictures_for_is_unknown(film: Path) -> None:
    looker = scripted()
    covered = coverage(after(film, looker))
    assert covered.status == "unknown"
    assert "`look: scenes`" in covered.gaps[0].reason
    assert looker.asked == []


def test_every_scene_is_looked_at_on_request_by_one_frame(film: Path) -> None:
    looker = scripted(look="scenes", every_s=3)
    evidence = after(film, looker)
    assert looker.asked == [1.5, 4.5, 7.5, 10.5]
    assert coverage(evidence).status == "analysed"
    assert "one frame of each shot, or every 3 s" in coverage(evidence).notes[0]
    assert [f[:3] for f in found(evidence)] == [("second", 3, 6)]


def test_a_film_that_does_not_tell_its_length_is_looked_at_to_its_end(film: Path) -> None:
    info = replace(probe(film), duration=None)
    silent = Witness(Search("second", "video", frozenset({"violence"})))
    looker = scripted(look="scenes", every_s=1)
    evidence = look_again(info, Evidence((silent,)), [looker], threads=1)
    assert evidence.end > END - 1
    assert looker.asked[0] < 1
    assert looker.asked[-1] > END - 1


# -- bounds, and when it is not there


def test_the_persons_own_budget_is_kept_and_said_in_a_note(film: Path) -> None:
    looker = scripted(budget=1)
    covered = coverage(after(film, looker, first_pass((2, 5), (6, 8))))
    assert len(looker.asked) == 1
    assert covered.status == "analysed", "the budget is the person's own choice"
    assert "1 of 2 stretches" in covered.notes[-1]
    assert "a note" in covered.notes[-1]


def test_a_budget_does_not_make_known_what_nobody_looked_at(film: Path) -> None:
    covered = coverage(after(film, scripted(look="scenes", every_s=3, budget=2)))
    assert covered.status == "partial"
    assert "its budget of 2 frames" in covered.gaps[0].reason


def test_the_default_budget_leaves_a_gap(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("video_censor_personal.detectors.second_look.DEFAULT_BUDGET", 1)
    covered = coverage(after(film, scripted(), first_pass((2, 5), (6, 8))))
    assert covered.status == "partial"
    assert "its budget of 1 frames" in covered.gaps[0].reason


def test_one_that_is_not_there_leaves_what_others_found_and_a_note(film: Path) -> None:
    strong = first_pass((2, 5), strength=0.8)
    looker = replace(scripted(), absence="the server sleeps")
    evidence = after(film, looker, strong)
    assert found(evidence) == [("eyes", 1.75, 5.0, 0.8)]
    covered = coverage(evidence)
    assert covered.status == "analysed"
    assert "the server sleeps" in " ".join(covered.notes)
    assert looker.asked == []


@pytest.mark.parametrize("look", ["candidates", "scenes"])
def test_one_that_is_not_there_leaves_unknown_what_nobody_else_looks_for(
    film: Path, look: str
) -> None:
    evidence = after(film, replace(scripted(look=look), absence="the server sleeps"))
    covered = coverage(evidence)
    assert covered.status == "unknown"
    assert covered.gaps[0].reason == "the server sleeps"
    assert evidence.passing


def test_progress_counts_frames_that_were_answered_for(film: Path) -> None:
    told: list[Progress] = []
    silent = Witness(Search("second", "video", frozenset({"violence"})))
    evidence = record(first_pass((2, 5), (6, 8)), silent, end=END)
    look_again(probe(film), evidence, [scripted()], threads=1, listener=told.append)
    assert [(p.done, p.total, p.unit) for p in told][-1] == (6, 6, "frames")
    assert [p.done for p in told] == sorted(p.done for p in told)
    assert told[-1].finished
