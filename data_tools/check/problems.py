"""The problems that an image can have, and check_images.csv, the table of those that were found."""

import csv
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankiqa.files import atomic_write
from rankiqa.terminal.printable import printable

COLUMNS = ("path", "fault", "detail", "label_file", "lines")
PROBLEMS = {
    "absent": "a label file names it, and it is not there",
    "empty": "a file of no bytes",
    "truncated": "the file ends before the image does",
    "broken": "not an image, or damaged",
    "oversized": "claims more pixels than --max_pixels, or than its bytes can hold; not decoded",
    "unreadable": "can't be opened here: no permission, a disk error, a package that is not installed",
    "misnamed": "the ending of its name says another format than the content",
    "tiny": "a side is shorter than 16 pixels",
    "duplicate": "the same pixels as another labelled image",
    "leakage": "in two splits: named by both, or the same pixels as an image of another split",
    "unlabelled": "lies below a label file's folder, and no label file names it",
}
# Their rows can't be used by anybody. An unreadable image may be whole, and be read elsewhere.
ROW_GOES = frozenset({"absent", "empty", "truncated", "broken", "oversized"})
NOT_READ = ROW_GOES | {"unreadable"}


@dataclass(frozen=True)
class Problem:
    """One problem of one image.

    Attributes:
        key: the absolute path, by which label files and images are matched.
        path: the path as the label file or the folder spells it.
        name: a key of `PROBLEMS`.
        detail: one line of reason.
    """

    key: str
    path: str
    name: str
    detail: str


def write_report(file: Path, problems: Sequence[Problem], lines: Mapping[Path, Mapping[str, array]]) -> None:
    """Write the table: a row per problem and label file that names the image.

    For a clean check it has a header alone, so that an older table misleads nobody.

    Args:
        file: the CSV file.
        problems: those that were found.
        lines: label file -> absolute path of an image -> numbers of the lines that name it.
    """
    with atomic_write(file, "w") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        for problem in problems:
            said = (printable(problem.path), problem.name, printable(problem.detail))
            naming = [(label, found[problem.key]) for label, found in lines.items() if problem.key in found]
            for label, numbers in naming:
                table.writerow((*said, printable(str(label)), ranges(numbers)))
            if not naming:
                table.writerow((*said, "", ""))


def ranges(numbers: Sequence[int] | array) -> str:
    """Rising numbers in short: 1, 2, 3, 7 as "1-3 7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in parts)


def counts(problems: Sequence[Problem]) -> str:
    """How many of each name, as in "2 broken, 1 tiny"."""
    number = Counter(problem.name for problem in problems)
    return ", ".join(f"{number[name]} {name}" for name in PROBLEMS if name in number)
