"""The exported page in a real browser, with ONNX Runtime: scores, maps and reasons beside those of Python.

onnxruntime-web comes from the npm registry, or from RANKIQA_ORT_WEB (a .tgz of npm pack).
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rankiqa
from benchmarks.web_page import served
from deploy.export import export
from rankiqa import cli
from rankiqa.intervals import Intervals
from rankiqa.quality_map import quality_map
from rankiqa.reasons import FAMILIES
from rankiqa.spec import ModelSpec
from tests.conftest import small_network, texture
from tests.rest_client import bomb, bytes_of
from tests.test_page_browser import Tab, axe, browser  # noqa: F401  # fixtures
from tests.test_reasons_files import with_head
from tests.test_web_pixels import INTERVALS

pytestmark = [pytest.mark.slow, pytest.mark.browser]
SIZES = ((300, 200), (120, 500), (64, 40), (20, 9), (701, 530))  # width, height


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "RANKIQA_ORT_WEB" in os.environ:
        return Path(os.environ["RANKIQA_ORT_WEB"])
    npm = shutil.which("npm")
    folder = tmp_path_factory.mktemp("runtime")
    command = [str(npm), "pack", "onnxruntime-web@1"]
    if not npm or subprocess.run(command, cwd=folder, capture_output=True, timeout=300).returncode:
        pytest.skip("no onnxruntime-web: npm can't fetch it, and RANKIQA_ORT_WEB names no .tgz")
    return next(folder.glob("*.tgz"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each view: with reasons, with a distribution, and the default one; two with intervals."""
    folder = tmp_path_factory.mktemp("models")
    intervals = Intervals.from_dict(
        {**INTERVALS, "spread": "crops", "knots": [[0, 0.5], [0.1, 2]], "ends": [-9, 9]}
    )
    known = tuple(np.linspace(-1, 1, 101).tolist())
    patches = ModelSpec("x", image_size=(32, 40), view="patches", patches=4, reasons=FAMILIES,
                        score_percentiles=known, interval=intervals)  # fmt: skip
    export(with_head(small_network(1, (32, 40))), patches, "onnx", folder / "patches.onnx")
    fit = ModelSpec("x", 5, (48, 64), interval=intervals)
    export(small_network(5, (48, 64)), fit, "onnx", folder / "fit.onnx")
    names = {name: folder / f"{name}.onnx" for name in ("patches", "fit")}
    return {**names, "whole": rankiqa.DEFAULT_MODEL}


