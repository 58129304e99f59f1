"""One model for data sets of different scales, against one model per set, on scenes that none has seen.

    python benchmarks/several_sets.py --rated DIR --out OUT [--seeds 0 1 2] [--epochs 12]

DIR holds TUI_HEVC (MOS 1..5) and mucped23 (Elo), each with a labels.csv, as for rated_sets.py.
prepare_dataset.py splits each by scene, a split per seed; main.py --train --cache features trains the last
layer of pretrained/default.pth. The rows: a model per set; one for both by regress, and by pairs with
probabilities; and the naive way, scales joined by min-max. Frozen features are computed once for all
runs, in OUT/features.npz.
"""

import argparse
import csv
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from applications.evaluation.logits import predict_crops
from applications.learning_curve import scores_of_features
from applications.training import inputs
from benchmarks.rated_sets import RatedSet, rated_sets
from dataloader.labels import load_labels
from dataloader.loaders import eval_loader
from dataloader.string_table import StringTable
from main import main as rankiqa
from metrics.correlation import srcc
from models import open_model
from models.features import FeatureExtractor
from models.normalise import NormalisePixels
from rankiqa.files import atomic_write
from utils import prepare_dataset
from utils.distributed import Process

MODEL = Path(__file__).resolve().parents[1] / "pretrained/default.pth"
SETS = ("tui_512", "mucped23")
ELO_DEVIATION = (
    209.0  # sqrt(2) of it in a probit has the slope of Elo's own 1 / (1 + 10^(-gap / 400)) at 0.5 to 0.9
)
SPLIT = ("0.6", "0.15", "0.25")
TRAIN = (
    "--train --cache features -j 0 -g 0 --warmup 0 --schedule cosine -b 32 --view whole --image_size 512 512 "
    "-a efficientnet_lite0_multi_level"
)
RANK = "--criterion rank --rank_loss fidelity -b 128"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--rated", type=Path, required=True, help="holds TUI_HEVC and mucped23")
    add("--out", type=Path, required=True, help="for label files, features, weights and logs")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of splits and runs (default: 0 1 2)")
    add("--epochs", type=int, default=12, help="of each run (default: %(default)s)")
    add("--lr", default="1e-3", help="of each run (default: %(default)s)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sets = [one for one in rated_sets(args.rated, args.out) if one.name in SETS]
    features = features_of([str(path) for one in sets for path in one.paths], args.out / "features.npz")
    for one in sets:
        write_ratings(one, args.rated, args.out)
    found: dict[str, list[list[float]]] = {}
    for seed in args.seeds:
        place = args.out / f"seed_{seed}"
        prepare(sets, args.out, place, seed)
        flags = f"--seed {seed} --epochs {args.epochs} --freeze_backbone {args.epochs} --lr {args.lr}".split()
        for name, values in judged(place, flags, features):
            found.setdefault(name, []).append(values)
    print(f"| SRCC on unseen scenes | {' | '.join(SETS)} | mean |\n| --- | --- | --- | --- |")
    for name, rows in found.items():
        cells = [
            f"{np.mean(column):.3f} ({min(column):.3f}-{max(column):.3f})"
            for column in zip(*rows, strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} | {np.mean(rows):.3f} |")


def features_of(paths: list[str], file: Path) -> dict[str, np.ndarray]:
    """file name -> float32 (P, F) features of MODEL's frozen layers; kept in `file`."""
    if not file.is_file():
        network, spec = open_model(MODEL)
        loader = eval_loader(StringTable(paths), spec.make_view(), batch_size=8)
        pixels = NormalisePixels(spec.mean, spec.std)
        values = predict_crops(
            FeatureExtractor(network),
            pixels,
            loader,
            len(paths),
            Process(),
            lambda crops: crops,
            desc="features",
        )
        with atomic_write(file) as raw:
            np.savez(raw, values=values, names=[Path(path).name for path in paths])
    with np.load(file) as held:
        return dict(zip(held["names"].tolist(), held["values"], strict=True))


@contextmanager
def remembered(features: dict[str, np.ndarray]) -> Iterator[None]:
    """Let `--cache features` look features up instead of computing them again for each run."""

    def look_up(_network: Any, _normalise: Any, loader: Any, *_: Any, **__: Any) -> np.ndarray:
        return np.stack([features[Path(path).name] for path in loader.dataset._paths])  # noqa: SLF001

    computed, inputs.predict_crops = inputs.predict_crops, look_up  # type: ignore[assignment]
    try:
        yield
    finally:
        inputs.predict_crops = computed


def write_ratings(rated: RatedSet, folder: Path, out: Path) -> None:
    """A table for `prepare_dataset.py table`, with deviations where the set gives some."""
    held = folder / ("TUI_HEVC" if rated.name == "tui_512" else rated.name) / "labels.csv"
    with held.open(encoding="utf-8", newline="") as file:
        deviations = [row.get("std", "") for row in csv.DictReader(file)]
    names = [f"{path.parent.name}/{path.name}" for path in rated.paths]
    with atomic_write(out / rated.name / "ratings.csv", "w") as file:
        rows = zip(names, rated.mos, rated.scenes, deviations, strict=True)
        csv.writer(file).writerows([("path", "score", "scene", "std"), *rows])


def prepare(sets: Sequence[RatedSet], out: Path, place: Path, seed: int) -> None:
    """Below `place`, split alike: SET, SET_pairs, and by min-max SET_1to5 and both joined."""
    for one in sets:
        name, root = one.name, one.paths[0].parents[1]
        common = ["table", "--root", str(root), "--labels", str(out / name / "ratings.csv")]
        common += ["--seed", str(seed), "--split", *SPLIT]
        pairs = [
            "--task",
            "rank",
            "--probabilities",
            "--random_pairs",
            "10",
            "--deviation",
            str(ELO_DEVIATION),
        ]
        regress = [*common, "--task", "regress", "--out"]
        prepare_dataset.main([*regress, str(place / name)])
        prepare_dataset.main([*regress, str(place / f"{name}_1to5"), "--rescale", "1", "5"])
        prepare_dataset.main([*common, "--out", str(place / f"{name}_pairs"), *pairs])
    for split in ("train", "val"):
        with atomic_write(place / "joined" / split / "label.txt", "w") as file:
            for name in SETS:
                labels = load_labels(place / f"{name}_1to5" / split / "label.txt", "regress")
                csv.writer(file).writerows(zip(labels.names, labels.targets.tolist(), strict=True))


def judged(
    place: Path, flags: Sequence[str], features: dict[str, np.ndarray]
) -> Iterator[tuple[str, list[float]]]:
    """(row of the table, SRCC on the test scenes of each of SETS)."""
    own, both = [place / name for name in SETS], [str(place / name) for name in SETS]
    regress = [*TRAIN.split(), "--criterion", "regress", *flags]
    yield "the default model, as it is", [srcc_on(one, MODEL, features) for one in own]
    # on its own scale an Elo of hundreds would need another --lr than a MOS of 1..5
    per_set = [run(f"own_{one.name}", [*regress, "--data", f"{one}_1to5"], place, features) for one in own]
    yield "a model per set", [srcc_on(one, model, features) for one, model in zip(own, per_set, strict=True)]
    runs = {
        "one model, regress, `--data A B`": [*regress, "--data", *both],
        "one model, regress, `--mix balanced`": [*regress, "--data", *both, "--mix", "balanced"],
        "one model, pairs with probabilities": [
            *TRAIN.split(), *flags, *RANK.split(), "--data", *(f"{one}_pairs" for one in both)
        ],
        "one model, scales joined by min-max": [*regress, "--data", str(place / "joined")],
    }  # fmt: skip
    for number, (name, argv) in enumerate(runs.items()):
        model = run(f"both_{number}", argv, place, features)
        yield name, [srcc_on(one, model, features) for one in own]


def run(name: str, argv: list[str], place: Path, features: dict[str, np.ndarray]) -> Path:
    """Train, if that is not done yet; the best weights."""
    folder = place / name
    model = folder / "model_best_efficientnet_lite0_multi_level.pth"
    if not (folder / "done").is_file():
        with remembered(features):
            folders = ["--checkpoint_dir", str(folder), "--logdir", str(folder / "logs")]
            status = rankiqa([*argv, "--resume", str(MODEL), *folders])
        if status:
            sys.exit(f"{name}: training ended with status {status}")
        (folder / "done").touch()
    return model


def srcc_on(data: Path, model: Path, features: dict[str, np.ndarray]) -> float:
    """SRCC of a model with the test labels of a set."""
    labels = load_labels(data / "test/label.txt", "regress")
    crops = np.stack([features[Path(path).name] for path in labels.paths])
    return srcc(scores_of_features(open_model(model)[0], crops)[labels.images[:, 0]], labels.targets)


if __name__ == "__main__":
    logging.getLogger("PIL").setLevel(logging.WARNING)
    main()
