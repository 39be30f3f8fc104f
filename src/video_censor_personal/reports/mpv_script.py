"""A script for mpv that skips and mutes while the untouched film plays."""

from __future__ import annotations

from pathlib import Path

from video_censor_personal.outputs import write_text
from video_censor_personal.reports.player_spans import PlayerSpans
from video_censor_personal.timeline import Span

__all__ = ["write_mpv_script"]

# A jump may land a little before its target; it is not taken for a reason to jump again.
_SCRIPT = """\
-- Skips and mutes parts of one film. Play it with:  mpv --script=<this file> <the film>
local film = "{film}"
local skips = {skips}
local mutes = {mutes}
local almost = 0.02
local muted = false

local function holding(spans, time)
    for _, span in ipairs(spans) do
        if time >= span[1] and time < span[2] - almost then
            return span
        end
    end
end

local function watch(_, time)
    if time == nil or mp.get_property("filename") ~= film then
        return
    end
    local skip = holding(skips, time)
    if skip then
        mp.commandv("seek", tostring(skip[2]), "absolute+exact")
        return
    end
    local mute = holding(mutes, time) ~= nil
    if mute ~= muted and (muted or not mp.get_property_native("mute")) then
        muted = mute
        mp.set_property_native("mute", mute)
    end
end

mp.observe_property("time-pos", "number", watch)
"""

# mpv says the time once a frame, and what was decoded already is heard a little longer.
_EARLY_S = 0.1


def write_mpv_script(path: Path, film: Path, spans: PlayerSpans) -> None:
    """Writes a Lua script that does nothing while mpv plays any other file than `film`.

    Raises:
        OutputError: it cannot be written.
    """
    script = _SCRIPT.format(
        film=_quoted(film.name),
        skips=_table(spans.skipped, 0),
        mutes=_table(spans.muted, _EARLY_S),
    )
    write_text(script, path)


def _table(spans: tuple[Span, ...], early_s: float) -> str:
    entries = (
        f"{{{max(0.0, float(span.start) - early_s):.3f}, {float(span.end):.3f}}}" for span in spans
    )
    return "{" + ", ".join(entries) + "}"


def _quoted(text: str) -> str:
    """`text` within the quotes of Lua, where any byte may be written in decimal."""
    return "".join(
        f"\\{ord(letter):03d}" if letter in '"\\' or ord(letter) < 32 else letter for letter in text
    )
