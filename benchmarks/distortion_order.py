"""Whether each distortion gets worse from level to level, by PSNR and SSIM, and what an image costs.

    python benchmarks/distortion_order.py --refs DIR [--count 20] [--types all] [-j N]

Images are cut to 512 x 384 (or less, where they are smaller). A step is from one level to the next of one
image; a strict fall counts. Times are of the processor, so that other work beside does not count.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from distortions import distort, find_distortion, seed_of, types_of
from distortions.registry import LEVELS
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from rankiqa.machine import usable_cores

WIDTH, HEIGHT = 512, 384
HEADER = ("type", "ordered by", "PSNR 1..5", "SSIM 1..5", "PSNR falls", "SSIM falls", "ms per image")


def main() -> None:
    args = _options()
    kinds = types_of(args.types)
    paths = sorted(find_images(args.refs))[: args.count]
    print(f"{len(paths)} images, {len(paths) * (LEVELS - 1)} steps per type\n")
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}")
    with ProcessPoolExecutor(args.workers, initializer=_one_thread) as pool:
        for kind in kinds:
            psnr, ssim, seconds = np.moveaxis(
                np.array(list(pool.map(judge, paths, [kind] * len(paths)))), 1, 0
            )
            falls = [f"{(np.diff(values) < 0).mean():.3f}" for values in (psnr, ssim)]
            means = [" ".join(f"{v:.{d}f}" for v in x.mean(0)) for x, d in ((psnr, 1), (ssim, 3))]
            said = kind, find_distortion(kind).ordered_by, *means, *falls, f"{seconds.mean() * 1e3:.1f}"
            print(f"| {' | '.join(said)} |", flush=True)


def judge(path: Path, kind: str) -> list[list[float]]:
    """PSNR, SSIM and seconds, each for the five levels of `kind` on one image."""
    from data_tools.generate.full_reference import psnr_of, ssim_of

    image = np.ascontiguousarray(np.asarray(read_rgb(path))[:HEIGHT, :WIDTH])
    rows: list[list[float]] = [[], [], []]
    for level in range(1, LEVELS + 1):
        seed = seed_of(path.stem, kind, level, 0)
        start = time.process_time()
        worse = distort(image, kind, level, seed)
        seconds = time.process_time() - start
        for row, value in zip(rows, (psnr_of(image, worse), ssim_of(image, worse), seconds), strict=True):
            row.append(value)
    return rows


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--refs", type=Path, required=True, metavar="DIR", help="folder of pristine images")
    parser.add_argument("--count", type=int, default=20, help="images, the first by name (default: 20)")
    parser.add_argument("--types", default="all", help="sets or types, comma separated (default: all)")
    parser.add_argument(
        "-j", "--workers", type=int, default=usable_cores(), help="processes (default: all cores)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
