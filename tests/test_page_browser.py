"""The page in a real browser: every tab in both languages, errors, 50 images, keys, axe-core."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deploy.engines import load_scorer
from tests.conftest import texture
from tests.rest_client import KEY, bomb, bytes_of, serve
from tests.test_export import write_checkpoint
from utils.checkpoint import save_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.browser]
api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
for _package in ("fastapi", "uvicorn", "python_multipart"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("no chromium on this machine", allow_module_level=True)
LIMITS = ["--max_megabytes", "0.2", "--max_megapixels", "1", "--max_files", "3"]
GOOD = bytes_of(texture(1, 0.5))
WORDS = {
    "en-US": (
        "is better",
        "not an image",
        "pixels; at most",
        "MB; at most",
        "judged",
    ),
    "zh-CN": ("更好", "不是可识别的图片格式", "像素，超过上限", "MB，超过上限", "已评价"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose last layer is 300 times as large around two images: their scores lie far apart."""
    path = tmp_path_factory.mktemp("model") / "a.pth"
    write_checkpoint(path, num_classes=4, arch="mobilenet_v3_small")
    saved = torch.load(path, weights_only=True)
    probs = load_scorer(path).score([texture(1, 0.5), texture(1, 3.0)]).probs
    middle = torch.from_numpy(np.log(probs).mean(axis=0))
    weights = saved["state_dict"]
    weights["classifier.3.bias"] = 300 * (weights["classifier.3.bias"] - middle)
    weights["classifier.3.weight"] *= 300
    save_checkpoint(path, saved)
    return path


