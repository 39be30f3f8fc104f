"""`video-censor serve`: the model service and its page."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from video_censor_personal.cli.console import Console, configure_logging
from video_censor_personal.cli.edge import guarded

if TYPE_CHECKING:
    from video_censor_personal.service import ServiceSettings

__all__ = ["parser", "run"]

_DESCRIPTION = """\
Serve the models of this machine: a page, and an API under /api, for downloading them into the
Hugging Face cache, asking for their state, and deleting them. Downloads go on when the page is
closed, and after a restart.
"""

_EPILOG = """\
examples:
  video-censor serve
      Listen on this machine only, and print the address to open.

  VIDEO_CENSOR_TOKEN=... video-censor serve --host 0.0.0.0 --allow-host models.lan
      Let others in, who know the token, under that name. Put TLS in front.

  video-censor serve --quota 200GB --rate 20MB --allow-repo 'meta-llama/*' --allow-repo 'BAAI/*'

environment:
  VIDEO_CENSOR_TOKEN           what clients must send; else one is made and kept
  VIDEO_CENSOR_WEBHOOK_SECRET  signs what --webhook addresses are told
  HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE   as for the Hugging Face libraries

exit codes:
  0    stopped
  1    an error stopped the service, such as a port that is taken
  2    wrong usage or configuration
"""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def parser() -> argparse.ArgumentParser:
    """The options, as in `--help`."""
    made = argparse.ArgumentParser(
        prog="video-censor serve",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    made.add_argument("--port", type=_port, default=8080, help="0: any free one (%(default)s)")
    made.add_argument("--hf-cache", metavar="DIR", type=Path, help="the cache to manage")
    made.add_argument("--state-dir", metavar="DIR", type=Path, help="where token and jobs are kept")
    _add_policy(made)
    _add_limits(made)
    made.add_argument("--log-level", choices=("info", "debug", "trace"), default="info")
    made.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    return made


def _add_policy(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("what is permitted")
    many: dict[str, Any] = {"action": "append", "default": []}
    group.add_argument(
        "--allow-host", metavar="NAME", type=_host_name, help="also answer to this name", **many
    )
    group.add_argument("--endpoint", metavar="URL", help="another hub that may be used", **many)
    group.add_argument(
        "--allow-repo",
        metavar="PATTERN",
        help="only such repositories ('org/*'); again: more",
        **many,
    )
    group.add_argument(
        "--allow-pickle", action="store_true", help="also fetch files whose loading can run code"
    )
    group.add_argument(
        "--webhook", metavar="URL", help="tell this address how downloads end", **many
    )


def _add_limits(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("limits (500MB, 20G; plain numbers are bytes)")
    group.add_argument(
        "--rate", metavar="SIZE", type=_speed, help="a second, all downloads together"
    )
    group.add_argument("--rate-each", metavar="SIZE", type=_speed, help="a second, each download")
    group.add_argument(
        "--quota",
        metavar="SIZE",
        type=_size,
        help="what the cache may hold; the least recently used models make room, if not pinned",
    )
    group.add_argument(
        "--reserve",
        metavar="SIZE",
        type=_size,
        default=_size("1GB"),
        help="free disk space that is left alone (1GB)",
    )
    group.add_argument(
        "--requests", metavar="N", type=_rate, default=200.0, help="a second, each client (200)"
    )


def run(argv: list[str]) -> int:
    """Serve until told to stop; the exit code."""
    arguments = parser().parse_args(argv)
    configure_logging("warning" if arguments.quiet else arguments.log_level)
    console = Console(quiet=arguments.quiet)
    return guarded(console, lambda: _run(arguments, console), interrupted="stopped")


def _run(arguments: argparse.Namespace, console: Console) -> int:
    from video_censor_personal.errors import UsageError

    for name in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                f"{name} is not installed; run: pip install 'video-censor-personal[service]'"
            )
    from video_censor_personal.service.server import serve
    from video_censor_personal.service.tokens import find_token

    settings = _settings(arguments)
    token = find_token(settings.state_dir)

    def announce(address: str) -> None:
        if token.is_given:  # whoever chose it knows it, and logs are read by more people
            console.note(f"Open {address}/ and log in with what VIDEO_CENSOR_TOKEN says")
        else:
            console.note(f"Open {address}/#token={token.text}")
            console.note(f"The token lies in {settings.state_dir / 'token'}")
        console.result({"address": address}, f"Listening on {address}")

    serve(settings, token.text, arguments.host, arguments.port, announce)
    return 0


def _settings(arguments: argparse.Namespace) -> ServiceSettings:
    from dataclasses import replace

    from video_censor_personal.service import service_settings
    from video_censor_personal.service.server import bracketed

    names = [*_LOOPBACK, *map(bracketed, (arguments.host, *arguments.allow_host))]
    options: Mapping[str, Any] = {
        "allow_pickle": arguments.allow_pickle,
        "bytes_per_s": arguments.rate,
        "bytes_per_s_each": arguments.rate_each,
        "quota_bytes": arguments.quota,
        "reserve_bytes": arguments.reserve,
        "requests_per_s": arguments.requests,
        "request_burst": max(1, int(2 * arguments.requests)),
        "webhooks": tuple(arguments.webhook),
        "hosts": tuple(name.casefold() for name in names),
    }
    settings = service_settings(
        cache_dir=arguments.hf_cache,
        state_dir=arguments.state_dir,
        endpoints=tuple(arguments.endpoint),
    )
    if arguments.allow_repo:
        options = {**options, "repositories": tuple(arguments.allow_repo)}
    return replace(settings, **options)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; write a number from 0 to 65535")
    return int(text)


def _host_name(text: str) -> str:
    """A name, or an address as browsers write it but for brackets; no port."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    if re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no host name; write models.lan or 10.0.0.7, without http:// and port"
    )


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.01 <= number <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests; write 200 or 0.5")
    return number


def _size(text: str) -> int:
    """`500MB`, `1.5G` or a number of bytes."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)b?", text.strip().casefold())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 500MB or 20G")
    return int(float(found[1]) * _UNITS[found[2]])


def _speed(text: str) -> int:
    bytes_per_s = _size(text)
    if not bytes_per_s:
        raise argparse.ArgumentTypeError(
            "it must be at least 1 byte a second; leave it out for all"
        )
    return bytes_per_s
