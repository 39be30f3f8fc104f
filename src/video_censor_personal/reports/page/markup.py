"""HTML from values, escaped wherever it is not marked as HTML already."""

from __future__ import annotations

from html import escape

__all__ = ["Markup", "join", "tag"]

_VOID = frozenset({"img", "input", "link", "meta"})


class Markup(str):
    """Text that is HTML; any other `str` is escaped when it is put into a page."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | int | bool | None) -> Markup:
    """The element `name` around `children`.

    Attributes are written `class_` for `class` and `aria_label` for `aria-label`. True gives the
    bare name, None and False leave it out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """`children` after one another."""
    return Markup("".join(c if isinstance(c, Markup) else escape(c) for c in children))


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
