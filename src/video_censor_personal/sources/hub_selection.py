"""Which files of a repository a source asks for, and whether they are the declared ones."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from pathlib import Path

from video_censor_personal.config import ModelSource
from video_censor_personal.config.model_addresses import ModelAddress
from video_censor_personal.errors import ModelChecksumError, RevisionNotFoundError
from video_censor_personal.hub.files import HubFile
from video_censor_personal.transfer.checksum import hash_file

__all__ = ["check_arrived", "check_declared", "choose_files", "revision_of"]


def revision_of(source: ModelSource, address: ModelAddress) -> str:
    """The branch, tag or commit that a source asks for."""
    return source.model_version or address.version or "main"


def choose_files(
    source: ModelSource, address: ModelAddress, tree: Sequence[HubFile]
) -> list[HubFile]:
    """The files that a source asks for.

    Raises:
        RevisionNotFoundError: the commit has no such file; names what is there.
    """
    if address.path:
        chosen = [file for file in tree if file.path == address.path]
        wanted = address.path
    else:
        # A pattern that ends in a slash means the folder, as in the Hugging Face libraries.
        patterns = [p + "*" if p.endswith("/") else p for p in source.files] or ["*"]
        chosen = [f for f in tree if any(fnmatch.fnmatchcase(f.path, p) for p in patterns)]
        wanted = ", ".join(patterns)
    if chosen:
        return chosen
    names = [file.path for file in tree]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.3) or names[:3]
    there = f"; it has {', '.join(near)}" if near else "; it is empty"
    raise RevisionNotFoundError(
        f"{address.repository} has no file {wanted} at {revision_of(source, address)}{there}. "
        f"Correct the url or `files` of {source.name}.",
        model=address.repository,
        url=source.url,
    )


def check_declared(source: ModelSource, files: Sequence[HubFile]) -> None:
    """What is declared beside a repository's address must be what the hub says.

    Raises:
        ModelChecksumError: it is not.
    """
    file = files[0]
    pairs: list[tuple[str, str | int, str | int]] = []
    if source.size_bytes:
        pairs.append(("size_bytes", source.size_bytes, file.size_bytes))
    if source.checksum and source.algorithm == "sha256" and file.sha256:
        pairs.append(("checksum", source.checksum.lower(), file.sha256))
    for what, declared, said in pairs:
        if declared != said:
            raise ModelChecksumError(
                f"{what} of {source.name} is declared as {declared}, but the hub says {said} for "
                f"{file.path}. If the model was meant to change, correct {what}, or leave it out "
                "and let models.lock pin it.",
                model=source.name,
                url=source.url,
                expected=declared,
                actual=said,
            )


def check_arrived(source: ModelSource, path: Path) -> None:
    """Compare a declared checksum of which the hub knows nothing with the file that arrived."""
    digest = hash_file(path, source.algorithm, lambda _: None)
    if digest != source.checksum.lower():
        raise ModelChecksumError(
            f"{source.name} is not the declared file: its {source.algorithm} is {digest}, not "
            f"{source.checksum}. Correct the checksum, or leave it out.",
            model=source.name,
            url=source.url,
            path=path,
            expected=source.checksum,
            actual=digest,
        )
