"""What `video-censor profile list` and `show` tell of profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent, wrap
from typing import Any

from video_censor_personal import categories
from video_censor_personal.config import Profile, find_profile, list_profiles, load_config
from video_censor_personal.config.profiles import own_profiles_dir
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.errors import ConfigError, VideoCensorError
from video_censor_personal.model_manager import describe_model_size
from video_censor_personal.requirements import Requirements

__all__ = ["Page", "list_page", "show_page"]

_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Page:
    """A page for people and the same for programs; `problems` are profiles that cannot be read."""

    facts: Mapping[str, Any]
    text: str
    problems: tuple[str, ...] = ()


def list_page() -> Page:
    """Every profile that has a name."""
    blocks: list[str] = []
    facts: list[dict[str, Any]] = []
    problems: list[str] = []
    for found in list_profiles():
        try:
            profile = _readable(found)
            models = _models(_needs(profile), named_only=True)
        except VideoCensorError as error:
            problems.append(str(error))
            continue
        wants = ", ".join(f"{name} ({size})" for name, size, _ in models) or "no model"
        blocks.append(f"{profile.name}{_origin(profile)}\n{_paragraph(profile, f'Wants {wants}.')}")
        facts.append({**_facts(profile), "models": [name for name, _, _ in models]})
    own = str(own_profiles_dir())
    text = "\n\n".join([*blocks, f"Your own lie in {own}"])
    return Page({"profiles": facts, "own": own}, text, tuple(problems))


def show_page(name: str) -> Page:
    """One profile: what it says, what it needs, and what of that is here.

    Raises:
        ConfigError: there is none, or something in it is wrong.
    """
    profile = find_profile(name)
    needs = _needs(profile)
    models = _models(needs)
    written = profile.path.read_text(encoding="utf-8-sig")
    lines = [f"{profile.name}{_origin(profile)}", _paragraph(profile), ""]
    lines += [f"  {_looker(assignment)}" for assignment in needs.assignments]
    for model, size, is_here in models:
        lines.append(f"  model {model}, {size}: is {'here' if is_here else needs.state(model)}")
    if missing := [model for model, _, is_here in models if not is_here]:
        lines.append(f"To fetch what is missing: {needs.manager.command('download', missing)}")
    lines += (spots := _blind_spots(needs, [model for model, _, is_here in models if not is_here]))
    facts = {
        **_facts(profile),
        "detectors": {a.settings.name: _labels(a) for a in needs.assignments},
        "models": [{"name": m, "size": size, "is_here": is_here} for m, size, is_here in models],
        "not_looked_for": spots,
        "yaml": written,
    }
    return Page(facts, "\n".join([*lines, f"\n{profile.path}:\n", indent(written.rstrip(), "  ")]))


def _readable(found: Profile | ConfigError) -> Profile:
    if isinstance(found, ConfigError):
        raise found
    return found


def _needs(profile: Profile) -> Requirements:
    return Requirements(load_config(None, profile=profile), anywhere=True)


def _models(needs: Requirements, *, named_only: bool = False) -> list[tuple[str, str, bool]]:
    """Name, size and whether it is here, of every model. `named_only`: not of those that are used
    only because they happen to be here."""
    found = needs.models()
    if named_only:
        named = {entry.name or entry.type for entry in needs.config.detectors}
        named |= {category.model for category in needs.config.detections.values()}
        asked = [a for a in needs.assignments if {a.settings.name, a.plugin.type} & named]
        wanted = {need.name for assignment in asked for need in assignment.needs}
        found = [source for source in found if source.name in wanted]
    return [(s.name, describe_model_size(s), needs.manager.is_at_hand(s.name)) for s in found]


def _blind_spots(needs: Requirements, missing: list[str]) -> list[str]:
    """What the profile asks for and nobody would look for here, in sentences."""
    needs.missing = frozenset(missing)
    problems = {a.settings.name: a.plugin.available() for a in needs.assignments}
    needs.absent = {name: problem for name, problem in problems.items() if problem}
    config = needs.config
    return [
        f"{config.labels.get(spot.category, categories.label(spot.category))} is {spot.sentence}"
        for spot in needs.blind_spots()
    ]


def _looker(assignment: Assignment) -> str:
    """Who looks for what, and whether it can."""
    text = f"{assignment.settings.name} looks for {', '.join(_labels(assignment))}"
    text += " (optional)" if assignment.settings.optional else ""
    problem = assignment.plugin.available()
    return f"{text}; {problem}" if problem else text


def _labels(assignment: Assignment) -> list[str]:
    return [category.label for category in assignment.settings.categories.values()]


def _facts(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "description": profile.description,
        "path": str(profile.path),
        "built_in": profile.is_built_in,
    }


def _origin(profile: Profile) -> str:
    return "" if profile.is_built_in else f"  ({profile.path})"


def _paragraph(profile: Profile, more: str = "") -> str:
    text = f"{profile.description} {more}".rstrip()
    return indent("\n".join(wrap(text, _WIDTH - 2, break_on_hyphens=False)), "  ")