@pytest.fixture(scope="module")
def sites(
    models: dict[str, Path], runtime: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sites")
    for name, model in models.items():
        out = folder / name
        assert cli.main(["export_web", str(model), "--out", str(out), "--ort_web", str(runtime)]) == 0
    return {name: folder / name for name in models}


@pytest.fixture(scope="module")
def default(sites: dict[str, Path]) -> Iterator[str]:
    with served(sites["whole"]) as address:
        yield address


@pytest.fixture(scope="module")
def small(sites: dict[str, Path]) -> Iterator[str]:
    with served(sites["fit"]) as address:
        yield address


class Site(Tab):
    """An exported page whose model is loaded; `asked` are the requests from then on."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:  # noqa: F811
        super().__init__(browser, address, **{"locale": "en-US", **settings})
        self.page.set_default_timeout(300_000)
        self.page.wait_for_selector("html[data-model=ready]")
        self.page.wait_for_load_state("networkidle")
        self.asked: list[str] = []
        self.page.on("request", lambda sent: self.asked.append(sent.url))

    def judge(self, *paths: Path) -> dict[str, dict[str, str]]:
        """The page's CSV by name."""
        self.page.click("#tab-many")
        self.give("#many input[multiple]", *paths)
        self.page.wait_for_selector("#many .summary")
        with self.page.expect_download() as started:
            self.page.click("#many .bar button.main")
        text = started.value.path().read_text(encoding="utf-8-sig")
        return {row["path"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}

    def close(self) -> None:
        # chromium asks for the icon again when another tab of the page changes its address
        assert [url for url in self.asked if not url.startswith("blob:") and "icon.svg" not in url] == []
        super().close()


@pytest.mark.parametrize("isolated", [False, True], ids=["plain", "isolated"])
@pytest.mark.parametrize("name", ["patches", "fit", "whole"])
def test_the_same_pixels_give_the_scores_of_python(
    browser: Any, sites: dict[str, Path], models: dict[str, Path], tmp_path: Path, name: str, isolated: bool  # noqa: F811
) -> None:  # fmt: skip
    paths = []
    for number, size in enumerate(SIZES):
        paths.append(tmp_path / f"{number}.png")
        texture(number, 0.4 + number / 2, size[::-1]).save(paths[-1])
    scorer = rankiqa.load(models[name])
    wanted = scorer.score(paths)
    with served(sites[name], isolated) as address:
        site = Site(browser, address)
        assert site.page.evaluate("crossOriginIsolated") == isolated
        found = site.judge(*paths)
        site.close()
    for number, path in enumerate(paths):
        row = found[path.name]
        assert float(row["score"]) == pytest.approx(float(wanted.scores[number]), abs=1e-4)
        assert [int(row["width"]), int(row["height"])] == list(SIZES[number])
        if wanted.low is not None and wanted.high is not None:
            ends = [float(wanted.low[number]), float(wanted.high[number])]
            assert [float(row["low"]), float(row["high"])] == pytest.approx(ends, abs=1e-3)
        if wanted.deviations is not None:
            assert float(row["std"]) == pytest.approx(float(wanted.deviations[number]), abs=1e-4)
        if wanted.reasons is not None:
            assert row["reasons"] == "; ".join(reason.words() for reason in wanted.reasons[number])


@pytest.mark.parametrize("name", ["patches", "fit", "whole"])
def test_maps_are_those_of_python(
    browser: Any, sites: dict[str, Path], models: dict[str, Path], name: str  # noqa: F811
) -> None:  # fmt: skip
    pytest.importorskip("fastapi", reason="fastapi is in requirements-deploy.txt")
    from rankiqa.serve.maps import _box, _grid

    image = texture(3, 1.0, (150, 210))
    scorer = rankiqa.load(models[name])
    wanted = quality_map(image, scorer)
    with served(sites[name]) as address:
        site = Site(browser, address)
        found = site.page.evaluate(
            """async (bytes) => {
                const { qualityMap } = await import(new URL("page/api.js", document.baseURI));
                return qualityMap(new File([new Uint8Array(bytes)], "a.png"));
            }""",
            list(bytes_of(image)),
        )
        site.close()
    assert found["ends"] == pytest.approx(wanted.ends, abs=1e-3)
    np.testing.assert_allclose(found["values"], _grid(wanted), atol=1e-3)
    box = _box(image.size, scorer.spec.image_size) if name == "fit" else (0, 0, 1, 1)
    assert found["box"] == pytest.approx(box)
    assert found["meaning"] == ("score" if name == "patches" else "change")


def test_kinds_of_files(browser: Any, default: str, tmp_path: Path) -> None:  # noqa: F811
    """Turned by EXIF, alpha on white, grey, a first frame: as Python decodes them, but for rounding."""
    image = texture(5, 1.0, (200, 280))
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=turned, quality=95)
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, 280, dtype=np.uint8), (200, 1)))
    clear = image.copy()
    clear.putalpha(alpha)
    clear.save(tmp_path / "alpha.png")
    image.convert("L").save(tmp_path / "grey.png")
    image.quantize(64).save(tmp_path / "frames.gif", save_all=True, append_images=[image.rotate(90)])
    image.save(tmp_path / "a.webp", lossless=True)
    image.save(tmp_path / "a.bmp")
    image.save(tmp_path / "name_lies.png", "JPEG")
    paths = sorted(tmp_path.iterdir())
    wanted = dict(
        zip((path.name for path in paths), rankiqa.load().score(paths).scores.tolist(), strict=True)
    )
    site = Site(browser, default)
    found = site.judge(*paths)
    assert {name: row["error"] for name, row in found.items() if row["error"]} == {}
    assert (found["turned.jpg"]["width"], found["turned.jpg"]["height"]) == ("200", "280")
    for name, score in wanted.items():
        assert float(found[name]["score"]) == pytest.approx(score, abs=0.05), name
    site.close()


