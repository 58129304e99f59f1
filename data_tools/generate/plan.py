"""What to generate: the scenes, their splits, and where each file goes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_tools.splits import split_scenes
from distortions import Distortion
from public_datasets.table import SPLIT_NAMES
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from rankiqa.look_alikes import group_hashes, perceptual_hash
from rankiqa.machine import usable_cores
from rankiqa.terminal.printable import printable
from utils.errors import ConfigError, DataError

REFERENCES = "refimgs"


@dataclass(frozen=True)
class Scene:
    """A reference image and all that is made of it.

    Attributes:
        name: the file name without suffix; it names every file of the scene.
        source: where the reference lies.
        folder: the split's folder, which gets TYPE/TYPE{level}/, label.txt and manifest.csv.
        suffix: of the files that are written, ".png" or ".bmp".
        copy: whether the reference is also written into `folder`, rather than used where it lies.
    """

    name: str
    source: Path
    folder: Path
    suffix: str
    copy: bool

    @property
    def reference(self) -> Path:
        """The image that the labels call the reference."""
        return self.folder / REFERENCES / (self.name + self.suffix) if self.copy else self.source

    def distorted(self, distortion: Distortion, level: int) -> Path:
        """Where the copy with `distortion` at `level` goes."""
        return self.folder / distortion.folder / f"{distortion.folder}{level}" / (self.name + self.suffix)


def find_references(folder: Path) -> list[Path]:
    """The images that lie directly in `folder`, sorted by name.

    Raises:
        DataError: no such folder, no image in it, a name that label.txt can't hold, or two images that
            differ in their suffix alone.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; it should hold the reference images")
    found = find_images(folder, deep=False)
    if not found:
        raise DataError(f"{folder}: holds no images; put the reference images there")
    odd = [path for path in found if printable(path.name) != path.name]
    if odd:
        raise DataError(
            f"{folder}: {printable(odd[0].name)} has bytes that are not UTF-8, or control characters, which "
            "label.txt can't hold; rename it"
        )
    named: dict[str, Path] = {}
    for path in found:
        twin = named.setdefault(path.stem.casefold(), path)
        if twin != path:
            raise DataError(
                f"{folder}: {twin.name} and {path.name} would be written to the same files; rename one"
            )
    return found


def in_place(data: Path, suffix: str) -> list[Scene]:
    """Scenes whose references stay where they are.

    `data` may be the folder of references or one that holds it as `refimgs`. Beside a folder called `refimgs`
    the distorted images go into its parent, beside any other into `<folder>_distorted`.
    """
    data = data.resolve() if data.name in ("", "..") else data
    folder = data / REFERENCES if (data / REFERENCES).is_dir() else data
    target = folder.parent if folder.name == REFERENCES else folder.with_name(f"{folder.name}_distorted")
    return [Scene(path.stem, path, target, suffix, copy=False) for path in find_references(folder)]


def into_splits(refs: Path, out: Path, ratios: Sequence[float], seed: int, suffix: str) -> list[Scene]:
    """Scenes spread over `out`/train, val and test, with copies of the references.

    References that look alike stay in one split: the shares are those of the groups they form.

    Raises:
        ConfigError: `refs` is itself one of the folders that get the copies, or `ratios` can't be used.
    """
    if any(refs.absolute() == (out / split / REFERENCES).absolute() for split in SPLIT_NAMES):
        raise ConfigError(
            f"--refs {refs} is a folder that --out {out} writes to; keep the originals elsewhere"
        )
    groups = {group[0].stem: group for group in group_look_alikes(find_references(refs))}
    for group in groups.values():
        if len(group) > 1:
            print(f"look alike, kept in one split: {', '.join(path.name for path in group)}")
    splits = split_scenes(list(groups), ratios, seed)
    return [
        Scene(source.stem, source, out / split, suffix, copy=True)
        for split, names in splits.items()
        for source in sorted(source for name in names for source in groups[name])
    ]


def group_look_alikes(paths: Sequence[Path]) -> list[list[Path]]:
    """`paths` in groups that must stay in one split, most of them of one; order as given.

    `rankiqa.look_alikes` has the rule; likeness is carried on from image to image.

    Raises:
        ImageError: an image can't be read.
    """
    if len(paths) < 2:
        return [[path] for path in paths]
    with ThreadPoolExecutor(usable_cores()) as pool:
        hashes = list(pool.map(lambda path: perceptual_hash(read_rgb(path)), paths))
    groups: dict[int, list[Path]] = {}
    for path, first in zip(paths, group_hashes(np.array(hashes, np.uint64)).tolist(), strict=True):
        groups.setdefault(first, []).append(path)
    return list(groups.values())
