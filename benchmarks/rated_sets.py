"""label.txt of rated images, so that `main.py -e --criterion regress --data OUT/NAME` judges any model.

    python benchmarks/rated_sets.py --rated DIR --out OUT

DIR holds LIVE_sample/ and TUI_HEVC/, and mucped23/ if it is there, each with a labels.csv. OUT gets live
(MOS = 100 - DMOS), tui (as the files are), tui_512 (scaled to 512 lines by Lanczos: the raters saw all images
at one size) and mucped23 (MOS: the Elo of the encoder's setting).
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from PIL import Image

from rankiqa.files import atomic_write, write_text
from utils.delimited import Row, read_table

HEIGHT = 512


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--rated", type=Path, required=True, help="holds LIVE_sample and TUI_HEVC")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    for one in rated_sets(args.rated, args.out):
        write_labels(args.out / one.name, one)


@dataclass(frozen=True)
class RatedSet:
    """Rated images.

    Attributes:
        name: of the set.
        paths: R images.
        mos: (R,) higher = better.
        scenes: (R,) names.
    """

    name: str
    paths: list[Path]
    mos: np.ndarray
    scenes: np.ndarray


def rated_sets(rated: Path, out: Path) -> list[RatedSet]:
    """The sets of a folder; copies that are scaled go to `out`/NAME/images."""
    live, tui, mucped = (rated.resolve() / name for name in ("LIVE_sample", "TUI_HEVC", "mucped23"))
    tui_rows = rows_of(tui)
    sets = [
        _set("live", live, rows_of(live), "dmos_realigned"),
        _set("tui", tui, tui_rows, "mos"),
        _set("tui_512", tui, tui_rows, "mos", out.resolve() / "tui_512/images"),
    ]
    if mucped.is_dir():
        sets.append(_set("mucped23", mucped, rows_of(mucped), "mos"))
    return sets


def _set(name: str, folder: Path, rows: list[Row], column: str, copies: Path | None = None) -> RatedSet:
    paths = [folder / row["path"] for row in rows]
    if copies is not None:
        paths = [scaled(path, copies) for path in paths]
    opinions = np.array([row.number(column) for row in rows])
    mos = 100 - opinions if column.startswith("dmos") else opinions
    return RatedSet(name, paths, mos, np.array([row["scene"] for row in rows]))


def rows_of(folder: Path) -> list[Row]:
    return read_table(folder / "labels.csv", "path").rows


def scaled(path: Path, folder: Path) -> Path:
    """A copy HEIGHT lines high."""
    copy = folder / path.name
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as image, atomic_write(copy) as file:
        size = round(image.width * HEIGHT / image.height), HEIGHT
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, "PNG")
    return copy


def write_labels(folder: Path, rated: RatedSet) -> None:
    """Write test/label.txt with rows of image and MOS, and tell how many."""
    (folder / "test").mkdir(parents=True, exist_ok=True)
    rows = zip(rated.paths, rated.mos, strict=True)
    write_text(folder / "test/label.txt", "".join(f'"{path}",{mos:.4f}\n' for path, mos in rows))
    print(f"{folder}: {len(rated.paths)} images")


if __name__ == "__main__":
    main()
