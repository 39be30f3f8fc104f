"""Second looks by a LLaVA model in this process, through transformers and torch.

It is not let talk: the next word is compared, yes or no (`yes_no_model`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from video_censor_personal.categories import NUDITY, SEXUAL_THEMES, VIOLENCE
from video_censor_personal.detectors.base import DetectorSettings, ModelNeed
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.packages import missing_package
from video_censor_personal.detectors.questions.wording import described, digest_of, read_prompt
from video_censor_personal.detectors.second_look import (
    Answer,
    Asker,
    Question,
    SecondLookOptions,
)
from video_censor_personal.findings import Modality

if TYPE_CHECKING:
    from video_censor_personal.detectors.questions.yes_no_model import YesNoModel

__all__ = ["Llava", "LlavaOptions", "LlavaPlugin", "plugin"]

_PLACEHOLDER = "{concept}"
_NEITHER = "no usable answer: the model would say neither yes nor no"


@dataclass(frozen=True, slots=True)
class LlavaOptions(SecondLookOptions):
    """What a `llava` entry under `detectors:` may say, besides `SecondLookOptions`.

    Attributes:
        model: the name of a model of the catalogue or under `models.sources`, or a path.
        batch: how many frames are looked at together.
    """

    model: Annotated[str, Field(min_length=1)] = "llava-7b"
    batch: Annotated[int, Field(ge=1, le=256)] = 4


class Llava(Asker):
    """Asks the model one question a category about each frame; see `SecondLook`."""

    def __init__(
        self, settings: DetectorSettings, options: LlavaOptions, model: YesNoModel, prompt: str
    ) -> None:
        super().__init__(settings)
        self.options = options
        self.batch = options.batch
        self._model = model
        self._questions = {
            key: prompt.replace(_PLACEHOLDER, described(category))
            for key, category in settings.categories.items()
        }

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        scores: list[dict[str, float]] = [{} for _ in questions]
        asked: dict[str, list[int]] = defaultdict(list)
        for number, question in enumerate(questions):
            for category in question.categories:
                asked[category].append(number)
        for category, numbers in asked.items():
            for at in range(0, len(numbers), self.batch):
                part = numbers[at : at + self.batch]
                frames = [questions[number].frame for number in part]
                said = self._model.likelihoods(frames, self._questions[category])
                for number, score in zip(part, said, strict=True):
                    if score is not None:
                        scores[number][category] = score
        return [
            Answer(found) if set(found) == question.categories else Answer(failure=_NEITHER)
            for found, question in zip(scores, questions, strict=True)
        ]

    def release(self) -> None:
        """There is nothing to let go of but the model, which may be asked again."""


class LlavaPlugin:
    """See `DetectorPlugin`."""

    type = "llava"
    options = LlavaOptions
    immaterial = frozenset({"batch", "prompt"})
    modality: Modality = "video"
    categories = frozenset({NUDITY, SEXUAL_THEMES, VIOLENCE, "*"})
    notes: Mapping[str, str] = {
        "*": "single frames were shown to a general model, whose answers were not measured on films"
    }
    looks_again = True

    def check(self, settings: DetectorSettings) -> None:
        _prompt(settings)

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        return [ModelNeed(read_options(LlavaOptions, settings).model)]

    def available(self) -> str | None:
        install = "'video-censor-personal[llava]'"
        return missing_package("torch", "transformers", "PIL", install=install)

    def device_problem(self, settings: DetectorSettings) -> str:
        """Whether torch can compute where it shall; see `DetectorPlugin`."""
        if settings.device in ("auto", "cpu", "directml"):
            return ""
        from video_censor_personal.detectors.questions.torch_devices import torch_device

        if torch_device(settings.device) is not None:
            return ""
        return f"torch cannot compute on {settings.device!r} here; use the device auto"

    def warnings(self, settings: DetectorSettings) -> list[str]:
        """Where it computes instead."""
        if settings.device != "directml":
            return []
        return [f"{settings.name} runs on the CPU: torch cannot use directml"]

    def revision(self, settings: DetectorSettings) -> str:
        """Which prompt; the model manager tells of the model."""
        return f"prompt {digest_of(_prompt(settings))}"

    def build(self, settings: DetectorSettings) -> Llava:
        options = read_options(LlavaOptions, settings)
        folder = settings.model_folder(options.model)
        from video_censor_personal.detectors.questions.yes_no_model import YesNoModel

        model = YesNoModel(
            folder, threads=settings.threads, device=settings.device, detector=settings.name
        )
        return Llava(settings, options, model, _prompt(settings))


def _prompt(settings: DetectorSettings) -> str:
    own = read_options(LlavaOptions, settings).prompt
    return read_prompt(settings, own, "yes-or-no.txt", _PLACEHOLDER)


plugin = LlavaPlugin()
