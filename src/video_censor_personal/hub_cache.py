"""The cache that all Hugging Face libraries share, in exactly their layout.

    models--org--name/blobs/<sha256 or git sha1>          the bytes
                     /snapshots/<commit>/<path>           links to blobs
                     /trees/<commit>.json                 every file that the commit has
                     /refs/<branch or tag>                the commit it stood for last
    .locks/models--org--name/<blob>.lock                  whoever fetches a blob holds it
    .locks/.video-censor/                                 our partial files and records

What we fetch, `snapshot_download(..., local_files_only=True)`, transformers and vLLM find, and we
find what they fetched. A blob's name is its checksum, so the cache can be verified without asking
anyone. Our own files lie under `.locks`, which the libraries' scan and prune leave alone: they
delete every `*.incomplete` beside the blobs, also those of a running download.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.errors import ModelCacheError
from video_censor_personal.hub.files import HubFile, read_tree, resolve_url, write_tree
from video_censor_personal.hub.inventory import (
    CachedModel,
    blob_target,
    folder_name,
    private_folder,
    read_reference,
    scan,
)
from video_censor_personal.hub.leases import in_use
from video_censor_personal.hub.links import link_inside, write_text
from video_censor_personal.hub.names import (
    check_commit,
    check_file_path,
    check_revision,
    check_tree,
    is_commit,
)
from video_censor_personal.hub.removal import delete_model
from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    CancelToken,
    FileState,
    PlannedFile,
    Source,
    inspect,
    verify,
)

__all__ = ["HubCache", "SnapshotState"]

_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is a cache of model files. See https://bford.info/cachedir/\n"
)


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """What the cache has of some files of one commit.

    Attributes:
        path: the snapshot folder; it need not exist.
        missing, damaged: paths in the repository; a damaged one with the reason.
        size_bytes, have_bytes: of all the files, and of those that are right.
    """

    commit: str
    path: Path
    missing: tuple[str, ...]
    damaged: tuple[tuple[str, str], ...]
    size_bytes: int
    have_bytes: int

    @property
    def complete(self) -> bool:
        """Every file is there, linked, and has the bytes that its blob's name promises."""
        return not self.missing and not self.damaged


