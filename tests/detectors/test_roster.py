"""Who looks for what: named detectors first, the rest to whoever is installed and can."""

import pytest

from video_censor_personal.config import (
    CategoryConfig,
    Config,
    DetectorConfig,
    ModelSource,
    load_config,
)
from video_censor_personal.detectors.registry import discover
from video_censor_personal.detectors.roster import assign
from video_censor_personal.errors import ConfigError


def looking_for(config: Config) -> dict[str, set[str]]:
    """Detector name -> the categories it is given."""
    return {a.settings.name: set(a.settings.categories) for a in assign(config, discover())}


def config(*detectors: DetectorConfig, **categories: CategoryConfig) -> Config:
    made = Config()
    made.detections = categories
    made.detectors = list(detectors)
    return made


def test_every_installed_detector_gets_what_it_can_see():
    made = config(nudity=CategoryConfig(), profanity=CategoryConfig(), violence=CategoryConfig())
    assert looking_for(made) == {"nudenet": {"nudity"}, "speech-profanity": {"profanity"}}


def with_model(made: Config, name: str = "whisper-small-en", **details: object) -> Config:
    made.models.sources = [ModelSource(name, "https://example.org/m", "0" * 64, 1, **details)]
    return made


def test_the_better_rung_takes_the_place_of_the_embedded_one_where_its_model_can_be_had():
    made = with_model(config(profanity=CategoryConfig(), faces=CategoryConfig()))
    assert looking_for(made) == {"nudenet": {"faces"}, "whisper": {"profanity"}}
    made.detections["profanity"].model = "speech-profanity"
    assert looking_for(made)["speech-profanity"] == {"profanity"}
    assert "whisper" not in looking_for(made)
    made.detections["profanity"].model = "auto"
    made.detectors = [DetectorConfig("whisper", enabled=False)]
    assert looking_for(made)["speech-profanity"] == {"profanity"}


def test_a_model_that_happens_to_be_there_is_used_for_what_nobody_else_can_look_for():
    wanted = ("nudity", "sexual_themes", "violence", "profanity")
    made = config(**{name: CategoryConfig() for name in wanted})
    found = assign(made, discover(), lambda name: name in ("clip-b32", "yamnet"))
    looking = {a.settings.name: set(a.settings.categories) for a in found}
    assert looking == {
        "nudenet": {"nudity", "sexual_themes"},
        "speech-profanity": {"profanity"},
        "zero-shot": {"violence"},
        "sound-events": {"violence"},
    }
    assert {a.settings.name for a in found if a.settings.optional} == {"zero-shot", "sound-events"}
    made.detections["sexual_themes"].model = "zero-shot"
    assert {a.settings.name: a for a in assign(made, discover())}["zero-shot"].settings.categories


def test_an_optional_second_look_at_every_shot_takes_nobodys_place():
    options = {"url": "http://127.0.0.1:1/v1", "model": "any", "look": "scenes"}
    looker = DetectorConfig("llava-endpoint", options=options, optional=True)
    made = config(looker, violence=CategoryConfig())
    found = assign(made, discover(), lambda name: name == "clip-b32")
    assert {a.settings.name for a in found} == {"llava-endpoint", "zero-shot"}
    looker.optional = False
    found = assign(made, discover(), lambda name: name == "clip-b32")
    assert {a.settings.name for a in found} == {"llava-endpoint"}


def test_two_rungs_that_were_both_named_both_look():
    both = [DetectorConfig("whisper"), DetectorConfig("speech-profanity")]
    made = with_model(config(*both, profanity=CategoryConfig()))
    assert set(looking_for(made)) == {"whisper", "speech-profanity"}
    assert all(assignment.stand_in is None for assignment in assign(made, discover()))


def test_the_embedded_rung_stands_in_for_the_better_one_with_the_same_words():
    options = {"model": "mine", "words": ["frak"], "languages": ["en", "de"]}
    made = config(DetectorConfig("whisper", options=options), profanity=CategoryConfig())
    (assignment,) = assign(with_model(made, "mine", optional=True), discover())
    assert assignment.stand_in is not None
    assert assignment.stand_in.settings.name == "speech-profanity"
    assert assignment.stand_in.settings.options == {"words": ["frak"], "languages": ["en", "de"]}
    assert set(assignment.stand_in.settings.categories) == {"profanity"}


def server(**details: object) -> DetectorConfig:
    options = {"url": "http://127.0.0.1:9/v1", **details.pop("options", {})}
    return DetectorConfig("llava-endpoint", options=options, **details)


def usual() -> dict[str, CategoryConfig]:
    return {name: CategoryConfig() for name in ("nudity", "sexual_themes", "profanity")}


@pytest.mark.parametrize(
    "second", [server(), server(optional=True), server(options={"look": "scenes"})]
)
def test_one_that_only_looks_again_takes_nobodys_place(second):
    assert looking_for(config(second, **usual())) == {
        "llava-endpoint": {"nudity", "sexual_themes"},
        "nudenet": {"nudity", "sexual_themes"},
        "speech-profanity": {"profanity"},
    }
    off = DetectorConfig("nudenet", enabled=False)
    assert "nudenet" not in looking_for(config(second, off, **usual()))
    only = config(second, nudity=CategoryConfig(model="llava-endpoint"))
    assert looking_for(only) == {"llava-endpoint": {"nudity"}}


