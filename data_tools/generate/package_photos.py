"""Photographs that installed Python packages bring along, references for a first training without a download.

    python utils/data_generate/package_photos.py --out data/refimgs

Each makes one scene. SOURCES.csv beside them names package and license.
"""

import csv
import importlib.util
import io
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rankiqa.terminal.entry import program, program_parser
from utils.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SOURCES = "SOURCES.csv"


class Photo(NamedTuple):
    """A file inside a package. `scale` below 1 shrinks it, which averages out traces of JPEG compression."""

    module: str
    package: str
    path: str
    license: str
    scale: float = 1.0


_PUBLIC, _CC0 = "public domain", "CC0"
# Left out: drawings, images of one scene twice, what telescopes, microscopes and ophthalmoscopes saw, and
# photographs that are blurred, grainy, worn by compression, or not freely given (mahotas' lena).
PHOTOS = (
    *(
        Photo("skimage", "scikit-image", f"data/{name}", license, scale)
        for name, license, scale in (
            ("astronaut.png", f"{_PUBLIC} (NASA)", 1.0),
            ("brick.png", _CC0, 1.0),
            ("camera.png", f"{_CC0} (Lav Varshney)", 1.0),
            ("chelsea.png", f"{_CC0} (Stefan van der Walt)", 1.0),
            ("coffee.png", f"{_CC0} (Rachel Michetti)", 1.0),
            ("coins.png", "no known copyright restrictions (Brooklyn Museum)", 1.0),
            ("grass.png", _CC0, 1.0),
            ("gravel.png", _CC0, 1.0),
            ("motorcycle_left.png", "not stated for the file (Middlebury 2014 stereo benchmark)", 1.0),
            ("rocket.jpg", f"{_PUBLIC} (SpaceX)", 1.0),
        )
    ),
    Photo("sklearn", "scikit-learn", "datasets/images/china.jpg", "CC BY 2.0 (flickr danielbuechele)"),
    Photo("sklearn", "scikit-learn", "datasets/images/flower.jpg", "CC BY 2.0 (flickr vultilion)"),
    Photo("matplotlib", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "not stated", 0.5),
    Photo("mahotas", "mahotas", "demos/data/luispedro.jpg", "not stated for the file (package: MIT)", 0.8),
    Photo("pywt", "PyWavelets", "data/ascent.npz", _PUBLIC),
)


@program()
def main(argv: list[str] | None = None) -> None:
    """Copy the photographs."""
    parser = program_parser(__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("data/refimgs"),
        metavar="DIR",
        help="folder for the photographs (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    written = copy_photos(args.out)
    print(f"{args.out}: {len(written)} photographs, one scene each; {SOURCES} says where they are from")


def copy_photos(out: Path) -> list[Path]:
    """Write every photograph that is there as 8-bit RGB PNG into `out`, and SOURCES.csv beside them.

    Raises:
        DataError: no package has any of them.
        ImageError: a photograph is damaged.
    """
    from rankiqa.files import write_text

    written: list[Path] = []
    rows = [("file", "package", "version", "license", "processing")]
    for photo in PHOTOS:
        source = locate(photo)
        if source is None:
            print(f"left out: {Path(photo.path).name} (pip install {photo.package})", file=sys.stderr)
            continue
        written.append(out / f"{source.stem}.png")
        processing = _copy(source, written[-1], photo.scale)
        version = metadata.version(photo.package)
        rows.append((written[-1].name, photo.package, version, photo.license, processing))
    if not written:
        raise DataError(
            "no photographs found; pip install scikit-image scikit-learn matplotlib mahotas PyWavelets"
        )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(out / SOURCES, text.getvalue())
    return written


def locate(photo: Photo) -> Path | None:
    """Where the photograph lies, without importing its package; None if it is not there."""
    spec = importlib.util.find_spec(photo.module)
    folders = spec.submodule_search_locations if spec else None
    found = [Path(folder) / photo.path for folder in folders or ()]
    return next((path for path in found if path.is_file()), None)


def _copy(source: Path, target: Path, scale: float) -> str:
    """Write `source` to `target`; returns what was done to it, in words."""
    from PIL import Image

    from rankiqa.files import atomic_write
    from rankiqa.image import read_rgb

    image = _from_array(source) if source.suffix == ".npz" else read_rgb(source)
    before = f"{image.width}x{image.height} {source.suffix[1:]}"
    if scale != 1:
        size = round(image.width * scale), round(image.height * scale)
        image = image.resize(size, Image.Resampling.LANCZOS)
    with atomic_write(target) as file:
        image.save(file, "PNG")
    return f"{before} as RGB" + (f", antialiased to {image.width}x{image.height}" if scale != 1 else "")


def _from_array(source: Path) -> "Image":
    """An image that its package keeps as an array of grey values, uint8 (H, W)."""
    import numpy as np
    from PIL import Image

    with np.load(source) as arrays:
        return Image.fromarray(arrays["data"]).convert("RGB")
