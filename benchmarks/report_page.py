"""The page of --report in a browser: its size, seconds until it can be used, and what it looks like.

python main.py --predict FOLDER --report report.html
python benchmarks/report_page.py report.html --out DIR
"""

import argparse
import time
from pathlib import Path

CHROMIUM = "/usr/bin/chromium"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the PNGs")
    parser.add_argument("--chromium", default=CHROMIUM)
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        tab = browser.new_context(offline=True, viewport={"width": 1200, "height": 900}).new_page()
        began = time.perf_counter()
        tab.goto(args.page.resolve().as_uri())
        tab.wait_for_selector("#histogram .bars path", state="attached")
        tab.wait_for_selector("#body tr")
        opened = time.perf_counter() - began
        began = time.perf_counter()
        tab.click("th:has-text('score')")
        sorted_in = time.perf_counter() - began
        tab.screenshot(path=args.out / "report_top.png")
        tab.locator("#body").scroll_into_view_if_needed()
        tab.screenshot(path=args.out / "report_table.png")
        tab.screenshot(path=args.out / "report_whole.png", full_page=True)
        browser.close()
    size = args.page.stat().st_size / 1e6
    print(f"{args.page}: {size:.1f} MB, {opened:.2f} s until histogram and table, {sorted_in:.2f} s to sort")


if __name__ == "__main__":
    main()
