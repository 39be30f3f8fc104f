"""The configuration as values, and `load_config`, which reads them from YAML.

Every field here is a key a person may write; `docs/configuration.md` explains them. What a
detector understands beyond `type`, `name` and `categories` is the detector's own (`options`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import AfterValidator, Field

from video_censor_personal import categories
from video_censor_personal.config_reader import Document, nearest, read_yaml, validate
from video_censor_personal.errors import ConfigError

__all__ = [
    "AudioRemediation",
    "CategoryConfig",
    "Config",
    "ConfigError",
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
    "default_cache_dir",
    "default_config",
    "load_config",
]


def _colour(text: str) -> str:
    if not re.fullmatch("#[0-9A-Fa-f]{6}", text):
        raise ValueError('must be a colour such as "#000000" (red, green, blue in hexadecimal)')
    return text


def _chapter_title(text: str) -> str:
    try:
        text.format(labels="", confidence="")
    except (KeyError, IndexError, ValueError, AttributeError):
        raise ValueError("may hold {labels} and {confidence} and no other braces") from None
    return text


Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=60)]
AudioMode = Literal["silence", "mute", "bleep", "none"]
VideoMode = Literal["blur", "pixelate", "blank", "cut", "none"]
Algorithm = Literal["md5", "sha1", "sha256", "sha512", "blake2b", "blake3"]


@dataclass
class CategoryConfig:
    """One entry under `detections`; `model` is `auto` or the name or type of a detector."""

    enabled: bool = True
    sensitivity: Share = 0.5
    model: str = "auto"


@dataclass
class DetectorConfig:
    """One entry under `detectors`; `categories` empty: all that it can see and that are enabled."""

    type: str
    name: str = ""
    enabled: bool = True
    categories: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class FrameSampling:
    """`uniform`: a frame every `sample_rate` seconds. `scene_based`: the first frame of every
    shot, then as uniform. `all`: every frame."""

    strategy: Literal["uniform", "scene_based", "all"] = "uniform"
    sample_rate: Annotated[float, Field(ge=0.01, le=60)] = 0.5


@dataclass
class SegmentMerge:
    """Detections of one category at most `merge_threshold` seconds apart become one segment."""

    enabled: bool = True
    merge_threshold: Annotated[float, Field(ge=0, le=600)] = 2.0


@dataclass
class Processing:
    """`padding_s` is added before and after everything that is seen (not heard)."""

    frame_sampling: FrameSampling = field(default_factory=FrameSampling)
    segment_merge: SegmentMerge = field(default_factory=SegmentMerge)
    max_workers: Annotated[int, Field(ge=1, le=64)] | None = None
    padding_s: Seconds = 0.1


@dataclass
class Output:
    """What is written beside the copy. `include_frames` puts a small picture of every segment
    into the JSON report; `html`, `edl` and `subtitles` write further files."""

    format: Literal["json"] = "json"
    include_confidence: bool = True
    include_frames: bool = False
    pretty_print: bool = True
    html: bool = True
    edl: bool = False
    subtitles: bool = False


@dataclass
class AudioRemediation:
    """What happens to the sound. `categories` empty: everything that was heard (not seen).

    `tracks` are positions among the audio tracks (0 is the first) or languages; empty: every track
    that carries speech.
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


@dataclass
class VideoRemediation:
    """What happens to the picture. `mode` is for everything that was seen (not heard);
    `category_modes` names other actions, for any category."""

    enabled: bool = True
    mode: VideoMode = "blur"
    blank_color: Annotated[str, AfterValidator(_colour)] = "#000000"
    category_modes: dict[str, VideoMode] = field(default_factory=dict)
    box_padding: Annotated[float, Field(ge=0, le=2)] = 0.25
    quality: Annotated[int, Field(ge=0, le=51)] = 18


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
    """A model file: where it comes from and what its bytes must be.

    `url` and `mirrors` are tried in turn; `size_bytes` 0 means unknown.
    """

    name: str
    url: str
    checksum: str
    size_bytes: Annotated[int, Field(ge=0)]
    algorithm: Algorithm = "sha256"
    optional: bool = False
    mirrors: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ModelsConfig:
    """`cache_dir` None: the platform's cache directory."""

    cache_dir: str | None = None
    sources: list[ModelSource] = field(default_factory=list)
    auto_download: bool = False
    max_connections: Annotated[int, Field(ge=1, le=64)] = 16
    rate_limit_bytes_per_s: Annotated[int, Field(ge=1)] | None = None


