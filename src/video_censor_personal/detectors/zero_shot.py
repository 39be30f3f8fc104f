"""Violence, sexual themes and whatever else people name, by comparing pictures with phrases.

No model was trained for these categories: a CLIP or SigLIP model says how well a frame fits each of
a list of phrases, and a concept is there as far as one of its own phrases fits better than all that
it must not be taken for (`concept_matcher` has the formula, `concepts/` the phrases).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from video_censor_personal.categories import SEXUAL_THEMES, VIOLENCE
from video_censor_personal.detectors.base import DetectorSettings, ModelNeed, Scale
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.packages import missing_package
from video_censor_personal.detectors.pictures.concept_book import (
    ConceptBook,
    built_in_book,
    read_book,
)
from video_censor_personal.findings import Modality, Sighting
from video_censor_personal.media.base import Frame

if TYPE_CHECKING:
    from video_censor_personal.detectors.pictures.concept_matcher import ConceptMatcher, Match

__all__ = ["ZeroShotDetector", "ZeroShotOptions", "ZeroShotPlugin", "plugin"]

_UNCALIBRATED = (
    "frames were compared with phrases by a general model, whose thresholds are the usual ones and "
    "were not measured on films: {} can be missed, and other things be taken for it"
)


@dataclass(frozen=True, slots=True)
class ZeroShotOptions:
    """What a `zero-shot` entry under `detectors:` may say.

    Attributes:
        model: the name of a model of the catalogue or under `models.sources`, or a path.
        concepts: a YAML file of phrases and scales, which replaces or adds to the built-in ones.
        tiles: 2 also looks at parts of a picture twice as large, for small things; 3 also at parts
            of one three times as large, and so on. Costs four, nine, ... times as much on top.
    """

    model: Annotated[str, Field(min_length=1)] = "clip-b32"
    concepts: Annotated[str, Field(min_length=1)] | None = None
    tiles: Annotated[int, Field(ge=1, le=4)] = 1


class ZeroShotDetector:
    """Says of whole frames which concepts they show; see `FrameDetector`."""

    costly = True

    def __init__(
        self, name: str, scales: Mapping[str, Scale], matcher: ConceptMatcher, tiles: int = 1
    ) -> None:
        self.name = name
        self.categories = frozenset(scales)
        self.scales = scales
        self._matcher, self._tiles = matcher, tiles

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        return [
            [_sighting(match) for match in matches if match.score >= match.concept.scale.lenient]
            for matches in self._matcher.match(frames, self._tiles)
        ]


def _sighting(match: Match) -> Sighting:
    return Sighting(
        match.concept.key,
        match.concept.label,
        match.score,
        reasoning=f"looks more like “{match.phrase}” than like “{match.other}”",
    )


class ZeroShotPlugin:
    """See `DetectorPlugin`."""

    type = "zero-shot"
    options = ZeroShotOptions
    immaterial = frozenset({"concepts"})
    modality: Modality = "video"
    categories = frozenset(
        {VIOLENCE, SEXUAL_THEMES, "gore", "weapons", "drugs", "alcohol", "smoking", "*"}
    )
    notes: Mapping[str, str] = {
        VIOLENCE: _UNCALIBRATED.format("violence") + "; what is only heard is not looked for",
        SEXUAL_THEMES: _UNCALIBRATED.format("sexual content"),
        "*": _UNCALIBRATED.format("it"),
    }

    def check(self, settings: DetectorSettings) -> None:
        _book(settings)

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        return [ModelNeed(read_options(ZeroShotOptions, settings).model)]

    def available(self) -> str | None:
        return missing_package("onnxruntime", "tokenizers", install="'video-censor-personal[clip]'")

    def revision(self, settings: DetectorSettings) -> str:
        """Which phrases and scales, as a checksum; the model manager tells of the model."""
        return f"concepts {_book(settings).digest}"

    def device_problem(self, settings: DetectorSettings) -> str:
        """Whether onnxruntime can compute where it shall; see `DetectorPlugin`."""
        from video_censor_personal.detectors.onnx_session import device_problem

        return device_problem(settings.device)

    def build(self, settings: DetectorSettings) -> ZeroShotDetector:
        from video_censor_personal.detectors.pictures.concept_matcher import ConceptMatcher
        from video_censor_personal.detectors.pictures.dual_encoder import DualEncoder

        book, options = _book(settings), read_options(ZeroShotOptions, settings)
        model = DualEncoder(
            settings.model_folder(options.model),
            threads=settings.threads,
            device=settings.device,
            detector=settings.name,
        )
        concepts = [book.concept(c, model.family) for c in settings.categories.values()]
        return ZeroShotDetector(
            settings.name,
            {concept.key: concept.scale for concept in concepts},
            ConceptMatcher(model, book.templates, concepts),
            options.tiles,
        )


def _book(settings: DetectorSettings) -> ConceptBook:
    """The built-in concepts with the user's own over them."""
    options = read_options(ZeroShotOptions, settings)
    if options.concepts is None:
        return built_in_book()
    return built_in_book().updated(read_book(settings.own_file("concepts", options.concepts)))


plugin = ZeroShotPlugin()