class HubCache:
    """The cache in `root`. Creating this object touches no disk.

    Repository names, commits, revisions and paths are checked on the way in, whoever they come
    from; `ValueError` says what is wrong with them.
    """

    def __init__(self, root: Path, *, setting: str = "HF_HUB_CACHE") -> None:
        self.root = Path(root)
        self.store = Store(self.root, private=private_folder(self.root), setting=setting)

    # -- places

    def folder(self, name: str) -> Path:
        """Where a repository lies."""
        return self.root / folder_name(name)

    def snapshot_path(self, name: str, commit: str) -> Path:
        """The folder with the files of a commit, under their own names; it need not exist."""
        return self.folder(name) / "snapshots" / check_commit(commit)

    def commit_of(self, name: str, revision: str) -> str | None:
        """The commit that `revision` stood for when it was last fetched; None if never."""
        if is_commit(revision):
            return revision
        folder = self.folder(name)
        try:
            return read_reference(folder, check_revision(revision))
        except ValueError:
            return None

    def tree(self, name: str, commit: str) -> tuple[HubFile, ...] | None:
        """Every file of a commit, if somebody listed it here."""
        return read_tree(self._tree_path(name, commit))

    # -- looking

    def sources(
        self,
        name: str,
        commit: str,
        files: Iterable[HubFile],
        *,
        endpoint: str,
        headers: dict[str, dict[str, str]] | None = None,
    ) -> list[Source]:
        """What the transfer engine has to fetch, one source a blob."""
        found: dict[str, Source] = {}
        for file in files:
            found.setdefault(
                file.blob,
                Source(
                    name=f"{name}/{file.path}",
                    urls=(resolve_url(endpoint, name, commit, file.path),),
                    target=self.blob_target(name, file.blob),
                    size_bytes=file.size_bytes,
                    checksum=file.blob,
                    algorithm=file.algorithm,
                    headers=headers or {},
                ),
            )
        return list(found.values())

    def blob_target(self, name: str, blob: str) -> str:
        """The name of a blob in `store`."""
        return blob_target(name, blob)

    def state(
        self,
        name: str,
        commit: str,
        files: Sequence[HubFile],
        *,
        deep: bool = False,
        remember: bool = False,
        cancel: CancelToken | None = None,
    ) -> SnapshotState:
        """What is there of `files`, without asking anyone.

        A blob that was verified before is not read again unless `deep`; `remember` writes down
        which ones were right (without it, nothing on disk changes).
        """
        sources = self.sources(name, commit, files, endpoint="https://huggingface.co")
        if remember:
            looked: Iterable[PlannedFile] = verify(sources, self.store, deep=deep, cancel=cancel)
        else:
            looked = (inspect(source, self.store, deep=deep) for source in sources)
        by_blob = {found.source.checksum: found for found in looked}
        missing, damaged, have = [], [], 0
        for file in files:
            found = by_blob[file.blob]
            if found.state in (FileState.DAMAGED, FileState.UNREADABLE):
                damaged.append((file.path, found.reason))
            elif found.state is not FileState.VERIFIED or not self._is_linked(name, commit, file):
                missing.append(file.path)
            else:
                have += file.size_bytes
        total = sum(file.size_bytes for file in files)
        path = self.snapshot_path(name, commit)
        return SnapshotState(commit, path, tuple(missing), tuple(damaged), total, have)

    def scan(self) -> list[CachedModel]:
        """Every model in the cache, by name; folders that are no repository are passed over."""
        return scan(self.root)

    # -- changing

    def publish(
        self,
        name: str,
        commit: str,
        files: Iterable[HubFile],
        *,
        revision: str | None = None,
        tree: Sequence[HubFile] = (),
    ) -> Path:
        """Make verified blobs visible as a snapshot, its reference last; the snapshot's folder.

        Args:
            revision: the branch or tag that `commit` was found under, if it was.
            tree: every file of the commit, so that others can tell a part from the whole.

        Raises:
            ModelCacheError: the cache cannot be written, or a blob is gone.
            ValueError: a name that cannot be part of a path.
        """
        chosen = list(files)
        check_tree(check_file_path(file.path) for file in chosen)
        path, folder = self.snapshot_path(name, commit), self.folder(name)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._tag()
            self._refuse_holes(name, chosen)
            for file in chosen:
                link_inside(folder, folder / "blobs" / file.blob, path / file.path)
            if tree:
                write_tree(self._tree_path(name, commit), tree)
            if revision is not None and not is_commit(revision):
                write_text(folder / "refs" / check_revision(revision), commit)
        except OSError as exc:
            raise ModelCacheError(
                f"{name} cannot be written to {self.root} ({exc.strerror}). "
                "Give yourself the right to write there, or name another place in HF_HUB_CACHE.",
                model=name,
                path=path,
            ) from exc
        return path

    def delete(self, name: str, commit: str | None = None) -> int:
        """Delete one revision, or (None) all of a model; the bytes freed.

        Blobs that another revision uses stay, and so does what another repository shares.

        Raises:
            ModelDownloadError: it is being fetched right now, whichever revision of it.
            ModelCacheError: one of its folders is a link, which may lead out of the cache; or it
                cannot be deleted.
        """
        return delete_model(self.store, name, commit)

    def in_use(self, names: Iterable[str], cancel: CancelToken) -> AbstractContextManager[None]:
        """Hold this from before looking until after publishing: nobody deletes these models."""
        return in_use(self.root, names, cancel)

    def _refuse_holes(self, name: str, files: Iterable[HubFile]) -> None:
        """Other programs delete without asking who fetches."""
        for file in files:
            path = self.folder(name) / "blobs" / file.blob
            if not path.is_file():
                raise ModelCacheError(
                    f"{file.path} of {name} was deleted while the rest of it was fetched. "
                    "Fetch it again.",
                    model=name,
                    path=path,
                )

    def _is_linked(self, name: str, commit: str, file: HubFile) -> bool:
        link = self.snapshot_path(name, commit) / check_file_path(file.path)
        try:
            return os.path.samefile(link, self.folder(name) / "blobs" / file.blob)
        except OSError:
            return False

    def _tree_path(self, name: str, commit: str) -> Path:
        return self.folder(name) / "trees" / f"{check_commit(commit)}.json"

    def _tag(self) -> None:
        """Tell backup programs that this folder need not be kept."""
        with contextlib.suppress(FileExistsError), (self.root / "CACHEDIR.TAG").open("x") as file:
            file.write(_TAG)
