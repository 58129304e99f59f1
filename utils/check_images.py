"""Find the images that spoil a training run, before it starts.

    python utils/check_images.py             # everything below data/, and all that its label files name
    python utils/check_images.py data/train --list bad.txt
    python utils/check_images.py --data data/ -j 8 --fix

Exit status: 0 nothing is wrong, 1 something is (also when --fix has removed its rows), 2 nothing was checked.
"""

import argparse
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from rankiqa.files import write_text
from rankiqa.terminal.entry import run_program
from rankiqa.terminal.printable import printable
from utils.errors import LabelError
from utils.image_checks.collection import Images, collect
from utils.image_checks.faults import NOT_READ, ROW_GOES, Finding
from utils.image_checks.options import parse_options
from utils.image_checks.pool import inspect_all
from utils.image_checks.relations import duplicates, unlabelled
from utils.image_checks.repair import drop_lines
from utils.image_checks.report import counts, write_report

SHOWN = 100  # lines of one fault on the terminal; the table has them all


def main(argv: list[str] | None = None) -> int:
    """Check what `argv` names, print a line for each fault and the counts; the exit status."""
    return run_program(lambda: _check(parse_options(argv, __doc__ or "")))


def _check(args: argparse.Namespace) -> int:
    images = collect(args.paths)
    findings: list[Finding] = []
    shown: Counter[str] = Counter()
    for finding in _findings(images, args.workers, args.max_pixels):
        if finding.fault not in args.ignore:
            findings.append(finding)
            shown[finding.fault] += 1
            if shown[finding.fault] <= SHOWN:
                _say(f"{finding.path}: {finding.fault}: {finding.detail}")
    bad = {finding.key for finding in findings}
    lines = {file.file: file.lines_of(bad) for file in images.labels} if bad else {}
    write_report(args.csv, findings, lines)
    if args.list is not None:
        unread = dict.fromkeys(finding.path for finding in findings if finding.fault in NOT_READ)
        write_text(args.list, "".join(f"{printable(path)}\n" for path in unread))
    if args.fix:
        _fix(findings, lines)
    print(f"{len(images.all)} images checked: {len(images.all) - len(bad)} good, {len(bad)} bad")
    if findings:
        print(f"notice: {counts(findings)}; all of them stand in {args.csv}", file=sys.stderr)
    return 1 if findings else 0


def _findings(images: Images, workers: int, max_pixels: int) -> Iterator[Finding]:
    from rankiqa.terminal.progress import progress_bar

    digests: dict[str, bytes] = {}
    unread: set[str] = set()
    with progress_bar(total=len(images.all), desc="check", unit="images") as bar:
        inspections = inspect_all(list(images.all), workers, max_pixels)
        for (key, path), inspection in zip(images.all.items(), inspections, strict=True):
            bar.update()
            if inspection.pixels:
                digests[key] = inspection.pixels
            else:
                unread.add(key)
            for fault, detail in inspection.faults:
                yield Finding(key, path, fault, detail)
    yield from duplicates(images.labels, digests)
    # What can't be read is listed already, and is right not to be labelled.
    whole = {key: path for key, path in images.found.items() if key not in unread}
    yield from unlabelled(images.labels, whole)


def _fix(findings: Sequence[Finding], lines: Mapping[Path, Mapping[str, array]]) -> None:
    going = {finding.key for finding in findings if finding.fault in ROW_GOES}
    refused = []
    for file, found in lines.items():
        rows = {number for key in going for number in found.get(key, ())}
        if not rows:
            continue
        try:
            backup = drop_lines(file, rows)
        except LabelError as error:
            refused.append(str(error))
            continue
        _say(f"{file}: {len(rows)} rows removed; as it was, it is kept as {backup.name}")
    for message in refused:
        print(f"notice: {printable(message)}", file=sys.stderr)


def _say(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(printable(line), file=sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
