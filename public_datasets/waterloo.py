"""Waterloo Exploration: 4,744 pristine images, four types, five levels; nobody rated them."""

import re
from collections.abc import Iterator

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table
from utils.errors import DataError
from utils.text_lines import read_lines

KINDS = {"1": "GBLUR", "2": "AWGN", "3": "JPEG", "4": "JP2K"}
_DISTORTED = re.compile(r"(\d{5})_([1-4])_([1-5])\.(?:png|bmp|jpg|jp2)", re.IGNORECASE)
_PRISTINE = re.compile(r"(\d{5})\.(?:bmp|png)", re.IGNORECASE)


@register(
    "waterloo",
    "Waterloo Exploration",
    Provenance(
        "none",
        0,
        1,
        "Ma et al.: Waterloo Exploration Database: New challenges for image quality assessment models. "
        "IEEE Transactions on Image Processing 26(2), 2017",
        "https://ece.uwaterloo.ca/~k29ma/exploration/",
    ),
    index_name="Waterloo_Exploration",
    aliases=("exploration",),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """Images `00001_TYPE_LEVEL.png`, pristine `00001.bmp`; below root, or as a list of names in --labels.

    There are no ratings: the order is that of the levels. Each pristine image is a row of level 0.

    Raises:
        DataError: no such image, or a line of the list that is none.
    """
    rows: dict[tuple[str, str, int], str] = {}
    repeated: list[LeftOut] = []
    for path in _names(source):
        name = path.rsplit("/", 1)[-1]
        distorted, pristine = _DISTORTED.fullmatch(name), _PRISTINE.fullmatch(name)
        if distorted is not None:
            key = (distorted[1], KINDS[distorted[2]], int(distorted[3]))
        elif pristine is not None:
            key = (pristine[1], "pristine", 0)
        elif source.labels:
            raise DataError(f"{source.labels[0]}: {path!r} is neither 00001_1_1.png nor 00001.bmp")
        else:
            continue
        if rows.setdefault(key, path) != path:
            repeated.append(LeftOut(path, path, f"same scene, type and level as {rows[key]}"))
    if not rows:
        raise DataError(f"{source.root}: no images like 00001_1_1.png there (or --labels with a list)")
    keys = sorted(rows)
    references = {scene: path for (scene, kind, _), path in rows.items() if kind == "pristine"}
    return make_table(
        "waterloo", source.root, provenance, [rows[key] for key in keys],
        scene=[key[0] for key in keys], kind=[key[1] for key in keys], level=[key[2] for key in keys],
        reference=[references.get(key[0], f"pristine_images/{key[0]}.bmp") for key in keys],
        left_out=repeated,
    )  # fmt: skip


def _names(source: Source) -> Iterator[str]:
    if source.labels:
        for file in source.label_files():
            yield from (text.replace("\\", "/") for _, text in read_lines(file))
    else:
        for paths in source.files.values():
            yield from paths
