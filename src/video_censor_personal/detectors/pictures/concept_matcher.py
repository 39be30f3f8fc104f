"""How well a picture fits a concept: its best phrase against the best of all other phrases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from video_censor_personal.detectors.pictures.concept_book import Concept
from video_censor_personal.detectors.pictures.dual_encoder import DualEncoder, Vectors
from video_censor_personal.media.base import Frame

__all__ = ["ConceptMatcher", "Match"]

_LOGIT_SCALE = 100.0
"""What cosines are multiplied with before they are compared: the temperature at which CLIP's
training clips its own (https://arxiv.org/abs/2103.00020, section 2.5). The files of a model do not
say what it learned. SigLIP's is another number and has a bias, which cancels out between two
phrases; its own `scales` take up what is left."""


@dataclass(frozen=True, slots=True)
class Match:
    """What was compared in the view of a frame that fits a concept best.

    Attributes:
        score: 0–1, at 0.5 `phrase` and `other` fit equally well.
        phrase: the best of the concept's own.
        other: the best of those it must not be taken for.
    """

    concept: Concept
    score: float
    phrase: str
    other: str


@dataclass(frozen=True, slots=True)
class _Target:
    """A concept with a vector for each of its phrases, `(P, D)`, and of the others, `(O, D)`."""

    concept: Concept
    phrases: Vectors
    others: Vectors


class ConceptMatcher:
    """Concepts, read once, to hold frames against.

    The score is the probability of the concept's best phrase where only it and the best other
    phrase are to choose from, as CLIP's authors classify pictures (https://arxiv.org/abs/2103.00020,
    section 3.1.2):

        score = 1 / (1 + exp(-100 * (cosine(best phrase) - cosine(best other))))

    Only two are compared, so that the number of phrases does not move the score. A phrase is the
    mean of its sentences, one a template (section 3.1.4).

    Raises:
        DetectorError: the model cannot read.
    """

    def __init__(
        self, model: DualEncoder, templates: Sequence[str], concepts: Sequence[Concept]
    ) -> None:
        self._model = model
        phrases = {p: None for c in concepts for p in (*c.prompts, *c.others)}
        vectors = {phrase: _averaged(model, templates, phrase) for phrase in phrases}
        self._targets = [
            _Target(
                concept,
                np.stack([vectors[phrase] for phrase in concept.prompts]),
                np.stack([vectors[phrase] for phrase in concept.others]),
            )
            for concept in concepts
        ]

    def match(self, frames: Sequence[Frame], tiles: int = 1) -> list[list[Match]]:
        """How well each frame fits every concept, in the order of the concepts.

        Equal for a frame whatever comes with it. `tiles` as in `PictureInput.views`.

        Raises:
            DetectorError: the model cannot see them.
        """
        views = [self._model.pictures.views(frame, tiles) for frame in frames]
        if not views:
            return []
        vectors = self._model.see([view for some in views for view in some])
        ends = np.cumsum([len(some) for some in views])[:-1]
        return [
            [_match(target, seen) for target in self._targets] for seen in np.split(vectors, ends)
        ]


def _averaged(model: DualEncoder, templates: Sequence[str], phrase: str) -> Vectors:
    mean = np.mean([model.read(template.replace("{}", phrase)) for template in templates], axis=0)
    vector: Vectors = mean / np.linalg.norm(mean)
    return vector


def _match(target: _Target, seen: Vectors) -> Match:
    """`seen` is `(V, D)`, the views of one frame; the one that fits best counts."""
    own, other = seen @ target.phrases.T, seen @ target.others.T
    margins = own.max(axis=1) - other.max(axis=1)
    view = int(margins.argmax())
    return Match(
        target.concept,
        # The logistic function, in the form that no number is too large for.
        0.5 + 0.5 * math.tanh(_LOGIT_SCALE / 2 * float(margins[view])),
        target.concept.prompts[own[view].argmax()],
        target.concept.others[other[view].argmax()],
    )
