"""What entries under `models.sources` may and may not say together."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from video_censor_personal.config.document import Document
from video_censor_personal.config.model_addresses import ModelAddress, parse_model_address
from video_censor_personal.config.values import ModelSource
from video_censor_personal.errors import ConfigError
from video_censor_personal.file_names import PRIVATE_FOLDER, check_name, collision_key

__all__ = ["check_sources", "fill_sources"]

_DIGEST_HEX = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128, "blake2b": 128, "blake3": 64}

# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = {
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "if-range",
    "range",
    "transfer-encoding",
}

_Place = tuple[str | int, ...]


def fill_sources(data: dict[str, Any]) -> None:
    """Where the address of a model names a repository, the registry knows checksum and size."""
    models = data.get("models")
    sources = models.get("sources") if isinstance(models, dict) else None
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, dict) and isinstance(source.get("url"), str):
            try:
                names_repository = parse_model_address(source["url"]) is not None
            except ValueError:
                names_repository = True  # but badly: that is what has to be said of it
            if names_repository:
                source.setdefault("checksum", "")
                source.setdefault("size_bytes", 0)


def check_sources(sources: list[ModelSource], document: Document) -> None:
    """Refuse models that could never be fetched.

    Raises:
        ConfigError: names that cannot lie beside each other, a checksum, address or header that is
            none, or a contradiction.
    """
    _check_names(sources, document)
    for index, source in enumerate(sources):
        at: _Place = ("models", "sources", index)
        address = _address(source, document, at)
        _check_headers(source.headers, document, (*at, "headers"))
        if source.checksum or address is None:
            _check_checksum(source, document, at)
        for url in source.mirrors if address else (source.url, *source.mirrors):
            if not _is_web_address(url):
                shown = re.sub(r"(?<=//)[^/@]*@", "", url)  # without a password
                raise document.error(
                    f"{shown!r} of {source.name!r} cannot be downloaded; write an https:// address",
                    (*at, "url" if url == source.url else "mirrors"),
                )


def _check_names(sources: list[ModelSource], document: Document) -> None:
    """Every name is a path that no other one needs, on any platform."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for index, source in enumerate(sources):
        name, at = source.name, ("models", "sources", index, "name")
        try:
            check_name(name)
        except ConfigError as error:
            raise document.error(str(error), at) from None
        if name.startswith("-"):  # every command would take it for an option
            raise document.error(f"{name!r} begins with a dash; let it begin otherwise", at)
        key = collision_key(name)
        if (other := seen.get(key)) is not None:
            same = "" if other == name else f" ({other!r} is the same file on Windows and macOS)"
            raise document.error(f"two models are named {name!r}{same}; a name is used once", at)
        parts = key.split("/")
        if parts[0] == PRIVATE_FOLDER:
            raise document.error(f"{PRIVATE_FOLDER!r} belongs to the downloader itself", at)
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        folder_of = folders.get(key)
        inside = next((seen[path] for path in above if path in seen), None)
        if folder_of is not None or inside is not None:
            file, folder = (name, folder_of) if folder_of is not None else (inside, name)
            raise document.error(
                f"the model {file!r} is a file, and {folder!r} needs a folder of that name; "
                "rename one of them",
                at,
            )
        seen[key] = name
        folders.update(dict.fromkeys(above, name))


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_headers(headers: dict[str, str], document: Document, at: _Place) -> None:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise document.error(
                f"{name!r} is no header that can be sent: a name has letters, digits and '-', its "
                "value stands in one line",
                (*at, name),
            )
        if name.lower() in _OWN_HEADERS:
            raise document.error(
                f"the header {name!r} is the downloader's own business", (*at, name)
            )


def _check_checksum(source: ModelSource, document: Document, at: _Place) -> None:
    digits = _DIGEST_HEX[source.algorithm]
    if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", source.checksum):
        raise document.error(
            f"the checksum of {source.name!r} is no {source.algorithm} checksum: that has "
            f"{digits} hexadecimal digits, this has {len(source.checksum)} characters",
            (*at, "checksum"),
        )


def _address(source: ModelSource, document: Document, at: _Place) -> ModelAddress | None:
    """The repository that a source names, if it does; what cannot go together is refused."""
    try:
        address = parse_model_address(source.url)
    except ValueError as error:
        raise document.error(str(error), (*at, "url")) from None
    if address is None and source.model_version:
        raise document.error(
            "`model_version` needs an url that names a repository (hf://org/name); "
            f"{source.name!r} has a plain one",
            (*at, "model_version"),
        )
    if source.files and (address is None or address.path):
        raise document.error(
            f"`files` chooses files of a whole repository, and the url of {source.name!r} names "
            "one file; leave one of them out",
            (*at, "files"),
        )
    if address is None:
        return None
    if source.model_version and address.version not in (None, source.model_version):
        raise document.error(
            f"{source.name!r} names two versions: {address.version!r} in its url and "
            f"{source.model_version!r}; keep one of them",
            (*at, "model_version"),
        )
    if not address.path and (source.checksum or source.size_bytes):
        raise document.error(
            f"{source.name!r} is a whole repository, whose files have a checksum each; leave out "
            "`checksum` and `size_bytes`",
            (*at, "checksum"),
        )
    return address
