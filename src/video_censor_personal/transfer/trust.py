"""Whom TLS trusts: the system, or the bundle that the environment names."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Mapping

from video_censor_personal.errors import ConfigError

__all__ = ["LazyTls", "make_tls_context"]

# curl's own name first, then what requests reads, then OpenSSL's, which may have a folder too.
_FILES = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_FOLDER = "SSL_CERT_DIR"


def make_tls_context(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """A context that checks certificates and host names.

    Raises:
        ConfigError: the environment names a bundle that cannot be read.
    """
    name = next((n for n in _FILES if environment.get(n)), _FOLDER)
    file = environment.get(name) if name != _FOLDER else None
    folder = environment.get(_FOLDER) if name in (_FOLDER, "SSL_CERT_FILE") else None
    if file is not None and os.path.isdir(file):
        file, folder = None, file
    try:
        return ssl.create_default_context(cafile=file, capath=folder or None)
    except OSError as exc:
        raise ConfigError(
            f"{name} names {file or folder}, which is no readable file or folder of certificates",
            key=name,
        ) from exc


class LazyTls:
    """The context, made when the first https URL is fetched and shared by all connections."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._mutex = threading.Lock()

    def __call__(self) -> ssl.SSLContext:
        with self._mutex:
            if self._context is None:
                self._context = make_tls_context()
            return self._context
