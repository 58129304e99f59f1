"""`rankiqa export_web` in chromium: scores beside Python's, seconds per image, memory

    rankiqa export_web --out site
    python benchmarks/web_page.py --site site --photos DIR [--count 60] [--large 200] [--isolated]

A plain file server of this program gives the folder at a sub-path; with --isolated it sends the headers that
let the page use threads (COOP, COEP). The page judges `--count` photos as they are and as PNGs of their
pixels, then `--large` JPEGs of 12 megapixels made of them; its CSV is compared with `rankiqa.load().score`.
After the model is loaded no request may leave the page. Seconds of the processor are all of chromium's;
other work on the machine changes them little. Memory is its proportional set size.
"""

import argparse
import csv
import functools
import io
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import rankiqa
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb

CHROMIUM = "/usr/bin/chromium"
LARGE = (4000, 3000)
DIFFERENT = 8  # images of 12 megapixels; the others are links to them
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    args = _options()
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as name,
        sync_playwright() as play,
        served(args.site, args.isolated) as address,
    ):
        folder = Path(name)
        photos = list(itertools.islice(find_images(args.photos), args.count))
        browser = play.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        page = Page(browser, address)
        print(f"page ready after {page.start:.1f} s; cross-origin isolated: {page.isolated}\n")
        scorer = rankiqa.load()
        print("| images | largest difference | median | s of the processor per image | s per image |")
        print("| --- | --- | --- | --- | --- |")
        plain = as_png(photos, folder / "png")
        for words, paths in (("the same pixels (PNG)", plain), ("the files themselves", photos)):
            found = page.judge(paths)
            wanted = scorer.score(paths).scores
            apart = np.abs(np.array([found[path.name] for path in paths]) - wanted)
            print(
                f"| {len(paths)}: {words} | {apart.max():.2g} | {np.median(apart):.2g} | {page.cost} |",
                flush=True,
            )
        if args.large:
            paths = large_images(photos, folder / "large", args.large)
            print(
                "\nMB of chromium, at the beginning and after each tenth of the large images:",
                end="",
                flush=True,
            )
            page.judge_large(paths, max(1, args.large // 10))
            busy, wall = page.cost.split(" | ")
            print(f"\n{len(paths)} JPEGs of 12 megapixels: {busy} s of the processor, {wall} s each")
        print(f"requests after the model was loaded: {page.asked or 'none'}")
        browser.close()


class Page:
    """The page in chromium, at the tab of many images."""

    def __init__(self, browser: Any, address: str) -> None:
        self.tab = browser.new_context(accept_downloads=True).new_page()
        self.tab.set_default_timeout(3_600_000)
        begin = time.monotonic()
        self.tab.goto(address)
        self.tab.wait_for_selector("html[data-model=ready]")
        self.start = time.monotonic() - begin
        self.isolated = self.tab.evaluate("crossOriginIsolated")
        self.tab.wait_for_load_state("networkidle")
        self.asked: list[str] = []
        self.tab.on("request", lambda sent: self._sent(sent.url))
        self.tab.click("#tab-many")
        self.cost = ""

    def _sent(self, url: str) -> None:
        if not url.startswith("blob:"):
            self.asked.append(url)

    def judge(self, paths: list[Path]) -> dict[str, float]:
        """Name -> score, from the page's CSV."""
        self._begin(paths)
        self.tab.wait_for_selector("#many .summary")
        self._end(len(paths))
        with self.tab.expect_download() as started:
            self.tab.click("#many .bar .main")
        table = started.value.path().read_text(encoding="utf-8-sig")
        self.tab.click("#many .bar > .plain:nth-last-child(2)")
        return {row["path"]: float(row["score"]) for row in csv.DictReader(io.StringIO(table, newline=""))}

    def judge_large(self, paths: list[Path], step: int) -> None:
        """Print the megabytes of chromium after every `step` images."""
        tell_memory()
        self._begin(paths)
        for done in range(step, len(paths) + 1, step):
            self.tab.wait_for_function(
                "(done) => { const bar = document.querySelector('#many progress');"
                "return !bar || bar.value >= done; }",
                arg=done,
                polling=500,
            )
            tell_memory()
        self.tab.wait_for_selector("#many .summary")
        self._end(len(paths))

    def _begin(self, paths: list[Path]) -> None:
        self._at = time.monotonic(), sum(map(seconds_of, chromium()))
        self.tab.locator("#many input[multiple]").set_input_files([str(path) for path in paths])

    def _end(self, count: int) -> None:
        wall, busy = time.monotonic() - self._at[0], sum(map(seconds_of, chromium())) - self._at[1]
        self.cost = f"{busy / count:.2f} | {wall / count:.2f}"


def as_png(photos: list[Path], folder: Path) -> list[Path]:
    """PNGs of the decoded pixels: no profile, no orientation."""
    folder.mkdir()
    made = []
    for number, path in enumerate(photos):
        made.append(folder / f"{number:03}.png")
        read_rgb(path).save(made[-1], compress_level=1)
    return made


def large_images(photos: list[Path], folder: Path, count: int) -> list[Path]:
    """JPEGs of LARGE."""
    folder.mkdir()
    made = []
    for number in range(count):
        made.append(folder / f"{number:03}.jpg")
        if number < DIFFERENT:
            image = read_rgb(photos[number % len(photos)]).resize(LARGE, Image.Resampling.BICUBIC)
            image.save(made[-1], quality=92)
        else:
            made[-1].hardlink_to(made[number % DIFFERENT])
    return made


def chromium() -> list[int]:
    """The processes that this one has started, and theirs."""
    parents = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                stat = (place / "stat").read_text().rpartition(")")[2].split()
                parents[int(place.name)] = int(stat[1])
    found = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in found} - found:
        found |= more
    return [process for process in found - {os.getpid()} if "chromium" in name_of(process)]


def name_of(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace")
    return ""


def seconds_of(process: int) -> float:
    """Of the processor, until now; a process that has ended counts for nothing."""
    with suppress(OSError):
        stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS
    return 0.0


def tell_memory() -> None:
    print(f" {sum(map(memory_of, chromium())):.0f}", end="", flush=True)


def memory_of(process: int) -> float:
    """Megabytes: what several share counts once."""
    with suppress(OSError):
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
        return int(text.split("Pss:")[1].split()[0]) / 1024
    return 0.0


@contextmanager
def served(folder: Path, isolated: bool = False) -> Iterator[str]:
    """The address of a sub-path at which a folder lies; `isolated` sends the headers that allow threads."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix("/some/where"))

        def end_headers(self) -> None:
            if isolated:
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/some/where/"
    finally:
        server.shutdown()
        server.server_close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--site", type=Path, required=True, help="folder of rankiqa export_web")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60, help="photos to compare")
    parser.add_argument("--large", type=int, default=200, help="images of 12 megapixels")
    parser.add_argument("--isolated", action="store_true", help="send the headers that allow threads")
    parser.add_argument("--chromium", default=CHROMIUM)
    return parser.parse_args()


if __name__ == "__main__":
    main()
