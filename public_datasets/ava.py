"""AVA: more than 250,000 photographs of DPChallenge with counts of the ratings 1 to 10."""

import json
from pathlib import Path

import numpy as np

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table, moments
from utils.errors import DataError
from utils.numerals import number
from utils.text_lines import read_columns, read_text

# The publisher's lists of the generic task, and those of the idealo project.
LISTS = {"generic_test.jpgl": "test", "generic_ls_train.jpgl": "train", "generic_ss_train.jpgl": "train"}
JSON_SPLITS = {"ava_labels_train.json": "train", "ava_labels_test.json": "test"}
_Rows = tuple[list[str], list[list[float]], list[str], list[str]]


@register(
    "ava",
    "AVA",
    Provenance(
        "higher",
        1,
        10,
        "Murray, Marchesotti, Perronnin: AVA: A large-scale database for aesthetic visual analysis. "
        "IEEE Conference on Computer Vision and Pattern Recognition, 2012",
        "https://github.com/imfing/ava_downloader",
        "images belong to their photographers",
    ),
    official_split="ava_labels_{train,test}.json, or aesthetics_image_lists/generic_*.jpgl",
    index_name="AVA",
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """AVA.txt (index, image, 10 counts, 2 tags, challenge) or idealo's ava_labels_{train,test}.json.

    Rows whose counts are all zero are left out. The split is that of the JSON files, or of
    aesthetics_image_lists/generic_*.jpgl beside AVA.txt.

    Raises:
        DataError: a row of another form, or a negative count.
    """
    ids: list[str] = []
    counts: list[list[float]] = []
    splits: list[str] = []
    where: list[str] = []
    files = source.label_files("ava.txt", *JSON_SPLITS)
    if not source.labels and files[0].name.lower() == "ava.txt":
        files = files[:1]
    for file in files:
        rows = _from_json(file) if file.suffix.lower() == ".json" else _from_text(file, source)
        for column, more in zip((ids, counts, splits, where), rows, strict=True):
            column += more  # type: ignore[operator]
    histogram = np.array(counts, dtype=np.float64).reshape(-1, 10)
    bad = np.flatnonzero((histogram < 0).any(axis=1))
    if len(bad):
        raise DataError(f"{where[bad[0]]}: a negative count of ratings")
    unrated = histogram.sum(axis=1) == 0
    mean, std, total = moments(np.where(unrated[:, None], 1.0, histogram))
    left_out = [
        LeftOut(where[row], f"images/{ids[row]}.jpg", "no ratings") for row in np.flatnonzero(unrated)
    ]
    table = make_table(
        "ava", source.root, provenance, [f"images/{name}.jpg" for name in ids],
        mos=mean, std=std, votes=total, histogram=histogram, split=splits, left_out=left_out,
    )  # fmt: skip
    return table.keep(~unrated)


def _from_text(file: Path, source: Source) -> _Rows:
    official: dict[str, str] = {}
    for name, split in LISTS.items():
        path = source.optional(name)
        for _, words in read_columns(path, 1) if path is not None else ():
            official.setdefault(words[0], split)
    ids, counts, where = [], [], []
    for line, words in read_columns(file, 15):
        ids.append(words[1])
        counts.append([number(word, f"{file}:{line}") for word in words[2:12]])
        where.append(f"{file.name}:{line}")
    return ids, counts, [official.get(name, "") for name in ids], where


def _from_json(file: Path) -> _Rows:
    try:
        items = json.loads(read_text(file))
    except ValueError as error:
        raise DataError(f"{file}: is not JSON ({error})") from error
    if not isinstance(items, list):
        raise DataError(f"{file}: is not a list of {{image_id, label}}")
    ids, counts = [], []
    for place, item in enumerate(items, start=1):
        label = item.get("label") if isinstance(item, dict) else None
        if not isinstance(label, list) or "image_id" not in item:
            raise DataError(f"{file}: item {place} is not {{image_id, label}}, but {str(item)[:60]}")
        if len(label) != 10:
            raise DataError(f"{file}: {item['image_id']} has {len(label)} counts, but AVA rates 1 to 10")
        ids.append(str(item["image_id"]))
        counts.append([number(str(value), f"{file}: item {place}") for value in label])
    split = JSON_SPLITS.get(file.name.lower(), "")
    return ids, counts, [split] * len(ids), [f"{file.name} item {row + 1}" for row in range(len(ids))]
