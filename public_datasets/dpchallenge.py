"""DPChallenge: 16,509 photographs, ratings of aesthetics from 1 to 10."""

import numpy as np

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table, moments
from utils.numerals import number
from utils.text_lines import read_columns


@register(
    "dpchallenge",
    "DPChallenge",
    Provenance(
        "higher",
        1,
        10,
        "Datta, Li, Wang: Algorithmic inferencing of aesthetics and emotion in natural images. "
        "IEEE International Conference on Image Processing, 2008",
        "http://ritendra.weebly.com/aesthetics-datasets.html",
        "images belong to their photographers",
    ),
    aliases=("dpc",),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """dpchallenge_dataset.txt: index, photo, number of ratings, mean, 10 counts; blanks, no header.

    The index is not read (one copy in circulation begins with `d1`). Rows without ratings (number 0, mean and
    counts -1) are left out.

    Raises:
        DataError: a row of another form.
    """
    file = source.label_file("dpchallenge_dataset.txt")
    lines, ids, values = [], [], []
    for line, words in read_columns(file, 14):
        lines.append(line)
        ids.append(words[1])
        values.append([number(word, f"{file}:{line}") for word in words[2:]])
    columns = np.array(values).reshape(-1, 12)
    mean, counts = columns[:, 1], columns[:, 2:]
    unrated = (counts < 0).any(axis=1) | (counts.sum(axis=1) <= 0)
    _, std, total = moments(np.where(unrated[:, None], 1.0, counts))
    left_out = [
        LeftOut(f"line {lines[row]}", f"images/{ids[row]}.jpg", "no ratings (mean and counts are -1)")
        for row in np.flatnonzero(unrated)
    ]
    odd = int((total != columns[:, 0])[~unrated].sum())
    notes = [f"{odd} rows kept whose counts do not sum to the published number of ratings"] if odd else []
    table = make_table(
        "dpchallenge", source.root, provenance, [f"images/{name}.jpg" for name in ids],
        mos=mean, std=std, votes=total, histogram=counts, left_out=left_out, notes=notes,
    )  # fmt: skip
    return table.keep(~unrated)
