"""Whether kept scores hold all that an analysis would find, and what is different where not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from video_censor_personal.analysis.differences import Difference, differences, lacking
from video_censor_personal.analysis.making import Making, Part

EYES = Part("eyes", "nudenet", "{}", {"faces": ("Faces", "")}, "320n.onnx c15d8273")
MADE = Making("0.1", "uniform", 0.5, (EYES,))


def test_scores_serve_whoever_would_find_no_more() -> None:
    assert not lacking(MADE, MADE)
    more = replace(EYES, categories={**EYES.categories, "nudity": ("Nudity", "")})
    ears = Part("ears", "speech-profanity", "{}", {"profanity": ("Profanity", "")}, "x")
    assert not lacking(replace(MADE, parts=(more, ears)), MADE)


@pytest.mark.parametrize(
    "other",
    [
        {"program": "0.2"},
        {"strategy": "all"},
        {"sample_rate": 0.25},
        {"parts": (replace(EYES, subtitles="ab"),)},
        {"parts": (EYES, replace(EYES, name="more"))},
        {"parts": (replace(EYES, type="yolo"),)},
        {"parts": (replace(EYES, options='{"size": 640}'),)},
        {"parts": (replace(EYES, model="640m.onnx 01234567"),)},
        {"parts": (replace(EYES, model=""),)},
        {"parts": (replace(EYES, categories={"nudity": ("Nudity", "")}),)},
        {"parts": (replace(EYES, categories={"faces": ("Faces", "a face")}),)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_scores_that_were_made_otherwise_are_not_used_again(other: dict[str, object]) -> None:
    assert lacking(MADE, replace(MADE, **other))  # type: ignore[arg-type]


def test_second_looks_serve_only_where_the_same_others_point() -> None:
    pointing = replace(EYES, name="more eyes")
    looker = Part("second", "llava", "{}", EYES.categories, "llava", again=True)
    made = replace(MADE, parts=(EYES, pointing, looker))
    assert not lacking(made, made)
    assert not lacking(made, replace(MADE, parts=(EYES, pointing)))
    problem = lacking(made, replace(MADE, parts=(EYES, looker)))
    assert problem == "second looked where others pointed, and these are others now"
    deaf = Part("ears", "sounds", "{}", {"screams": ("Screams", "")}, "yamnet")
    assert not lacking(replace(made, parts=(*made.parts, deaf)), made)


def test_a_model_that_nobody_can_tell_is_never_the_same() -> None:
    unknown = replace(MADE, parts=(replace(EYES, model=""),))
    assert lacking(unknown, unknown)


def eyes(**changes: object) -> dict[str, object]:
    return {"parts": (replace(EYES, **changes),)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        ({"sample_rate": 0.25}, {}),
        ({"strategy": "all"}, {"strategy": "all", "sample_rate": 0.25}),
        ({"strategy": "all"}, {"sample_rate": 0.25}),
        ({"strategy": "scene_based"}, {}),
        (eyes(languages=("de", "en")), eyes(languages=("en",))),
        (eyes(languages=()), eyes(languages=("en",))),
        (eyes(categories={"faces": ("FACES", "")}), {}),
        (eyes(categories={"faces": ("X", "a")}), eyes(categories={"faces": ("Y", "a ")})),
    ],
    ids=[
        "finer",
        "all frames",
        "all for some",
        "shots",
        "more tracks",
        "any track",
        "a spelling",
        "one description",
    ],
)
def test_scores_that_hold_more_or_mean_the_same_serve(
    kept: dict[str, object], wanted: dict[str, object]
) -> None:
    assert not lacking(replace(MADE, **kept), replace(MADE, **wanted))  # type: ignore[arg-type]


@pytest.mark.parametrize("wanted", [("de", "en"), ()])
def test_tracks_in_other_languages_were_not_listened_to(wanted: tuple[str, ...]) -> None:
    kept = replace(MADE, parts=(replace(EYES, languages=("en",)),))
    problem = lacking(kept, replace(MADE, parts=(replace(EYES, languages=wanted),)))
    assert problem == "eyes only listened to tracks in en"


def only(kept: Part, wanted: Part) -> Difference:
    (found,) = differences(replace(MADE, parts=(kept,)), replace(MADE, parts=(wanted,)))
    return found


EARS = Part("ears", "speech", "{}", {"profanity": ("Profanity", "")}, "pocketsphinx 5.0, words 01")


@pytest.mark.parametrize(
    ("wanted", "kind", "says"),
    [
        ({"model": "pocketsphinx 5.0, words 02"}, "extent", "ears looked for other words"),
        ({"model": "pocketsphinx 5.1, words 01"}, "revision", "pocketsphinx 5.0, which is 5.1 now"),
        ({"model": "pocketsphinx ?, words 01"}, "doubt", "may have worked with another pocketsp"),
        ({"options": '{"words": ["car"]}'}, "extent", 'words: the default, not ["car"]'),
        ({"categories": {"profanity": ("P", "of cars")}}, "meaning", "something else of P: 'Prof"),
    ],
)  # fmt: skip
def test_what_differs_is_said_with_what_it_means(
    wanted: dict[str, object], kind: str, says: str
) -> None:
    found = only(EARS, replace(EARS, **wanted))  # type: ignore[arg-type]
    assert (found.kind, found.categories) == (kind, {"profanity"})
    assert says in str(found)


def test_all_that_differs_is_said_each_thing_of_the_categories_it_concerns() -> None:
    wanted = replace(MADE, sample_rate=0.25, parts=(EYES, replace(EARS, modality="audio")))
    found = list(differences(MADE, wanted))
    assert [(each.detector, each.kind) for each in found] == [
        ("eyes", "extent"),
        ("ears", "absence"),
    ]
    assert str(found[0]) == (
        "eyes was shown frames (uniform every 0.5 s), and not (uniform every 0.25 s)"
    )
    assert [each.categories for each in found] == [{"faces"}, {"profanity"}]
    heard = replace(MADE, parts=(replace(EARS, modality="audio"),))
    assert not lacking(heard, replace(heard, sample_rate=0.25)), "who listens is shown no frames"
