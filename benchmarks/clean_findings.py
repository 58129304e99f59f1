"""How many clean photographs get a finding of `rankiqa clean`, and how many damaged ones the right one.

    python benchmarks/clean_findings.py --photos DIR [DIR ...] [--real DIR ...] [--every 4] [--only noisy ...]

The limits of `rankiqa/clean/findings.py` were set on the photographs at even places of each folder, in order
of their names; figures are given for both halves, of which the odd one was not looked at. Clean photographs
are judged with the folder around them, with --scores by the default model, too, which takes three times as
long; every `--every`-th of them is damaged by the types of `distortions` and judged alone. `--real` are other
folders, of which findings are counted. The last table compares hashes: copies of a photograph, and pairs of
different ones.
"""

import argparse
import io
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from PIL import Image

import rankiqa
from distortions import find_distortion
from rankiqa.batch.folders import find_images
from rankiqa.batch.pipeline import score_decoded
from rankiqa.batch.results import Row
from rankiqa.clean.duplicates import MAX_DISTANCE
from rankiqa.clean.findings import FINDINGS
from rankiqa.clean.judge import Judge, Judged
from rankiqa.clean.measures import measure
from rankiqa.clean.observe import observe, to_record
from rankiqa.clean.records import Record
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.image import read_rgb
from rankiqa.look_alikes import group_hashes, perceptual_hash
from rankiqa.machine import usable_cores
from rankiqa.scorer import Scorer
from rankiqa.spec import ModelSpec

# the others, such as grey and near_duplicate, are facts that can be looked up
FALLIBLE = {"dark", "bright", "blurred", "noisy", "flat", "score_outlier"}
DAMAGE = {
    "dark": (("underexposed", 4), ("underexposed", 5), ("low_light", 5)),
    "bright": (("overexposed", 4), ("overexposed", 5)),
    "blurred": (("gblur", 3), ("gblur", 4), ("defocus", 4), ("defocus", 5), ("shake", 4), ("shake", 5),
        ("straight_motion", 4), ("straight_motion", 5)),
    "noisy": (("wn", 2), ("wn", 3), ("sensor_noise", 3), ("sensor_noise", 4), ("sensor_noise", 5),
        ("phone_noise", 5)),
}  # fmt: skip
PARTS = ("clean", *DAMAGE, "hashes")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--photos", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--real", type=Path, nargs="+", default=[], metavar="DIR")
    parser.add_argument("--every", type=int, default=4, metavar="N", help="which photographs are damaged")
    parser.add_argument("--scores", action="store_true", help="look for outliers of the score, too")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="which tables")
    args = parser.parse_args()
    folders = [find_images(folder, told=False) for folder in args.photos]
    tuned, unseen = ([path for folder in folders for path in folder[start::2]] for start in (0, 1))
    if "clean" in args.only:
        tell_clean(tuned, unseen, args.real, rankiqa.load() if args.scores else None)
    halves = [half[:: args.every] for half in (tuned, unseen)]
    kinds = [(finding, *kind) for finding in DAMAGE if finding in args.only for kind in DAMAGE[finding]]
    if kinds:
        print(f"\n{len(halves[0])} and {len(halves[1])} photographs\n")
        print("| finding | damage, level | tuned on | not seen |\n| --- | --- | --- | --- |")
    for finding, kind, level in kinds:
        shares = [share_found(half, partial(damaged, kind, level), finding) for half in halves]
        print(f"| {finding} | {kind}, {level} | {shares[0]:.1%} | {shares[1]:.1%} |", flush=True)
    if "hashes" in args.only:
        compare_hashes(tuned + unseen, args.every)


def tell_clean(
    tuned: Sequence[Path], unseen: Sequence[Path], real: Sequence[Path], scorer: Scorer | None
) -> None:
    """The table of images as they are."""
    print("| folder | images | without a finding of light, sharpness, noise, content or score | findings |")
    print("| --- | --- | --- | --- |", flush=True)
    whole = judged(sorted([*tuned, *unseen]), scorer)
    for name, paths in (("tuned on", tuned), ("not seen", unseen)):
        chosen = set(map(str, paths))
        tell(name, [one for one in whole if one.record.path in chosen])
    for folder in real:
        tell(folder.name, judged(find_images(folder, told=False), scorer))


