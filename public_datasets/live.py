"""LIVE image quality database, release 2: 29 references, 779 distorted images, 203 copies of references."""

from pathlib import Path

import numpy as np

from public_datasets.matlab import read_matlab, strings, vector
from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table
from utils.errors import DataError
from utils.numerals import number
from utils.text_lines import read_columns

FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
TOP = 100.0


@register(
    "live",
    "LIVE release 2",
    Provenance(
        "lower",
        0,
        100,
        "Sheikh, Sabir, Bovik: A statistical evaluation of recent full reference image quality "
        "assessment algorithms. IEEE Transactions on Image Processing 15(11), 2006",
        "https://live.ece.utexas.edu/research/Quality/subjective.htm",
        "free use with the copyright notice and citation (University of Texas at Austin)",
        turned="MOS = 100 - DMOS",
    ),
    index_name="LIVE",
    aliases=("live2", "databaserelease2"),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """dmos_realigned.mat (or dmos.mat) with refnames_all.mat, or text `28.003845 jp2k/img2.bmp ref.bmp`.

    MOS = 100 - DMOS; realigned DMOS runs from about -3 to 112. Copies of references (`orgs` = 1; in the text
    DMOS 0) were never rated, so they are left out.

    Raises:
        DataError: the arrays differ in length, or there are not 982 of them.
    """
    files = source.label_files("dmos_realigned.mat", "dmos.mat", "mos_name_ref.txt")
    if files[0].suffix.lower() == ".mat":
        paths, dmos, std, references, copies = _from_matlab(source, files)
    else:
        paths, dmos, std, references, copies = _from_text(source.label_file("mos_name_ref.txt"))
    left_out = [
        LeftOut(f"row {row + 1}", paths[row], "copy of the reference, not rated")
        for row in np.flatnonzero(copies)
    ]
    table = make_table(
        "live", source.root, provenance, paths, mos=TOP - dmos, std=std,
        scene=[name.lower().rsplit(".", 1)[0] for name in references],
        reference=[f"refimgs/{name}" for name in references],
        kind=[path.split("/")[0] for path in paths], left_out=left_out,
    )  # fmt: skip
    return table.keep(~copies)


_Columns = tuple[list[str], np.ndarray, np.ndarray | None, list[str], np.ndarray]


def _from_matlab(source: Source, files: list[Path]) -> _Columns:
    files = files if source.labels else files[:1]
    names = None if source.labels and len(files) > 1 else source.optional("refnames_all.mat")
    files = files if names is None else [*files, names]
    variables = read_matlab(files)
    key = "dmos_new" if "dmos_new" in variables else "dmos"
    dmos, orgs = vector(variables, key, files), vector(variables, "orgs", files)
    references = strings(variables, "refnames_all", files)
    lengths = {key: len(dmos), "orgs": len(orgs), "refnames_all": len(references)}
    if set(lengths.values()) != {sum(FOLDERS.values())}:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(
            f"{', '.join(map(str, files))}: lengths disagree ({found}), each must be "
            f"{sum(FOLDERS.values())}; this is an altered copy, whose rows can't be matched to images: "
            "use the publisher's files"
        )
    paths = [f"{folder}/img{i}.bmp" for folder, count in FOLDERS.items() for i in range(1, count + 1)]
    std = vector(variables, "dmos_std", files) if "dmos_std" in variables else None
    return paths, dmos, std, references, orgs.astype(bool)


def _from_text(file: Path) -> _Columns:
    rows = []
    for line, words in read_columns(file, 3, "28.003845 jp2k/img2.bmp studentsculpture.bmp"):
        rows.append((number(words[0], f"{file}:{line}"), words[1].replace("\\", "/"), words[2]))
    dmos = np.array([row[0] for row in rows])
    return [row[1] for row in rows], dmos, None, [row[2] for row in rows], dmos == 0
