"""Which files a job writes, and whether each of them can be written, before any work is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.analysis.scores import SUFFIX
from video_censor_personal.config import Output
from video_censor_personal.errors import UsageError
from video_censor_personal.media.subtitles import files_beside
from video_censor_personal.outputs import check_output
from video_censor_personal.remediation.output import SUFFIXES, muxer_of

__all__ = ["JobOutputs", "check_outputs", "choose_outputs"]


@dataclass(frozen=True, slots=True)
class JobOutputs:
    """Where the results go; None: not wanted."""

    report: Path | None = None
    scores: Path | None = None
    page: Path | None = None
    edl: Path | None = None
    mpv: Path | None = None
    plex: Path | None = None
    subtitles: Path | None = None
    copy: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        lists = (self.edl, self.mpv, self.plex)
        paths = (self.report, self.scores, self.page, *lists, self.subtitles, self.copy)
        return iter([path for path in paths if path is not None])


def choose_outputs(
    video: Path,
    wanted: Output,
    *,
    output: Path | None,
    output_video: Path | None,
    analyses: bool,
    page: bool,
) -> JobOutputs:
    """The files that a job with these `--output` and `--output-video` writes.

    An `output` with a video suffix is the copy, and the report and whatever `wanted` names lie
    beside it; one that ends in `.json` is the report. Without either the report is named after the
    video and lies in the current folder. A job that does not analyse writes no report.

    Raises:
        UsageError: a suffix says neither, or the copy is named twice.
    """
    copy, report = _named(output, output_video)
    if report is None:
        report = (copy or Path(video.name)).with_suffix(".json")
    return JobOutputs(
        report=report if analyses else None,
        scores=report.with_name(report.stem + SUFFIX) if analyses and wanted.scores else None,
        page=report.with_suffix(".html") if analyses and (wanted.html or page) else None,
        # Players look for an edit list under the name of the film it is about.
        edl=report.with_name(f"{video.stem}.edl") if wanted.edl else None,
        mpv=report.with_name(f"{video.stem}.mpv.lua") if wanted.mpv else None,
        plex=report.with_name(f"{video.stem}.plex.json") if wanted.plex_key else None,
        subtitles=_subtitles_name(report, video) if wanted.subtitles else None,
        copy=copy,
    )


def _named(output: Path | None, output_video: Path | None) -> tuple[Path | None, Path | None]:
    """The copy and the report, as far as they are named."""
    copy, report = output_video, None
    if output is not None and output.suffix.lower() in SUFFIXES:
        if output_video is not None:
            raise UsageError(
                f"the copy is named twice, {output} and {output_video}; with --output-video, "
                "--output names the report (.json)"
            )
        copy = output
    elif output is not None and output.suffix.lower() == ".json":
        report = output
    elif output is not None:
        raise UsageError(
            f"--output {output}: end it in a video suffix ({', '.join(sorted(SUFFIXES))}) for the "
            "censored copy, or in .json for only the report"
        )
    if copy is not None and copy.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--output-video {copy}: the copy must end in one of {', '.join(sorted(SUFFIXES))}"
        )
    return copy, report


def _subtitles_name(report: Path, video: Path) -> Path:
    """Not a name under which a player, or the next analysis, takes them for the video's own."""
    path = report.with_suffix(".srt")
    beside = path.absolute().parent == video.absolute().parent
    return path.with_suffix(".clean.srt") if beside and path.stem == video.stem else path


def check_outputs(
    outputs: JobOutputs,
    video: Path,
    *,
    force: bool,
    report: Path | None = None,
    config: Path | None = None,
) -> None:
    """Finds out whether every file can be written, without touching it.

    Raises:
        OutputError: one cannot.
        UsageError: one is a file that the job reads: `report`, `config`, or subtitles that lie
            beside the video.
    """
    read = {report: "the report the copy is made from", config: "the configuration"}
    with suppress(OSError):
        read |= dict.fromkeys((path for path, _ in files_beside(video)), "the video's subtitles")
    for path in outputs:
        for source, what in read.items():
            if source is not None and path.exists() and source.exists() and path.samefile(source):
                raise UsageError(f"{path} is {what}; name another output")
        check_output(video, path, force=force)
    if outputs.copy is not None:
        muxer_of(outputs.copy)
