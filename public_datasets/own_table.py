"""`table`: ratings of your own, a CSV with a header, in place of a published set."""

from dataclasses import replace

from public_datasets.registry import Dataset, register
from public_datasets.source import Source, number, read_csv
from public_datasets.table import Provenance, RatingTable, make_table
from utils.errors import DataError


def read(source: Source, provenance: Provenance) -> RatingTable:
    """ratings.csv below --root (or --labels): columns `path`, `score`, and, if known, `scene` and `type`.

    Pictures of one scene share a split; without the column each picture is a scene of its own.

    Raises:
        DataError: no such file, no such columns, or a score that is no number.
    """
    file = source.label_files("ratings.csv")[0]
    rows = read_csv(file, "path", "score")
    if not rows:
        raise DataError(f"{file}: holds a header and no rows; every line needs path,score")
    known = rows[0][1].keys()
    mos = [number(row["score"], f"{file}:{line}") for line, row in rows]
    seen = replace(provenance, low=min(mos), high=max(mos))  # nobody tells the ends of the scale
    return make_table(
        "table", source.root, seen, [row["path"].replace("\\", "/") for _, row in rows],
        mos=mos,
        scene=[row["scene"] for _, row in rows] if "scene" in known else None,
        kind=[row["type"] for _, row in rows] if "type" in known else None,
    )  # fmt: skip


register(
    Dataset(
        "table",
        "Your own ratings.csv",
        Provenance("higher", 0, 1, "ratings of your own", "", "as you say"),
        read,
    )
)
