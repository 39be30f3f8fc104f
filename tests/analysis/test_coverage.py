"""What was looked for, what was not, and what could not be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from video_censor_personal.analysis.coverage import Search, cover
from video_censor_personal.findings import Coverage, Gap, Modality
from video_censor_personal.timeline import Span

EYES = Search("eyes", "video", frozenset({"nudity", "faces"}), {"nudity": "small ones are missed"})
EARS = Search("ears", "audio", frozenset({"profanity"}))
PARTLY_DEAF = replace(
    EARS, passed_over=("stream 2 (audio: jpn)",), languages=frozenset({"en", "de"})
)
TEN = Fraction(10)


def gap(start: float, end: float, category: str | None = None, reason: str = "damaged") -> Gap:
    return Gap(Span.of(start, end), reason, category)


def of(key: str, coverage: tuple[Coverage, ...]) -> Coverage:
    (found,) = [c for c in coverage if c.category == key]
    return found


def test_what_was_looked_at_from_end_to_end_is_analysed() -> None:
    found = of("nudity", cover(["nudity"], [EYES, EARS], {}, TEN))
    assert found == Coverage("nudity", "analysed", ("eyes",), (), ("small ones are missed",))


def test_what_nobody_can_see_is_unknown_and_named_as_its_user_wrote_it() -> None:
    coverage = cover(["violence", "owls"], [EYES], {}, TEN, {"owls": "Owls at Night"})
    assert of("violence", coverage).status == of("owls", coverage).status == "unknown"
    assert "Violence" in of("violence", coverage).notes[0]
    assert "Owls at Night" in of("owls", coverage).notes[0]


def test_what_nobody_asked_for_is_said_to_be_so() -> None:
    coverage = cover(["nudity"], [EYES, EARS], {}, TEN)
    rest = {c.category: c.status for c in coverage if c.category != "nudity"}
    assert rest == dict.fromkeys(
        ["profanity", "violence", "sexual_themes", "faces"], "not_requested"
    )


def test_a_gap_in_the_picture_is_none_in_the_sound() -> None:
    coverage = cover(["nudity", "profanity"], [EYES, EARS], {"video": [gap(2, 3)]}, TEN)
    assert of("nudity", coverage).status == "partial"
    assert of("nudity", coverage).gaps == (gap(2, 3, "nudity"),)
    assert of("profanity", coverage).status == "analysed"


def test_a_gap_of_one_category_is_none_of_another() -> None:
    gaps = {"video": [gap(2, 3, "faces")]}
    coverage = cover(["nudity", "faces"], [EYES], gaps, TEN)  # type: ignore[arg-type]
    assert of("faces", coverage).status == "partial"
    assert of("nudity", coverage).status == "analysed"


def test_gaps_are_united_clipped_and_keep_their_reasons() -> None:
    gaps = [gap(8, 30), gap(3, 5, reason="no key frame"), gap(1, 3), gap(12, 14), gap(1, 2)]
    found = of("nudity", cover(["nudity"], [EYES], {"video": gaps}, TEN))
    assert found.gaps == (
        gap(1, 5, "nudity", "damaged; no key frame"),
        gap(8, 10, "nudity"),
    )


def test_a_gap_without_length_is_none() -> None:
    assert of("nudity", cover(["nudity"], [EYES], {"video": [gap(2, 2)]}, TEN)).status == "analysed"


def test_gaps_from_end_to_end_leave_a_category_unknown() -> None:
    gaps = [gap(0, 4), gap(4, 10)]
    assert of("nudity", cover(["nudity"], [EYES], {"video": gaps}, TEN)).status == "unknown"


def test_without_a_known_duration_gaps_are_kept_as_they_are() -> None:
    found = of("nudity", cover(["nudity"], [EYES], {"video": [gap(8, 30)]}, None))
    assert found.status == "partial"
    assert found.gaps == (gap(8, 30, "nudity"),)


def test_two_detectors_are_both_named() -> None:
    second = Search("more eyes", "video", frozenset({"nudity"}), {"nudity": "slow"})
    found = of("nudity", cover(["nudity"], [EYES, second], {}, TEN))
    assert found.detectors == ("eyes", "more eyes")
    assert found.notes == ("small ones are missed", "slow")


def test_a_stream_that_was_passed_over_leaves_its_modality_partial() -> None:
    coverage = cover(["nudity", "profanity"], [EYES, PARTLY_DEAF], {"audio": [gap(2, 3)]}, TEN)
    assert of("nudity", coverage).status == "analysed"
    assert of("profanity", coverage).status == "partial"
    assert of("profanity", coverage).gaps == (
        gap(
            0,
            10,
            "profanity",
            "stream 2 (audio: jpn) was not listened to: it is not in a language that is understood "
            "here (de, en)",
        ),
        gap(2, 3, "profanity"),
    )


def test_a_track_that_one_of_two_was_given_was_listened_to() -> None:
    """Each category by itself: who hears screams in any language does not hear words."""
    everything = Search("others", "audio", frozenset({"profanity", "screams"}))
    screams = replace(everything, categories=frozenset({"screams"}))
    for other, status in ((everything, "analysed"), (screams, "partial")):
        coverage = cover(["profanity", "screams"], [PARTLY_DEAF, other], {}, TEN)
        assert of("profanity", coverage).status == status
        assert of("screams", coverage).status == "analysed"


def test_a_stream_that_was_passed_over_is_told_without_a_known_duration_too() -> None:
    eyes = replace(EYES, passed_over=("stream 1 (video)",))
    coverage = cover(["nudity"], [eyes], {}, None)
    assert of("nudity", coverage).status == "partial"
    assert of("nudity", coverage).notes == (
        "stream 1 (video) was not looked at",
        "small ones are missed",
    )


HEARING = Search("ears", "audio", frozenset({"violence", "screams"}))


def test_what_has_to_be_seen_and_was_only_heard_is_unknown_from_end_to_end() -> None:
    blind = {("violence", "video"): "not looked for in the pictures: no model"}
    coverage = cover(["violence", "screams"], [HEARING], {}, TEN, blind=blind)  # type: ignore[arg-type]
    assert of("screams", coverage).status == "analysed"
    assert of("violence", coverage).status == "unknown"
    assert of("violence", coverage).detectors == ("ears",)
    assert of("violence", coverage).gaps == (
        gap(0, 10, "violence", "not looked for in the pictures: no model"),
    )
    unmeasured = of("violence", cover(["violence"], [HEARING], {}, None))
    assert (unmeasured.status, unmeasured.gaps) == ("unknown", ())
    assert "not looked for in the pictures" in unmeasured.notes[0]


def test_what_was_asked_to_be_heard_too_and_was_only_seen_is_partial() -> None:
    both = {"nudity": frozenset({"video", "audio"})}
    found = of("nudity", cover(["nudity"], [EYES], {}, TEN, needed=both))  # type: ignore[arg-type]
    assert found.status == "partial"
    assert found.gaps == (
        gap(0, 10, "nudity", "not looked for in the sound when this was analysed"),
    )


def test_what_a_video_does_not_have_needs_no_search() -> None:
    silent = cover(["screams"], [replace(EYES, categories=frozenset({"screams"}))], {}, TEN)
    assert of("screams", silent).status == "unknown"
    eyes = [replace(EYES, categories=frozenset({"screams"}))]
    assert (
        of("screams", cover(["screams"], eyes, {}, TEN, modalities=["video"])).status == "analysed"
    )
    heard = cover(["violence"], [HEARING], {}, TEN, modalities=["audio"])
    assert of("violence", heard).status == "analysed"
    assert of("owls", cover(["owls"], [HEARING], {}, TEN, modalities=["audio"])).status == "unknown"


def test_who_searched_only_what_the_video_does_not_have_searched_nothing() -> None:
    eyes = [replace(EYES, categories=frozenset({"violence", "nudity"}))]
    telling: dict[str, set[Modality]] = {"violence": {"video", "audio"}, "nudity": {"video"}}
    found = cover(
        ["violence", "nudity"], eyes, {}, TEN, telling=telling, modalities=["audio"],
        blind={("violence", "audio"): "sound-events can, but was not chosen"},
    )  # fmt: skip
    violence = of("violence", found)
    assert (violence.status, of("nudity", found).status) == ("unknown", "analysed")
    assert [gap.reason for gap in violence.gaps] == ["sound-events can, but was not chosen"]
    (nobody,) = cover(["nudity"], [], {}, TEN, telling=telling, modalities=["audio"])[:1]
    assert nobody.status == "analysed", "nobody has to look at what is not there"
    assert nobody.notes == ("the video has nothing in which it could be",)
