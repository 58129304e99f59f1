"""The page of --report: whole in one file, right counts, and usable in a real browser."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from rankiqa.batch.results import Row
from rankiqa.report import SHOWN, Summary, write_report
from rankiqa.spec import ModelSpec
from tests.conftest import texture

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def some_rows(folder: Path, count: int) -> list[Row]:
    """Rows with known scores; a name that would break out of the page's script, were it not escaped."""
    texture(0, 0.0).save(folder / "a.png")
    names = ["a.png", "</script><b>x.png", "b & c.png"]
    for name in names[1:]:
        (folder / name.replace("/", "_")).write_bytes((folder / "a.png").read_bytes())
    rows = []
    for number in range(count):
        name = names[number % 3].replace("/", "_")
        rows.append(Row(str(folder / name), (number * 37 % count) / count, 50.0, None, 128, 96))
    return [*rows, Row(str(folder / "</script>.jpg"), error="an empty file")]


@pytest.mark.parametrize("count", [0, 1, 300])
def test_summary_counts_what_numpy_counts(count: int, tmp_path: Path) -> None:
    rows = some_rows(tmp_path, count)
    summary = Summary()
    summary.add(rows)
    assert (summary.good, summary.bad) == (count, 1)
    counts, edges = summary.histogram()
    assert int(counts.sum()) == count
    if count > 1:
        scores = np.array([row.score for row in rows if row.score is not None])
        np.testing.assert_array_equal(counts, np.histogram(scores, edges)[0])
        assert (edges[0], edges[-1]) == (scores.min(), scores.max())
        assert [row.score for row in summary.best] == sorted(scores, reverse=True)[:SHOWN]
        assert [row.score for row in summary.worst] == sorted(scores)[:SHOWN]
        assert summary.mean == pytest.approx(scores.mean())


@pytest.fixture
def page(tmp_path: Path) -> Path:
    rows = some_rows(tmp_path, 10_000)
    path = tmp_path / "report.html"
    summary = Summary()
    summary.add(rows)
    write_report(path, summary, ModelSpec("x", license="<b>CC0"))
    return path


def test_the_page_is_whole_and_safe(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    own = re.sub(r"<script>.{1000000,}?</script>", "", text, count=1, flags=re.S)  # without plotly itself
    assert not re.search(r"(src|href)=\"(https?:)?//", own)
    assert "<b>CC0" not in own
    facts = json.loads(re.search(r"const FACTS = (.*);", own).group(1))  # type: ignore[union-attr]
    assert len(facts["rows"]) == 10_001
    assert sum(facts["scores"]) == 10_000
    cards = re.findall(r'<a href="([^"]*)" title', own)
    assert len(cards) == 2 * SHOWN
    assert all(
        (
            page.parent
            / unescape(link).replace("%20", " ").replace("%26", "&").replace("%3C", "<").replace("%3E", ">")
        ).exists()
        for link in cards
    )


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_page_in_a_browser(page: Path) -> None:
    """Opened from disk without a network: the histogram is drawn, the table sorts and filters."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        tab = context.new_page()
        faults: list[str] = []
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.goto(page.as_uri())
        tab.wait_for_selector("#histogram .bars path", state="attached")
        assert tab.locator("#body tr").count() == 100
        tab.click("th:has-text('score')")
        best = tab.locator("#body tr:first-child td:nth-child(2)")
        assert best.inner_text() == "0.9999"
        tab.click("th:has-text('score')")
        assert best.inner_text() == "0.0000"
        tab.fill("#low", "0.5")
        assert "5,000 rows" in tab.inner_text("#page")
        tab.fill("#low", "")
        tab.fill("#filter", "b & c")
        assert "3,333 rows" in tab.inner_text("#page")
        tab.fill("#filter", "")
        tab.check("#faults")
        assert "1 rows" in tab.inner_text("#page")
        assert faults == []
        browser.close()
