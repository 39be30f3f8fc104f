"""Options that several commands have."""

from __future__ import annotations

import argparse

__all__ = ["add_device", "add_profile"]


def add_device(parser: argparse._ActionsContainer) -> None:
    """The option `--device`."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "coreml", "directml"),
        help="what models run on (default: processing.device, else the best there is)",
    )


def add_profile(parser: argparse._ActionsContainer) -> None:
    """The option `--profile`."""
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="a named set of settings that lies under the configuration: family, teen, workplace, "
        "one of your own, or a YAML file (see: video-censor profile list)",
    )
