"""What a model that understands language is asked about a frame: prompts and concepts in words."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from video_censor_personal.categories import NUDITY
from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
from video_censor_personal.detectors.pictures.concept_book import built_in_book
from video_censor_personal.errors import ConfigError

__all__ = ["described", "digest_of", "read_prompt"]

_MOST_CHARACTERS = 20_000
_NOT_IN_THE_BOOK = {NUDITY: "bare breasts, bare genitals or bare buttocks of a person"}


def described(category: CategorySettings) -> str:
    """A category in words: as the person described it, else by examples, else its label."""
    if category.description:
        return category.description.strip().rstrip(".")
    if category.key in _NOT_IN_THE_BOOK:
        return _NOT_IN_THE_BOOK[category.key]
    examples = built_in_book().concept(category, "clip").prompts
    if examples == (category.label,):
        return category.label
    return f"{category.label.lower()} ({', '.join(examples)})"


def read_prompt(
    settings: DetectorSettings, own: str | None, built_in: str, placeholder: str
) -> str:
    """The text of the person's `own` file, or of the `built_in` one, which holds `placeholder`.

    Raises:
        ConfigError: it cannot be read, is no prompt, or lacks the placeholder.
    """
    if own is None:
        return (resources.files(__package__) / "prompts" / built_in).read_text("utf-8").strip()
    path = settings.base_dir / Path(own).expanduser()
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"detector {settings.name!r}: cannot read the prompt {str(path)!r}: {reason}",
            key="prompt",
        ) from error
    if placeholder not in text or len(text) > _MOST_CHARACTERS:
        raise ConfigError(
            f"detector {settings.name!r}: the prompt {str(path)!r} must hold {placeholder} where "
            f"what is looked for goes, and at most {_MOST_CHARACTERS} characters",
            key="prompt",
        )
    return text


def digest_of(prompt: str) -> str:
    """Eight hexadecimal digits that change with the prompt."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:8]
