"""Whether the score suffers where a second head learns beside it: one training with and without --reasons.

    python benchmarks/reasons_and_score.py --data RECIPES --out OUT [--scenes 40] [--seeds 0 1 2] [--epochs 2]

RECIPES holds train and val of live_generator.py: labels, and types and levels that say what is visible. Of
each the first photographs are taken; all weights of pretrained/default.pth learn on. Told is the SRCC of each
run on val, whose photographs it has not seen, and the difference that the head makes, with its standard error
over the seeds.
"""

import argparse
import json
import sys
from itertools import groupby, islice
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch

from main import main as rankiqa
from rankiqa.files import atomic_write

MODEL = Path(__file__).resolve().parents[1] / "pretrained/default.pth"
ARCH = "efficientnet_lite0_multi_level"
TRAIN = (
    f"--train -a {ARCH} --criterion regress --rank_weight 1 --group_size 6 --view whole "
    "--image_size 512 512 --train_crop 224 -b 24 --lr 2e-4 --warmup 0 --schedule cosine -j 0 -g 0 --cache ram"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="recipes of live_generator.py")
    add("--out", type=Path, required=True, help="for label files, weights and logs")
    add("--scenes", type=int, default=40, help="to learn from; a third as many judge (default: %(default)s)")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="(default: 0 1 2)")
    add("--epochs", type=int, default=2, help="of each run (default: %(default)s)")
    add("--threads", type=int, default=2, help="of PyTorch (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for split, scenes in (("train", args.scenes), ("val", args.scenes // 3)):
        first_scenes(args.data / split / "label.txt", args.out / "data" / split / "label.txt", scenes)
    print("| seed | SRCC without | with --reasons | difference |\n| --- | --- | --- | --- |")
    found = [judge(args.out, seed, args.epochs) for seed in args.seeds]
    differences = np.array([beside - alone for alone, beside in found])
    error = differences.std(ddof=1) / len(found) ** 0.5 if len(found) > 1 else float("nan")
    print(f"difference {differences.mean():+.4f}, standard error {error:.4f}")


def first_scenes(labels: Path, copy: Path, scenes: int) -> None:
    """Write the rows of the first `scenes` photographs of a label file of recipes."""
    lines = labels.read_text(encoding="utf-8").splitlines(keepends=True)
    head, rows = lines[:1], lines[1:]
    kept = islice(groupby(rows, key=lambda row: row.split("::")[0].split(",")[0]), scenes)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(copy) as stream:
        stream.write("".join([*head, *(row for _, group in kept for row in group)]).encode())


def judge(out: Path, seed: int, epochs: int) -> tuple[float, float]:
    """SRCC on val without and with the second head; prints a row."""
    alone, beside = (trained(out, seed, epochs, flags) for flags in ([], ["--reasons"]))
    print(f"| {seed} | {alone:.4f} | {beside:.4f} | {beside - alone:+.4f} |", flush=True)
    return alone, beside


def trained(out: Path, seed: int, epochs: int, flags: list[str]) -> float:
    """SRCC on val of the weights after the last epoch of a training run."""
    place = out / f"seed_{seed}{''.join(flags)}"
    folders = f"--checkpoint_dir {place} --logdir {place / 'logs'}"
    run = f"{TRAIN} --resume {MODEL} --seed {seed} --epochs {epochs} --data {out / 'data'} {folders}"
    rankiqa([*run.split(), *flags])
    rankiqa(
        f"-e --resume {place}/checkpoint_{ARCH}.pth -j 0 -g 0 --data {out / 'data/val'} {folders}".split()
    )
    metrics = max((place / "logs").glob("test_*/metrics.json"), key=lambda path: path.stat().st_mtime)
    return float(json.loads(metrics.read_text(encoding="utf-8"))["figures"]["srcc"])


if __name__ == "__main__":
    main()