@pytest.fixture(scope="module")
def port(model: Path) -> Iterator[int]:
    yield from serve(model, *LIMITS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    contents = {
        "good.png": GOOD,
        "soft.png": bytes_of(texture(1, 3.0)),
        "scan.tif": bytes_of(texture(2, 1.0), "TIFF"),  # judged, but not shown by a browser
        "broken.png": b"junk",
        "large.png": bytes(300_000),
        "wide.png": bomb(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


class Tab:
    """A page in a context of its own, which hears of every error and every request elsewhere."""

    def __init__(self, browser: Any, address: int | str, **settings: Any) -> None:
        self.page = browser.new_context(accept_downloads=True, **settings).new_page()
        self.page.set_default_timeout(90_000)
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.text))
        self.page.on("request", lambda sent: self._sent(sent.url))
        self.page.goto(address if isinstance(address, str) else f"http://127.0.0.1:{address}")
        self.page.wait_for_selector("#about:not(:empty), dialog[open]")

    def _heard(self, text: str) -> None:
        if "Content Security Policy" in text or "TrustedHTML" in text:
            self.wrong.append(text)

    def _sent(self, url: str) -> None:
        if re.match(r"https?://(?!127\.0\.0\.1)", url):
            self.wrong.append(url)

    def give(self, selector: str, *paths: Path) -> None:
        self.page.locator(selector).set_input_files([str(path) for path in paths])

    def text(self, selector: str) -> str:
        self.page.wait_for_selector(selector)
        return self.page.inner_text(selector)

    def close(self) -> None:
        self.page.context.close()
        assert self.wrong == []


@pytest.mark.parametrize("language", WORDS)
def test_every_tab(browser: Any, port: int, model: Path, images: dict[str, Path], language: str) -> None:
    better, strange, wide, large, judged = WORDS[language]
    scores = load_scorer(model).score([texture(1, 0.5), texture(1, 3.0)]).scores.tolist()
    assert abs(scores[0] - scores[1]) > 0.03
    winner = "A (good.png)" if scores[0] > scores[1] else "B (soft.png)"
    tab = Tab(browser, port, locale=language)
    assert tab.page.get_attribute("html", "lang") == {"en-US": "en"}.get(language, language)
    for name, words in (("broken.png", strange), ("wide.png", wide), ("large.png", large)):
        tab.give("#one input[type=file]", images[name])
        tab.page.wait_for_selector(f"#one .problem:has-text('{words}')")
    tab.give("#one input[type=file]", images["good.png"])
    assert float(tab.text("#one .number")) == pytest.approx(scores[0], abs=0.006)
    assert tab.page.locator("#one .shares li").count() == 4
    assert tab.page.locator("#one .reasons").count() == 0  # this model has none
    tab.page.click("#one button.main")
    tab.page.wait_for_selector("#one .heat")
    tab.page.get_by_role("tab").nth(1).click()
    tab.give("#two .drop:first-child input", images["good.png"])
    tab.page.wait_for_selector("#two .frame img")
    tab.give("#two .drop input", images["soft.png"])
    assert f"{winner} {better}" in tab.text("#two .verdict h2").replace("  ", " ")
    panes = tab.page.locator("#two .pane > *")
    panes.nth(0).locator("..").focus()
    tab.page.keyboard.press("+")
    moved = [panes.nth(number).get_attribute("style") for number in (0, 1)]
    assert moved[0] == moved[1]
    assert "translate" in (moved[0] or "")
    tab.page.get_by_role("tab").nth(2).click()
    tab.give("#many input[multiple]", *(images[name] for name in ("good.png", "scan.tif", "broken.png")))
    assert f"2 {judged}" in tab.text("#many .summary") or f"{judged} 2" in tab.text("#many .summary")
    assert strange in tab.text("#many table")
    tab.close()


def test_fifty_images(browser: Any, port: int, model: Path, tmp_path: Path) -> None:
    """Order, CSV and thumbnails of a folder; requests of at most 3 files; 429; a file that goes meanwhile."""
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    for number in range(50):
        texture(number, number / 10).save(folder / ("inner" if number % 2 else "") / f"{number}.png")
    (folder / "notes.txt").write_text("no image")
    tab = Tab(browser, port, locale="en-US")
    tab.page.get_by_role("tab").nth(2).click()
    sizes: list[int] = []

    def pass_on(route: Any) -> None:
        sizes.append(route.request.post_data_buffer.count(b'name="files"'))
        if len(sizes) == 1:
            (folder / "48.png").unlink()
        if len(sizes) == 3:
            route.fulfill(status=429, headers={"Retry-After": "1"}, body='{"detail": "busy"}')
        else:
            route.continue_()

    tab.page.route("**/v1/score", pass_on)
    tab.page.locator("#many input[webkitdirectory]").set_input_files(str(folder))
    assert tab.text("#many .summary").startswith("49 judged, 1 could not be read")
    assert max(sizes) <= 3
    assert "can't read this file" in tab.text("#many tr.bad")
    shown = [float(text) for text in tab.page.locator("#many td.of-score b").all_inner_texts()]
    assert len(shown) == 49 and shown == sorted(shown, reverse=True)
    tab.page.click("#many thead .of-path button")
    names = tab.page.locator("#many tbody th").all_inner_texts()
    assert names[:2] == ["photos/0.png", "photos/2.png"]
    with tab.page.expect_download() as started:
        tab.page.click("#many .bar button.main")
    rows = started.value.path().read_bytes().decode("utf-8-sig").splitlines()
    assert rows[0] == "path,score,percentile,low,high,std,reasons,width,height,error"
    assert len(rows) == 51
    expected = load_scorer(model).score([texture(7, 0.7)]).scores[0]
    [seventh] = [row.split(",") for row in rows if row.startswith("photos/inner/7.png")]
    assert float(seventh[1]) == pytest.approx(float(expected), abs=1e-4)
    tab.page.click("#many .segments button:last-child")
    tab.page.wait_for_function("document.querySelectorAll('#many .tile img').length === 49")
    tab.close()


def test_cancel(browser: Any, port: int, images: dict[str, Path]) -> None:
    tab = Tab(browser, port, locale="en-US")
    tab.page.get_by_role("tab").nth(2).click()
    tab.page.route("**/v1/score", lambda route: None)  # the answer never comes
    tab.give("#many input[multiple]", images["good.png"], images["soft.png"])
    tab.page.click("#many .cancel")
    assert tab.text("#many .summary") == "Cancelled: 0 judged, 0 could not be read, 2 left out"
    tab.close()


def test_a_key_is_asked_for_and_remembered(browser: Any, model: Path, images: dict[str, Path]) -> None:
    server = serve(model, "--api_key", KEY)
    tab = Tab(browser, next(server), locale="en-US")
    for key in ("wrong", KEY):
        tab.page.fill("#key-field", key)
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_selector("#key-wrong" if key == "wrong" else "#one .drop")
    tab.page.reload()
    tab.page.wait_for_selector("#one .drop")
    tab.give("#one input[type=file]", images["good.png"])
    assert tab.text("#one .number")
    tab.close()
    for _ in server:
        pass


def test_keyboard_language_theme_and_paste(browser: Any, port: int) -> None:
    tab = Tab(browser, port, locale="de-DE", color_scheme="light", viewport={"width": 390, "height": 800})
    page = tab.page
    assert page.get_attribute("html", "lang") == "en"  # a language that the page has not
    page.focus("#tab-one")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-two", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab-two"
    page.keyboard.press("Home")
    page.click("[data-language=zh]")
    page.wait_for_selector("html[lang=zh-CN]")
    page.click("#theme")
    page.reload()
    page.wait_for_selector("#one .drop")
    assert page.get_attribute("html", "lang") == "zh-CN"
    assert page.get_attribute("html", "data-theme") == "dark"
    page.evaluate(
        """async () => {
            const blob = await (await fetch("page/example.webp")).blob();
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([blob], "pasted.webp", { type: blob.type }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }"""
    )
    assert "pasted.webp" in tab.text("#one figcaption")
    assert tab.text("#one .number")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core: of RANKIQA_AXE (axe.min.js), else from the npm registry."""
    if "RANKIQA_AXE" in os.environ:
        return Path(os.environ["RANKIQA_AXE"]).read_text(encoding="utf-8")
    npm = shutil.which("npm")
    folder = tmp_path_factory.mktemp("axe")
    done = npm and subprocess.run([npm, "pack", "axe-core@4"], cwd=folder, capture_output=True, timeout=120)
    if not done or done.returncode:
        pytest.skip("no axe-core: npm can't fetch it, and RANKIQA_AXE names no axe.min.js")
    [archive] = folder.glob("*.tgz")
    shutil.unpack_archive(archive, folder)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", WORDS)
def test_axe_finds_nothing(
    browser: Any, port: int, images: dict[str, Path], axe: str, scheme: Any, language: str
) -> None:
    tab = Tab(browser, port, locale=language, color_scheme=scheme)
    found: dict[str, object] = {}

    def check(where: str) -> None:
        tab.page.wait_for_timeout(300)  # colours change within .15 s
        tab.page.evaluate(axe)
        for item in tab.page.evaluate("axe.run()")["violations"]:
            found[f"{where}: {item['id']}"] = [node["html"] for node in item["nodes"]]

    check("one")
    tab.give("#one input[type=file]", images["broken.png"])
    tab.page.wait_for_selector("#one .problem")
    check("refused")
    tab.give("#one input[type=file]", images["good.png"])
    tab.page.wait_for_selector("#one .number")
    tab.page.click("#one button.main")
    tab.page.wait_for_selector("#one .heat")
    check("map")
    tab.page.click("#tab-two")
    check("two")
    tab.give("#two .drop:first-child input", images["scan.tif"])
    tab.page.wait_for_selector("#two .no-preview")
    tab.give("#two .drop input", images["soft.png"])
    tab.page.wait_for_selector("#two .verdict")
    check("compared")
    tab.page.click("#tab-many")
    check("many")
    tab.give("#many input[multiple]", images["good.png"], images["broken.png"], images["soft.png"])
    tab.page.wait_for_selector("#many .summary")
    check("table")
    tab.page.click("#many .segments button:last-child")
    check("grid")
    assert not found, json.dumps(found, indent=1)
    tab.close()
