"""check_images.csv: one row for each fault of each image and each label file that names it."""

import csv
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rankiqa.files import atomic_write
from rankiqa.terminal.printable import printable
from utils.image_checks.faults import FAULTS, Finding

COLUMNS = ("path", "fault", "detail", "label_file", "lines")


def write_report(file: Path, findings: Sequence[Finding], lines: Mapping[Path, Mapping[str, array]]) -> None:
    """Write the table; for a clean check it has a header alone, so that an older one misleads nobody.

    Args:
        file: the CSV file.
        findings: the faults.
        lines: label file -> absolute path of an image -> numbers of the lines that name it.
    """
    with atomic_write(file, "w") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        for finding in findings:
            said = (printable(finding.path), finding.fault, printable(finding.detail))
            naming = [(label, found[finding.key]) for label, found in lines.items() if finding.key in found]
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


def counts(findings: Sequence[Finding]) -> str:
    """How many of each fault, as in "2 broken, 1 tiny"."""
    number = Counter(finding.fault for finding in findings)
    return ", ".join(f"{number[fault]} {fault}" for fault in FAULTS if fault in number)
