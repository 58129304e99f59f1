"""Find the images that spoil a training run, before it starts.

    python utils/check_images.py             # everything below data/, and all that its label files name
    python utils/check_images.py data/train --list bad.txt
    python utils/check_images.py --data data/ -j 8 --fix

Exit status: 0 nothing is wrong, 1 something is (also when --fix has removed its rows), 2 nothing was checked.
"""

import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data_tools.check.collection import Images, collect
from data_tools.check.inspection import inspect_all
from data_tools.check.options import parse_options
from data_tools.check.problems import NOT_READ, ROW_GOES, Problem, counts, write_report
from data_tools.check.relations import duplicates, unlabelled
from data_tools.check.repair import drop_lines
from rankiqa.files import write_text
from rankiqa.terminal.entry import program
from rankiqa.terminal.printable import printable
from utils.errors import LabelError

SHOWN = 100  # lines per problem on the terminal; the table has them all


@program()
def main(argv: list[str] | None = None) -> int:
    """Check what `argv` names, print a line for each problem and the counts; the exit status."""
    args = parse_options(argv, __doc__)
    images = collect(args.paths)
    problems: list[Problem] = []
    shown: Counter[str] = Counter()
    for problem in _problems(images, args.workers, args.max_pixels):
        if problem.name not in args.ignore:
            problems.append(problem)
            shown[problem.name] += 1
            if shown[problem.name] <= SHOWN:
                _say(f"{problem.path}: {problem.name}: {problem.detail}")
    bad = {problem.key for problem in problems}
    lines = {file.file: file.lines_of(bad) for file in images.labels} if bad else {}
    write_report(args.csv, problems, lines)
    if args.list is not None:
        unread = dict.fromkeys(problem.path for problem in problems if problem.name in NOT_READ)
        write_text(args.list, "".join(f"{printable(path)}\n" for path in unread))
    if args.fix:
        _fix(problems, lines)
    print(f"{len(images.all)} images checked: {len(images.all) - len(bad)} good, {len(bad)} bad")
    if problems:
        print(f"notice: {counts(problems)}; all of them stand in {args.csv}", file=sys.stderr)
    return 1 if problems else 0


def _problems(images: Images, workers: int, max_pixels: int) -> Iterator[Problem]:
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
            for name, detail in inspection.problems:
                yield Problem(key, path, name, detail)
    yield from duplicates(images.labels, digests)
    # What can't be read is listed already, and is right not to be labelled.
    whole = {key: path for key, path in images.found.items() if key not in unread}
    yield from unlabelled(images.labels, whole)


def _fix(problems: Sequence[Problem], lines: Mapping[Path, Mapping[str, array]]) -> None:
    going = {problem.key for problem in problems if problem.name in ROW_GOES}
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
