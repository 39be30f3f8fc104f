"""Category names match without regard to case, spaces, hyphens and underscores."""

import pytest

from video_censor_personal import categories


@pytest.mark.parametrize(
    "name", ["Sexual Themes", "sexual-themes", "SEXUAL_THEMES", "Sexual Theme", " sexualthemes "]
)
def test_every_spelling_is_one_category(name):
    assert categories.key(name) == categories.SEXUAL_THEMES
    assert categories.label(name) == "Sexual Theme"


def test_a_custom_concept_keeps_the_name_its_user_wrote():
    assert categories.label(" Garden Gnomes ") == "Garden Gnomes"
    assert categories.key("Garden Gnomes") == categories.key("garden-gnomes")


@pytest.mark.parametrize("name", ["", "  ", "-_-", "!?"])
def test_a_name_without_a_letter_is_refused(name):
    with pytest.raises(ValueError, match="letter or a digit"):
        categories.key(name)