def test_where_a_named_one_listens_another_still_looks():
    made = with_model(config(DetectorConfig("sound-events"), **usual()), "yamnet")
    assert looking_for(made) == {
        "sound-events": {"sexual_themes"},
        "nudenet": {"nudity", "sexual_themes"},
        "speech-profanity": {"profanity"},
    }
    made.detections["sexual_themes"].model = "sound-events"
    assert looking_for(made)["nudenet"] == {"nudity"}


def test_a_named_one_that_looks_takes_the_place_of_others_that_look():
    made = config(DetectorConfig("zero-shot"), **usual())
    assert looking_for(made) == {
        "zero-shot": {"sexual_themes"},
        "nudenet": {"nudity"},
        "speech-profanity": {"profanity"},
    }


def test_one_that_may_be_missing_takes_nobodys_place():
    made = config(DetectorConfig("zero-shot", optional=True), **usual())
    assert looking_for(made)["nudenet"] == {"nudity", "sexual_themes"}
    made = with_model(config(DetectorConfig("zero-shot"), **usual()), "clip-b32", optional=True)
    assert looking_for(made)["nudenet"] == {"nudity", "sexual_themes"}
    both = config(DetectorConfig("nudenet", optional=True), **usual())
    assert looking_for(both)["nudenet"] == {"nudity", "sexual_themes"}, "it is not asked twice"
    made = config(DetectorConfig("whisper", optional=True), **usual())
    assert "speech-profanity" not in looking_for(made), "which stands in for it"


def test_a_model_that_happens_to_be_there_fills_in_for_one_that_is_missing():
    listening = DetectorConfig("sound-events", optional=True)
    made = config(listening, server(), violence=CategoryConfig())

    def names(*at_hand: str) -> set[str]:
        return {a.settings.name for a in assign(made, discover(), lambda name: name in at_hand)}

    assert names("clip-b32") == {"sound-events", "llava-endpoint", "zero-shot"}
    assert names("clip-b32", "yamnet") == {"sound-events", "llava-endpoint", "zero-shot"}
    made = config(listening, screams=CategoryConfig())
    assert names("clip-b32", "yamnet") == {"sound-events"}, "which hears them"


def test_a_second_one_of_a_type_has_a_name_of_its_own():
    named = DetectorConfig("nudenet", categories=["faces"])
    made = config(named, faces=CategoryConfig(), nudity=CategoryConfig())
    assert looking_for(made) == {"nudenet": {"faces"}, "nudenet 2": {"nudity"}}


def test_disabled_categories_are_given_to_nobody():
    made = config(nudity=CategoryConfig(enabled=False), faces=CategoryConfig())
    assert looking_for(made) == {"nudenet": {"faces"}}


def test_a_named_detector_keeps_its_name_and_its_sensitivity():
    made = config(
        DetectorConfig("nudenet", name="eyes", categories=["Faces"]),
        faces=CategoryConfig(sensitivity=0.9),
        nudity=CategoryConfig(),
    )
    assert looking_for(made) == {"eyes": {"faces"}, "nudenet": {"nudity"}}
    eyes, _ = assign(made, discover())
    assert eyes.settings.categories["faces"].sensitivity == 0.9


def test_what_no_named_detector_sees_goes_to_one_that_can():
    made = config(DetectorConfig("nudenet"), nudity=CategoryConfig(), profanity=CategoryConfig())
    assert looking_for(made) == {"nudenet": {"nudity"}, "speech-profanity": {"profanity"}}


def test_a_category_may_name_the_detector_that_looks_for_it():
    made = config(
        DetectorConfig("nudenet", name="a"),
        DetectorConfig("nudenet", name="b"),
        nudity=CategoryConfig(model="b"),
        faces=CategoryConfig(),
    )
    assert looking_for(made) == {"a": {"faces"}, "b": {"nudity", "faces"}}


def test_a_disabled_detector_looks_for_nothing():
    made = config(
        DetectorConfig("nudenet", name="off", enabled=False),
        DetectorConfig("nudenet", name="on"),
        faces=CategoryConfig(),
    )
    assert looking_for(made) == {"on": {"faces"}}
    made.detectors.pop()
    assert looking_for(made) == {}


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (config(DetectorConfig("nudnet"), faces=CategoryConfig()), "did you mean 'nudenet'"),
        (config(faces=CategoryConfig(model="nudnet")), "did you mean 'nudenet'"),
        (
            config(DetectorConfig("nudenet", categories=["profanity"]), profanity=CategoryConfig()),
            "cannot see 'profanity'",
        ),
        (
            config(DetectorConfig("nudenet", options={"sise": 3}), faces=CategoryConfig()),
            "did you mean 'size'",
        ),
    ],
)
def test_what_cannot_be_assigned_is_a_configuration_error(made, words):
    with pytest.raises(ConfigError, match=words):
        assign(made, discover())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("detections: {faces: {}}\ndetectors:\n  - type: nudenet\n  - type: nudenet\n", 4),
        (
            "detections: {faces: {}}\ndetectors:\n  - {type: nudenet, name: a}\n"
            "  - {type: nudenet, name: a}\n",
            4,
        ),
        (
            "detections: {faces: {}, profanity: {}}\ndetectors:\n"
            "  - {type: nudenet, name: speech-profanity}\n",
            2,
        ),
        ("detections: {faces: {}}\ndetectors:\n  - type: nudenet\n    siz: 3\n", 4),
        ("detections: {faces: {}}\ndetectors:\n  - type: nudnet\n", 3),
        ("detections:\n  faces:\n    model: llava-7b\n", 3),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, line):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        assign(load_config(path), discover())
    assert str(caught.value).startswith(f"{path}, line {line}: ")