def test_files_that_have_no_score(browser: Any, default: str, tmp_path: Path) -> None:  # noqa: F811
    image = texture(5, 1.0, (200, 280))
    jpeg, png, webp = (bytes_of(image, kind) for kind in ("JPEG", "PNG", "WEBP"))
    contents = {
        "empty.png": (b"", "the file is empty"),
        "text.png": (b"no image at all", "not an image that can be read"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "damaged or cut off"),
        "cut.png": (png[: len(png) // 2], "damaged or cut off"),
        "cut.webp": (webp[: len(webp) // 2], "damaged or cut off"),
        "overwritten.png": (png[:60] + bytes(500) + png[560:], "damaged or cut off"),
        "head.jpg": (jpeg[:3], "damaged or cut off"),
        "scan.tif": (bytes_of(image, "TIFF"), "this browser can't read TIFF files"),
        "huge.png": (bomb(), "50,000 × 50,000 pixels; at most 100 megapixels"),
        "good.png": (png, ""),
    }
    for name, (content, _) in contents.items():
        (tmp_path / name).write_bytes(content)
    site = Site(browser, default)
    site.judge(*(tmp_path / name for name in contents))
    assert site.text("#many .summary") == "1 judged, 9 could not be read"
    for name, (_, words) in contents.items():
        assert words in site.page.inner_text(f"#many tbody tr:has-text('{name}')"), name
    site.close()


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab(
    browser: Any, small: str, axe: str, tmp_path: Path, language: str, scheme: Any  # noqa: F811
) -> None:  # fmt: skip
    """What a visitor does, by mouse and keyboard, and what axe-core finds in it: nothing."""
    for number in range(6):
        texture(number, number / 2).save(tmp_path / f"{number}.png")
    site = Site(browser, small, locale=language, color_scheme=scheme)
    page, wrong = site.page, {}

    def check(where: str) -> None:
        page.wait_for_timeout(300)
        page.evaluate(axe)
        for item in page.evaluate("axe.run()")["violations"]:
            wrong[f"{where}: {item['id']}"] = [node["html"] for node in item["nodes"]]

    assert "无法" not in page.inner_text("footer")
    assert ("uploaded" in page.inner_text("footer")) == (language == "en-US")
    check("empty")
    site.give("#one input[type=file]", tmp_path / "1.png")
    page.wait_for_selector("#one .number")
    page.click("#one button.main")
    page.wait_for_selector("#one .heat")
    check("map")
    page.focus("#tab-one")
    page.keyboard.press("ArrowRight")
    site.give("#two .drop:first-child input", tmp_path / "1.png")
    page.wait_for_selector("#two .frame img")
    site.give("#two .drop input", tmp_path / "5.png")
    page.wait_for_selector("#two .verdict")
    check("compared")
    page.focus("#tab-two")
    page.keyboard.press("End")
    page.locator("#many input[webkitdirectory]").set_input_files(str(tmp_path))
    page.wait_for_selector("#many .summary")
    shown = [float(text) for text in page.locator("#many td.of-score b").all_inner_texts()]
    assert len(shown) == 6 and shown == sorted(shown, reverse=True)
    page.click("#many .segments button:last-child")
    page.wait_for_selector("#many .tile:nth-child(6) img")
    check("grid")
    site.close()
    assert not wrong, json.dumps(wrong, indent=1)


def test_a_run_can_be_cancelled_and_files_may_go(browser: Any, default: str, tmp_path: Path) -> None:  # noqa: F811
    paths = [tmp_path / f"{number}.png" for number in range(40)]
    for number, path in enumerate(paths):
        texture(number, 1.0).save(path)
    site = Site(browser, default)
    site.page.click("#tab-many")
    site.give("#many input[multiple]", *paths)
    paths[-1].unlink()
    site.page.wait_for_selector("#many tbody tr:nth-child(3) td.of-score b")
    site.page.click("#many .cancel")
    found = re.fullmatch(r"Cancelled: (\d+) judged, 0 could not be read, (\d+) left out",
                         site.text("#many .summary"))  # fmt: skip
    assert found and int(found[1]) + int(found[2]) == 40
    site.page.click("#many .bar > .plain")
    site.give("#many input[multiple]", *paths[:2])
    assert site.text("#many .summary").startswith("2 judged, 0 could not be read")
    site.close()


def test_a_worker_that_fails_is_replaced(browser: Any, sites: dict[str, Path], tmp_path: Path) -> None:  # noqa: F811
    """As for lack of memory: here every worker fails at its second image, and every image gets a row."""
    script = (sites["fit"] / "page" / "answers.js").read_text(encoding="utf-8")
    head = "export function rowOf(outputs, spec) {"
    assert head in script
    body = script.replace(head, f"let calls = 0;\n{head}\n  if (calls++ === 1) throw new Error('memory');")
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for number, path in enumerate(paths):
        texture(number, 1.0).save(path)
    context = browser.new_context(locale="en-US")
    context.route(
        "**/page/answers.js", lambda route: route.fulfill(body=body, content_type="text/javascript")
    )
    with served(sites["fit"]) as address:
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("html[data-model=ready]")
        page.click("#tab-many")
        page.set_input_files("#many input[multiple]", [str(path) for path in paths])
        page.wait_for_selector("#many .summary")
        rows = page.locator("#many tbody tr").count()
        bad = page.locator("#many tbody tr.bad:has-text('it may lack the memory')").count()
        assert rows == 7 and 1 <= bad <= 4
        assert page.locator("#many td.of-score b").count() == 7 - bad
        context.close()


def test_what_is_said_where_it_can_not_run(browser: Any, sites: dict[str, Path], tmp_path: Path) -> None:  # noqa: F811
    """From a disk without a server, and from a server that lacks the model."""
    page = browser.new_page()
    page.goto((sites["fit"] / "index.html").as_uri())
    page.wait_for_selector("#start:has-text('python -m http.server')")
    page.close()
    lacking = shutil.copytree(sites["fit"], tmp_path / "site")
    (lacking / "model" / "model.onnx").unlink()
    opened: AbstractContextManager[str] = served(lacking)
    texture(1, 1.0).save(tmp_path / "a.png")
    with opened as address:
        tab = Tab(browser, address, locale="en-US")
        tab.page.wait_for_selector('#load:has-text("The model can\'t be loaded")')
        tab.give("#one input[type=file]", tmp_path / "a.png")
        assert "the model is not loaded; reload the page" in tab.text("#one .problem")
        tab.close()
