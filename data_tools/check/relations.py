"""Problems that show only when images and label files are seen together."""

import filecmp
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data_tools.check.collection import LabelFile
from data_tools.check.problems import Problem
from data_tools.generate.contact_sheet import NAME as SHEET

REFERENCES = "refimgs"


def duplicates(labels: Sequence[LabelFile], digests: Mapping[str, bytes]) -> Iterator[Problem]:
    """Labelled images with the pixels of another one (`duplicate`), and those of two splits (`leakage`).

    Of equal images the first one is only listed when it stands in two splits itself.

    Args:
        labels: the label files.
        digests: absolute path -> digest of the pixels, of each image that could be decoded.
    """
    paths = {key: path for file in labels for key, path in file.images.items()}
    splits = _splits(labels)
    for key, own in splits.items():
        if len(own) > 1:
            yield Problem(key, paths[key], "leakage", f"named by the labels of {' and '.join(own)}")
    groups: dict[bytes, list[str]] = defaultdict(list)
    for key in paths:
        if key in digests:
            groups[digests[key]].append(key)
    for group in groups.values():
        for key in group[1:]:
            if len(splits.get(key, ())) < 2:
                yield _copy(key, group, paths, splits)


def _copy(
    key: str, group: list[str], paths: Mapping[str, str], splits: Mapping[str, tuple[str, ...]]
) -> Problem:
    own = splits.get(key, ())
    foreign = (other for other in group if own and set(splits.get(other, ())) - set(own))
    other = next(foreign, None)
    twin = other or group[0]
    what = "bytes" if _same_bytes(key, twin) else "pixels"
    said = f"the same {what} as {paths[twin]}"
    if other is None:
        return Problem(key, paths[key], "duplicate", said)
    return Problem(key, paths[key], "leakage", f"{said} of {' and '.join(splits[twin])}")


def _splits(labels: Sequence[LabelFile]) -> dict[str, tuple[str, ...]]:
    splits: dict[str, tuple[str, ...]] = {}
    for file in labels:
        for key in file.images if file.split else ():
            known = splits.get(key, ())
            splits[key] = known if file.split in known else (*known, file.split)
    return splits


def _same_bytes(first: str, second: str) -> bool:
    try:
        return filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def unlabelled(labels: Sequence[LabelFile], found: Mapping[str, str]) -> Iterator[Problem]:
    """Images below the folder of a label file that no label file names.

    References are there to make the others from: where the rows are no pairs, they need no label. The sheet
    that the generator draws is for people.

    Args:
        labels: the label files.
        found: absolute path -> path of the images below the folders that were named.
    """
    named = {key for file in labels for key in file.images}
    covers = [(os.path.abspath(file.file.parent) + os.sep, file) for file in labels]  # noqa: PTH100
    for key, path in found.items():
        above = [file for folder, file in covers if key.startswith(folder)]
        if key in named or not above or Path(key).name == SHEET:
            continue
        if REFERENCES in Path(key).parts and not any(file.pairs for file in above):
            continue
        yield Problem(key, path, "unlabelled", f"not named in {', '.join(str(file.file) for file in above)}")
