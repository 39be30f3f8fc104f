"""Markers for PlexAutoSkip, which skips and mutes on a Plex server's players."""

from __future__ import annotations

import json
from pathlib import Path

from video_censor_personal.outputs import write_text
from video_censor_personal.reports.player_spans import PlayerSpans
from video_censor_personal.timeline import Span

__all__ = ["write_plex_markers"]


def write_plex_markers(path: Path, key: str, spans: PlayerSpans) -> None:
    """Writes a `custom.json` (https://github.com/mdhiggins/PlexAutoSkip) for the film that the
    server knows under `key` (its rating key or GUID); times are milliseconds.

    Raises:
        OutputError: it cannot be written.
    """
    markers = [_marker(span, "skip") for span in spans.skipped]
    markers += [_marker(span, "volume") for span in spans.muted]
    markers.sort(key=lambda marker: int(marker["start"]))
    write_text(json.dumps({"markers": {key: markers}}, indent=2) + "\n", path)


def _marker(span: Span, mode: str) -> dict[str, int | str]:
    return {"start": round(span.start * 1000), "end": round(span.end * 1000), "mode": mode}
