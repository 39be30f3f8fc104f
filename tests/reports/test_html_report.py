"""The page, read as a browser reads it; where there is one, by a browser."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from movies import Sound, make_movie

from video_censor_personal.config import Output
from video_censor_personal.findings import Segment
from video_censor_personal.media.probe import probe
from video_censor_personal.reports.html_report import write_html
from video_censor_personal.reports.json_report import to_dict
from video_censor_personal.timeline import Span

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{x}}"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """The elements of a page, as (tag, attributes, text directly inside)."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self._open = [], []
        self.feed(self.source)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attributes):
        element = [tag, dict(attributes), ""]
        self.elements.append(element)
        if tag not in ("meta", "link", "img", "input"):
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        if self._open:
            self._open[-1][2] += data

    def all(self, tag, **wanted):
        return [
            element
            for element in self.elements
            if element[0] == tag and all(element[1].get(k) == v for k, v in wanted.items())
        ]

    def texts(self):
        return [text for tag, _, text in self.elements if tag not in ("script", "style")]


@pytest.fixture
def page(report, video, tmp_path):
    path = tmp_path / "movie.html"
    write_html(report, video, path, plan_lines=["mute: twice, 0.50 s in all"])
    return Page(path)


def test_the_page_needs_nothing_from_outside(page):
    for tag, attributes, _ in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), "scripts stand in one place"
            if name in ("src", "href", "srcset", "action", "data") and not value.startswith("#"):
                assert value.startswith("data:"), (tag, name)
            assert name != "style"
    assert "@import" not in page.source
    assert "url(" not in page.all("style")[0][2]


