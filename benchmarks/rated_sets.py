"""label.txt of rated images, so that `main.py -e --criterion regress --data OUT/NAME` judges any model.

    python benchmarks/rated_sets.py --rated DIR --out OUT

DIR holds LIVE_sample/ and TUI_HEVC/ with labels.csv and images/. OUT gets live (MOS = 100 - DMOS), tui (as
the files are), and tui_512 (scaled to 512 lines by Lanczos: the raters saw all images at one size).
"""

import argparse
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

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
    live, tui = args.rated.resolve() / "LIVE_sample", args.rated.resolve() / "TUI_HEVC"
    write_labels(
        args.out / "live",
        [(live / row["path"], 100 - row.number("dmos_realigned")) for row in rows_of(live)],
    )
    rated = [(tui / row["path"], row.number("mos")) for row in rows_of(tui)]
    write_labels(args.out / "tui", rated)
    write_labels(
        args.out / "tui_512",
        [(scaled(path, args.out.resolve() / "tui_512/images"), mos) for path, mos in rated],
    )


def rows_of(folder: Path) -> list[Row]:
    """Rows of the folder's labels.csv."""
    return read_table(folder / "labels.csv", "path").rows


def scaled(path: Path, folder: Path) -> Path:
    """A copy HEIGHT lines high."""
    copy = folder / path.name
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as image, atomic_write(copy) as file:
        size = round(image.width * HEIGHT / image.height), HEIGHT
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, "PNG")
    return copy


def write_labels(folder: Path, rows: list[tuple[Path, float]]) -> None:
    """Write test/label.txt with rows of image and MOS, and tell how many."""
    (folder / "test").mkdir(parents=True, exist_ok=True)
    write_text(folder / "test/label.txt", "".join(f'"{path}",{mos:.4f}\n' for path, mos in rows))
    print(f"{folder}: {len(rows)} images")


if __name__ == "__main__":
    main()
