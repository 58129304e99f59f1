"""KADID-10k: 81 references, 25 types, 5 levels."""

import math
import re
from pathlib import Path

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import Provenance, RatingTable, make_table
from utils.delimited import read_table
from utils.errors import DataError
from utils.numerals import number
from utils.text_lines import read_columns

_NAME = re.compile(r"(I\d\d)_(\d\d)_(\d\d)\.png", re.IGNORECASE)


@register(
    "kadid10k",
    "KADID-10k",
    Provenance(
        "higher",
        1,
        5,
        "Lin, Hosu, Saupe: KADID-10k: A large-scale artificially distorted IQA database. "
        "International Conference on Quality of Multimedia Experience, 2019",
        "https://database.mmsp-kn.de/kadid-10k-database.html",
    ),
    index_name="KADID-10k",
    aliases=("kadid",),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """dmos.csv: `dist_img,ref_img,dmos,var`; or names and scores without a header, parted by a TAB.

    Two names mislead. `dmos` is higher for better images. `var` is a standard deviation: 30 people gave
    whole numbers, and the second moments become multiples of 1/30 only if `var` is squared first.

    Raises:
        DataError: a row of another form.
    """
    file = source.label_file("dmos.csv", "kadid10k_names_with_mos.txt", "names_with_mos.txt")
    if file.suffix.lower() == ".mat":
        raise DataError(f"{file}: the names in it are MATLAB string objects; use the publisher's dmos.csv")
    rows = _table(file) if file.suffix.lower() == ".csv" else _text(file)
    parts = []
    for place, name, _, _ in rows:
        match = _NAME.fullmatch(name)
        if match is None:
            raise DataError(f"{place}: {name!r}, but an image is called I01_01_01.png")
        parts.append((match[1].upper(), match[2], int(match[3])))
    std = [deviation for _, _, _, deviation in rows]
    return make_table(
        "kadid10k", source.root, provenance, [f"images/{name}" for _, name, _, _ in rows],
        mos=[mos for _, _, mos, _ in rows], std=std, votes=[30] * len(rows),
        scene=[part[0] for part in parts], reference=[f"images/{part[0]}.png" for part in parts],
        kind=[part[1] for part in parts], level=[part[2] for part in parts],
    )  # fmt: skip


_Rows = list[tuple[str, str, float, float]]


def _table(file: Path) -> _Rows:
    table = read_table(file, "dist_img", "dmos")
    return [
        (row.where, row["dist_img"], float(mos), row.number("var") if row.get("var") else math.nan)
        for row, mos in zip(table.rows, table.numbers("dmos"), strict=True)
    ]


def _text(file: Path) -> _Rows:
    return [
        (f"{file}:{line}", words[0], number(words[1], f"{file}:{line}"), math.nan)
        for line, words in read_columns(file, 2, "I01_01_01.png 4.57")
    ]
