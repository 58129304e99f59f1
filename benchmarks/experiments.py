"""Which way of training without human labels is the best: small runs that differ in one thing each.

    python utils/data_generate/live_generator.py --refs PHOTOS --out DATA --set all --types_per_scene 8 \\
        --label regress
    python benchmarks/rated_sets.py --rated DIR --out RATED
    python benchmarks/experiments.py --data DATA --rated RATED --out OUT [--only NAME ...]

A configuration of experiments.yaml trains EfficientNet-Lite0, or what its -a says, on a few of DATA's
training scenes by main.py. It is judged first on scenes that none of them saw, then on rated images. Prints
a row each; what is done is not done again.
"""

import argparse
import csv
import json
import logging
import os
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import yaml

from data_tools.generate.manifest import REFERENCE, Record, ladders_of, read_manifest
from data_tools.generate.pairs_of_manifest import write_pairs
from data_tools.generate.pseudo_mos import fit_mapping, rated
from data_tools.label_file import csv_text, label_path
from distortions.sets import SETS
from main import main as rankiqa
from rankiqa.files import write_text

ARCH = "efficientnet_lite0"
CONFIGURATIONS = Path(__file__).with_suffix(".yaml")
COLUMNS = (
    "unseen: pairs in order",
    "unseen: SRCC",
    "LIVE sample: SRCC (95%)",
    "TUI: SRCC",
    "at 512 lines",
    "s",
)
RATED = ("live", "tui", "tui_512")
LIVE_LIKE = (*SETS["live"], *SETS["waterloo"], REFERENCE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="of live_generator --label regress")
    add("--rated", type=Path, required=True, help="of rated_sets.py")
    add("--out", type=Path, required=True, help="for weights, logs and metrics")
    add(
        "--scenes",
        type=int,
        default=24,
        help="of the training scenes; an eighth of it validates, a quarter judges",
    )
    add("--only", nargs="+", metavar="NAME", help="of experiments.yaml")
    add("--train_flags", default="-j 1 --amp bf16", help="of all (default: %(default)s)")
    args = parser.parse_args()
    stages = yaml.safe_load(CONFIGURATIONS.read_text(encoding="utf-8"))
    for name in set(args.only or ()) - set(stages):
        parser.error(f"{name!r} is not in {CONFIGURATIONS.name}")
    prepare(args.data, args.out, args.scenes)
    print(f"| configuration | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}")
    for name in args.only or stages:
        print(row(name, stages[name], args.out, args.rated, args.train_flags), flush=True)


