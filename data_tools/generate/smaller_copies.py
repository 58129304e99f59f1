"""References at two sizes: every photograph, and a copy that is scaled down.

    python utils/data_generate/smaller_copies.py --refs photos --out refs

A model that has seen clean images of one size alone takes a change of size for a change of quality. The
copy `NAME_small.png` stands beside `NAME.png`; its scale is drawn between --scale LOW HIGH by the name of the
photo. live_generator keeps the two in one split, because they look alike. What is there already stays.
"""

from pathlib import Path

import numpy as np

from rankiqa.terminal.argument_types import share
from rankiqa.terminal.entry import program, program_parser
from utils.errors import ConfigError


@program()
def main(argv: list[str] | None = None) -> None:
    """Write the copies."""
    parser = program_parser(__doc__)
    add = parser.add_argument
    add("--refs", type=Path, required=True, metavar="DIR", help="folder of sharp, clean photographs")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the photographs at both sizes")
    add("--scale", type=share, nargs=2, default=(0.45, 0.8), metavar=("LOW", "HIGH"),
        help="range of the scale of the copies' sides (default: 0.45 0.8)")  # fmt: skip
    args = parser.parse_args(argv)
    count = write_both(args.refs, args.out, *args.scale)
    print(f"{args.out}: {count} photographs at two sizes")


def write_both(refs: Path, out: Path, low: float, high: float) -> int:
    """Write each image of `refs` and its smaller copy as PNG into `out`; how many images `refs` holds.

    Raises:
        ConfigError: `out` is `refs`, or not 0 < low <= high.
        DataError, ImageError: no images, or one that can't be read.
    """
    from data_tools.generate.plan import find_references
    from data_tools.generate.tasks import write_image
    from distortions import seed_of
    from distortions.variants import scaled
    from rankiqa.files import is_newer
    from rankiqa.image import read_rgb
    from rankiqa.terminal.progress import progress_bar

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