def judged(paths: Sequence[Path], scorer: Scorer | None) -> list[Judged]:
    """The images of one folder, with their findings; without a scorer there are no scores."""
    if scorer is None:
        with ThreadPoolExecutor(usable_cores()) as pool:
            records = list(pool.map(unscored, paths))
        return list(Judge(records, ModelSpec("none")).judge())
    decode = partial(observe, scorer=scorer, max_pixels=MAX_PIXELS)
    scored = score_decoded(map(str, paths), scorer, usable_cores(), decode)
    records = [to_record(row, note) for group in scored for row, note in group]
    return list(Judge(records, scorer.spec).judge())


def unscored(path: Path, change: Callable[[Image.Image], Image.Image] | None = None) -> Record:
    """What is measured of an image, or of what `change` makes of it."""
    image = read_rgb(path)
    image = image if change is None else change(image)
    return to_record(Row(str(path), None, None, None, *image.size), measure(image))


def tell(name: str, images: Sequence[Judged]) -> None:
    counts = Counter(finding for one in images for finding in one.findings)
    said = ", ".join(f"{counts[finding]} {finding}" for finding in FINDINGS if counts[finding])
    share = sum(not FALLIBLE & set(one.findings) for one in images) / len(images)
    print(f"| {name} | {len(images)} | {share:.1%} | {said} |", flush=True)


def damaged(kind: str, level: int, image: Image.Image) -> Image.Image:
    distortion = find_distortion(kind)
    rng = np.random.default_rng(0)
    return Image.fromarray(distortion.apply(np.asarray(image), distortion.strength(level), rng))


def share_found(paths: Sequence[Path], change: Callable[[Image.Image], Image.Image], finding: str) -> float:
    """Of changed photographs, each judged alone: without a folder only the pixels count."""

    def has_it(path: Path) -> bool:
        judge = Judge([unscored(path, change)], ModelSpec("none"))
        return finding in next(judge.judge()).findings

    with ThreadPoolExecutor(usable_cores()) as pool:
        return float(np.mean(list(pool.map(has_it, paths))))


def compare_hashes(paths: Sequence[Path], every: int) -> None:
    """Bits in which copies, and different photographs, differ."""
    print(f"\n| copy | at most {MAX_DISTANCE} bits | most bits |\n| --- | --- | --- |")
    images = [read_rgb(path) for path in paths[::every]]
    hashes = [perceptual_hash(image) for image in images]
    for name, change in COPIES.items():
        bits = [
            distance(one, perceptual_hash(change(image))) for one, image in zip(hashes, images, strict=True)
        ]
        print(f"| {name} | {np.mean(np.array(bits) <= MAX_DISTANCE):.1%} | {max(bits)} |", flush=True)
    with ThreadPoolExecutor(usable_cores()) as pool:
        hashes = list(pool.map(lambda path: perceptual_hash(read_rgb(path)), paths))
    pairs = sorted(distance(one, other) for one, other in combinations(hashes, 2))
    print(f"{len(pairs)} pairs of photographs; the nearest differ in {', '.join(map(str, pairs[:6]))} bits")
    rng = np.random.default_rng(0)
    for count in (10_000, 100_000):
        since = time.process_time()
        group_hashes(rng.integers(0, 2**63, count, dtype=np.uint64), MAX_DISTANCE)
        print(f"{count} different hashes grouped in {time.process_time() - since:.1f} s of the processor")


def distance(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def cropped(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    return image.crop((round(width * share), round(height * share), round(width * (1 - share)),
        round(height * (1 - share))))  # fmt: skip


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG of quality 75": lambda image: compressed(image, 75),
    "JPEG of quality 10": lambda image: compressed(image, 10),
    "a quarter of the sides": lambda image: image.resize((image.width // 4, image.height // 4)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "half the light": lambda image: image.point(lambda value: value // 2),
    "Gaussian blur, level 4": partial(damaged, "gblur", 4),
    "white noise, level 4": partial(damaged, "wn", 4),
    "turned by one degree": lambda image: image.rotate(1, Image.Resampling.BICUBIC),
    "without 2% of each side": lambda image: cropped(image, 0.02),
    "without 5% of each side": lambda image: cropped(image, 0.05),
}


if __name__ == "__main__":
    main()
