"""photo.net: 20,278 photographs, ratings of aesthetics from 1 to 7."""

import numpy as np

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table, moments
from utils.numerals import number
from utils.text_lines import read_columns

FAR = 0.5  # beyond half a rating the published mean and the published counts can't be of one photograph


@register(
    "photonet",
    "photo.net",
    Provenance(
        "higher",
        1,
        7,
        "Datta, Li, Wang: Algorithmic inferencing of aesthetics and emotion in natural images. "
        "IEEE International Conference on Image Processing, 2008",
        "http://ritendra.weebly.com/aesthetics-datasets.html",
        "images belong to their photographers",
    ),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """photonet_dataset.txt: index, photo, number of ratings, mean, variance, 7 counts; blanks, no header.

    Left out: rows whose variance and counts are -1 (not known), and rows whose counts have a mean more than
    0.5 away from the published one. In others the counts need not sum to the published number; they are kept,
    with the published mean as MOS and the sum of the counts as number of votes.

    Raises:
        DataError: a row of another form.
    """
    file = source.label_file("photonet_dataset.txt")
    lines, ids, values = [], [], []
    for line, words in read_columns(file, 12):
        lines.append(line)
        ids.append(words[1])
        values.append([number(word, f"{file}:{line}") for word in words[2:]])
    columns = np.array(values).reshape(-1, 10)
    published, mean, variance, counts = columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3:]
    unknown = (variance < 0) | (counts < 0).any(axis=1) | (counts.sum(axis=1) <= 0)
    own, _, total = moments(np.where(unknown[:, None], 1.0, counts))
    far = ~unknown & (np.abs(own - mean) > FAR)
    reasons = {
        "variance and counts are -1: no distribution of ratings": unknown,
        f"mean of the counts is more than {FAR:g} from the published mean": far,
    }
    left_out = [
        LeftOut(f"line {lines[row]}", f"images/{ids[row]}.jpg", reason)
        for reason, mask in reasons.items()
        for row in np.flatnonzero(mask)
    ]
    kept = ~unknown & ~far
    odd = int((total != published)[kept].sum())
    table = make_table(
        "photonet", source.root, provenance, [f"images/{name}.jpg" for name in ids],
        mos=mean, std=np.sqrt(np.maximum(variance, 0)), votes=np.where(unknown, -1, total), histogram=counts,
        left_out=left_out,
        notes=[f"{odd} rows kept whose counts do not sum to the published number of ratings"],
    )  # fmt: skip
    return table.keep(kept)
