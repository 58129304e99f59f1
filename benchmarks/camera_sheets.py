"""The contact sheets of docs/distortions.md: a sharp, a soft, a dark and a grey photograph in every type.

python benchmarks/camera_sheets.py --out docs/images
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from distortions import LEVELS, distort, seed_of, types_of
from rankiqa.files import atomic_write
from rankiqa.image import read_rgb
from rankiqa.terminal.entry import program, program_parser

CUT, CELL, GAP, MARGIN, HEAD = 224, 112, 3, 112, 16
QUALITY = 62
# photographs of scikit-image without restrictions (CC0 or of NASA), and the middle of what is taken of each
PHOTOS = {
    "sharp": ("chelsea.png", (130, 205)),
    "soft": ("coffee.png", (275, 235)),
    "dark": ("rocket.jpg", (340, 320)),
    "grey": ("camera.png", (120, 225)),
}


def _sheet(image: np.ndarray, name: str, types: list[str]) -> Image.Image:
    """A row per type: the reference and levels 1 to 5, the middle of `image` pixel for pixel."""
    top, left = (max(0, (side - CELL) // 2) for side in image.shape[:2])
    height = HEAD + len(types) * (CELL + GAP)
    page = Image.new("RGB", (MARGIN + (1 + LEVELS) * (CELL + GAP), height), "white")
    draw = ImageDraw.Draw(page)
    for column in range(1 + LEVELS):
        text = f"level {column}" if column else "reference"
        draw.text((MARGIN + column * (CELL + GAP), 2), text, fill="black")
    for row, key in enumerate(types):
        draw.text((2, HEAD + row * (CELL + GAP) + CELL // 2), key, fill="black")
        for level in range(1 + LEVELS):
            shown = distort(image, key, level, seed_of(name, key, level, 0)) if level else image
            cell = Image.fromarray(shown[top : top + CELL, left : left + CELL])
            page.paste(cell, (MARGIN + level * (CELL + GAP), HEAD + row * (CELL + GAP)))
    return page


@program()
def main() -> int:
    """Write camera_<photograph>_<part>.jpg; 0."""
    parser = program_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the sheets")
    parser.add_argument("--types", default="camera", help="sets or types, comma separated (default: camera)")
    args = parser.parse_args()
    types = types_of(args.types)
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        parser.error("the photographs are of scikit-image: pip install scikit-image")
    args.out.mkdir(parents=True, exist_ok=True)
    half = (len(types) + 1) // 2
    for kind, (name, middle) in PHOTOS.items():
        top, left = (at - CUT // 2 for at in middle)
        whole = np.asarray(read_rgb(Path(spec.origin).parent / "data" / name))
        image = np.ascontiguousarray(whole[max(0, top) : top + CUT, max(0, left) : left + CUT])
        for part, keys in enumerate((types[:half], types[half:]), start=1):
            path = args.out / f"camera_{kind}_{part}.jpg"
            with atomic_write(path) as file:
                _sheet(image, name, keys).save(file, "JPEG", quality=QUALITY, optimize=True)
            print(path)
    return 0


if __name__ == "__main__":
    main()
