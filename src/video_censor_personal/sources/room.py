"""Room for all that is missing, whichever store it goes to, before the first byte is fetched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from video_censor_personal.errors import DiskSpaceError
from video_censor_personal.sizes import describe_size
from video_censor_personal.store import Store
from video_censor_personal.transfer import Plan, PlannedFile

__all__ = ["Want", "refuse"]


@dataclass(frozen=True, slots=True)
class Want:
    """A file that is missing in `store`, and the names of the models that need it."""

    file: PlannedFile
    store: Store
    models: tuple[str, ...]


def refuse(wants: Iterable[Want], optional: Collection[str]) -> dict[str, DiskSpaceError]:
    """The models that there is no room for, and why.

    Stores on one disk share its room. Where that is not enough for all, optional models stay out.
    """
    disks: dict[int, list[Want]] = defaultdict(list)
    for want in wants:
        disks[want.store.disk()].append(want)
    refused: dict[str, DiskSpaceError] = {}
    for here in disks.values():
        if error := _shortage(here):
            refused |= {model: error for model in _models(here) if model in optional}
            required = [left for want in here if (left := _without(want, optional)).models]
            if error := _shortage(required):
                refused |= dict.fromkeys(_models(required), error)
    return refused


def _without(want: Want, models: Collection[str]) -> Want:
    return replace(want, models=tuple(m for m in want.models if m not in models))


def _models(wants: Iterable[Want]) -> list[str]:
    return list(dict.fromkeys(model for want in wants for model in want.models))


def _shortage(wants: Sequence[Want]) -> DiskSpaceError | None:
    """Why these, which lie on one disk, do not fit; None if they do."""
    stores = list({want.store.root: want.store for want in wants}.values())
    plans = [
        Plan(store, tuple(w.file for w in wants if w.store.root == store.root), store.free_bytes())
        for store in stores
    ]
    needed = sum(plan.room_bytes for plan in plans)
    free = min((plan.free_bytes for plan in plans), default=0)
    if needed <= free:
        return None
    missing = sum(plan.missing_bytes for plan in plans)
    return DiskSpaceError(
        f"No room for {', '.join(_models(wants))} in {' and '.join(str(s.root) for s in stores)}: "
        f"{describe_size(missing)} are missing, so {describe_size(needed)} must be free (twice as "
        f"much, less what is reserved already), and {describe_size(free)} are. Make room there "
        "(see: video-censor models prune --dry-run), or name another disk in "
        f"{' or '.join(s.setting for s in stores)}.",
        path=stores[0].root,
        expected=needed,
        actual=free,
    )
