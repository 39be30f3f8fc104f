"""The configuration as values. Every field is a key a person may write.

`docs/configuration.md` explains them. What a detector understands beyond `type`, `name`,
`enabled` and `categories` is the detector's own (`options`).
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from video_censor_personal.errors import ConfigError

__all__ = [
    "AudioRemediation",
    "CategoryConfig",
    "Config",
    "DetectorConfig",
    "FrameSampling",
    "ModelSource",
    "ModelsConfig",
    "Output",
    "Processing",
    "Remediation",
    "SegmentMerge",
    "SkipChapters",
    "VideoRemediation",
]


def _colour(text: str) -> str:
    if not re.fullmatch("#[0-9A-Fa-f]{6}", text):
        raise ValueError('must be a colour such as "#000000" (red, green, blue in hexadecimal)')
    return text


def _chapter_title(text: str) -> str:
    # Nothing but the two names: `{labels.__class__}` would show insides of the program, and
    # `{labels:>999999999}` would fill the memory.
    plain = (("labels", "", None), ("confidence", "", None), (None, None, None))
    try:
        if all(tuple(field) in plain for _, *field in string.Formatter().parse(text)):
            return text
    except ValueError:
        pass
    raise ValueError("may hold {labels} and {confidence} and no other braces")


Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=60)]
AudioMode = Literal["silence", "mute", "bleep", "none"]
VideoMode = Literal["blur", "pixelate", "blank", "cut", "none"]
VideoPreset = Literal[
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
]
Algorithm = Literal["md5", "sha1", "sha256", "sha512", "blake2b", "blake3"]


@dataclass
class CategoryConfig:
    """One entry under `detections`; `model` is `auto` or the name or type of a detector.

    `description` says in a sentence what a custom concept looks like.
    """

    enabled: bool = True
    sensitivity: Share = 0.5
    model: str = "auto"
    description: str = ""


@dataclass
class DetectorConfig:
    """One entry under `detectors`; `categories` empty: all that it can see and that are enabled.

    `optional`: where something that it needs is missing the analysis goes on without it.
    """

    type: str
    name: str = ""
    enabled: bool = True
    optional: bool = False
    categories: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class FrameSampling:
    """`uniform`: a frame every `sample_rate` seconds. `scene_based`: the first frame of every
    shot, then as uniform. `all`: every frame. `keyframes`: the pictures stored whole, wherever
    they come at least every `sample_rate` seconds; elsewhere as uniform."""

    strategy: Literal["uniform", "scene_based", "all", "keyframes"] = "uniform"
    sample_rate: Annotated[float, Field(ge=0.01, le=60)] = 0.5


@dataclass
class SegmentMerge:
    """Detections of one category at most `merge_threshold` seconds apart become one segment."""

    enabled: bool = True
    merge_threshold: Annotated[float, Field(ge=0, le=600)] = 2.0


@dataclass
class Processing:
    """`padding_s` is added before and after everything that is seen (not heard). `device` is what
    models run on; `auto` takes the best there is."""

    frame_sampling: FrameSampling = field(default_factory=FrameSampling)
    segment_merge: SegmentMerge = field(default_factory=SegmentMerge)
    max_workers: Annotated[int, Field(ge=1, le=64)] | None = None
    padding_s: Seconds = 0.25
    device: Literal["auto", "cpu", "cuda", "coreml", "directml"] = "auto"


@dataclass
class Output:
    """What is written beside the copy. `scores` keeps what the detectors said, so that the next run
    with other sensitivities need not analyse again. `include_frames` puts a small picture of every
    segment into the JSON report; the others write further files: `mpv` a script for that player,
    `plex_key` markers for PlexAutoSkip, for the film that the server knows under this key."""

    format: Literal["json"] = "json"
    include_confidence: bool = True
    include_frames: bool = False
    pretty_print: bool = True
    html: bool = True
    scores: bool = True
    edl: bool = False
    mpv: bool = False
    plex_key: str | None = None
    subtitles: bool = False


@dataclass
class AudioRemediation:
    """What happens to the sound. `categories` empty: everything that was heard (not seen).

    `tracks` are positions among the audio tracks (0 is the first) or languages; empty: every track
    that carries speech. `speech_channels` `center`: of surround tracks only the centre channel is
    changed, where films have their speech; what is mixed into others as well stays. `clean_track`:
    tracks stay as they are, and each that would be changed gets a changed one beside it.
    """

    enabled: bool = True
    mode: AudioMode = "silence"
    categories: list[str] = field(default_factory=list)
    category_modes: dict[str, AudioMode] = field(default_factory=dict)
    bleep_frequency: Annotated[float, Field(ge=20, le=20_000)] = 1000.0
    bleep_level_db: Annotated[float, Field(ge=-60, le=0)] = -20.0
    bleep_file: str | None = None
    padding_s: Seconds = 0.08
    fade_ms: Annotated[float, Field(ge=0, le=100)] = 8.0
    tracks: list[int | str] = field(default_factory=list)
    speech_channels: Literal["all", "center"] = "all"
    clean_track: bool = False


@dataclass
class VideoRemediation:
    """What happens to the picture. `mode` is for everything that was seen (not heard);
    `category_modes` names other actions, for any category. `quality` and `preset` are x264's, and
    mean the like for other encoders; `encoder` other than software encodes all of a picture."""

    enabled: bool = True
    mode: VideoMode = "blur"
    blank_color: Annotated[str, AfterValidator(_colour)] = "#000000"
    category_modes: dict[str, VideoMode] = field(default_factory=dict)
    box_padding: Annotated[float, Field(ge=0, le=2)] = 0.25
    quality: Annotated[int, Field(ge=0, le=51)] = 18
    preset: VideoPreset = "superfast"
    encoder: Literal["software", "auto", "nvenc", "qsv", "videotoolbox", "vaapi"] = "software"


@dataclass
class Remediation:
    audio: AudioRemediation = field(default_factory=AudioRemediation)
    video: VideoRemediation = field(default_factory=VideoRemediation)


@dataclass
class SkipChapters:
    """Chapters that mark what was found; `{labels}` and `{confidence}` (as `93%`) are filled in."""

    enabled: bool = False
    name_format: Annotated[str, AfterValidator(_chapter_title)] = "skip: {labels} [{confidence}]"


@dataclass
class MetadataOutput:
    skip_chapters: SkipChapters = field(default_factory=SkipChapters)


@dataclass
class VideoOutput:
    metadata_output: MetadataOutput = field(default_factory=MetadataOutput)


@dataclass
class ModelSource:
    """A model: where it comes from and what its bytes must be.

    `url` and `mirrors` are tried in turn; `size_bytes` 0 means unknown. An `url` that names a
    repository (`hf://`, `gh://`, or a hub's `/resolve/` address; see `model_addresses`) may leave
    out `checksum` and `size_bytes`: the registry knows them. `files` are patterns such as
    `onnx/*.onnx` that choose files of a whole repository, empty: all; `model_version` is a branch,
    tag or commit.
    """

    name: str
    url: str
    checksum: str
    size_bytes: Annotated[int, Field(ge=0)] = field(
        metadata={"if_missing": "write 0 if it is not known"}
    )
    algorithm: Algorithm = "sha256"
    optional: bool = False
    mirrors: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    model_version: str | None = None


@dataclass
class ModelsConfig:
    """`cache_dir` None: the platform's cache directory."""

    cache_dir: str | None = None
    sources: list[ModelSource] = field(default_factory=list)
    auto_download: bool = False
    max_connections: Annotated[int, Field(ge=1, le=64)] = 24
    rate_limit_bytes_per_s: Annotated[int, Field(ge=1)] | None = None


@dataclass
class Config:
    """Everything a person can set.

    Attributes:
        path: the file it came from, None for the built-in defaults.
        labels: how its author wrote the categories, by key.
        profile: the name of the profile that lies under the file, if one does.
        lines: the line of every key of the file, by where it stands: `("detections", "nudity")`.
        files: the file in which it stands, where that is not `path`.
    """

    detections: dict[str, CategoryConfig] = field(default_factory=dict)
    detectors: list[DetectorConfig] = field(default_factory=list)
    processing: Processing = field(default_factory=Processing)
    output: Output = field(default_factory=Output)
    remediation: Remediation = field(default_factory=Remediation)
    video: VideoOutput = field(default_factory=VideoOutput)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    path: Path | None = field(default=None, init=False)
    labels: dict[str, str] = field(default_factory=dict, init=False)
    profile: str = field(default="", init=False)
    lines: dict[Any, int] = field(default_factory=dict, init=False, repr=False)
    files: Mapping[Any, Path] = field(default_factory=dict, init=False, repr=False)

    def error(self, message: str, *location: str | int) -> ConfigError:
        """A mistake at `location`, with the file and the line, as far as they are known."""
        near = location
        while near and near not in self.lines:
            near = near[:-1]
        key = ".".join(str(part) for part in location)
        file, line = self.files.get(near, self.path), self.lines.get(near)
        return ConfigError(message, file=file, line=line, key=key or None)

    @property
    def base_dir(self) -> Path:
        """The folder that relative paths in the configuration are relative to."""
        return self.path.parent if self.path else Path()

    def resolve(self, path: str) -> Path:
        """A path of the configuration: `~` expanded, relative ones from the file's own folder."""
        return self.base_dir / Path(path).expanduser()

    def enabled_categories(self) -> list[str]:
        """The keys of the categories to look for, in the order of the file."""
        return [key for key, category in self.detections.items() if category.enabled]
