"""The labelling page in a real browser: 200 answers by keys and a kill -9, two raters, touch, axe-core.

RANKIQA_LABEL_PHOTOS names a folder of photographs to take in place of textures; -s prints the latencies.
"""

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rankiqa.votes.table import read_votes
from tests.conftest import texture
from tests.test_label_server import Server
from tests.test_page_browser import axe  # noqa: F401  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.browser]
api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("no chromium on this machine", allow_module_level=True)
KEYS = {"ArrowLeft": "left", "f": "left", "ArrowRight": "right", "j": "right", " ": "tie", "ArrowDown": "tie"}
PAUSE = 0.25  # seconds to look at a pair; nobody is faster
DURATIONS = "performance.getEntriesByName('answer to next pair').map((entry) => entry.duration)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("RANKIQA_LABEL_PHOTOS")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("photos")
    for number in range(40):
        texture(number, number / 12, (480, 640)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    run = Server(folder, tmp_path / "votes.csv", "--no_prior")
    yield run
    run.end()


class Visit:
    """A rater at the page."""

    def __init__(self, browser: Any, server: Server, name: str, **settings: Any) -> None:
        self.page = browser.new_context(**{"locale": "en-US", **settings}).new_page()
        self.page.set_default_timeout(90_000)
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(f"http://127.0.0.1:{server.port}")
        self.page.wait_for_selector("#name[open]")
        self.page.fill("#name-field", name)
        self.page.keyboard.press("Enter")
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector("[data-answer=left]:enabled")

    def count(self, number: int) -> None:
        self.page.wait_for_selector(f"#answers:text-is('Answers: {number}')")

    def settled(self) -> None:
        """All answers are with the server."""
        waiting = "Object.keys(localStorage).some((key) => /^outbox/.test(key) && localStorage[key] !== '[]')"
        while self.page.evaluate(waiting):
            time.sleep(0.05)

    def close(self) -> None:
        self.page.context.close()
        assert self.wrong == []


def test_200_answers_by_keys_a_kill_among_them_and_two_raters(browser: Any, server: Server) -> None:
    ann, bo = Visit(browser, server, "Ann"), Visit(browser, server, "Bo", locale="zh-CN")
    rng = np.random.default_rng(0)
    pressed: list[str] = []
    for number in range(200):
        key = str(rng.choice(list(KEYS)))
        ann.ready()
        time.sleep(PAUSE)
        if number == 100:
            server.kill()
        ann.page.keyboard.press(key)
        pressed.append(KEYS[key])
        if number == 100:
            ann.page.wait_for_selector("#problem:visible")  # what was answered waits in the browser
            server.start()
        if number % 4 == 0:
            bo.ready()
            bo.page.keyboard.press("ArrowLeft")
    ann.count(200)
    for visit in (ann, bo):
        visit.settled()
    votes = read_votes(server.votes)
    assert [vote.answer for vote in votes if vote.rater == "Ann"] == pressed
    theirs = [vote for vote in votes if vote.rater == "Bo"]
    assert {vote.answer for vote in theirs} == {"left"} and len(theirs) == len(votes) - 200 > 40
    purposes = Counter(vote.purpose for vote in votes)
    assert purposes["chosen"] > 200 and purposes["repeat"] + purposes["mirror"] >= 3
    for visit in (ann, bo):
        durations = np.array(visit.page.evaluate(DURATIONS))
        print(
            f"\nanswer to next pair, {len(durations)} answers: median {np.median(durations):.0f} ms, ", end=""
        )
        print(f"95th percentile {np.percentile(durations, 95):.0f} ms")
    ann.page.keyboard.press("u")
    ann.count(199)
    ann.settled()
    assert len(read_votes(server.votes)) == len(votes) - 1
    ann.page.reload()
    ann.ready()
    ann.count(199)
    for visit in (ann, bo):
        visit.close()


def test_zoom_in_step_and_answers_that_a_reload_finds_unsaved(browser: Any, server: Server) -> None:
    visit = Visit(browser, server, "Ann")
    page = visit.page
    style = "[...document.querySelectorAll('.pane img')].map((one) => [one.style.width, one.style.transform])"
    whole = page.evaluate(style)
    page.keyboard.press("+")
    assert page.evaluate(style) != whole
    page.keyboard.press("1")
    width = page.evaluate("document.querySelector('.pane img').style.width")
    while page.evaluate("document.querySelector('.pane img').naturalWidth") != int(width[:-2]):
        time.sleep(0.05)  # all pixels come when they are wanted
    page.keyboard.press("0")
    assert page.evaluate(style) == whole
    server.kill()
    page.keyboard.press("f")
    page.wait_for_selector("#problem:visible")
    server.start()
    page.reload()
    visit.ready()
    visit.count(1)
    visit.settled()
    assert [vote.answer for vote in read_votes(server.votes)] == ["left"]
    visit.close()


def test_a_telephone(browser: Any, server: Server) -> None:
    visit = Visit(
        *(browser, server, "Ann"),
        **{"viewport": {"width": 390, "height": 780}, "has_touch": True, "device_scale_factor": 2},
    )
    page = visit.page
    boxes = [page.locator(".pane").nth(number).bounding_box() for number in (0, 1)]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"] and boxes[0]["width"] == boxes[1]["width"]
    assert page.evaluate("document.documentElement.scrollHeight") <= 780
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".pane").nth(1).tap()
    visit.count(1)
    visit.ready()
    page.mouse.move(200, 300)
    page.mouse.down()
    page.mouse.move(200, 200, steps=4)
    page.mouse.up()
    visit.count(2)
    visit.settled()
    assert [vote.answer for vote in read_votes(server.votes)] == ["right", "left"]
    visit.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_axe_finds_nothing(browser: Any, server: Server, axe: str, scheme: Any, language: str) -> None:  # noqa: F811
    visit = Visit(browser, server, "Ann", locale=language, color_scheme=scheme)
    found: dict[str, object] = {}

    def check(where: str) -> None:
        time.sleep(0.3)
        visit.page.evaluate(axe)
        for item in visit.page.evaluate("axe.run()")["violations"]:
            found[f"{where}: {item['id']}"] = [node["html"] for node in item["nodes"]]

    check("pair")
    visit.page.keyboard.press("?")
    check("keys")
    visit.page.keyboard.press("Escape")
    visit.page.click("#who")
    check("name")
    assert not found
    visit.close()
