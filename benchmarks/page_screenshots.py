"""Images of the page, to be looked at: every tab, in both languages, light, dark, and as wide as a telephone.

    rankiqa serve &
    python benchmarks/page_screenshots.py --out DIR GOOD WORSE [MORE ...]

Chromium drops the first image and asks for its map, compares it with the second, and judges all; then a file
that is no image. It goes nowhere but to the server: other names are not looked up.
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
LOOKS = {  # language, colours, width and height of the window
    "en": ("en-US", "light", (1200, 860)),
    "zh_dark": ("zh-CN", "dark", (1200, 860)),
    "en_phone": ("en-US", "light", (390, 844)),
    "zh_phone_dark": ("zh-CN", "dark", (390, 844)),
}


def main() -> None:
    args = _options()
    from playwright.sync_api import sync_playwright

    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=args.chromium, args=[*QUIET])
        for look in args.looks:
            language, colours, (width, height) = LOOKS[look]
            context = browser.new_context(
                locale=language, color_scheme=colours, viewport={"width": width, "height": height}
            )
            tab = context.new_page()
            tab.set_default_timeout(180_000)

            def shoot(name: str, tab: Any = tab, look: str = look) -> None:
                tab.wait_for_timeout(700)
                tab.screenshot(path=args.out / f"{look}_{name}.png", full_page=True)

            visit(tab, args, shoot)
            context.close()
        browser.close()
    print("\n".join(str(path) for path in sorted(args.out.glob("*.png"))))


def visit(tab: Any, args: argparse.Namespace, shoot: Callable[[str], None]) -> None:
    """All that a visitor does, once."""
    tab.goto(args.url)
    tab.wait_for_selector("#one .drop")
    shoot("0_empty")
    tab.set_input_files("#one input[type=file]", args.images[0])
    tab.wait_for_selector("#one .result")
    shoot("1_one")
    tab.locator("#one button.main").click()
    tab.wait_for_selector("#one .heat")
    shoot("2_map")
    tab.locator("#tab-two").click()
    tab.locator("#two .drop input").nth(0).set_input_files(args.images[0])
    tab.wait_for_selector("#two .frame img")
    tab.locator("#two .drop input").set_input_files(args.images[1])
    tab.wait_for_selector("#two .verdict")
    tab.locator("#two .pane").nth(0).focus()
    for _ in range(3):
        tab.keyboard.press("+")
    shoot("3_compared")
    tab.locator("#tab-many").click()
    broken = args.out / "broken.jpg"
    broken.write_bytes(b"no image")
    tab.locator("#many input[multiple]").set_input_files([*args.images, broken])
    tab.wait_for_selector("#many .summary")
    shoot("4_table")
    tab.locator("#many .segments button").nth(1).click()
    shoot("5_grid")
    tab.locator("#tab-one").click()
    tab.reload()
    tab.set_input_files("#one input[type=file]", broken)
    tab.wait_for_selector("#one .problem")
    shoot("6_refused")
    broken.unlink()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path, help="two or more")
    parser.add_argument("--url", default="http://127.0.0.1:7860")
    parser.add_argument("--out", type=Path, required=True, help="folder of the PNGs")
    parser.add_argument("--looks", nargs="+", choices=LOOKS, default=list(LOOKS))
    parser.add_argument("--chromium", default=CHROMIUM)
    args = parser.parse_args()
    if len(args.images) < 2:
        parser.error("two or more images")
    return args


if __name__ == "__main__":
    main()