@dataclass
class Config:
    """Everything a person can set.

    Attributes:
        path: the file it came from, None for the built-in defaults.
        labels: how its author wrote the categories, by key.
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


def default_config() -> Config:
    """What is used without a file: everything that the built-in detectors can find."""
    config = Config()
    config.detections = {key: CategoryConfig() for key in _DEFAULT_CATEGORIES}
    config.models.cache_dir = str(default_cache_dir())
    return config


_DEFAULT_CATEGORIES = (categories.NUDITY, categories.SEXUAL_THEMES, categories.PROFANITY)


def default_cache_dir() -> Path:
    """Where models lie unless `models.cache_dir` says otherwise."""
    return platformdirs.user_cache_path("video-censor", appauthor=False) / "models"


def load_config(config_path: Path | str) -> Config:
    """The configuration in a YAML file.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; the message says where,
            what and, for unknown names, what was probably meant.
    """
    document = read_yaml(Path(config_path))
    if not isinstance(document.data, dict):
        raise document.error("a configuration is a mapping of sections, such as `detections:`")
    data = _without_empty(document.data)
    labels = _name_categories(data, document)
    _collect_options(data, document)
    config = validate(Config, data, document)
    config.path, config.labels = Path(config_path), labels
    if "detections" not in data:
        config.detections = default_config().detections
    _check(config, document)
    _resolve_cache_dir(config)
    return config


def _without_empty(value: Any) -> Any:
    """`value` without keys that have nothing after the colon: they mean the default."""
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v is not None}
    return value


def _name_categories(data: dict[str, Any], document: Document) -> dict[str, str]:
    """Replace the category names under `detections` by their keys; how they were written."""
    labels: dict[str, str] = {}
    section = document.data.get("detections")
    if not isinstance(section, dict):
        return labels
    named: dict[str, Any] = {}
    for name in section:
        at = ("detections", name)
        key = _category_key(name, document, at)
        if key in named:
            raise document.error(
                f"{name!r} and {labels[key]!r} are the same category; keep one of them", at
            )
        guess = nearest(key, categories.BUILT_IN, cutoff=0.85)
        if guess and key != guess:
            raise document.error(
                f"{name!r} is no category; did you mean {guess!r}? (A concept of your own needs "
                "a name that cannot be mistaken for a built-in one.)",
                at,
            )
        named[key], labels[key] = data.get("detections", {}).get(name, {}), categories.label(name)
    data["detections"] = named
    for where, line in list(document.lines.items()):
        if where[0:1] == ("detections",) and len(where) > 1:
            key = _category_key(str(where[1]), document, where[:2])
            document.lines[("detections", key, *where[2:])] = line
    return labels


def _category_key(name: str, document: Document, at: tuple[str | int, ...]) -> str:
    try:
        return categories.key(name)
    except ValueError as error:
        raise document.error(str(error), at) from None


def _collect_options(data: dict[str, Any], document: Document) -> None:
    """Move what only a detector understands into its `options`."""
    entries = data.get("detectors")
    own = {f.name for f in fields(DetectorConfig)} - {"options"}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            options = {k: entry.pop(k) for k in list(entry) if k not in own}
            if options:
                entry["options"] = options


def _check(config: Config, document: Document) -> None:
    """What one value alone cannot tell.

    Raises:
        ConfigError: the configuration contradicts itself.
    """
    if config.detections and not config.enabled_categories():
        raise document.error(
            "no category is enabled, so there is nothing to look for; set `enabled: true` for one",
            ("detections",),
        )
    audio, video = config.remediation.audio, config.remediation.video
    known = {*config.detections, *categories.BUILT_IN}
    places: list[tuple[tuple[str | int, ...], list[str] | dict[str, Any]]] = [
        (("remediation", "audio", "categories"), audio.categories),
        (("remediation", "audio", "category_modes"), audio.category_modes),
        (("remediation", "video", "category_modes"), video.category_modes),
    ]
    places += [
        (("detectors", i, "categories"), detector.categories)
        for i, detector in enumerate(config.detectors)
    ]
    for at, names in places:
        _check_categories(at, names, known, document)
    _check_sources(config.models.sources, document)
    if audio.bleep_file and not config.resolve(audio.bleep_file).is_file():
        raise document.error(
            f"there is no sound file {str(config.resolve(audio.bleep_file))!r}",
            ("remediation", "audio", "bleep_file"),
        )


def _check_categories(
    at: tuple[str | int, ...],
    names: list[str] | dict[str, Any],
    known: set[str],
    document: Document,
) -> None:
    for index, name in enumerate(names):
        where = (*at, name if isinstance(names, dict) else index)
        if _category_key(name, document, where) in known:
            continue
        guess = nearest(categories.key(name), known)
        raise document.error(
            f"{name!r} is no category here"
            + (f"; did you mean {guess!r}?" if guess else "")
            + f" (known: {', '.join(sorted(known))}; a concept of your own must also stand "
            "under `detections`)",
            where,
        )


_DIGEST_HEX = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128, "blake2b": 128, "blake3": 64}


def _check_sources(sources: list[ModelSource], document: Document) -> None:
    seen: set[str] = set()
    for index, source in enumerate(sources):
        at: tuple[str | int, ...] = ("models", "sources", index)
        if source.name.casefold() in seen:
            raise document.error(
                f"two models are named {source.name!r}; a name can be used once", (*at, "name")
            )
        seen.add(source.name.casefold())
        digits = _DIGEST_HEX[source.algorithm]
        if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", source.checksum):
            raise document.error(
                f"the checksum of {source.name!r} is no {source.algorithm} checksum: that has "
                f"{digits} hexadecimal digits, this has {len(source.checksum)} characters",
                (*at, "checksum"),
            )
        for url in (source.url, *source.mirrors):
            if urlsplit(url).scheme not in ("http", "https"):
                raise document.error(
                    f"{url!r} of {source.name!r} cannot be downloaded; write an https:// address",
                    (*at, "url"),
                )


def _resolve_cache_dir(config: Config) -> None:
    cache_dir = config.models.cache_dir
    resolved = config.resolve(cache_dir) if cache_dir else default_cache_dir()
    config.models.cache_dir = str(resolved.absolute())
