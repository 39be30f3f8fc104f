"""An edit decision list for players that skip and mute by themselves (Kodi and its relatives)."""

from __future__ import annotations

from pathlib import Path

from video_censor_personal.outputs import write_text
from video_censor_personal.reports.player_spans import PlayerSpans

__all__ = ["write_edl"]

# https://kodi.wiki/view/Edit_decision_list
_CUT = 0
_MUTE = 1


def write_edl(path: Path, spans: PlayerSpans) -> None:
    """Write `start end action` lines, in seconds of the uncut source, to be put beside it as
    `<stem>.edl`.

    Raises:
        OutputError: it cannot be written.
    """
    cuts = [(span, _CUT) for span in spans.skipped]
    entries = sorted([*cuts, *((span, _MUTE) for span in spans.muted)])
    lines = [
        f"{float(span.start):.3f}\t{float(span.end):.3f}\t{action}" for span, action in entries
    ]
    write_text("".join(f"{line}\n" for line in lines), path)
