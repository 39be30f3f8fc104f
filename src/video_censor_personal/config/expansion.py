"""How much a YAML document says once its aliases are written out.

Nine lines in which each names the one before nine times hold a billion values; they must be
refused before the first is made.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from video_censor_personal.errors import ConfigError

__all__ = ["check_expansion"]

_PER_NODE = 100
_MOST = 20_000_000
"""As many small values as this allows, 200,000, take 0.8 s and 70 MB; a file that names a thousand
models counts a million."""


def check_expansion(root: yaml.Node, file: Path) -> None:
    """Refuse a document that would be enormous, or endless, with its aliases written out.

    Raises:
        ConfigError: it would.
    """
    sizes: dict[int, int] = {}
    under_way: set[int] = set()

    def size_of(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in under_way:
            raise ConfigError(
                "this is nested without end; remove the alias",
                file=file,
                line=node.start_mark.line + 1,
            )
        under_way.add(id(node))
        size = _PER_NODE + sum(map(size_of, _children(node)))
        if isinstance(node, yaml.ScalarNode):
            size += len(node.value)
        if size > _MOST:
            raise ConfigError(
                "with its aliases (`*name`) written out this holds far more than a configuration "
                "can need; remove some of them",
                file=file,
                line=node.start_mark.line + 1,
            )
        sizes[id(node)] = size
        return size

    size_of(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
