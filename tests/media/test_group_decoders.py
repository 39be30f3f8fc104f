"""Groups of pictures decoded at once: in order, within bounds, nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from movies import make_movie, read_number

from video_censor_personal.media import group_decoders
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.group_decoders import GroupDecoders
from video_censor_personal.media.picture_groups import Chosen, PictureGroup, Sent
from video_censor_personal.media.picture_types import PictureType
from video_censor_personal.media.probe import probe

GROUP = 24
SIZE = (320, 240)
PICTURE_BYTES = SIZE[0] * SIZE[1] * 3 // 2


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s in 5 groups of 24 pictures."""
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    return make_movie(path, seconds=12, size=SIZE, video_options={"g": str(GROUP)}).path


@pytest.fixture
def groups(film: Path) -> Iterator[tuple[list[PictureGroup], Callable[[], Any]]]:
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        made: list[list[Sent]] = []
        for packet in container.demux(stream):
            if packet.size:
                if packet.is_keyframe:
                    made.append([])
                kind = PictureType(entry=packet.is_keyframe)
                made[-1].append(Sent(packet, False, False, False, kind))

        def make_decoder() -> Any:
            decoder = av.CodecContext.create("h264", "r")
            decoder.extradata = stream.codec_context.extradata
            decoder.thread_count = 1
            return decoder

        yield [PictureGroup(sent, complete=True) for sent in made], make_decoder


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "belt"]


def test_frames_come_group_by_group_and_in_order(groups: Any) -> None:
    made, make_decoder = groups
    with GroupDecoders(make_decoder, 2, PICTURE_BYTES) as decoders:
        assert decoders.affordable
        decoders.begin(made[0], made[1])
        decoders.begin(made[1], made[2])
        assert decoders.full
        numbers = [
            read_number(Frame(frame.time, frame)) for _ in range(2) for frame in decoders.oldest()
        ]
        assert not decoders.busy
    assert numbers == list(range(2 * GROUP))


def test_decoders_are_used_again(groups: Any) -> None:
    made, make_decoder = groups
    count = 0

    def counted() -> Any:
        nonlocal count
        count += 1
        return make_decoder()

    with GroupDecoders(counted, 2, PICTURE_BYTES) as decoders:
        for group, following in pairwise(made):
            decoders.begin(group, following)
            assert len(list(decoders.oldest())) == GROUP
    assert count == 1


def test_a_decoder_waits_until_its_pictures_are_taken(
    groups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make_decoder = groups
    room = 12
    monkeypatch.setattr(
        "video_censor_personal.media.group_decoders._KEPT_BYTES", 2 * room * 115_200
    )
    fed = 0

    class Counting:
        def __init__(self) -> None:
            self._decoder = make_decoder()

        def decode(self, packet: Any) -> Any:
            nonlocal fed
            fed += packet is not None
            return self._decoder.decode(packet)

        def flush_buffers(self) -> None:
            self._decoder.flush_buffers()

    with GroupDecoders(Counting, 2, PICTURE_BYTES) as decoders:
        decoders.begin(made[0], made[1])
        taken, most = 0, 0
        for _ in decoders.oldest():
            most = max(most, fed - taken)
            taken += 1
    assert taken == GROUP
    # what the belt holds, four in hand, and what the decoder delays to put it in order
    assert most <= room + 4 + 4


def test_what_would_take_too_much_memory_is_not_affordable(groups: Any) -> None:
    _, make_decoder = groups
    uhd_10_bit = 3840 * 2160 * 3
    assert not GroupDecoders(make_decoder, 2, uhd_10_bit).affordable
    assert not GroupDecoders(make_decoder, 1, PICTURE_BYTES).affordable


def test_an_error_of_a_decoder_reaches_whoever_takes_its_frames(groups: Any) -> None:
    made, _ = groups

    def broken() -> Any:
        raise OSError("no memory for a decoder")

    with GroupDecoders(broken, 2, PICTURE_BYTES) as decoders:
        decoders.begin(made[0], made[1])
        with pytest.raises(OSError, match="no memory"):
            list(decoders.oldest())
    assert running() == []


@pytest.mark.parametrize("taken", [1, GROUP + 3])
def test_closing_early_stops_every_decoder(
    film: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # room for less than a group, so that decoders wait in the middle of theirs
    monkeypatch.setattr(group_decoders, "_KEPT_BYTES", 3 * 14 * PICTURE_BYTES)

    class Everything:
        def choose(self, pictures: Any, until: Any) -> Any:
            return Chosen(pictures)

    frames = decode_frames(probe(film), threads=3, selection=Everything())
    for _ in range(taken):
        next(frames)
    assert running()
    frames.close()
    assert running() == []


@pytest.mark.parametrize("sign", ["broken", "torn", "jumped"])
def test_a_group_is_not_whole_if_the_file_is_torn_between_it_and_the_next(
    groups: Any, sign: str
) -> None:
    made, _ = groups
    assert made[0].decodable_before(made[1])
    setattr(made[1].sent[0], sign, True)
    assert not made[0].decodable_before(made[1])
