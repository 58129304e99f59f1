"""SPAQ: 11,125 photographs from smartphones, ratings from 0 to 100."""

from pathlib import Path

from public_datasets.registry import Dataset, register
from public_datasets.source import Source, number, read_csv
from public_datasets.table import Provenance, RatingTable, make_table
from utils.errors import DataError

STEM = "mos and image attribute scores"


def read(source: Source, provenance: Provenance) -> RatingTable:
    """Annotations/MOS and Image attribute scores.xlsx, or the same as .csv: columns `Image name` and `MOS`.

    Raises:
        DataError: missing columns; or an .xlsx and no openpyxl to read it with.
    """
    names = [f"{stem}.{end}" for end in ("csv", "xlsx") for stem in (STEM, STEM.replace(" ", "_"))]
    file = source.label_files(*names)[0]
    if file.suffix.lower() == ".xlsx":
        rows = _workbook(file)
    else:
        rows = [(line, row["image name"], row["mos"]) for line, row in read_csv(file, "image name", "mos")]
    return make_table(
        "spaq", source.root, provenance, [f"TestImage/{name}" for _, name, _ in rows],
        mos=[number(mos, f"{file}:{line}") for line, _, mos in rows],
    )  # fmt: skip


def _workbook(file: Path) -> list[tuple[int, str, str]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataError(
            f"{file}: reading .xlsx needs one more package: pip install openpyxl; or save it as .csv"
        ) from error
    try:
        sheet = list(
            load_workbook(file, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True)
        )
    except Exception as error:  # zipfile, XML and openpyxl raise kinds of their own
        raise DataError(f"{file}: is not a workbook ({error})") from error
    header = [str(cell or "").strip().lower() for cell in (sheet[0] if sheet else ())]
    if "image name" not in header or "mos" not in header:
        raise DataError(
            f"{file}:1: no columns 'Image name' and 'MOS'; the header has {', '.join(header)[:150]}"
        )
    name, mos = header.index("image name"), header.index("mos")
    return [
        (line, str(row[name]).strip(), str(row[mos]))
        for line, row in enumerate(sheet[1:], start=2)
        if row[name] is not None
    ]


register(
    Dataset(
        "spaq",
        "SPAQ",
        Provenance(
            "higher",
            0,
            100,
            "Fang, Zhu, Zeng, Ma, Wang: Perceptual quality assessment of smartphone photography. "
            "IEEE Conference on Computer Vision and Pattern Recognition, 2020",
            "https://github.com/h4nwei/SPAQ",
        ),
        read,
        index_name="SPAQ",
    )  # fmt: skip
)