def prepare(data: Path, out: Path, scenes: int) -> None:
    """Label files below `out`: those of experiments.yaml, and unseen_mos and unseen_pairs to judge by."""
    if (out / "ready").exists():
        return
    records = {split: read_manifest(data / split / "manifest.csv") for split in ("train", "val")}
    training = first_scenes(records["train"], scenes)
    few = [record for record in records["train"] if record.scene in training]
    unseen = first_scenes(records["val"], scenes // 8 + scenes // 4)
    validating, judging = unseen[: scenes // 8], unseen[scenes // 8 :]
    with (data / "train/manifest.csv").open(encoding="utf-8", newline="") as file:
        metrics = (next(csv.reader(file)))[8:]
    live = [record for record in few if record.distortion_type in LIVE_LIKE]
    whole = fit_mapping(metrics, few)
    for name, own in {"mos": few, "live": live}.items():
        write_mos(out / name / "train", ((record.path, mos) for record, mos in rated(own, whole)))
    judged = [_one(record, metrics.index("haarpsi")) for record in few]
    alone = fit_mapping(["haarpsi"], judged)
    write_mos(out / "haarpsi/train", ((record.path, mos) for record, mos in rated(judged, alone)))
    ladder_rows = rated([record for ladder in ladders_of(few) for record in ladder], whole)
    write_mos(out / "ladders/train", ((record.path, mos) for record, mos in ladder_rows))
    for place in ("mos/val", "ladders/val", "haarpsi/val", "live/val", "unseen_mos/test"):
        names = judging if place.startswith("unseen") else validating
        shown = [record for record in records["val"] if record.scene in names]
        write_mos(out / place, ((record.path, mos) for record, mos in rated(shown, whole)))
    for place, gap in {"pairs": None, "across": 0.15}.items():
        write_subset(data / "train", out / place / "train", training, gap)
        write_subset(data / "val", out / place / "val", validating, None)
    write_subset(data / "val", out / "unseen_pairs/test", judging, None)
    write_text(out / "ready", "")


def _one(record: Record, number: int) -> Record:
    return replace(record, quality=(record.quality[number],))


def first_scenes(records: Iterable[Record], count: int) -> list[str]:
    """Names of the first `count` scenes in alphabetical order."""
    return sorted({record.scene for record in records})[:count]


def write_subset(source: Path, target: Path, scenes: list[str], gap: float | None) -> None:
    """The ranked pairs of some scenes, with their manifest."""
    target.mkdir(parents=True, exist_ok=True)
    with (source / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    write_text(target / "manifest.csv", csv_text([rows[0], *(row for row in rows[1:] if row[2] in scenes)]))
    write_text(target / "pseudo_mos.json", (source / "pseudo_mos.json").read_text(encoding="utf-8"))
    write_pairs(target, target, gap)


def write_mos(folder: Path, rows: Iterable[tuple[Path, float]]) -> None:
    """Write label.txt with rows of image and MOS."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "label.txt", csv_text((label_path(path), f"{mos:.4f}") for path, mos in rows))


def row(name: str, stages: list[str], out: Path, rated_sets: Path, common: str) -> str:
    """Train and judge one configuration, unless it is done."""
    folder = out / "runs" / "".join(letter if letter.isalnum() else "_" for letter in name)
    result = folder / "result.json"
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        weights = train(stages, folder, out, common)
        seconds = time.perf_counter() - began
        judged = judge(weights, folder, out, rated_sets)
        write_text(result, json.dumps({"name": name, "seconds": seconds, **judged}, indent=1))
    own = json.loads(result.read_text())
    low, high = own["live"]["intervals"]["srcc"]
    srcc = {judge: own[judge]["figures"]["srcc"] for judge in ("unseen", *RATED)}
    cells = [
        f"{own['pairs']['figures']['pair_accuracy']:.3f}",
        f"{srcc['unseen']:.3f}",
        f"{srcc['live']:.3f} ({low:.3f} to {high:.3f})",
        *(f"{srcc[judge]:.3f}" for judge in RATED[1:]),
        f"{own['seconds']:.0f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def train(stages: list[str], folder: Path, out: Path, common: str) -> Path:
    """All stages, one after another; the best weights of the last."""
    places = {name: str(out / name) for name in ("mos", "ladders", "haarpsi", "live", "pairs", "across")}
    arch = arch_of(stages)
    weights: Path | None = None
    for number, stage in enumerate(stages):
        own = folder / f"stage{number}"
        resume = ["--resume", str(weights)] if weights else []
        flags = [part.format(**places) for part in shlex.split(f"{stage} {common}")]
        run("--train", "-a", arch, "--warmup", "0", "--schedule", "cosine", *flags, *resume,
            "--checkpoint_dir", str(own), "--logdir", str(folder / "logs"))  # fmt: skip
        weights = own / f"model_best_{arch}.pth"
    assert weights is not None
    return weights


def arch_of(stages: list[str]) -> str:
    """What -a of the first stage says."""
    flags = stages[0].split()
    return flags[flags.index("-a") + 1] if "-a" in flags else ARCH


def judge(weights: Path, folder: Path, out: Path, rated_sets: Path) -> dict[str, object]:
    """Metrics and intervals of every judge, as `main.py -e` writes them."""
    places = {"unseen": out / "unseen_mos", **{name: rated_sets / name for name in RATED}}
    found: dict[str, object] = {}
    for name, place in {**places, "pairs": out / "unseen_pairs"}.items():
        logs = folder / "judged" / name
        task = "rank" if name == "pairs" else "regress"
        run("-e", "--resume", str(weights), "--data", str(place), "--criterion", task, "-j", "1", "-b", "32",
            "--logdir", str(logs))  # fmt: skip
        content = json.loads(next(iter(logs.glob("test_*/metrics.json"))).read_text())
        found[name] = {key: content[key] for key in ("figures", "intervals")}
    return found


def run(*argv: str) -> None:
    """Run main.py in silence.

    Raises:
        SystemExit: it did not end with status 0.
    """
    logging.getLogger().setLevel(logging.WARNING)
    with Path(os.devnull).open("w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            status = rankiqa(list(argv))
        finally:
            sys.stdout = before
    if status:
        raise SystemExit(f"main.py {' '.join(argv)}: status {status}")


if __name__ == "__main__":
    main()
