"""TID2013: 25 references, 24 types, 5 levels."""

import re

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import Provenance, RatingTable, make_table
from utils.errors import DataError
from utils.numerals import number
from utils.text_lines import read_columns

_NAME = re.compile(r"(i\d\d)_(\d\d)_(\d)\.bmp", re.IGNORECASE)


@register(
    "tid2013",
    "TID2013",
    Provenance(
        "higher",
        0,
        9,
        "Ponomarenko et al.: Image database TID2013: Peculiarities, results and perspectives. "
        "Signal Processing: Image Communication 30, 2015",
        "https://www.ponomarenko.info/tid2013.htm",
    ),
    index_name="TID2013",
    aliases=("tid",),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """mos_with_names.txt: `5.51429 I01_01_1.bmp`, CRLF, no header; mos_std.txt, if it is there, in its order.

    Names mix I and i, .bmp and .BMP, so they are compared without case. Levels follow the publisher's number;
    where contrast changes (type 17) a higher level is not a worse image, so pairs go by MOS. The publisher
    calls mos_std.txt the deviation of the MOS: it is taken as it stands, and may be smaller than that of one
    rating.

    Raises:
        DataError: a row of another form, or deviations that do not fit the rows.
    """
    file = source.label_file("mos_with_names.txt")
    names, mos = [], []
    for line, words in read_columns(file, 2, "5.51429 i01_01_1.bmp"):
        if not _NAME.fullmatch(words[1]):
            raise DataError(f"{file}:{line}: {words[1]!r}, but a row is 'MOS i01_01_1.bmp'")
        mos.append(number(words[0], f"{file}:{line}"))
        names.append(words[1])
    deviations = source.optional("mos_std.txt")
    std = None
    if deviations is not None:
        std = [number(word, f"{deviations}:{line}") for line, (word,) in read_columns(deviations, 1)]
        if len(std) != len(mos):
            raise DataError(f"{deviations}: {len(std)} deviations, but {file} has {len(mos)} rows")
    parts = [name.rsplit(".", 1)[0].upper().split("_") for name in names]
    return make_table(
        "tid2013", source.root, provenance, [f"distorted_images/{name}" for name in names],
        mos=mos, std=std, scene=[part[0] for part in parts],
        reference=[f"reference_images/{part[0]}.BMP" for part in parts],
        kind=[part[1] for part in parts], level=[int(part[2]) for part in parts],
    )  # fmt: skip
