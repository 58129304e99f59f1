"""Whether a model names what is wrong with rated and with real images.

    python benchmarks/real_reasons.py --model MODEL.onnx --rated DIR

DIR holds LIVE_sample/labels.csv (path, type, reference) and real_pairs/pairs.csv (better, worse, kind). Told
are, of each kind, the shares of images whose right family is named first or is among the first two, and of
images without a reason; and how many references and better sides get none.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import rankiqa
from rankiqa.reasons import Reason
from rankiqa.scorer import Scorer
from utils.delimited import read_table

RIGHT = {  # kind of damage: families that are right
    "wn": ("noise",),
    "gblur": ("defocus",),
    "jpeg": ("blocks",),
    "jp2k": ("smear",),
    "fastfading": ("transmission",),
    "noise": ("noise",),
    "motion_blur": ("motion_blur",),
    "defocus": ("defocus",),
    "low_light": ("dark", "noise"),
    "exposure": ("dark", "bright"),
    "resolution": ("enlarged", "defocus", "smear"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--model", type=Path, required=True, help=".onnx file with reasons")
    parser.add_argument("--rated", type=Path, required=True, help="holds LIVE_sample and real_pairs")
    args = parser.parse_args()
    scorer = rankiqa.load(args.model)
    live, pairs = args.rated / "LIVE_sample", args.rated / "real_pairs"
    rows = read_table(live / "labels.csv", "path", "type", "reference").rows
    report(scorer, "LIVE", [(live / row["path"], row["type"]) for row in rows])
    clean(scorer, "references of LIVE", {live / row["reference"] for row in rows})
    rows = read_table(pairs / "pairs.csv", "better", "worse", "kind").rows
    report(scorer, "real pairs", [(pairs / row["worse"], row["kind"]) for row in rows])
    clean(scorer, "better sides of real pairs", {pairs / row["better"] for row in rows})


def report(scorer: Scorer, name: str, images: Sequence[tuple[Path, str]]) -> None:
    """Print a line per kind."""
    said = reasons_of(scorer, [path for path, _ in images])
    print(f"{name:<28}{'images':>8}{'first':>8}{'of two':>8}{'none':>8}")
    for kind in dict.fromkeys(kind for _, kind in images):
        own = [families for families, (_, other) in zip(said, images, strict=True) if other == kind]
        right = RIGHT.get(kind, ())
        first = sum(families[:1] != [] and families[0] in right for families in own)
        two = sum(any(family in right for family in families[:2]) for families in own)
        none = sum(not families for families in own)
        shares = "".join(f"{count / len(own):>8.2f}" for count in (first, two, none))
        print(f"{kind:<28}{len(own):>8}{shares}")


def clean(scorer: Scorer, name: str, paths: set[Path]) -> None:
    """Print how many have no reason."""
    said = reasons_of(scorer, sorted(paths))
    print(f"{name}: {sum(not families for families in said)} of {len(said)} without a reason")


def reasons_of(scorer: Scorer, paths: Sequence[Path]) -> list[list[str]]:
    """The families that are named for each image."""
    found: list[list[Reason]] | None = scorer.score(list(paths)).reasons
    if found is None:
        raise SystemExit("the model has no reasons: train them by main.py --train --reasons")
    return [[reason.family for reason in named] for named in found]


if __name__ == "__main__":
    main()
