"""Files of votes: on pairs (left, right, answer), or ratings of single images (rater, path, rating)."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_tools.votes.ratings import Ratings
from public_datasets.table import LeftOut
from public_datasets.votes import RATERS, agreeing
from rankiqa.votes.table import NEEDED
from utils.delimited import Row, Table, read_table
from utils.errors import ConfigError, DataError
from utils.text_lines import read_records, read_text

SCORES = ("rating", "score")
FOLDER = "folder"  # of --scenes: the folder of an image is its scene


@dataclass(frozen=True)
class RatedImages:
    """Raw ratings, and what their table says of the images.

    Attributes:
        ratings: the votes.
        scene: (n,) names, "" where unknown; None without such a column.
        reference: (n,) number of the reference image, -1 where there is none; None without such a column.
    """

    ratings: Ratings
    scene: list[str] | None
    reference: np.ndarray | None


def holds_pairs(file: Path) -> bool:
    """Whether the header is that of votes on pairs.

    Raises:
        DataError: the file can't be read.
    """
    if file.suffix.lower() == ".xlsx":
        return False
    _, header = next(read_records(read_text(file).splitlines(keepends=True), file), (0, []))
    return bool({*NEEDED[:2]} & {name.lower() for name in header})


def read_ratings(file: Path) -> RatedImages:
    """A table with a column of paths, one of raters and one of ratings (or scores), a row per vote.

    Raises:
        DataError: no such columns, no rows, a path or rater that is empty, a rating that is no number, rows
            of an image with different scenes or references, a reference that nobody rated.
    """
    table = read_table(file, "path")
    score = next((name for name in SCORES if name in table.columns), None)
    rater = next((name for name in RATERS if name in table.columns), None)
    if score is None or rater is None:
        raise DataError(
            f"{file}: votes have the columns left,right,answer, or rater,path,rating; the header has "
            + ", ".join(table.columns)[:150]
        )
    if not table.rows:
        raise DataError(f"{file}: holds a header and no votes")
    paths = [_plain(row, "path") for row in table.rows]
    names = [_filled(row, rater) for row in table.rows]
    images, image = np.unique(paths, return_inverse=True)
    raters, number = np.unique(names, return_inverse=True)
    ratings = Ratings(images.tolist(), raters.tolist(), image, number, table.numbers(score))
    scene = agreeing(table.rows, image, "scene") if "scene" in table.columns else None
    return RatedImages(ratings, scene, _references(table, images.tolist(), image))


def _references(table: Table, images: list[str], image: np.ndarray) -> np.ndarray | None:
    if "reference" not in table.columns:
        return None
    numbers = {path: number for number, path in enumerate(images)}
    references = []
    for number, name in enumerate(agreeing(table.rows, image, "reference")):
        plain = posixpath.normpath(name.replace("\\", "/")) if name else ""
        if plain and plain not in numbers:
            raise DataError(
                f"{table.file}: {images[number]!r} has the reference {name!r}, which nobody rated; a "
                "DMOS needs votes for the references, too"
            )
        references.append(-1 if not plain or plain == images[number] else numbers[plain])
    return np.array(references, dtype=np.int64)


def _plain(row: Row, column: str) -> str:
    return posixpath.normpath(_filled(row, column).replace("\\", "/"))


def _filled(row: Row, column: str) -> str:
    if not row[column]:
        raise DataError(f"{row.where}: {column} is empty; every vote needs one")
    return row[column]


def find_missing(folder: Path, images: Sequence[str], votes: Path) -> list[LeftOut]:
    """The images that are not there, as rows to be left out.

    Raises:
        DataError: none is there.
    """
    missing = [path for path in images if not (folder / path).is_file()]
    if len(missing) == len(images):
        raise DataError(
            f"--images {folder}: none of {len(images)} images of {votes} is there, such as {images[0]!r}: "
            "it should be the folder that their paths are relative to"
        )
    return [LeftOut("", path, "image is not there") for path in missing]


def read_scenes(scenes: str, images: Sequence[str]) -> list[str]:
    """The scene of each image, "" for one that is a scene of its own.

    Args:
        scenes: "folder", or a table with the columns path and scene, such as a manifest or labels.csv.
        images: paths, with slashes.

    Raises:
        ConfigError: neither; or the table knows none of the images.
        DataError: the table can't be read, or gives an image two scenes.
    """
    if scenes == FOLDER:
        return [posixpath.dirname(path) or "." for path in images]
    file = Path(scenes)
    if not file.is_file():
        raise ConfigError(
            f"--scenes {scenes}: no such table; it should be {FOLDER!r} or a file with the columns path,scene"
        )
    table = read_table(file, "path", "scene")
    of_image: dict[str, Row] = {}
    for row in table.rows:
        first = of_image.setdefault(_plain(row, "path"), row)
        if first["scene"] != row["scene"]:
            raise DataError(
                f"{row.where}: {row['path']!r} has the scene {row['scene']!r}, but {first['scene']!r} in "
                f"line {first.line}"
            )
    found = [of_image[path]["scene"] if path in of_image else "" for path in images]
    if not any(found):
        raise ConfigError(
            f"--scenes {scenes}: names none of the images, such as {images[0]!r}; paths must be spelt as in "
            "the votes"
        )
    return found
