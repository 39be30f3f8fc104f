"""Which action a detection gets: the configuration's, its category's, or its segment's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from video_censor_personal import categories
from video_censor_personal.config import AudioRemediation, Remediation, VideoRemediation
from video_censor_personal.errors import ReportError
from video_censor_personal.findings import Detection, Segment

__all__ = ["Action", "PictureAction", "SoundAction", "choose"]

SoundAction = Literal["silence", "bleep"]
PictureAction = Literal["blur", "pixelate", "blank", "cut"]

_SOUND: dict[str, SoundAction | None] = {
    "silence": "silence",
    "mute": "silence",
    "bleep": "bleep",
    "none": None,
}
_PICTURE: dict[str, PictureAction | None] = {
    "blur": "blur",
    "pixelate": "pixelate",
    "blank": "blank",
    "cut": "cut",
    "none": None,
}
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to the sound and to the picture; None: nothing."""

    sound: SoundAction | None = None
    picture: PictureAction | None = None


def choose(detection: Detection, segment: Segment, remediation: Remediation) -> Action:
    """What to do about `detection` of `segment`.

    A cut takes the sound with it, so it comes alone.

    Raises:
        ReportError: the segment names an action that there is not.
    """
    picture = _picture(detection, segment, remediation.video)
    if picture == "cut":
        return Action(picture=picture)
    return Action(_sound(detection, segment, remediation.audio), picture)


def _sound(detection: Detection, segment: Segment, audio: AudioRemediation) -> SoundAction | None:
    if not audio.enabled and segment.audio_action is None:
        return None
    wanted = segment.audio_action or _by_category(audio.category_modes, detection.category)
    if wanted is None:
        if audio.categories:
            keys = {categories.key(name) for name in audio.categories}
            named = categories.key(detection.category) in keys
        else:
            named = detection.modality == "audio"
        wanted = audio.mode if named else "none"
    return _known(wanted, _SOUND, "audio", segment)


def _picture(
    detection: Detection, segment: Segment, video: VideoRemediation
) -> PictureAction | None:
    if not video.enabled and segment.video_action is None:
        return None
    wanted = segment.video_action or _by_category(video.category_modes, detection.category)
    if wanted is None:
        wanted = video.mode if detection.modality == "video" else "none"
    return _known(wanted, _PICTURE, "video", segment)


def _by_category(modes: Mapping[str, str], category: str) -> str | None:
    key = categories.key(category)
    return next((mode for name, mode in modes.items() if categories.key(name) == key), None)


def _known(action: str, actions: Mapping[str, _Kind], what: str, segment: Segment) -> _Kind:
    if action not in actions:
        raise ReportError(
            f"the segment at {segment.span} asks for the {what} action {action!r}; "
            f"write one of {', '.join(actions)}"
        )
    return actions[action]
