"""The folder of verified files: where things lie, and how they get there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat as mode
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from video_censor_personal.errors import ConfigError, ModelCacheError, ModelDownloadError
from video_censor_personal.file_names import PRIVATE_FOLDER, check_name, collision_key
from video_censor_personal.store.leftovers import Leftover, leftovers_in, piece_map_path
from video_censor_personal.store.locks import Lock
from video_censor_personal.store.records import Fingerprint, Records

__all__ = ["Store", "sync_folder"]


class Store:
    """A folder of verified files. Creating this object touches no disk.

    `root/.transfer` (or `private`, on the same file system) holds partial files, piece maps, locks
    (in the folder `locks`) and records. `setting` is what people name another root with; messages
    say it.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        private: Path | str | None = None,
        setting: str = "models.cache_dir",
    ) -> None:
        self.root = Path(root)
        self._root = os.fspath(root)
        self.private = Path(private) if private else self.root / PRIVATE_FOLDER
        self.setting = setting
        self.records = Records(self.private / "records.jsonl")
        self.locks = self.private / "locks"
        self._partials = self.private / "partial"

    # -- names

    def path(self, target: str) -> Path:
        """Where `target` lies under the root; it need not exist.

        Raises:
            ConfigError: the name would leave the root, or no file can have it on some platform.
        """
        return _located(self._root, target)

    def contained_path(self, target: str) -> Path:
        """As `path`, and no symbolic link on the way leads out of the root.

        Raises:
            ConfigError: the name is unsafe.
            ModelCacheError: a link on the way leads elsewhere.
        """
        path = self.path(target)
        folder = path.parent if "/" in target else self.root
        while folder != self.root:
            if folder.is_symlink() and not self._holds(os.path.realpath(folder)):
                raise ModelCacheError(
                    f"{folder} is a link that leads out of {self.root}. "
                    "Remove the link, or choose another cache folder.",
                    path=path,
                )
            folder = folder.parent
        return path

    def partial_path(self, target: str) -> Path:
        """Where the unfinished file of `target` lies."""
        return self._partials / _flat(target)

    def kept_map_path(self, target: str) -> Path:
        """Where the piece map of a finished file is kept, for repairing it later."""
        return self.private / "pieces" / _flat(target)

    def lock(self, target: str) -> Lock:
        """The lock that whoever writes `target` must hold. Not acquired yet."""
        return Lock(self.locks, _flat(target))

    # -- looking

    def stat(self, target: str) -> os.stat_result | None:
        """The file under its name, None if there is none or it is not a file of this store."""
        path = self.contained_path(target)
        try:
            found = os.lstat(path)
            if mode.S_ISLNK(found.st_mode):
                # A hub cache shares its blobs through links; one that leads out is not ours.
                if not self._holds(os.path.realpath(path)):
                    return None
                found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found if mode.S_ISREG(found.st_mode) else None

    def fingerprint(self, target: str) -> Fingerprint | None:
        """What was verified of `target`, if the file still looks the same; reads no content."""
        known = self.records.get(target)
        if known is None:
            return None
        found = self.stat(target)
        return known if found is not None and known.matches(found) else None

    def recorded(self) -> dict[str, int]:
        """target -> size of every file that was verified and still looks the same."""
        found = {}
        for target, known in self.records.all().items():
            # What a strange record or a link says lies elsewhere is none of ours, nor is what
            # cannot be looked at.
            with contextlib.suppress(ConfigError, ModelCacheError, OSError):
                if self.fingerprint(target) is not None:
                    found[target] = known.size
        return found

    def free_bytes(self) -> int:
        """Free room where the store is, or would be."""
        return shutil.disk_usage(self._nearest()).free

    def disk(self) -> int:
        """Tells apart the file systems of stores: those on one share its free room."""
        return os.stat(self._nearest()).st_dev

    def _nearest(self) -> Path:
        """The root, else the nearest folder above it that is there."""
        place = self.root.absolute()
        while not place.exists() and place != place.parent:
            place = place.parent
        return place

    def has_unfinished(self) -> bool:
        """Whether anything lies in the folder of unfinished files, of this run or others."""
        try:
            with os.scandir(self._partials) as entries:
                return any(entries)
        except OSError:
            return False

    def leftovers(self) -> list[Leftover]:
        """Unfinished files of earlier runs that no living process works on."""
        return list(leftovers_in(self._partials, self.locks))

    def _holds(self, real: str) -> bool:
        return real.startswith(os.path.realpath(self.root) + os.sep)

    # -- acting

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            ModelCacheError: they cannot be made or written.
        """
        try:
            for name in ("partial", "pieces", "locks"):
                make_folder(self.private / name)
            probe = self.locks / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink(missing_ok=True)  # another thread may have been here meanwhile
        except OSError as exc:
            raise ModelCacheError(
                f"the model cache {self.root} cannot be written ({exc.strerror}). "
                f"Make it writable, or set {self.setting} to another folder.",
                path=self.root,
            ) from exc

    def publish(self, partial: Path, target: str, *, durable: bool = True) -> Path:
        """Give a finished, synced file its name in one step. Call `sync_folder` afterwards: with
        `durable` only the folders that had to be made for it are synced here.

        Raises:
            OSError: the rename failed, or a folder could not be made.
            ModelCacheError: a link on the way leads out of the root.
        """
        path = self.contained_path(target)
        try:
            os.replace(partial, path)
        except FileNotFoundError:
            make_folder(path.parent, durable=durable)
            os.replace(partial, self.contained_path(target))
        return path

    def remember(self, target: str, algorithm: str, checksum: str) -> None:
        """Record that the file under `target` has just been verified. A failure is harmless."""
        with contextlib.suppress(OSError):
            found = os.stat(self.path(target))
            self.remember_all({target: Fingerprint.of(found, algorithm, checksum)})

    def remember_all(self, verified: Mapping[str, Fingerprint]) -> None:
        """Record what files looked like when they were verified. A failure is harmless."""
        with contextlib.suppress(OSError):
            if verified:
                self.records.remember(verified)

    def forget(self, target: str) -> None:
        """Drop the record of `target`. A failure is harmless: the file is then hashed again."""
        with contextlib.suppress(OSError):
            self.records.forget(target)

    def remove(self, target: str) -> int:
        """Delete a file, its record and its partial; the bytes freed, of a link none. Waits for no
        one.

        Raises:
            ModelDownloadError: another process is fetching it right now, or it cannot be deleted.
        """
        path = self.contained_path(target)
        if not self.root.is_dir():
            return 0
        self.prepare()
        lock = self.lock(target)
        with lock:
            if not lock.acquire():
                raise ModelDownloadError(
                    f"{target} is being downloaded by {lock.owner() or 'another process'}. "
                    "Stop that first.",
                    model=target,
                    path=path,
                )
            unfinished = self.partial_path(target)
            freed = 0
            try:
                for item in (path, unfinished, piece_map_path(unfinished)):
                    with contextlib.suppress(FileNotFoundError):
                        found = os.lstat(item)
                        os.unlink(item)
                        if not mode.S_ISLNK(found.st_mode):
                            freed += getattr(found, "st_blocks", 0) * 512 or found.st_size
                self.kept_map_path(target).unlink(missing_ok=True)
            except OSError as exc:
                raise ModelCacheError(
                    f"{item} cannot be deleted ({exc.strerror}). Remove it by hand.",
                    model=target,
                    path=item,
                ) from exc
            self.forget(target)
            return freed


def _parts(target: str) -> tuple[str, ...]:
    parts = check_name(target)
    if collision_key(parts[0]) == PRIVATE_FOLDER:
        raise ConfigError(f"{PRIVATE_FOLDER!r} belongs to the downloader itself", key="name")
    return parts


# The same names come again and again while thousands of files are planned, locked and published.
@lru_cache(maxsize=4096)
def _located(root: str, target: str) -> Path:
    return Path(root, *_parts(target))


def make_folder(folder: Path, *, durable: bool = True) -> None:
    """Make a folder, and those above it that are missing; `durable`: they survive a power loss.

    Raises:
        OSError: one cannot be made, or the disk failed.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent, durable=durable)
    folder.mkdir(exist_ok=True)  # another thread may have been here meanwhile
    if durable:
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss. Does nothing where folders cannot be synced.

    Raises:
        OSError: the disk failed.
    """
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@lru_cache(maxsize=4096)
def _flat(target: str) -> str:
    """A file name for what belongs to `target`, different for every target."""
    digest = hashlib.sha256(target.encode()).hexdigest()[:16]
    return f"{target.rsplit('/', 1)[-1][:100]}-{digest}"
