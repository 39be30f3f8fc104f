"""What decoders are told: read, added to and written without changing anything else."""

from pathlib import Path

import av
import pytest
from movies import make_movie

from video_censor_personal.media.bits import unescaped
from video_censor_personal.media.h264_sequences import SequenceSet
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.bitstreams.hevc_numbers import (
    has_our_number,
    renumbered,
)
from video_censor_personal.remediation.bitstreams.nal import (
    escaped,
    joined,
    split_lengths,
)
from video_censor_personal.remediation.bitstreams.parameter_sets import (
    HEVC_PPS,
    HEVC_SPS,
    HEVC_VPS,
    AvcSetup,
    HevcSetup,
)


@pytest.mark.parametrize(
    ("plain", "kept"),
    [
        (b"\0\0\0", b"\0\0\x03\0"),
        (b"\0\0\x01a", b"\0\0\x03\x01a"),
        (b"\0\0\x03\0\0\x02", b"\0\0\x03\x03\0\0\x03\x02"),
        (b"\0\0\x04\0a", b"\0\0\x04\0a"),
        (b"\0\0\0\0\0\x01", b"\0\0\x03\0\0\x03\0\x01"),
    ],
)
def test_start_codes_are_hidden_and_found_again(plain: bytes, kept: bytes) -> None:
    assert escaped(plain) == kept
    assert unescaped(kept) == plain


def test_units_keep_their_bytes() -> None:
    units = [b"\x65abc", b"\x41", b"\x06" * 300]
    assert list(split_lengths(joined(units))) == units
    with pytest.raises(ValueError, match="lengths"):
        list(split_lengths(joined(units)[:-1]))


@pytest.mark.parametrize("interlaced", [False, True])
def test_h264(tmp_path: Path, interlaced: bool) -> None:
    options = {"x264-params": "tff=1" if interlaced else "keyint=12"}
    movie = make_movie(tmp_path / "a.mp4", seconds=0.5, video_options=options)
    data = probe(movie.path).streams[0].setup
    setup = AvcSetup.parse(data)
    assert bytes(setup) == data
    assert SequenceSet.parse(setup.sps[0]).frames_only != interlaced
    assert setup.free_number() == 1
    more = AvcSetup.parse(bytes(setup.with_sets([setup.sps[0]], [setup.pps[0]])))
    assert (more.sps, more.pps) == (setup.sps * 2, setup.pps * 2)


def test_hevc_sets_get_other_numbers_and_nothing_else_changes(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=0.5, video_codec="libx265")
    data = probe(movie.path).streams[0].setup
    setup = HevcSetup.parse(data)
    assert bytes(setup) == data
    sets = [next(setup.sets(kind)) for kind in (HEVC_VPS, HEVC_SPS, HEVC_PPS)]
    assert not any(has_our_number(unit) for unit in sets)
    vps, sps, pps = renumbered(sets[0], sets[1], sets[2])
    assert all(has_our_number(unit) for unit in (vps, sps, pps))
    kinds = (HEVC_VPS, HEVC_SPS, HEVC_PPS)
    more = setup.with_sets(
        {kind: [unit] for kind, unit in zip(kinds, (vps, sps, pps), strict=True)}
    )
    decoder = av.CodecContext.create("hevc", "r")
    decoder.extradata = bytes(more)
    decoder.open()
    assert [len(list(HevcSetup.parse(bytes(more)).sets(kind))) for kind in kinds] == [2, 2, 2]


@pytest.mark.parametrize("data", [b"", b"\x01", b"\0\0\0\x01\x67", b"\x01" * 20])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="set-up"):
        AvcSetup.parse(data)
    with pytest.raises(ValueError, match="set-up"):
        HevcSetup.parse(data)
