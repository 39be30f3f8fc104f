"""Every error this package raises on purpose, in one tree.

    VideoCensorError
    ├── ConfigError (ValueError)             the configuration is wrong            exit 2
    ├── UsageError (ValueError)              the command line is wrong             exit 2
    ├── InputError                           the source cannot be used             exit 1
    │   ├── InputNotFoundError (FileNotFoundError)
    │   └── NotMediaError                    no picture or sound can be read from it
    ├── OutputError                          the result cannot be written          exit 1
    │   ├── OutputExistsError (FileExistsError)
    │   ├── OutputSpaceError                 the disk is full, or would be
    │   └── OutputCheckError                 the finished copy is not what it must be
    ├── ReportError (ValueError)             a report cannot be used               exit 1
    ├── DetectorError                        a detector failed                     exit 1
    ├── ModelDownloadError                   a model could not be had              exit 4
    │   ├── ModelChecksumError               the bytes are not the right ones
    │   ├── ModelCacheError                  the model cache cannot be read or written
    │   ├── PrivateNetworkError              a server sends us where nothing may be fetched from
    │   ├── DiskSpaceError                   no room for the models
    │   └── ModelMissingError                not there, and nobody asked to download it
    └── RegistryError                        a registry gave no usable answer      exit 4
        ├── ModelNotFoundError               it knows no such model
        │   ├── ModelHiddenError             private, or not there: it does not say which
        │   └── RevisionNotFoundError        no such branch, tag, commit or file in it
        ├── ModelGatedError                  its terms must be accepted first
        ├── ModelDisabledError               the registry took it down
        ├── RegistryLoginError               the token was refused
        ├── RegistryUnreachableError         no answer: offline, a broken line, an overloaded server
        └── RegistryAnswerError              an answer that no honest registry gives

An error carries its facts as attributes. Its message says what happened, where, and what to do
next. Errors of libraries are translated once, where the library is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = [
    "ConfigError",
    "DetectorError",
    "DiskSpaceError",
    "InputError",
    "InputNotFoundError",
    "ModelCacheError",
    "ModelChecksumError",
    "ModelDisabledError",
    "ModelDownloadError",
    "ModelGatedError",
    "ModelHiddenError",
    "ModelMissingError",
    "ModelNotFoundError",
    "NotMediaError",
    "OutputCheckError",
    "OutputError",
    "OutputExistsError",
    "OutputSpaceError",
    "PrivateNetworkError",
    "RegistryAnswerError",
    "RegistryError",
    "RegistryLoginError",
    "RegistryUnreachableError",
    "ReportError",
    "RevisionNotFoundError",
    "UsageError",
    "VideoCensorError",
]


class VideoCensorError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code = 1


class ConfigError(VideoCensorError, ValueError):
    """The configuration is wrong; `file`, `line` (1-based) and `key` say where, as far as known."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        self.file, self.line, self.key = file, line, key
        where = ", ".join(
            part for part in (str(file) if file else "", f"line {line}" if line else "") if part
        )
        super().__init__(f"{where}: {message}" if where else message)


class UsageError(VideoCensorError, ValueError):
    """The command line is wrong."""

    exit_code = 2


class InputError(VideoCensorError):
    """The source video cannot be used; `path` is the file."""

    def __init__(self, message: str, *, path: Path | str | None = None) -> None:
        self.path = path
        super().__init__(message)


class InputNotFoundError(InputError, FileNotFoundError):
    """There is no such source file."""


class NotMediaError(InputError):
    """No picture or sound can be read from the source."""


class OutputError(VideoCensorError):
    """The result cannot be written; `path` is the file."""

    def __init__(self, message: str, *, path: Path | str | None = None) -> None:
        self.path = path
        super().__init__(message)


class OutputExistsError(OutputError, FileExistsError):
    """The output is there already and may not be overwritten."""


class OutputSpaceError(OutputError):
    """The disk is full, or a file-size limit was reached."""


class OutputCheckError(OutputError):
    """The finished copy was re-opened and is not what it must be; `what` says in which way."""

    def __init__(self, message: str, *, path: Path | str | None = None, what: str = "") -> None:
        self.what = what
        super().__init__(message, path=path)


class ReportError(VideoCensorError, ValueError):
    """A report cannot be read, or belongs to another video."""


class DetectorError(VideoCensorError):
    """A detector could not be built or failed; `detector` is its name."""

    def __init__(self, message: str, *, detector: str | None = None) -> None:
        self.detector = detector
        super().__init__(message)


class ModelDownloadError(VideoCensorError):
    """A model could not be had.

    Attributes:
        model: the name of the model, if one is concerned.
        url: where it was to come from, without credentials.
        path: where it was to lie.
        expected, actual: the two facts that do not agree, if that is what went wrong.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        url: str | None = None,
        path: Path | str | None = None,
        expected: str | int | None = None,
        actual: str | int | None = None,
    ) -> None:
        self.model, self.url, self.path = model, url, path
        self.expected, self.actual = expected, actual
        super().__init__(message)


class ModelChecksumError(ModelDownloadError):
    """What arrived, or what lies on disk, is not the declared bytes."""


class ModelCacheError(ModelDownloadError):
    """The model cache cannot be read or written; `path` is what stands in the way."""


class PrivateNetworkError(ModelDownloadError):
    """A server sends us on into a network that nobody configured; `url` is where we began."""


class DiskSpaceError(ModelDownloadError):
    """There is no room for the models; `expected` and `actual` are bytes needed and free."""


class ModelMissingError(ModelDownloadError):
    """A required model is not there and downloading was not asked for."""


class RegistryError(VideoCensorError):
    """A model registry could not be asked or gave no usable answer.

    Attributes:
        model: the repository that was asked for.
        url: what was asked, without credentials.
        alternatives: names of existing models that can take its place, best first.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        url: str | None = None,
        alternatives: Sequence[str] = (),
    ) -> None:
        self.model, self.url, self.alternatives = model, url, tuple(alternatives)
        super().__init__(message)


class ModelNotFoundError(RegistryError):
    """The registry knows no such model."""


class ModelHiddenError(ModelNotFoundError):
    """The model is private or does not exist; the registry does not tell strangers which."""


class RevisionNotFoundError(ModelNotFoundError):
    """The model exists, but not that branch, tag, commit or file."""


class ModelGatedError(RegistryError):
    """The model exists; its owner hands it out only to those who accepted its terms."""


class ModelDisabledError(RegistryError):
    """The registry took the model down."""


class RegistryLoginError(RegistryError):
    """The registry refused the token that was sent."""


class RegistryUnreachableError(RegistryError):
    """The registry gave no answer; `retry_after_s` is what it asked to wait, if it did."""

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        url: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, model=model, url=url)


class RegistryAnswerError(RegistryError):
    """The answer of a registry cannot be trusted; nothing was made of it."""
