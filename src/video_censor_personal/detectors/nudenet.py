"""Nudity, provocative dress and faces, with the weights that the `nudenet` wheel carries.

The wheel's own class is not used: it hands the model blue and red swapped, which costs 0.15 of a
face's score, and imports OpenCV. Only its `320n.onnx` is read, and neither `nudenet` nor `cv2` is
imported. The weights are AGPL-3.0, whatever the wheel's metadata says.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from video_censor_personal.categories import FACES, NUDITY, SEXUAL_THEMES
from video_censor_personal.detectors.base import (
    DetectorSettings,
    ModelNeed,
    Scale,
)
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.packages import missing_package
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Modality, Sighting
from video_censor_personal.media.base import Frame

if TYPE_CHECKING:
    from video_censor_personal.detectors.pictures.yolo import Hit, Yolo

__all__ = ["CLASSES", "NudeNetOptions", "NudeNetPlugin", "plugin"]

_WEIGHTS = "320n.onnx"


@dataclass(frozen=True, slots=True)
class BodyClass:
    """What one class of the model is, for people, and the categories it counts for."""

    description: str
    categories: tuple[str, ...]


CLASSES: Mapping[str, BodyClass] = {
    # Nudity. NudeNet calls a part exposed when it is bare.
    "FEMALE_BREAST_EXPOSED": BodyClass("a bare female breast", (NUDITY, "breasts")),
    "FEMALE_GENITALIA_EXPOSED": BodyClass("bare female genitals", (NUDITY, "genitals")),
    "MALE_GENITALIA_EXPOSED": BodyClass("bare male genitals", (NUDITY, "genitals")),
    "BUTTOCKS_EXPOSED": BodyClass("bare buttocks", (NUDITY, "buttocks")),
    "ANUS_EXPOSED": BodyClass("a bare anus", (NUDITY, "buttocks")),
    # Sexual themes. NudeNet's own words for a covered part: "provocative, but covered".
    "FEMALE_BREAST_COVERED": BodyClass(
        "a covered female breast, shown provocatively", (SEXUAL_THEMES, "breasts")
    ),
    "FEMALE_GENITALIA_COVERED": BodyClass(
        "covered female genitals, shown provocatively", (SEXUAL_THEMES, "genitals")
    ),
    "BUTTOCKS_COVERED": BodyClass(
        "covered buttocks, shown provocatively", (SEXUAL_THEMES, "buttocks")
    ),
    "ANUS_COVERED": BodyClass("a covered anus", (SEXUAL_THEMES, "buttocks")),
    # Neither by itself: only where somebody names them.
    "FACE_FEMALE": BodyClass("a woman's face", (FACES, "femalefaces")),
    "FACE_MALE": BodyClass("a man's face", (FACES, "malefaces")),
    "MALE_BREAST_EXPOSED": BodyClass("a bare male chest", ("barechest",)),
    "BELLY_EXPOSED": BodyClass("a bare belly", ("belly", "barebelly")),
    "BELLY_COVERED": BodyClass("a covered belly", ("belly",)),
    "FEET_EXPOSED": BodyClass("bare feet", ("feet", "barefeet")),
    "FEET_COVERED": BodyClass("covered feet", ("feet",)),
    "ARMPITS_EXPOSED": BodyClass("bare armpits", ("armpits", "barearmpits")),
    "ARMPITS_COVERED": BodyClass("covered armpits", ("armpits",)),
}
"""The 18 classes of the model and what they count for, by category key (`categories.key`)."""


_SCORES = {
    # Of 10,000 nude pictures the model finds 61 % from a score of 0.2 on and 38 % from 0.5 on
    # (https://github.com/notAI-tech/NudeNet/issues/159); to the portrait of a fully dressed person
    # it gives 0.2–0.3 for a bare breast (measured). So the default lies just above that.
    NUDITY: Scale(strict=0.6, default=0.35, lenient=0.15),
}
_OTHER_SCORES = Scale(strict=0.7, default=0.4, lenient=0.2)


@dataclass(frozen=True, slots=True)
class NudeNetOptions:
    """What a `nudenet` entry under `detectors:` may say.

    Attributes:
        model: the name of an entry under `models.sources` to use instead of the built-in weights,
            such as NudeNet's `640m.onnx`: slower, and sees smaller things.
        size: the longer side of what the model sees, in pixels, a multiple of 32; without it, what
            the model was made for (320 for the built-in one).
    """

    model: Annotated[str, Field(min_length=1)] | None = None
    size: Annotated[int, Field(ge=96, le=1920, multiple_of=32)] | None = None


class NudeNetDetector:
    """Looks for body parts and faces; see `FrameDetector`. The model's groups are categories."""

    def __init__(self, name: str, scales: Mapping[str, Scale], model: Yolo) -> None:
        self.name = name
        self.categories = frozenset(scales)
        self.scales = scales
        self._model = model

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        return [[_sighting(hit) for hit in hits] for hits in self._model.look(frames)]


