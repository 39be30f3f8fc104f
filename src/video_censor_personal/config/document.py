"""YAML with line numbers, and wrong values put into words.

`read_yaml` gives plain data and remembers on which line every key stands. `validate` turns the
data into dataclasses (with pydantic, whose annotations the dataclasses carry) and says of every
mistake where it is, what is wrong with it and what was probably meant.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from video_censor_personal.config.expansion import check_expansion
from video_censor_personal.config.mistakes import as_one
from video_censor_personal.errors import ConfigError

__all__ = ["Document", "Location", "nearest", "read_yaml", "validate"]

T = TypeVar("T")
Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its data, and the 1-based line of every key and list item. `files` says where
    that is another file's line, see `layers`."""

    file: Path
    data: Any
    lines: dict[Location, int]
    files: Mapping[Location, Path] = field(default_factory=dict)

    def error(self, message: str, location: Location = ()) -> ConfigError:
        """A mistake at a key, or in the nearest thing around it that the document has."""
        near = location
        while near and near not in self.lines:
            near = near[:-1]
        file, line = self.files.get(near, self.file), self.lines.get(near)
        return ConfigError(message, file=file, line=line, key=dotted(location) or None)


def dotted(location: Location) -> str:
    """`("models", "sources", 0, "url")` as people write it: `models.sources[0].url`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that `word` was probably meant to be."""
    matches = difflib.get_close_matches(str(word), list(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def read_yaml(file: Path) -> Document:
    """The data of a YAML file; an empty file is an empty mapping.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or names a key twice.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError("there is no such configuration file", file=file) from error
    except IsADirectoryError as error:
        raise ConfigError("this is a directory; name the YAML file inside it", file=file) from error
    except UnicodeDecodeError as error:
        raise ConfigError("this is not UTF-8 text; save it as UTF-8", file=file) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Location, int] = {}
        if node is not None:
            check_expansion(node, file)
        data = {} if node is None else _construct(loader, node, (), lines, file)
    except yaml.MarkedYAMLError as error:
        raise _yaml_error(file, text, error) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"this is not YAML: {error}", file=file) from error
    except RecursionError as error:
        raise ConfigError("this is nested too deep to be a configuration", file=file) from error
    finally:
        loader.dispose()
    return Document(file, data, lines)


def _construct(
    loader: yaml.SafeLoader, node: yaml.Node, at: Location, lines: dict[Location, int], file: Path
) -> Any:
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, n, (*at, i), lines, file) for i, n in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(loader, node, file)
    _refuse_duplicates(node, at, file)
    loader.flatten_mapping(node)
    mapping = {}
    for key_node, value_node in node.value:
        key = _scalar(loader, key_node, file)
        if not isinstance(key, str):
            raise ConfigError(
                f"the key {key_node.value!r} reads as {key!r} in YAML; put it in quotes",
                file=file,
                line=key_node.start_mark.line + 1,
                key=dotted(at) or None,
            )
        lines[(*at, key)] = key_node.start_mark.line + 1
        mapping[key] = _construct(loader, value_node, (*at, key), lines, file)
    return mapping


def _scalar(loader: yaml.SafeLoader, node: yaml.Node, file: Path) -> Any:
    try:
        return loader.construct_object(node)
    except (ValueError, IndexError) as error:  # 2026-02-30 looks like a date and is none
        raise ConfigError(
            f"{_shown(node.value)} cannot be read ({error}); put it in quotes if it is text",
            file=file,
            line=node.start_mark.line + 1,
        ) from error


def _refuse_duplicates(node: yaml.MappingNode, at: Location, file: Path) -> None:
    first: dict[str, int] = {}
    for key_node, _ in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in first and key != "<<":
            raise ConfigError(
                f"the key {key!r} stands twice{_under(at)}: here and on line {first[key]}; "
                "remove one of them",
                file=file,
                line=line,
                key=dotted((*at, key)),
            )
        first[key] = line


def _yaml_error(file: Path, text: str, error: yaml.MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    lines = text.splitlines()
    written = lines[line - 1] if line and line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())] or "\\t" in str(error.problem):
        return ConfigError(
            "this line is indented with a tab, which YAML forbids; use spaces", file=file, line=line
        )
    context = f" {error.context}" if error.context else ""
    return ConfigError(f"this is not YAML: {error.problem}{context}", file=file, line=line)


def validate(kind: type[T], data: Any, document: Document, at: Location = ()) -> T:
    """`data` as a `kind` (a dataclass), every nested value checked.

    `at` is where `data` stands in the document, for the messages.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or size. The message names
            every mistake.
    """
    # Wrapped in a list, because pydantic takes no settings for a bare dataclass; they are handed
    # down to the dataclasses inside. JSON mode is strict about types, yet builds dataclasses.
    adapter: TypeAdapter[list[T]] = TypeAdapter(list[kind], config=_STRICT)  # type: ignore[valid-type]
    try:
        return adapter.validate_json(json.dumps([data], default=str))[0]
    except ValidationError as error:
        mistakes = [_mistake(kind, dict(item), document, at) for item in error.errors()]
        # A union reports once for every member that did not fit; one line a place is enough.
        unique = list({(m.line, m.key): m for m in reversed(mistakes)}.values())[::-1]
        raise as_one(unique) from None


_STRICT = ConfigDict(extra="forbid", strict=True)


def _mistake(
    kind: type[Any], item: dict[str, Any], document: Document, at: Location
) -> ConfigError:
    inner = _existing(item["loc"][1:], kind)
    location = (*at, *inner)
    if item["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return document.error(_unknown_key(kind, inner, at), location)
    name = dotted(location)
    if item["type"] in ("missing", "missing_argument"):
        return document.error(f"{name} is missing{_if_missing(kind, inner)}", location)
    quotes = "; put it in quotes" if item["type"] == "string_type" and _is_plain(item) else ""
    return document.error(
        f"{name} {_expectation(item)}, not {_shown(item['input'])}{quotes}", location
    )


def _unknown_key(kind: type[Any], inner: Location, at: Location) -> str:
    parent = _type_at(kind, inner[:-1])
    known = [f.name for f in dataclasses.fields(parent) if f.init] if parent else []
    guess = nearest(str(inner[-1]), known)
    hint = f'; did you mean "{guess}"?' if guess else ""
    return (
        f'unknown key "{inner[-1]}"{_under((*at, *inner[:-1]))}{hint} '
        f"(known here: {', '.join(known)})"
    )


def _if_missing(kind: type[Any], inner: Location) -> str:
    """What its field says is to be done where it is missing (`metadata["if_missing"]`)."""
    parent = _type_at(kind, inner[:-1])
    fields = dataclasses.fields(parent) if parent else ()
    told = {f.name: f.metadata.get("if_missing") for f in fields}
    return f"; {advice}" if (advice := told.get(str(inner[-1]))) else ""


def _under(location: Location) -> str:
    return f" under {dotted(location)}" if location else " at the top level"


_EXPECTATIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "greater_than_equal": lambda c: f"must be at least {c['ge']:g}",
    "less_than_equal": lambda c: f"must be at most {c['le']:g}",
    "greater_than": lambda c: f"must be more than {c['gt']:g}",
    "literal_error": lambda c: f"must be one of {c['expected']}",
    "value_error": lambda c: str(c["error"]),
    "bool_type": lambda _: "must be true or false",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "string_type": lambda _: "must be text",
    "list_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be a mapping (key: value)",
    "dataclass_type": lambda _: "must be a mapping (key: value)",
    "dataclass_exact_type": lambda _: "must be a mapping (key: value)",
}


def _expectation(item: dict[str, Any]) -> str:
    known = _EXPECTATIONS.get(item["type"])
    return known(item.get("ctx", {})) if known else str(item["msg"]).replace("Input should", "must")


def _is_plain(item: dict[str, Any]) -> bool:
    """Whether YAML took what was written, such as a checksum of digits only, for something else."""
    return isinstance(item["input"], (bool, int, float))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _existing(loc: Location, kind: type[Any]) -> Location:
    """`loc` without the names of union members, which pydantic puts between the keys."""
    found: list[str | int] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        parent = _type_at(kind, tuple(found))
        if isinstance(part, int) or last or _descends(parent, part):
            found.append(part)
    # The last part of a union error is the member's name (`int`), not a key.
    if found and isinstance(found[-1], str) and found[-1] in ("int", "str", "float"):
        found.pop()
    return tuple(found)


def _descends(parent: Any, part: str | int) -> bool:
    if dataclasses.is_dataclass(parent):
        return any(f.name == part for f in dataclasses.fields(parent))
    return typing.get_origin(parent) is dict


def _type_at(kind: Any, location: Location) -> Any:
    """The declared type at `location` inside `kind`, None where there is none."""
    for part in location:
        kind = _plain(kind)
        origin = typing.get_origin(kind)
        if dataclasses.is_dataclass(kind):
            kind = typing.get_type_hints(kind).get(str(part))
        elif origin in (list, dict):
            kind = typing.get_args(kind)[-1]
        else:
            return None
    return _plain(kind)


def _plain(kind: Any) -> Any:
    """A type without `Optional`."""
    if isinstance(kind, types.UnionType):
        return next((k for k in typing.get_args(kind) if k is not type(None)), None)
    return kind
