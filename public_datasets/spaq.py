"""SPAQ: 11,125 photographs from smartphones, ratings from 0 to 100."""

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import Provenance, RatingTable, make_table
from utils.delimited import read_table

STEM = "mos and image attribute scores"


@register(
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
    index_name="SPAQ",
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """Annotations/MOS and Image attribute scores.xlsx, or the same as .csv: columns `Image name` and `MOS`.

    Raises:
        DataError: missing columns; or an .xlsx and no openpyxl to read it with.
    """
    names = [f"{stem}.{end}" for end in ("csv", "xlsx") for stem in (STEM, STEM.replace(" ", "_"))]
    file = source.label_file(*names)
    table = read_table(file, "image name", "mos")
    return make_table(
        "spaq", source.root, provenance, [f"TestImage/{row['image name']}" for row in table.rows],
        mos=table.numbers("mos"),
    )  # fmt: skip
