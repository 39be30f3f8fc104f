"""Options that several commands have."""

from __future__ import annotations

import argparse

__all__ = ["add_profile"]


def add_profile(parser: argparse._ActionsContainer) -> None:
    """The option `--profile`."""
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="a named set of settings that lies under the configuration: family, teen, workplace, "
        "one of your own, or a YAML file (see: video-censor profile list)",
    )
