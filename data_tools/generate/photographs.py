"""The photographs that recipes are made of: which ones, and which of them are for train and for val."""

import argparse
import fnmatch
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from data_tools.generate.plan import find_references, group_look_alikes
from data_tools.splits import split_scenes
from utils.errors import DataError
from utils.text_lines import read_text


@dataclass(frozen=True)
class Photograph:
    """A source of recipes.

    Attributes:
        path: of the file.
        split: "train" or "val".
        perfect: whether it is as clean as a reference should be.
    """

    path: Path
    split: str
    perfect: bool

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), read from the file's header."""
        with Image.open(self.path) as image:
            return image.height, image.width


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what `find_photographs` takes, and where the recipes go."""
    add = parser.add_argument
    add("--refs", type=Path, nargs="+", required=True, metavar="DIR", help="folders of clean photographs")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for train/ and val/")
    add("--exclude", nargs="*", default=[], metavar="PATTERN", help="file names that are left out")
    add("--imperfect", type=Path, metavar="FILE",
        help="text file that names photographs with noise of their own, which are shrunk")  # fmt: skip
    add("--val", type=float, default=0.06, metavar="SHARE",
        help="share of the photographs for val (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="seed of the recipes (default: %(default)s)")


def find_photographs(
    refs: list[Path], exclude: list[str], imperfect: Path | None, val: float
) -> list[Photograph]:
    """All photographs with their split, look-alikes in one.

    The split depends on names alone: recipes of all seeds, wherever the photographs lie, have the same in
    val.

    Args:
        refs: folders.
        exclude: patterns of file names that are left out.
        imperfect: text file with a name on each line.
        val: share for val.

    Raises:
        DataError: no photograph is left, or `imperfect` names one that is not there.
    """
    paths = [path for folder in refs for path in find_references(folder)]
    paths = [path for path in paths if not any(fnmatch.fnmatch(path.name, text) for text in exclude)]
    if not paths:
        raise DataError(f"--exclude leaves out every photograph in {', '.join(map(str, refs))}")
    noisy = set(read_text(imperfect).splitlines()) - {""} if imperfect else set()
    unknown = noisy - {path.name for path in paths}
    if unknown:
        raise DataError(f"{imperfect}: no photograph is called {min(unknown)!r} ({len(unknown)} such names)")
    groups: dict[str, list[Path]] = {}
    for group in group_look_alikes(paths):
        name = group[0].name
        while name in groups:
            name += "'"
        groups[name] = list(group)
    splits = split_scenes(list(groups), (1 - val, val, 0), seed=0)
    return [
        Photograph(path, split, path.name not in noisy)
        for split, names in splits.items()
        for name in names
        for path in groups[name]
    ]
