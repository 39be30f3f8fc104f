"""The interface between an analysis and whatever looks at pictures or listens to sound.

A detector is found through the entry-point group `video_censor_personal.detectors`; the ones that
come with this package use the same door as anyone else's. Each entry point names a
`DetectorPlugin`: cheap to import, it says what its detector can see and which models it needs, and
builds it when they are there.

    [project.entry-points."video_censor_personal.detectors"]
    nudenet = "video_censor_personal.detectors.nudenet:plugin"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Detection, Gap, Modality, Sighting
from video_censor_personal.media.base import AudioBlock, Cue, Frame

if TYPE_CHECKING:
    from video_censor_personal.detectors.second_look import SecondLook

__all__ = [
    "CategorySettings",
    "DetectorPlugin",
    "DetectorSettings",
    "FrameDetector",
    "ModelNeed",
    "STRENGTHS",
    "Scale",
    "SoundDetector",
    "scales_of",
]

ENTRY_POINT_GROUP = "video_censor_personal.detectors"


@dataclass(frozen=True, slots=True)
class Scale:
    """What a detector's raw scores for one category mean, so that one `sensitivity` means the same
    for all detectors.

    A score of `default` is just enough at a sensitivity of 0.5, `strict` at 0 (only what is
    certain), `lenient` at 1 (see more, with more false alarms); straight lines between them.
    `strict >= default >= lenient`. What scores less than `lenient` is no evidence at all.
    """

    strict: float
    default: float
    lenient: float

    def threshold(self, sensitivity: float) -> float:
        """The raw score from which something counts at a `sensitivity` of 0–1."""
        if sensitivity >= 0.5:
            return self.default + (self.lenient - self.default) * (sensitivity - 0.5) * 2
        return self.strict + (self.default - self.strict) * sensitivity * 2

    def strength(self, score: float) -> float:
        """A raw score as 0–1: what has the strength `x` counts from a sensitivity of `1 - x` on."""
        if score >= self.strict:
            return 1.0
        if score >= self.default:
            return 0.5 + 0.5 * (score - self.default) / (self.strict - self.default)
        if score > self.lenient:
            return 0.5 * (score - self.lenient) / (self.default - self.lenient)
        return 0.0


STRENGTHS = Scale(strict=1.0, default=0.5, lenient=0.0)
"""Of a detector whose scores are strengths already, or that does not say what they mean."""


def scales_of(detector: FrameDetector | SoundDetector) -> dict[str, Scale]:
    """What the raw scores of `detector` mean, for each of its categories.

    They are its attribute `scales`, a `Mapping[str, Scale]`; what that lacks has `STRENGTHS`.
    """
    said: Mapping[str, Scale] = getattr(detector, "scales", {})
    return {category: said.get(category, STRENGTHS) for category in sorted(detector.categories)}


@dataclass(frozen=True, slots=True)
class CategorySettings:
    """What a person asked of one category.

    `sensitivity` is 0–1. It is not the detector's to apply: whatever has a score of `Scale.lenient`
    or more is reported, and the analysis decides what counts. `description` says in a sentence what
    a custom concept looks like (empty: its label must do).
    """

    key: str
    label: str
    sensitivity: float = 0.5
    description: str = ""


@dataclass(frozen=True, slots=True)
class ModelNeed:
    """A model a detector cannot work without (or, if `optional`, works worse without)."""

    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """Everything a plug-in gets to build its detector from.

    Attributes:
        name: how reports call this detector.
        categories: the ones it shall look for, by key.
        options: the further keys of its entry under `detectors:`, as written.
        model_paths: verified files of the models it named in `needs`, or what lies at the path
            that a person named instead.
        threads: how many threads it may use.
        base_dir: the folder that relative paths in `options` are relative to.
        device: what to compute on: `auto`, `cpu`, `cuda`, `coreml` or `directml`.
        optional: where something that it needs is missing, the analysis goes on without it.
    """

    name: str
    categories: Mapping[str, CategorySettings]
    options: Mapping[str, Any] = field(default_factory=dict)
    model_paths: Mapping[str, Path] = field(default_factory=dict)
    threads: int = 1
    base_dir: Path = Path()
    device: str = "auto"
    optional: bool = False

    def model_file(self, model: str) -> Path:
        """The verified file of a model.

        Raises:
            DetectorError: there is none.
        """
        path = self.model_paths.get(model)
        if path is None:
            raise DetectorError(
                f"detector {self.name!r} has no file of the model {model!r}; download the models",
                detector=self.name,
            )
        return path

    def model_folder(self, model: str) -> Path:
        """The folder of a model that is a repository and not one file of it.

        Raises:
            DetectorError: there is none.
        """
        folder = self.model_paths.get(model)
        if folder is None:
            raise DetectorError(
                f"detector {self.name!r} has no folder of the model {model!r}; download the models",
                detector=self.name,
            )
        if not folder.is_dir():
            raise DetectorError(
                f"detector {self.name!r} has no folder of the model {model!r}, as {folder} is "
                "none; download the models again, or correct the path (it is a repository, not "
                "one file of it)",
                detector=self.name,
            )
        return folder

    def own_file(self, option: str, written: str) -> Path:
        """The file that an option names, relative to `base_dir`.

        Raises:
            ConfigError: there is no such file.
        """
        path = self.base_dir / Path(written).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"detector {self.name!r}, option {option!r}: there is no file {str(path)!r}",
                key=option,
            )
        return path


@runtime_checkable
class FrameDetector(Protocol):
    """Looks at pictures. Thread-confined: one thread at a time calls it.

    `categories` are the keys of those that it was built for, all and no other. A sighting of
    another, or whose score is no finite number, is a failure: that time is reported as unknown.
    """

    name: str
    categories: frozenset[str]
    # `scales: Mapping[str, Scale]`: what its raw scores mean, by category; see `scales_of`.
    # `costly: bool`: a look takes so long that one at a picture that is like the last is spared.

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        """What is in each of `frames`, one list a frame, in order: all that scores at least the
        `lenient` of its scale, with its raw score, whatever the sensitivity.

        The result for a frame does not depend on which other frames come with it.
        """
        ...


@runtime_checkable
class SoundDetector(Protocol):
    """Listens to one track, block by block, in order of time; used for one file only.

    As a `FrameDetector` it answers for its `categories` alone, with finite numbers, whatever the
    sensitivity: a detection's `score` is raw, and its `confidence` is nobody's concern before the
    analysis has judged it.
    """

    name: str
    categories: frozenset[str]
    # `scales: Mapping[str, Scale]`, as of a `FrameDetector`.

    # `abandon()`: give up at once and for good, called from another thread when the analysis stops;
    # for what may think about one block for seconds.

    def begin(self, cues: Sequence[Cue]) -> None:
        """Called once, before the first block, with the subtitles in order of time."""
        ...

    def hear(self, block: AudioBlock) -> Iterable[Detection | Gap]:
        """What is certain after this block; keeps no more sound than it needs."""
        ...

    def finish(self) -> Iterable[Detection | Gap]:
        """What was still open when the sound ended. Also called where there was no sound at all."""
        ...


class DetectorPlugin(Protocol):
    """What an entry point names. Reading its attributes loads no model and no heavy library."""

    type: str
    modality: Modality
    categories: frozenset[str]
    """The categories it can look for; `*` stands for any custom concept."""
    notes: Mapping[str, str]
    """Per category, what a person must know of its limits; shown in the report's coverage. `*`
    stands for every category that is not named."""

    def check(self, settings: DetectorSettings) -> None:
        """Raises `ConfigError` if `settings.options` cannot be used."""
        ...

    # One that takes custom concepts (`*`) but not any may also have
    # `sees(category, settings) -> bool`, asked of each that `categories` does not name.

    # A plug-in whose options are a dataclass (`options.read_options`) names it as `options: type`:
    # what is written is the same as what is left out then, if it is the default. `immaterial:
    # frozenset[str]` names those that change nothing about what it finds, such as how many requests
    # it makes at once, or a file of which `revision` tells what is in it.

    # One that takes custom concepts and does not look at their descriptions has
    # `reads_descriptions = False`: kept scores mean the same then, whatever these say.

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        """The models it takes; what is a path in there (`own_models`) is none of the model
        manager's."""
        ...

    # A plug-in may also have `revision(settings) -> str`: which model (and which word lists or
    # prompts) it works with, such as `320n.onnx c15d8273`. Models of the model manager need not be
    # in it. Scores that were kept are not used again once it says something else. Several things
    # are parted by `, `, each a name and, after a space, its revision.

    # A plug-in that listens may also have `languages(settings) -> frozenset[str]`: the languages
    # (ISO 639) it understands. Sound tracks in any other are reported as not listened to. Without
    # it, or where it gives none, language does not matter.

    # A plug-in that does better what another one does may also have `instead_of: str`, that one's
    # type: where the choice is left to the program only this one looks. Where its models are
    # missing and optional, the other takes its place with what `stand_in_options(settings) -> dict`
    # gives as options.

    def available(self) -> str | None:
        """None if the libraries and built-in weights are there, else what is missing and how to
        install it."""
        ...

    # A plug-in whose models can run elsewhere than on the CPU has
    # `device_problem(settings) -> str`: why they cannot on the device that was named, and what to
    # do; empty: they can. It is asked before anything is built.

    # A plug-in that builds a `SecondLook` has `looks_again = True`: it is used only where the
    # configuration names it, and when it looks the others are done, so it may use all cores.

    # A plug-in of whose use people must be warned has `warnings(settings) -> list[str]`, sentences.

    def build(self, settings: DetectorSettings) -> FrameDetector | SoundDetector | SecondLook:
        """The detector, ready to be used. One that is too dear to see every frame of a film is a
        `SecondLook`.

        Raises:
            DetectorError: it cannot be built.
        """
        ...
