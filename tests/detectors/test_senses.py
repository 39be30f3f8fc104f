"""By which senses a category has to be searched before a film counts as free of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from video_censor_personal.config import CategoryConfig, Config, DetectorConfig
from video_censor_personal.detectors.registry import Discovery, discover
from video_censor_personal.detectors.senses import needed_senses
from video_censor_personal.detectors.sound_events import SoundEventPlugin

EYES, EARS = {"video"}, {"audio"}


def needed(
    key: str,
    *detectors: DetectorConfig,
    installed: Discovery | None = None,
    **category: str,
) -> set[str]:
    config = Config()
    config.detections, config.detectors = {key: CategoryConfig(**category)}, list(detectors)
    return set(needed_senses(config, installed or discover())[key])


@pytest.mark.parametrize(
    "key", ["nudity", "sexual_themes", "violence", "faces", "gore", "weapons", "feet", "snake"]
)
def test_what_can_be_seen_has_to_be_looked_for(key: str) -> None:
    assert needed(key) == EYES


@pytest.mark.parametrize("key", ["profanity", "screams", "moans", "gunshots", "explosions"])
def test_what_is_a_sound_has_to_be_listened_for(key: str) -> None:
    assert needed(key) == EARS


def test_a_description_says_what_a_sound_looks_like() -> None:
    assert needed("gunshots", description="a muzzle flash") == EYES | EARS


def test_a_person_who_names_the_detector_for_a_category_names_the_sense() -> None:
    assert needed("violence", model="sound-events") == EARS
    ears = DetectorConfig("sound-events", name="my ears")
    assert needed("violence", ears, model="my ears") == EARS


def test_what_a_named_detector_is_asked_for_has_to_be_searched_as_well() -> None:
    assert needed("violence", DetectorConfig("sound-events", optional=True)) == EYES | EARS
    assert needed("screams", DetectorConfig("zero-shot")) == EYES | EARS
    other = DetectorConfig("sound-events", categories=["screams"])
    assert needed("violence", other) == EYES
    assert needed("violence", replace(other, categories=[], enabled=False)) == EYES


def test_a_concept_that_only_ears_of_a_plug_in_know_by_name_is_a_sound() -> None:
    coughs = SoundEventPlugin()
    coughs.type, coughs.categories = "coughs", frozenset({"coughs"})
    known = discover()
    more = replace(known, plugins={**known.plugins, "coughs": coughs})
    assert needed("coughs", installed=more) == EARS
    assert needed("coughs", installed=more, description="a hand before a mouth") == EYES
