"""Screams, shots, explosions and other sounds, by a model that knows the classes of AudioSet.

The model says every half second how well the last second fits each of 521 kinds of sound;
`sounds/built-in.yaml` says which of them count for which category.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from video_censor_personal.categories import SEXUAL_THEMES, VIOLENCE
from video_censor_personal.detectors.base import DetectorSettings, ModelNeed
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.packages import missing_package
from video_censor_personal.errors import ConfigError
from video_censor_personal.findings import Detection, Modality
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue
from video_censor_personal.timeline import Span

if TYPE_CHECKING:
    from video_censor_personal.detectors.sounds.sound_book import SoundBook, SoundKind
    from video_censor_personal.detectors.sounds.sound_stretches import SoundStretch
    from video_censor_personal.detectors.sounds.sound_tagger import SoundTagger

__all__ = ["SoundEventDetector", "SoundEventOptions", "SoundEventPlugin", "plugin"]

_UNCALIBRATED = (
    "sounds were named by a general model whose thresholds were not measured on films: quiet ones, "
    "and those under music, can be missed, and other sounds be taken for them"
)


@dataclass(frozen=True, slots=True)
class SoundEventOptions:
    """What a `sound-events` entry under `detectors:` may say.

    Attributes:
        model: the name of a model of the catalogue or under `models.sources`, or a path.
        sounds: a YAML file that says which kinds of sound count for which category.
    """

    model: Annotated[str, Field(min_length=1)] = "yamnet"
    sounds: Annotated[str, Field(min_length=1)] | None = None


class SoundEventDetector:
    """Says of every half second which sounds are in it; see `SoundDetector`.

    What it reports are windows of a second, each with its own score; those that count and touch
    are joined when they are judged.
    """

    def __init__(self, name: str, tagger: SoundTagger, kinds: Mapping[str, SoundKind]) -> None:
        from video_censor_personal.detectors.sounds.sound_book import audio_set_classes

        self.name = name
        self.categories = frozenset(kinds)
        self.scales = {key: kind.scale for key, kind in kinds.items()}
        self._tagger = tagger
        self._names = audio_set_classes()
        self._rows = {
            key: [self._names.index(sound) for sound in kind.classes] for key, kind in kinds.items()
        }

    def begin(self, cues: Sequence[Cue]) -> None:
        from video_censor_personal.detectors.sounds.sound_stretches import SoundStretches

        self._stretches = SoundStretches()

    def hear(self, block: AudioBlock) -> Iterator[Detection]:
        for stretch in self._stretches.add(block):
            yield from self._detections(stretch)

    def finish(self) -> Iterator[Detection]:
        for stretch in self._stretches.rest():
            yield from self._detections(stretch)

    def _detections(self, stretch: SoundStretch) -> Iterator[Detection]:
        from video_censor_personal.detectors.sounds.sound_stretches import HOP, WINDOW

        for number, scores in enumerate(self._tagger.scores(stretch.samples)):
            start = stretch.time + Fraction(number * HOP, SAMPLE_RATE_HZ)
            end = min(start + Fraction(WINDOW, SAMPLE_RATE_HZ), stretch.end)
            for category, rows in self._rows.items():
                best = max(rows, key=lambda row: float(scores[row]))
                score = min(1.0, float(scores[best]))
                if score >= self.scales[category].lenient and start < end:
                    yield self._detection(category, self._names[best], Span(start, end), score)

    def _detection(self, category: str, sound: str, span: Span, score: float) -> Detection:
        return Detection(
            category=category,
            label=sound.split(",")[0].lower(),
            span=span,
            confidence=score,
            reasoning=f"sounds like “{sound}”",
            detector=self.name,
            modality="audio",
            evidence="sound",
            score=score,
        )


class SoundEventPlugin:
    """See `DetectorPlugin`."""

    type = "sound-events"
    options = SoundEventOptions
    immaterial = frozenset({"sounds"})
    modality: Modality = "audio"
    categories = frozenset(
        {
            VIOLENCE,
            SEXUAL_THEMES,
            "screams",
            "gunshots",
            "explosions",
            "crying",
            "sirens",
            "moans",
            "*",
        }
    )
    notes: Mapping[str, str] = {
        VIOLENCE: _UNCALIBRATED + "; silent violence makes no sound",
        "*": _UNCALIBRATED,
    }

    reads_descriptions = False

    def sees(self, category: str, settings: DetectorSettings) -> bool:
        """A custom concept is one that the file of sounds names, or a class of AudioSet."""
        return _book(settings).kind(category) is not None

    def check(self, settings: DetectorSettings) -> None:
        book = _book(settings)
        for category in settings.categories.values():
            if book.kind(category.key) is None:
                raise ConfigError(
                    f"detector {settings.name!r} knows no sound of {category.label!r}; say which "
                    "kinds of sound it is in a file of your own (option `sounds`)",
                    key="categories",
                )

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        return [ModelNeed(read_options(SoundEventOptions, settings).model)]

    def available(self) -> str | None:
        return missing_package("onnxruntime", install="onnxruntime")

    def revision(self, settings: DetectorSettings) -> str:
        """Which sounds and scales, as a checksum; the model manager tells of the model."""
        return f"sounds {_book(settings).digest}"

    def device_problem(self, settings: DetectorSettings) -> str:
        """Whether onnxruntime can compute where it shall; see `DetectorPlugin`."""
        from video_censor_personal.detectors.onnx_session import device_problem

        return device_problem(settings.device)

    def build(self, settings: DetectorSettings) -> SoundEventDetector:
        from video_censor_personal.detectors.sounds.sound_tagger import SoundTagger

        self.check(settings)
        path = settings.model_file(read_options(SoundEventOptions, settings).model)
        tagger = SoundTagger(
            path, threads=settings.threads, device=settings.device, detector=settings.name
        )
        book = _book(settings)
        kinds = {key: kind for key in settings.categories if (kind := book.kind(key))}
        return SoundEventDetector(settings.name, tagger, kinds)


def _book(settings: DetectorSettings) -> SoundBook:
    """The built-in sounds with the user's own over them."""
    from video_censor_personal.detectors.sounds.sound_book import built_in_sounds, read_sounds

    options = read_options(SoundEventOptions, settings)
    book = built_in_sounds()
    if options.sounds is None:
        return book
    return book.updated(read_sounds(settings.own_file("sounds", options.sounds), book.scale))


plugin = SoundEventPlugin()