def test_the_policy_lets_only_its_own_script_and_style_in(page):
    ((_, attributes, _),) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(part.split(maxsplit=1) for part in attributes["content"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    script = next(text for _, attrs, text in page.all("script") if "type" not in attrs)
    style = page.all("style")[0][2]
    for directive, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"


def test_it_says_what_was_found_why_and_how_sure(page):
    text = " ".join(" ".join(page.texts()).split())
    assert "movie.mkv" in text
    assert "segments found" in text
    for piece in ("hell", "damn", "FACE_FEMALE", "95% sure", "The subtitle says “hell”."):
        assert piece in text
    assert "timed to the word" in text
    assert "00:00:00.750 – 00:00:01.000" in text
    assert "mute: twice, 0.50 s in all" in text
    assert page.all("span", title="320n.onnx c15d8273, score 0.61")


def test_what_was_not_looked_at_comes_before_everything_that_was_found(page):
    (warning,) = page.all("section", **{"class": "warning"})
    position = page.elements.index(warning)
    names = [text for tag, _, text in page.elements[position : position + 12] if tag == "strong"]
    assert names == ["Profanity", "Violence"]
    assert position < page.elements.index(page.all("ol", id="segments")[0])
    assert "Nothing here can see violence." in page.source
    assert "the sound is damaged" in page.source


def test_a_video_that_was_looked_at_wholly_gets_no_warning(report, video, tmp_path):
    path = tmp_path / "movie.html"
    write_html(replace(report, coverage=report.coverage[:1]), video, path)
    assert Page(path).all("section", **{"class": "warning"}) == []


def test_the_timeline_has_a_lane_a_category_and_bars_as_high_as_the_scores(page):
    lanes = [text for _, attrs, text in page.all("span") if attrs.get("class") == "lane-name"]
    assert lanes == ["Profanity", "Faces", "Violence"]
    bars = [attrs for _, attrs, _ in page.all("rect", **{"class": "score"})]
    assert {"95%", "60%", "90%", "70%"} == {bar["height"] for bar in bars}
    ninety = next(bar for bar in bars if bar["height"] == "90%")
    assert float(ninety["x"].rstrip("%")) == pytest.approx(37.5, abs=0.2)  # 1.5 s of 4
    assert float(ninety["width"].rstrip("%")) == pytest.approx(12.5, abs=0.4)
    hatched = [attrs for _, attrs, _ in page.all("rect", **{"class": "gap"})]
    assert [(h["x"], h["width"]) for h in hatched] == [
        ("75.000%", "12.500%"),
        ("0.000%", "100.000%"),
    ]


def test_every_segment_can_be_reached_from_the_timeline(page):
    ids = {attrs["id"] for _, attrs, _ in page.elements if "id" in attrs}
    links = [attrs["href"] for _, attrs, _ in page.all("a")]
    assert links
    assert {link[1:] for link in links} <= ids


def test_controls_have_names_and_pictures_are_blurred_until_they_are_chosen(page):
    for _, attrs, text in page.all("button"):
        assert attrs["type"] == "button"
        assert attrs.get("aria-label") or text.strip()
    for _, attrs, _ in page.all("input"):
        assert attrs["aria-label"]
    pictures = [a for _, a, _ in page.all("button") if a.get("class") == "thumbnail"]
    assert len(pictures) == 2
    assert all(attrs["aria-pressed"] == "false" for attrs in pictures)
    assert re.search(r"\.thumbnail img \{[^}]*blur", page.all("style")[0][2])


def test_the_picture_is_of_the_moment_that_was_seen_best_with_its_box(page, video):
    sources = [attrs["src"] for _, attrs, _ in page.all("img")]
    jpeg = base64.b64decode(sources[1].removeprefix("data:image/jpeg;base64,"))
    with av.open(BytesIO(jpeg)) as container:
        shown = next(container.decode(video=0)).reformat(64, 36, "gray").to_ndarray()
    with av.open(str(video.path)) as container:
        frames = [f.reformat(64, 36, "gray").to_ndarray() for f in container.decode(video=0)]
    differences = [np.abs(frame.astype(int) - shown).mean() for frame in frames]
    rate = len(frames) / 4
    assert int(np.argmin(differences)) == int(1.5 * rate)
    boxes = [a for _, a, _ in page.all("rect") if "class" not in a]
    assert [(b["x"], b["y"], b["width"], b["height"]) for b in boxes] == [
        ("150", "200", "250", "500")
    ]


def test_the_page_carries_the_whole_report_and_names_the_next_command(page, report, video):
    ((_, _, text),) = page.all("script", id="report")
    assert json.loads(text) == json.loads(json.dumps(to_dict(report, Output())))
    ((_, _, command),) = page.all("code", id="command")
    assert command.startswith("video-censor --video ")
    assert "--input-segments movie.edited.json" in command


def test_nothing_that_comes_from_a_file_becomes_part_of_the_page(report, tmp_path):
    path = tmp_path / "'><svg onload=alert(3)>.mkv"
    make_movie(path, seconds=1)
    found = replace(
        report.segments[1].detections[0], label=HOSTILE, reasoning=HOSTILE, detector=HOSTILE
    )
    segment = Segment(Span.of(0, 1), (HOSTILE,), (found,), HOSTILE, video_action=HOSTILE)
    part = replace(report.coverage[2], notes=(HOSTILE,), detectors=(HOSTILE,))
    hostile = replace(
        report,
        source=path,
        segments=(segment,),
        coverage=(part,),
        config=HOSTILE,
        labels={"violence": HOSTILE, "faces": HOSTILE},
    )
    write_html(hostile, probe(path), tmp_path / "page.html", plan_lines=[HOSTILE])
    page = Page(tmp_path / "page.html")
    assert len(page.all("script")) == 2
    assert all("onerror" not in a and "onload" not in a for _, a, _ in page.elements)
    assert [attrs for _, attrs, _ in page.all("img") if attrs["src"] == "x"] == []
    ((_, _, text),) = page.all("script", id="report")
    assert json.loads(text)["segments"][0]["description"] == HOSTILE
    assert page.all("h1")[0][2] == path.name


def test_a_long_report_stays_small_and_a_short_one_says_so(report, video, tmp_path):
    many = tuple(
        replace(report.segments[0], span=Span.of(n / 100, n / 100 + 0.01), confidence=n / 300)
        for n in range(300)
    )
    write_html(replace(report, segments=many), video, tmp_path / "many.html")
    page = Page(tmp_path / "many.html")
    assert len(page.all("img")) == 200
    assert len([a for _, a, _ in page.elements if a.get("class") == "segment"]) == 300
    assert (tmp_path / "many.html").stat().st_size < 10_000_000
    write_html(replace(report, segments=()), video, tmp_path / "none.html")
    assert "Nothing was found." in Page(tmp_path / "none.html").source


def test_sound_without_picture_has_a_page_too(report, tmp_path):
    path = tmp_path / "sound.mkv"
    make_movie(path, seconds=1, video_codec=None, sounds=[Sound()])
    write_html(report, probe(path), tmp_path / "page.html")
    page = Page(tmp_path / "page.html")
    assert page.all("img") == []
    assert len([a for _, a, _ in page.elements if a.get("class") == "thumbnail none"]) == 2


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_runs_it_without_a_complaint(page, tmp_path):
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-sync", "--enable-logging=stderr"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, (Path(tmp_path) / "movie.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "2 to censor, 0 allowed" in done.stdout
    assert '<html lang="en" class="script">' in done.stdout
    assert "CONSOLE" not in done.stderr
