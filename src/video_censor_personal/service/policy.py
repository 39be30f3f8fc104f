"""What may be downloaded: from which hub, which repositories, which kinds of files."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from video_censor_personal.hub.files import HubFile
from video_censor_personal.service.jobs import Wanted
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.settings import ServiceSettings

__all__ = ["Policy", "is_pickle"]

# Loading one of these runs whatever code its author put in:
# https://docs.python.org/3/library/pickle.html, https://huggingface.co/docs/hub/security-pickle
_PICKLED = frozenset(
    (".pt", ".pth", ".pt2", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".mar", ".nemo")
)
# `.bin` is also what CTranslate2, OpenVINO and whisper.cpp call weights that are no pickle; these
# names are PyTorch's own. Others are told by their first bytes, once they are here.
_PICKLED_NAMES = (
    "pytorch_model*.bin",
    "diffusion_pytorch_model*.bin",
    "adapter_model*.bin",
    "consolidated*.bin",
    "training_args.bin",
    "optimizer*.bin",
    "scheduler*.bin",
)
_WEIGHTS = frozenset(
    (".safetensors", ".gguf", ".ggml", ".onnx", ".bin", ".h5", ".msgpack", ".tflite", ".ot")
)


class Policy:
    """The rules of `settings`."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings

    def check(self, wanted: Wanted) -> None:
        """Make sure that this model may be fetched from that hub.

        Raises:
            Problem: 403.
        """
        if wanted.endpoint not in self._settings.endpoints:
            raise Problem(
                403,
                "endpoint_not_allowed",
                "This service fetches only from the hubs it was configured with.",
            )
        self.check_repository(wanted.repository)

    def check_repository(self, name: str) -> None:
        """Make sure that a repository of this name may be fetched.

        Raises:
            Problem: 403.
        """
        permitted = self._settings.repositories
        if not any(fnmatch.fnmatchcase(name.casefold(), p.casefold()) for p in permitted):
            raise Problem(
                403, "repository_not_allowed", f"This service was not configured to fetch {name}."
            )

    def leaves_out(self, path: str) -> bool:
        """Whether a file of this name is not let in, because loading it can run code."""
        return not self._settings.allow_pickle and _is_pickled_name(path)

    def choose(
        self, tree: Iterable[HubFile], patterns: Sequence[str] = ()
    ) -> tuple[tuple[HubFile, ...], tuple[str, ...]]:
        """The files to have (of those that match a pattern, if there are any), and the paths of
        those that are left out because loading them can run code."""
        files, left_out = [], []
        for file in tree:
            if patterns and not any(fnmatch.fnmatchcase(file.path, p) for p in patterns):
                continue
            if self.leaves_out(file.path):
                left_out.append(file.path)
            else:
                files.append(file)
        return tuple(files), tuple(left_out)

    def check_choice(
        self, wanted: Wanted, files: Sequence[HubFile], left_out: Sequence[str]
    ) -> None:
        """Make sure that what is chosen is worth fetching: a model is more than its licence.

        Raises:
            Problem: 404 if nothing matches; 403 if all weights were left out.
        """
        if left_out and not any(_suffix(file.path) in _WEIGHTS for file in files):
            raise _refused(wanted.repository, left_out)
        if not files:
            raise Problem(
                404,
                "no_such_files",
                f"{wanted.repository} has no files"
                + (f" that match {', '.join(wanted.patterns)}." if wanted.patterns else "."),
            )

    def check_content(self, wanted: Wanted, blobs: Iterable[tuple[str, Path]]) -> None:
        """Make sure that no file that arrived is a pickle under another name.

        Args:
            blobs: path in the repository, and where its bytes are.

        Raises:
            Problem: 403.
        """
        if self._settings.allow_pickle:
            return
        found = [path for path, blob in blobs if is_pickle(blob)]
        if found:
            raise _refused(wanted.repository, found)


def is_pickle(path: Path) -> bool:
    """Whether a file begins like a pickle, or like PyTorch's archive of pickles.

    A tripwire: it recognises what honest programs write.
    """
    with path.open("rb") as file:
        head = file.read(256)
    if head[:4] == b"PK\x03\x04":
        name_length = int.from_bytes(head[26:28], "little")
        return head[30 : 30 + name_length].endswith((b".pkl", b"/version", b"byteorder"))
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5  # PROTO of pickle 2 to 5


def _refused(repository: str, paths: Sequence[str]) -> Problem:
    named = ", ".join(paths[:3]) + (" and others" if len(paths) > 3 else "")
    return Problem(
        403,
        "format_refused",
        f"Loading {named} of {repository} can run code, and this service does not fetch such "
        "files. Choose a repository with safetensors, GGUF or ONNX weights, or start the service "
        "with --allow-pickle.",
    )


def _is_pickled_name(path: str) -> bool:
    name = path.rpartition("/")[2].casefold()
    return _suffix(path) in _PICKLED or any(fnmatch.fnmatchcase(name, p) for p in _PICKLED_NAMES)


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.casefold()
