"""What to generate: the scenes, their splits, and where each file goes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from distortions import Distortion
from rankiqa.batch.folders import find_images
from rankiqa.terminal.printable import printable
from utils.data_generate.near_duplicates import group_look_alikes
from utils.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")
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

    def distorted(self, kind: Distortion, level: int) -> Path:
        """Where the copy of `kind` at `level` goes."""
        return self.folder / kind.folder / f"{kind.folder}{level}" / (self.name + self.suffix)


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
    if any(refs.absolute() == (out / split / REFERENCES).absolute() for split in SPLITS):
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


def split_scenes(names: Sequence[str], ratios: Sequence[float], seed: int) -> dict[str, list[str]]:
    """Names divided among train, val and test, each list sorted.

    The order is drawn by a hash of seed and name, the counts follow `ratios` by largest remainder. A split
    with a positive ratio gets at least one scene where there are three scenes or more.

    Raises:
        ConfigError: not three ratios, a negative one, or none that is positive.
    """
    if len(ratios) != len(SPLITS) or min(ratios) < 0 or not 0 < sum(ratios) < float("inf"):
        raise ConfigError(f"--split needs three shares for train, val and test, got {list(ratios)}")
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    splits, start = {}, 0
    for split, count in zip(SPLITS, _split_counts(len(names), ratios), strict=True):
        splits[split] = sorted(drawn[start : start + count])
        start += count
    return splits


def _split_counts(total: int, ratios: Sequence[float]) -> list[int]:
    exact = [total * ratio / sum(ratios) for ratio in ratios]
    counts = [int(share) for share in exact]
    # the earlier split wins a tie; rounding keeps 0.1 * 30 from being a hair off a whole number
    by_remainder = sorted(range(len(ratios)), key=lambda i: (-round(exact[i] - counts[i], 9), i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    for i, ratio in enumerate(ratios):
        if total >= len(SPLITS) and ratio > 0 and counts[i] == 0:
            counts[counts.index(max(counts))] -= 1
            counts[i] = 1
    return counts
