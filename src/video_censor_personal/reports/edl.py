"""An edit decision list for players that skip and mute by themselves (Kodi and its relatives)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from video_censor_personal.outputs import write_text
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["write_edl"]

# https://kodi.wiki/view/Edit_decision_list
_CUT = 0
_MUTE = 1


def write_edl(path: Path, cuts: Iterable[Span], mutes: Iterable[Span]) -> None:
    """Write `start end action` lines, in seconds of the uncut source, to be put beside it as
    `<stem>.edl`.

    Spans may overlap; what is cut is not muted as well, because players take overlapping entries
    for a mistake.

    Raises:
        OutputError: it cannot be written.
    """
    skipped = union(cuts)
    muted = [part for span in union(mutes) for part in subtract(span, skipped)]
    entries = sorted([(span, _CUT) for span in skipped] + [(span, _MUTE) for span in muted])
    lines = [
        f"{float(span.start):.3f}\t{float(span.end):.3f}\t{action}" for span, action in entries
    ]
    write_text("".join(f"{line}\n" for line in lines), path)
