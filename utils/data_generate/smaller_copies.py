"""References at two sizes: every photograph, and a copy that is scaled down.

    python utils/data_generate/smaller_copies.py --refs photos --out refs

A model that has seen clean images of one size alone takes a change of size for a change of quality. The
copy `NAME_small.png` stands beside `NAME.png`; its scale is drawn between --scale LOW HIGH by the name of the
photo. live_generator keeps the two in one split, because they look alike. What is there already stays.
"""

import argparse
import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np

from rankiqa.terminal.argument_types import share
from rankiqa.terminal.entry import run_program
from utils.errors import ConfigError


def main(argv: list[str] | None = None) -> int:
    """Write the copies; 0, or 2 after a fault that the user can mend (told in one line)."""
    return run_program(lambda: _run(argv))


def _run(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--refs", type=Path, required=True, metavar="DIR", help="sharp, clean photographs")
    add("--out", type=Path, required=True, metavar="DIR", help="for both sizes of them")
    add("--scale", type=share, nargs=2, default=(0.45, 0.8), metavar=("LOW", "HIGH"),
        help="of the copies' sides (default: 0.45 0.8)")  # fmt: skip
    args = parser.parse_args(argv)
    count = write_both(args.refs, args.out, *args.scale)
    print(f"{args.out}: {count} photographs at two sizes")


def write_both(refs: Path, out: Path, low: float, high: float) -> int:
    """Write each image of `refs` and its smaller copy as PNG into `out`; how many images `refs` holds.

    Raises:
        ConfigError: `out` is `refs`, or not 0 < low <= high.
        DataError, ImageError: no images, or one that can't be read.
    """
    from distortions import seed_of
    from distortions.variants import scaled
    from rankiqa.files import is_newer
    from rankiqa.image import read_rgb
    from rankiqa.terminal.progress import progress_bar
    from utils.data_generate.generate import write_image
    from utils.data_generate.plan import find_references

    if out.resolve() == refs.resolve():
        raise ConfigError(f"--out {out} is --refs; the copies would be taken for photographs of their own")
    if not 0 < low <= high:
        raise ConfigError(f"--scale {low:g} {high:g}: expected LOW and HIGH with 0 < LOW <= HIGH <= 1")
    paths = find_references(refs)
    with progress_bar(total=len(paths), desc="copies", unit="image") as bar:
        for path in paths:
            whole, small = out / f"{path.stem}.png", out / f"{path.stem}_small.png"
            if not is_newer(small, path):
                image = read_rgb(path)
                scale = np.random.default_rng(seed_of(path.stem, "scale", 0, 0)).uniform(low, high)
                write_image(whole, np.asarray(image))
                write_image(small, np.asarray(scaled(image, scale)))
            bar.update()
    return len(paths)


if __name__ == "__main__":
    sys.exit(main())