def _sighting(hit: Hit) -> Sighting:
    return Sighting(hit.group, hit.name, hit.score, hit.box, CLASSES[hit.name].description)


class NudeNetPlugin:
    """See `DetectorPlugin`."""

    type = "nudenet"
    options = NudeNetOptions
    modality: Modality = "video"
    categories = frozenset(
        category for body_class in CLASSES.values() for category in body_class.categories
    )
    notes: Mapping[str, str] = {
        NUDITY: (
            "bare breasts, genitals and buttocks are looked for; small, dark or partly hidden ones "
            "can be missed (a higher sensitivity, or the option `size: 640`, finds more)"
        ),
        SEXUAL_THEMES: (
            "only provocatively dressed bodies are looked for, not acts, gestures or words"
        ),
        FACES: (
            "faces smaller than about a fifth of the picture's height can be missed (the option "
            "`size: 640` finds smaller ones)"
        ),
    }

    def check(self, settings: DetectorSettings) -> None:
        read_options(NudeNetOptions, settings)
        for category in settings.categories.values():
            if category.key not in self.categories:
                raise ConfigError(
                    f"detector {settings.name!r} cannot look for {category.label!r}; "
                    f"it can look for: {', '.join(sorted(self.categories))}",
                    key="categories",
                )

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        options = read_options(NudeNetOptions, settings)
        return [ModelNeed(options.model)] if options.model else []

    def available(self) -> str | None:
        if problem := missing_package("onnxruntime", install="onnxruntime"):
            return problem
        if _built_in_weights() is None:
            return f"the nudenet package with its {_WEIGHTS} is missing; run: pip install nudenet"
        return None

    def device_problem(self, settings: DetectorSettings) -> str:
        """Whether onnxruntime can compute where it shall; see `DetectorPlugin`."""
        from video_censor_personal.detectors.onnx_session import device_problem

        return device_problem(settings.device)

    def build(self, settings: DetectorSettings) -> NudeNetDetector:
        from video_censor_personal.detectors.pictures.yolo import Group, Yolo

        self.check(settings)
        options = read_options(NudeNetOptions, settings)
        scales = {key: _SCORES.get(key, _OTHER_SCORES) for key in settings.categories}
        model = Yolo(
            _weights(options, settings),
            {key: Group(_classes_of(key), scale.lenient) for key, scale in scales.items()},
            side=options.size,
            threads=settings.threads,
            device=settings.device,
            detector=settings.name,
        )
        return NudeNetDetector(settings.name, scales, model)

    def revision(self, settings: DetectorSettings) -> str:
        """The built-in weights and their SHA-256, shortened; the model manager tells of others."""
        path = _built_in_weights()
        if read_options(NudeNetOptions, settings).model or path is None:
            return ""
        return f"{path.name} {_digest(path)[:8]}"


def _classes_of(category: str) -> frozenset[str]:
    return frozenset(name for name, seen in CLASSES.items() if category in seen.categories)


@cache
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _weights(options: NudeNetOptions, settings: DetectorSettings) -> Path:
    if options.model:
        return settings.model_file(options.model)
    path = _built_in_weights()
    if path is None:
        raise DetectorError(
            f"detector {settings.name!r} has no file {_WEIGHTS}; reinstall nudenet",
            detector=settings.name,
        )
    return path


def _built_in_weights() -> Path | None:
    spec = importlib.util.find_spec("nudenet")
    folders = spec.submodule_search_locations if spec else None
    paths = (Path(folder) / _WEIGHTS for folder in folders or ())
    return next((path for path in paths if path.is_file()), None)


plugin = NudeNetPlugin()
