"""The files of a prepared dataset: made aside, then moved into place, the labels last."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from data_tools.label_file import LABELS, first_line, label_path, put_aside
from data_tools.prepare.label_text import target_fields
from public_datasets.table import SPLIT_NAMES, RatingTable
from rankiqa.batch.csv_rows import write_csv
from rankiqa.files import atomic_write, write_text

MARK = "# made by prepare_dataset"
TABLE, LEFT, SUMMARY = "table.csv", "left_out.csv", "dataset.yaml"
COLUMNS = ("path", "split", "scene", "mos", "std", "votes", "reference", "type", "level", "histogram_made")


@dataclass(frozen=True)
class Prepared:
    """All that is to be written.

    Attributes:
        table: R rows.
        splits: (R,) names.
        pairs: (P, 2) row numbers for rank, else None.
        targets: (R, N) histograms or (R,) MOS for label.txt, None for rank.
        made: whether the histograms were synthesised.
        task: "rank", "emd" or "regress".
        shares: (P, 1) the probability that the first image of a pair is preferred, or (P, 2) with the number
            of raters; None: rows better,worse.
    """

    table: RatingTable
    splits: np.ndarray
    pairs: np.ndarray | None
    targets: np.ndarray | None
    made: bool
    task: str
    shares: np.ndarray | None = None


def write_all(
    out: Path,
    prepared: Prepared,
    paths: Sequence[str],
    summary: dict[str, object],
    further: Mapping[str, bytes] | None = None,
) -> list[Path]:
    """Write everything below `out`; the new names of files that were there and not its own are returned.

    Until the last rename a label.txt of an earlier run is gone, so labels never stand over another table.

    Args:
        out: folder.
        prepared: what the labels are made of.
        paths: (R,) how they spell the images.
        summary: for dataset.yaml.
        further: name -> content of files that go with them.
    """
    import yaml

    further = further or {}
    kept = _make_way(out, (TABLE, LEFT, SUMMARY, *further))
    table = prepared.table
    for name, content in further.items():
        with atomic_write(out / name) as file:
            file.write(content)
    with atomic_write(out / TABLE, "w") as file:
        write_csv(file, _table_rows(prepared, paths))
    with atomic_write(out / LEFT, "w") as file:
        rows = [(row.row, row.path, row.reason) for row in table.left_out]
        write_csv(file, [("row", "path", "reason"), *rows])
    write_text(
        out / SUMMARY,
        f"{MARK}\n"
        + yaml.safe_dump(summary, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100),
    )
    for split in SPLIT_NAMES:
        rows_of_split = _label_rows(prepared, paths, split)
        first = next(rows_of_split, None)
        if first is not None:
            with atomic_write(out / split / LABELS, "w") as file:
                file.write(f"{MARK}: {table.name}, {prepared.task}; see {label_path(out / SUMMARY)}\n")
                write_csv(file, chain([first], rows_of_split))
    return kept


def _make_way(out: Path, names: Sequence[str]) -> list[Path]:
    """Rename what is not ours, drop our own labels; the new names of the former."""
    kept = []
    ours = _is_ours(out / SUMMARY)
    for name in names:
        if not ours and (out / name).exists():
            kept.append(put_aside(out / name))
    for split in SPLIT_NAMES:
        file = out / split / LABELS
        if _is_ours(file):
            file.unlink()
        elif file.exists():
            kept.append(put_aside(file))
    return kept


def _is_ours(file: Path) -> bool:
    return first_line(file).startswith(MARK)


def count_by_reason(table: RatingTable) -> dict[str, int]:
    """How many rows were left out, by reason, the most frequent first."""
    return dict(Counter(row.reason for row in table.left_out).most_common())


def _label_rows(prepared: Prepared, paths: Sequence[str], split: str) -> Iterator[list[str]]:
    inside = prepared.splits == split
    if prepared.pairs is not None:
        own = inside[prepared.pairs[:, 0]]
        pairs = prepared.pairs[own].tolist()
        said = [[]] * len(pairs) if prepared.shares is None else prepared.shares[own].tolist()
        for (first, second), numbers in zip(pairs, said, strict=True):
            yield [paths[first], paths[second], *(f"{number:.6g}" for number in numbers)]
        return
    rows = np.flatnonzero(inside)
    targets = np.empty(0) if prepared.targets is None else prepared.targets[rows]
    for row, fields in zip(rows.tolist(), target_fields(targets), strict=True):
        yield [paths[row], *fields]


def _table_rows(prepared: Prepared, paths: Sequence[str]) -> Iterator[Sequence[object]]:
    table = prepared.table
    bins = 0 if table.histogram is None else table.histogram.shape[1]
    targets = table.histogram
    if prepared.made and prepared.targets is not None:
        targets, bins = prepared.targets, prepared.targets.shape[1]
    yield [*COLUMNS, *(f"p{rating}" for rating in range(1, bins + 1))]
    columns = (
        table.scene,
        prepared.splits,
        table.mos,
        table.std,
        table.votes,
        table.reference,
        table.kind,
        table.level,
    )
    for row, (scene, split, mos, std, votes, reference, kind, level) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        values = [] if targets is None else [f"{value:.9g}" for value in targets[row].tolist()]
        yield [
            paths[row], split, scene, _text(mos), _text(std), votes if votes >= 0 else "", reference, kind,
            level if level >= 0 else "", "yes" if prepared.made else "no", *values,
        ]  # fmt: skip


def _text(value: float) -> str:
    return "" if value != value else f"{value:.9g}"
