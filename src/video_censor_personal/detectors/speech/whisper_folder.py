"""A Whisper model as it lies on disk, in CTranslate2's format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.errors import DetectorError

__all__ = ["WhisperFolder"]

_FILES = ("model.bin", "config.json", "tokenizer.json")
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")


@dataclass(frozen=True, slots=True)
class WhisperFolder:
    """A model as it lies on disk; `name` is what messages call it."""

    name: str
    path: Path

    def check(self) -> None:
        """Raises `DetectorError` naming what is missing in the folder and how to get it."""
        missing = [name for name in _FILES if not (self.path / name).is_file()]
        if not any((self.path / name).is_file() for name in _VOCABULARIES):
            missing.append("vocabulary.json")
        if missing:
            raise DetectorError(
                f"the model {self.name!r} lacks {', '.join(missing)} in {self.path}; it must be a "
                "Whisper model in CTranslate2's format, such as whisper-small-en of the catalogue "
                f"(video-censor models verify {self.name}; video-censor models download)"
            )

    @property
    def is_multilingual(self) -> bool:
        """By what CTranslate2 itself goes by: English-only models have no empty token."""
        for name in _VOCABULARIES:
            file = self.path / name
            if file.is_file():
                text = file.read_text(encoding="utf-8")
                return "" in (json.loads(text) if file.suffix == ".json" else text.split("\n")[:-1])
        return False
