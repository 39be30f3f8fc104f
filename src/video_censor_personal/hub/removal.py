"""Letting go of exactly what is meant: a revision, or a whole repository, of a cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from video_censor_personal.errors import ModelCacheError
from video_censor_personal.hub.inventory import (
    blob_target,
    folder_name,
    linked_blobs,
    names_in,
    read_reference,
    reference_names,
)
from video_censor_personal.hub.leases import alone
from video_censor_personal.hub.names import check_commit
from video_censor_personal.hub.shared_blobs import sweep_shared_blob
from video_censor_personal.store import Store

__all__ = ["delete_model"]


def delete_model(store: Store, name: str, commit: str | None) -> int:
    """Delete one revision, or (None) all of a model, from the cache at `store`; the bytes freed.

    Raises:
        ModelDownloadError: it is being fetched right now.
        ModelCacheError: one of its folders is a link, which may lead out of the cache; or it cannot
            be deleted.
    """
    folder = store.root / folder_name(name)
    if commit is not None:
        check_commit(commit)
    if folder.is_symlink() or not folder.is_dir():
        return 0
    _refuse_links(folder, name)
    try:
        with alone(store.root, name):
            return _delete(store, folder, name, commit)
    except OSError as exc:
        raise ModelCacheError(
            f"{name} cannot be deleted from {store.root} ({exc.strerror}). Give yourself the right "
            "to write there.",
            model=name,
            path=folder,
        ) from exc


def _refuse_links(folder: Path, name: str) -> None:
    for part in ("blobs", "refs", "snapshots", "trees"):
        if (folder / part).is_symlink():
            raise ModelCacheError(
                f"{folder / part} is a link, and what it leads to may not be the cache's: "
                f"nothing of {name} was deleted. Remove the link by hand.",
                model=name,
                path=folder / part,
            )


def _delete(store: Store, folder: Path, name: str, commit: str | None) -> int:
    commits = set(names_in(folder / "snapshots")) | {
        entry.removesuffix(".json") for entry in names_in(folder / "trees")
    }
    if commit is None or commits <= {commit}:
        freed = _remove_blobs(store, name, set(names_in(folder / "blobs")))
        shutil.rmtree(folder)
        return freed
    unused = linked_blobs(folder / "snapshots" / commit)
    for other in commits - {commit}:
        unused -= linked_blobs(folder / "snapshots" / other)
    for ref in reference_names(folder):
        if read_reference(folder, ref) == commit:
            (folder / "refs" / ref).unlink(missing_ok=True)
    shutil.rmtree(folder / "snapshots" / commit, ignore_errors=True)
    (folder / "trees" / f"{commit}.json").unlink(missing_ok=True)
    return _remove_blobs(store, name, unused)


def _remove_blobs(store: Store, name: str, blobs: set[str]) -> int:
    freed = 0
    for blob in blobs:
        path = store.root / folder_name(name) / "blobs" / blob
        shared = Path(os.path.realpath(path)) if path.is_symlink() else None
        try:
            freed += store.remove(blob_target(name, blob))
        except ValueError:  # not a blob: an unfinished file of a library
            continue
        if shared is not None:
            freed += sweep_shared_blob(store.root, shared)
    return freed
