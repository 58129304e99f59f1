"""LIVE In the Wild Challenge (CLIVE): 1,162 photographs from mobile phones, ratings from 0 to 100."""

import numpy as np

from public_datasets.matlab import read_matlab, strings, vector
from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table
from utils.errors import DataError

TRAINING = 7


@register(
    "clive",
    "LIVE In the Wild",
    Provenance(
        "higher",
        0,
        100,
        "Ghadiyaram, Bovik: Massive online crowdsourced study of subjective and objective image "
        "quality. IEEE Transactions on Image Processing 25(1), 2016",
        "https://live.ece.utexas.edu/research/ChallengeDB/index.html",
        "free use with the copyright notice and citation (University of Texas at Austin)",
    ),
    index_name="LIVE_Challenge",
    aliases=("livec", "live_itw", "live_challenge", "live_in_the_wild"),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """Data/AllImages_release.mat, AllMOS_release.mat and AllStdDev_release.mat, or one file with all of them.

    The first 7 images (t1.bmp ...) trained the raters and are left out.

    Raises:
        DataError: a variable is missing, or the lengths differ.
    """
    files = source.label_files("allimages_release.mat", "allmos_release.mat", "allstddev_release.mat")
    variables = read_matlab(files)
    names, mos = strings(variables, "AllImages_release", files), vector(variables, "AllMOS_release", files)
    known = "AllStdDev_release" in variables
    std = vector(variables, "AllStdDev_release", files) if known else np.full(len(mos), np.nan)
    if not len(names) == len(mos) == len(std):
        raise DataError(
            f"{files[0]}: {len(names)} names, {len(mos)} MOS and {len(std)} deviations do not fit"
        )
    training = np.array([name.lower().startswith("t") for name in names], dtype=bool)
    if training[TRAINING:].any():
        raise DataError(f"{files[0]}: training images t*.bmp must be among the first {TRAINING}")
    left_out = [
        LeftOut(f"row {row + 1}", f"Images/trainingImages/{names[row]}", "image of the raters' training")
        for row in np.flatnonzero(training)
    ]
    table = make_table(
        "clive",
        source.root,
        provenance,
        [f"Images/{name}" for name in names],
        mos=mos,
        std=std,
        left_out=left_out,
    )
    return table.keep(~training)
