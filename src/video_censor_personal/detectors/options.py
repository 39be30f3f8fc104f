"""A detector's own settings: read from its `detectors:` entry into a dataclass.

A detector declares what it understands as a dataclass with a default for every field; limits are
`Annotated[..., pydantic.Field(...)]`, as in `config`. Values must have the declared type already:
YAML knows numbers, so `"320"` for a number is a mistake that is worth saying. Sequences are
declared as `list[...]`, paths as `str` (relative to `DetectorSettings.base_dir`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from video_censor_personal.config.document import nearest
from video_censor_personal.detectors.base import DetectorSettings, Scale
from video_censor_personal.errors import ConfigError

__all__ = ["WrittenScale", "read_options"]

Options = TypeVar("Options")

_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass
class WrittenScale:
    """A `Scale` as people write it: `{strict: 0.9, default: 0.7, lenient: 0.5}`."""

    strict: _Share
    default: _Share
    lenient: _Share

    def __post_init__(self) -> None:
        if not self.strict >= self.default >= self.lenient:
            raise ValueError("must have strict >= default >= lenient")

    @property
    def value(self) -> Scale:
        return Scale(self.strict, self.default, self.lenient)


def read_options(declared: type[Options], settings: DetectorSettings) -> Options:
    """The options of `settings` as a `declared` dataclass; what is not written has its default.

    Raises:
        ConfigError: an unknown key (the nearest known one is named), a wrong type, or a value out
            of range. `key` is the option.
    """
    hints = get_type_hints(declared, include_extras=True)
    values: dict[str, Any] = {}
    for key, value in settings.options.items():
        if key not in hints:
            guess = nearest(key, hints)
            raise ConfigError(
                f"detector {settings.name!r} has no option {key!r}"
                + (f"; did you mean {guess!r}?" if guess else "")
                + f" (it knows: {', '.join(hints) or 'none'})",
                key=key,
            )
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(value, strict=True)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise ConfigError(
                f"detector {settings.name!r}, option {key!r} is {value!r}: {reason}", key=key
            ) from error
    return declared(**values)
