"""Blur, pixelate and blank: no detail inside, everything outside as it was."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import Box4, copy, seen, segment
from movies import Movie, Sound, Subtitles, frames, hide_codec, make_movie, read_number
from packets import detail, likeness, luma, packets, psnr

from video_censor_personal.config import Remediation, VideoRemediation
from video_censor_personal.errors import InputError
from video_censor_personal.findings import Segment
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.pictures.hdr import HdrMetadata, hdr_of

BOX: Box4 = (0.25, 0.4, 0.3, 0.4)
FACE = segment(seen("nudity", 1, 2, [(1, BOX), (2, BOX)]))


def textured(number: int, width: int, height: int) -> np.ndarray:
    """Texture of every size, moving a pixel a frame."""
    random = np.random.default_rng(3)
    picture = np.zeros((height, width))
    for cell in (2, 4, 8, 16):
        rough = random.uniform(-1, 1, (height // cell + 2, width // cell + 2))
        fine = np.kron(rough, np.ones((cell, cell)))
        picture += fine[:height, :width] * 22
    picture = np.roll(picture, number, axis=1) + 128
    tinted = np.stack([picture, picture * 0.9, 255 - picture], axis=-1)
    return tinted.clip(16, 235).astype(np.uint8)


def modes(**kwargs: object) -> Remediation:
    return Remediation(video=VideoRemediation(box_padding=0, **kwargs))  # type: ignore[arg-type]


def inside(picture: np.ndarray, box: Box4 = BOX) -> np.ndarray:
    height, width = picture.shape[:2]
    top, bottom = int(box[1] * height), int((box[1] + box[3]) * height)
    return picture[top:bottom, int(box[0] * width) : int((box[0] + box[2]) * width)]


def outside(before: np.ndarray, after: np.ndarray, box: Box4 = BOX) -> float:
    """PSNR of everything at least 8 pixels away from the box."""
    height, width = before.shape[:2]
    far = np.ones(before.shape, bool)
    top, left = int(box[1] * height) - 8, int(box[0] * width) - 8
    bottom, right = int((box[1] + box[3]) * height) + 8, int((box[0] + box[2]) * width) + 8
    far[max(0, top) : bottom, max(0, left) : right] = False
    return psnr(before[far], after[far])


@pytest.mark.parametrize("mode", ["blur", "pixelate"])
@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx265", "yuv420p10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("b.mkv", "libx264", "yuv444p"),
    ],
)
def test_a_box_loses_its_detail_and_the_rest_keeps_it(
    tmp_path: Path, mode: str, name: str, codec: str, pixel_format: str
) -> None:
    sound = Sound(codec="libopus" if name.endswith("webm") else "aac")
    movie = make_movie(
        tmp_path / name,
        seconds=3,
        size=(320, 240),
        video_codec=codec,
        pixel_format=pixel_format,
        paint=textured,
        sounds=[sound],
    )
    out = tmp_path / f"clean.{name}"
    result = copy(movie.path, out, FACE, remediation=modes(mode=mode))
    assert result.notes == ()
    assert probe(out).streams[0].pixel_format == pixel_format
    assert packets(out, 1) == packets(movie.path, 1)
    before, after = list(luma(movie.path)), list(luma(out))
    assert [time for time, _ in after] == [time for time, _ in before]
    for (time, a), (_, b) in zip(before, after, strict=True):
        if 1 <= time < 2:
            assert likeness(inside(a), inside(b)) < 0.25, time
            assert detail(inside(b)) < 0.25 * detail(inside(a)), time
            assert outside(a, b) > 35, time
        else:
            assert psnr(a, b) > 35, time


def test_all_planes_lose_their_detail(tmp_path: Path) -> None:
    movie = make_movie(
        tmp_path / "a.mp4", seconds=2, size=(320, 240), paint=textured, pixel_format="yuv444p"
    )
    copy(movie.path, tmp_path / "b.mp4", FACE, remediation=modes())
    for (time, a), (_, b) in zip(frames(movie.path), frames(tmp_path / "b.mp4"), strict=True):
        if time >= 1:
            for colour in range(3):
                left, right = inside(a[..., colour] / 255.0), inside(b[..., colour] / 255.0)
                assert detail(right) < 0.2 * detail(left)


def test_the_box_moves_with_the_track_and_is_padded(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=3, size=(320, 240), paint=textured)
    ends = [(1.0, (0.1, 0.3, 0.3, 0.4)), (2.0, (0.3, 0.3, 0.3, 0.4))]
    found = segment(seen("nudity", 1, 2, ends))
    copy(movie.path, tmp_path / "b.mp4", found)
    for (time, a), (_, b) in zip(luma(movie.path), luma(tmp_path / "b.mp4"), strict=True):
        if 1 <= time < 2:
            share = float(time - 1)
            box = (0.1 + 0.2 * share - 0.07, 0.22, 0.44, 0.56)
            assert detail(inside(b, box)) < 0.2 * detail(inside(a, box)), time
            assert outside(a, b, (box[0] - 0.02, 0.18, 0.48, 0.64)) > 35, time


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_boxes_are_of_the_upright_picture(tmp_path: Path, name: str, rotation: int) -> None:
    movie = make_movie(
        tmp_path / name, seconds=2, size=(240, 320), rotation=rotation, paint=textured
    )
    corner = (0.05, 0.1, 0.3, 0.2)
    found = segment(seen("nudity", 0, 2, [(0.0, corner), (2.0, corner)]))
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, found, remediation=modes())
    assert probe(out).streams[0].rotation == rotation
    for (_, a), (_, b) in zip(frames(movie.path), frames(out), strict=True):
        grey_a, grey_b = a.mean(axis=-1) / 255, b.mean(axis=-1) / 255
        assert detail(inside(grey_b, corner)) < 0.3 * detail(inside(grey_a, corner))
        assert outside(grey_a, grey_b, corner) > 33


@pytest.mark.parametrize("mode", ["blur", "pixelate"])
def test_without_a_box_the_whole_picture_goes(tmp_path: Path, mode: str) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=3, size=(320, 240), paint=textured)
    found = segment(seen("violence", 1, 2))
    copy(movie.path, tmp_path / "b.mp4", found, remediation=modes(mode=mode))
    for (time, a), (_, b) in zip(luma(movie.path), luma(tmp_path / "b.mp4"), strict=True):
        if 1 <= time < 2:
            assert likeness(a, b) < 0.2
            assert detail(b) < 0.1 * detail(a)
        else:
            assert psnr(a, b) > 35


def test_a_span_within_one_frame_hides_that_frame(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=3, size=(320, 240), paint=textured)
    found = segment(seen("violence", 1.02, 1.04))
    copy(movie.path, tmp_path / "b.mp4", found, remediation=modes(mode="blur"))
    pictures = zip(luma(movie.path), luma(tmp_path / "b.mp4"), strict=True)
    hidden = [time for (time, a), (_, b) in pictures if detail(b) < 0.1 * detail(a)]
    assert hidden == [1]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "color"),
    [
        ("libx264", "yuv420p", {"colorspace": 1, "color_range": 1}),
        ("libx264", "yuv420p", {"colorspace": 5, "color_range": 1}),
        ("libx264", "yuvj420p", {"colorspace": 5, "color_range": 2}),
        ("libx265", "yuv420p10le", {"colorspace": 9, "color_range": 1}),
    ],
)
def test_blank_is_the_colour_asked_for(
    tmp_path: Path, codec: str, pixel_format: str, color: dict[str, int]
) -> None:
    movie = make_movie(
        tmp_path / "a.mkv",
        seconds=2,
        video_codec=codec,
        pixel_format=pixel_format,
        color=color,
        paint=textured,
    )
    remediation = modes(mode="blank", blank_color="#c03060")
    copy(movie.path, tmp_path / "b.mkv", FACE, remediation=remediation)
    with av.open(str(tmp_path / "b.mkv")) as container:
        for frame in container.decode(video=0):
            if frame.pts * frame.time_base >= 1:
                picture = frame.to_ndarray(format="rgb24").reshape(-1, 3)
                assert np.abs(picture.mean(axis=0) - (0xC0, 0x30, 0x60)).max() < 5
                assert picture.std(axis=0).max() < 2


def test_variable_frame_rate_stays_as_it_is(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        movie = make_movie(tmp_path / name, seconds=4, fps=30, vfr=True, size=(160, 120))
        out = tmp_path / f"clean.{name}"
        copy(movie.path, out, FACE)
        times = [time for time, _ in packets(movie.path, 0)]
        assert sorted(time for time, _ in packets(out, 0)) == sorted(times)
        assert probe(out).duration == probe(movie.path).duration
        numbers = [(time, read_number(picture)) for time, picture in frames(out)]
        assert numbers == [(time, number) for number, (time, _) in enumerate(frames(movie.path))]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_a_file_that_starts_late_is_hidden_at_the_right_frames(tmp_path: Path, name: str) -> None:
    movie = make_movie(
        tmp_path / name, seconds=3, start=1.4, size=(320, 240), paint=textured, sounds=[Sound()]
    )
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, FACE, remediation=modes())
    assert sorted(t for t, _ in packets(out, 0)) == sorted(t for t, _ in packets(movie.path, 0))
    hidden = []
    for (time, a), (_, b) in zip(frames(movie.path), frames(out), strict=True):
        grey_a, grey_b = a.mean(axis=-1) / 255, b.mean(axis=-1) / 255
        if detail(inside(grey_b)) < 0.3 * detail(inside(grey_a)):
            hidden.append(time)
    assert hidden == [Fraction(number, 10) for number in range(10, 20)]


def jpeg() -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuvj420p"
    encoder.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def full_movie(path: Path, **more: object) -> Movie:
    matroska = path.suffix == ".mkv"
    return make_movie(
        path,
        seconds=3,
        sounds=[
            Sound(language="eng", title="Stereo", flags=["default"]),
            Sound(language="eng", title="Commentary", flags=["comment"], layout="mono"),
        ],
        subtitles=[
            Subtitles([(0.5, 1, "Hi")], "subrip" if matroska else "mov_text", "eng", "Full"),
            Subtitles([(1, 2, "Ha")], "ass" if matroska else "mov_text", "deu", flags=["forced"]),
        ],
        chapters=[(0, 1.25, "Dawn"), (1.25, 3, "Dusk")],
        tags={"title": "A film", "artist": "Somebody"},
        attachments=[
            ("font.ttf", "font/ttf", bytes(range(256))),
            ("cover.jpg", "image/jpeg", jpeg()),
        ]
        if matroska
        else (),
        cover=not matroska,
        color={"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
@pytest.mark.parametrize("found", [FACE, segment(seen("nudity", 1, 2), video_action="none")])
def test_everything_else_survives(tmp_path: Path, name: str, found: Segment) -> None:
    movie = full_movie(tmp_path / name)
    out = tmp_path / f"clean.{name}"
    result = copy(movie.path, out, found)
    assert result.notes == ()
    before, after = probe(movie.path), probe(out)
    assert len(after.streams) == len(before.streams)
    for a, b in zip(before.streams, after.streams, strict=True):
        assert (a.kind, a.codec, a.language, a.title) == (b.kind, b.codec, b.language, b.title)
        assert (a.flags, a.rotation, a.attached_picture) == (
            b.flags,
            b.rotation,
            b.attached_picture,
        )
    assert after.chapters == before.chapters
    for tag in ("title", "artist"):
        key = next(key for key in before.tags if key.lower() == tag)
        assert after.tags[key] == before.tags[key]
    for index, stream in enumerate(before.streams):
        if index and stream.kind in ("video", "audio", "subtitle"):
            assert packets(out, index) == packets(movie.path, index)
    with av.open(str(movie.path)) as a, av.open(str(out)) as b:
        for name_of in ("color_primaries", "color_trc", "colorspace", "color_range"):
            left, right = a.streams.video[0].codec_context, b.streams.video[0].codec_context
            assert getattr(left, name_of) == getattr(right, name_of)
        assert [s.data for s in a.streams.attachments] == [s.data for s in b.streams.attachments]
        assert [s.name for s in a.streams.attachments] == [s.name for s in b.streams.attachments]


def test_hevc_in_mp4_has_the_tag_that_apple_players_know(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=2, video_codec="libx265")
    for number, found in enumerate((FACE, segment(seen("nudity", 1, 2), video_action="none"))):
        out = tmp_path / f"{number}.mp4"
        copy(movie.path, out, found)
        with av.open(str(out)) as container:
            assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_a_codec_without_an_encoder_becomes_h264_and_keeps_its_times(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=2, video_codec="mpeg4", rotation=90)
    copy(movie.path, tmp_path / "b.mkv", FACE)
    after = probe(tmp_path / "b.mkv")
    assert after.streams[0].codec == "h264"
    assert after.streams[0].rotation == 90
    assert [time for time, _ in frames(tmp_path / "b.mkv")] == list(movie.times)


def test_an_mp4_can_be_played_while_it_is_still_arriving(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=2, sounds=[Sound()])
    copy(movie.path, tmp_path / "b.mp4", FACE)
    content = (tmp_path / "b.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


MASTERING = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    ":max-cll=1000,400"
)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_hdr10_metadata_is_in_the_new_pictures(tmp_path: Path, name: str) -> None:
    movie = make_movie(
        tmp_path / name,
        seconds=2,
        video_codec="libx265",
        pixel_format="yuv420p10le",
        color={"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
        video_options={"x265-params": f"log-level=none:pools=1:{MASTERING}"},
    )
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, FACE)
    before, after = first_hdr(movie.path), first_hdr(out)
    assert before.luminance == (Fraction(50, 10_000), Fraction(1000))
    assert before.content_light == (1000, 400)
    assert after == before


def first_hdr(path: Path) -> HdrMetadata:
    with av.open(str(path)) as container:
        return hdr_of(next(container.decode(video=0)))


def test_interlaced_pictures_stay_interlaced(tmp_path: Path) -> None:
    movie = make_movie(
        tmp_path / "a.mkv",
        seconds=2,
        fps=25,
        video_options={"flags": "+ildct+ilme", "x264-params": "tff=1"},
    )
    with av.open(str(movie.path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    copy(movie.path, tmp_path / "b.mkv", FACE)
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert all(frame.interlaced_frame for frame in container.decode(video=0))


def test_a_film_is_not_copied_without_its_picture(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[Sound()])
    hide_codec(movie.path, b"V_MPEG4/ISO/AVC")
    with pytest.raises(InputError, match=r"picture of .*a\.mkv cannot be copied"):
        copy(movie.path, tmp_path / "b.mkv", FACE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
