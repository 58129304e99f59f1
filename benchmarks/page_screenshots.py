"""Images of the page, to be looked at: what it says and how it looks, in English and Chinese.

    python demos/web_app.py --model MODEL &
    python benchmarks/page_screenshots.py --out DIR GOOD WORSE [MORE ...]

Chromium drops the first image, compares it with the second, and judges all; then a file that is no image,
one that is too large, and /docs. It goes nowhere but to the server: other names are not looked up.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def main() -> None:
    args = _options()
    from playwright.sync_api import sync_playwright

    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=args.chromium, args=[*QUIET])
        for language in args.languages:
            tab = browser.new_context(locale=language, viewport={"width": 1200, "height": 860}).new_page()
            tab.set_default_timeout(120_000)

            def shoot(name: str, tab: Any = tab, language: str = language) -> None:
                tab.wait_for_timeout(700)
                tab.screenshot(path=args.out / f"{language}_{name}.png", full_page=True)

            visit(tab, args, shoot)
        browser.close()
    print("\n".join(str(path) for path in sorted(args.out.glob("*.png"))))


def visit(tab: Any, args: argparse.Namespace, shoot: Callable[[str], None]) -> None:
    """All that a visitor does, once."""
    tab.goto(args.url)
    tab.wait_for_selector("#one input[type=file]", state="attached")
    shoot("0_empty")
    tab.set_input_files("#one input[type=file]", args.images[0])
    tab.wait_for_selector("#map img")
    shoot("1_one")
    tab.get_by_role("tab").nth(1).click()
    for place, image in zip(("first", "second"), args.images, strict=False):
        tab.set_input_files(f"#{place} input[type=file]", image)
    tab.wait_for_selector("#verdict strong")
    tab.wait_for_selector("#shown_second img")
    shoot("2_compared")
    tab.get_by_role("tab").nth(2).click()
    broken = args.out / "broken.jpg"
    broken.write_bytes(b"no image")
    tab.set_input_files("#many input[type=file]", [*args.images, broken])
    tab.wait_for_selector("#table img:visible")
    shoot("3_many")
    tab.reload()
    tab.wait_for_selector("#one input[type=file]", state="attached")
    tab.set_input_files("#one input[type=file]", broken)
    tab.wait_for_selector("#card .problem")
    shoot("4_broken")
    large = args.out / "large.jpg"
    large.write_bytes(bytes(21 * 2**20))
    tab.reload()
    tab.wait_for_selector("#one input[type=file]", state="attached")
    tab.set_input_files("#one input[type=file]", large)
    tab.wait_for_selector("[data-testid=toast-body], .toast-body")
    shoot("5_large")
    large.unlink()
    broken.unlink()
    tab.goto(f"{args.url}/docs")
    tab.wait_for_selector("#swagger-ui .opblock")
    shoot("6_docs")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path, help="two or more")
    parser.add_argument("--url", default="http://127.0.0.1:7860")
    parser.add_argument("--out", type=Path, required=True, help="folder of the PNGs")
    parser.add_argument("--languages", nargs="+", default=["en-US", "zh-CN"])
    parser.add_argument("--chromium", default=CHROMIUM)
    args = parser.parse_args()
    if len(args.images) < 2:
        parser.error("two or more images")
    return args


if __name__ == "__main__":
    main()
