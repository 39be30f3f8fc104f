"""The page in a real browser, as a person and as a screen reader meet it."""

import os
import shutil
import tempfile

import pytest
from service_client import TOKEN

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=30_000)  # of a machine that also runs other tests

BROWSER = os.environ.get("VIDEO_CENSOR_CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    not BROWSER, reason="no Chromium: apt-get install chromium, or set VIDEO_CENSOR_CHROMIUM"
)
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running, tempfile.TemporaryDirectory() as profile:
        context = running.chromium.launch_persistent_context(
            profile, executable_path=BROWSER, args=_FLAGS
        )
        yield context
        context.close()


@pytest.fixture
def page(browser):
    """A page; in the end, nothing was asked outside of the service and nothing went wrong."""
    browser.clear_cookies()
    page = browser.new_page()
    page.faults, asked = [], set()
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on(
        "console",
        lambda message: page.faults.append(message.text) if message.type == "error" else None,
    )
    page.on("request", lambda request: asked.add(request.url.split("/")[2].split(":")[0]))
    yield page
    page.close()
    assert asked <= {"127.0.0.1"}


def open_page(page, address):
    page.goto(f"{address}/#token={TOKEN}")
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    assert TOKEN not in page.url
    expect(page.locator("#connection")).to_have_attribute("data-state", "open")


def row(page, name):
    return page.get_by_role("listitem", name=name).filter(has=page.locator("progress"))


def test_a_download_from_the_form_to_the_list_of_models(hub, client, page):
    hub.pace = 400_000
    hub.add_model("org/model", size=2 << 20, files=2)
    open_page(page, str(client.base_url).rstrip("/"))
    page.get_by_label("Repository").fill("org/model")
    page.keyboard.press("Enter")
    download = row(page, "org/model")
    expect(download).to_contain_text("downloading")
    expect(download.locator(".facts")).to_contain_text("/s")
    download.get_by_role("button", name="Pause").click()
    expect(download).to_contain_text("paused")
    expect(page.get_by_role("status")).to_contain_text("paused")
    kept = float(download.locator("progress").get_attribute("value"))
    assert kept > 0
    hub.pace = None
    download.get_by_role("button", name="Resume").click()
    expect(download).to_contain_text("done")
    download.locator("summary").click()
    expect(download.locator(".files li")).to_have_count(3)
    model = page.locator("#models > li")
    expect(model).to_contain_text("verified")
    expect(page.locator("#space-models")).to_have_text("4.2 MB")
    model.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete org/model?")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(model).to_have_count(0)
    assert client.status("org/model")["status"] == "NOT_FOUND"
    assert page.faults == []


def test_the_page_goes_on_when_the_service_is_killed_and_started_again(hub, start_service, page):
    hub.pace = 100_000
    hub.add_model("org/model", size=2 << 20, files=2)
    service = start_service()
    open_page(page, service.address)
    page.get_by_label("Repository").fill("org/model")
    page.get_by_role("button", name="Download", exact=True).click()
    download = row(page, "org/model")
    expect(download.locator(".facts")).to_contain_text("left")
    service.kill()
    expect(page.locator("#connection")).to_have_attribute("data-state", "lost")
    hub.pace = None
    service.start()
    expect(page.locator("#connection")).to_have_attribute("data-state", "open")
    expect(download).to_contain_text("done")
    expect(page.locator("#models > li")).to_contain_text("verified")
    assert [fault for fault in page.faults if "ERR_" not in fault] == []


def test_two_tabs_show_the_same_and_a_hidden_one_catches_up(hub, client, browser, page):
    hub.pace = 100_000
    hub.add_model("org/model", size=2 << 20)
    address = str(client.base_url).rstrip("/")
    open_page(page, address)
    hide = """state => {
        Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, "hidden")
    job = client.create("org/model")["id"]
    other = browser.new_page()
    other.goto(address)
    expect(row(other, "org/model")).to_contain_text("downloading")
    other.get_by_role("button", name="Cancel: org/model").click()
    expect(row(other, "org/model")).to_contain_text("cancelled")
    expect(row(page, "org/model")).to_have_count(0)
    page.evaluate(hide, "visible")
    expect(row(page, "org/model")).to_contain_text("cancelled")
    other.close()
    assert client.job(job)["state"] == "cancelled"
    assert page.faults == []


def test_login_is_needed_and_a_wrong_token_is_said(client, page):
    address = str(client.base_url).rstrip("/")
    page.goto(address)
    expect(page.get_by_label("Token of this service")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("Token of this service").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Repository")).to_be_focused()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token of this service")).to_be_visible()
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_failures_are_shown_and_names_are_never_markup(hub, client, page):
    open_page(page, str(client.base_url).rstrip("/"))
    page.get_by_label("Repository").fill("<img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("hf_repo")
    hub.add("org/model", {"<img src=x>.safetensors": b"1", "b.safetensors": b"2"})
    client.until_ended(client.create("org/model")["id"])
    download = row(page, "org/model")
    download.locator("summary").click()
    expect(download.locator(".files li").first).to_contain_text("<img src=x>")
    assert page.locator(".files img").count() == 0
    client.until_ended(client.create("org/missing")["id"])
    expect(row(page, "org/missing")).to_contain_text("does not exist")
    expect(row(page, "org/missing").get_by_role("button", name="Retry")).to_be_visible()


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(hub, client, page):
    hub.add_model("org/model", size=1000)
    client.until_ended(client.create("org/model")["id"])
    open_page(page, str(client.base_url).rstrip("/"))
    expect(page.locator("#models > li")).to_have_count(1)
    names = []
    page.locator("body").focus()
    for _ in range(25):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                """() => { const e = document.activeElement; return e.getAttribute("aria-label")
                || e.labels?.[0]?.textContent || e.textContent.trim(); }"""
            )
        )
    for name in ("Repository", "Download", "Dismiss: org/model", "Delete: org/model", "Files"):
        assert name in names, names
    assert all(names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_fit_a_phone(hub, client, page, scheme):
    hub.add_model("org/a-model-with-a-rather-long-name-that-has-to-break-somewhere", size=1000)
    client.until_ended(
        client.create("org/a-model-with-a-rather-long-name-that-has-to-break-somewhere")["id"]
    )
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    open_page(page, str(client.base_url).rstrip("/"))
    expect(page.locator("#models > li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    lightness = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    )
    assert (sum(lightness[:3]) > 380) == (scheme == "light")


def test_the_description_of_the_api_is_a_page_too(client, page):
    page.goto(f"{str(client.base_url).rstrip('/')}/docs")
    expect(page.locator("body")).to_have_attribute("data-ready", "true")
    expect(page.locator("article").filter(has_text="/api/models/status").first).to_be_visible()
    assert page.faults == []
