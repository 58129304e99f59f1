"""The gate beside cleanvision's checks: AUC, bad images caught at 1% refused good ones, processor time.

python benchmarks/gate_against_cleanvision.py --photos DIR --cleanvision_python VENV/bin/python

Good images are photographs of DIR, reduced and stored as JPEG of quality 95; bad ones the same, each with one
type of the set `camera` of distortions, at level 2 to 5. cleanvision (pip install cleanvision, into an
environment of its own) runs the checks that judge one image alone: dark, light, blurry, low_information.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from scipy.stats import mannwhitneyu  # noqa: E402

import rankiqa  # noqa: E402
from distortions.registry import distort  # noqa: E402
from distortions.sets import types_of  # noqa: E402
from rankiqa.batch.folders import find_images  # noqa: E402
from rankiqa.batch.pipeline import score_paths  # noqa: E402
from rankiqa.gating.binomial import exact_interval  # noqa: E402
from rankiqa.image import read_rgb  # noqa: E402

CHECKS = ("dark", "light", "blurry", "low_information")
REFUSED = 0.01  # share of the good images
LEVELS = (2, 3, 4, 5)
IN_CLEANVISION = """
import json, sys, time
from cleanvision import Imagelab
paths, checks = json.load(open(sys.argv[1]))
lab = Imagelab(filepaths=paths)
begin = time.process_time()
lab.find_issues({check: {} for check in checks}, n_jobs=int(sys.argv[3]), verbose=False)
seconds = time.process_time() - begin
issues = lab.issues.loc[paths]
values = {check: issues[f"{check}_score"].tolist() for check in checks}
flags = issues[[f"is_{check}_issue" for check in checks]].any(axis=1).tolist()
json.dump({"seconds": seconds, "scores": values, "flags": flags}, open(sys.argv[2], "w"))
"""


def make_images(
    photos: list[Path], out: Path, side: int, copies: int, seed: int
) -> tuple[list[str], list[str]]:
    """Paths of good and of bad images, `copies` bad ones for each photograph."""
    rng = np.random.default_rng(seed)
    types = types_of("camera")
    good, bad = [], []
    for number, path in enumerate(photos):
        image = Image.fromarray(np.asarray(read_rgb(path)))
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        good.append(str(out / f"{number:04}_good.jpg"))
        image.save(good[-1], quality=95)
        clean = np.asarray(Image.open(good[-1]))
        for kind in rng.choice(types, copies, replace=False):
            level = int(rng.choice(LEVELS))
            bad.append(str(out / f"{number:04}_{kind}_{level}.png"))
            Image.fromarray(distort(clean, str(kind), level, rng)).save(bad[-1])
    return good, bad


def line(name: str, good: np.ndarray, bad: np.ndarray) -> str:
    """A row of the table: AUC, and the share of bad images below the score that refuses 1% of the good."""
    area = mannwhitneyu(good, bad).statistic / (len(good) * len(bad))
    ordered = np.sort(good)
    threshold = ordered[int(REFUSED * len(good))]  # at most 1% lie strictly below
    return caught(f"{name} | {area:.3f}", good < threshold, bad < threshold)


def caught(name: str, good: np.ndarray, bad: np.ndarray) -> str:
    """The end of a row from what is refused."""
    hits = int(bad.sum())
    low, high = exact_interval(hits, len(bad), 0.95)
    share = f"{100 * hits / len(bad):.1f}% ({100 * low:.1f} to {100 * high:.1f}%)"
    return f"| {name} | {share} | {int(good.sum())} of {len(good)} |"


def run_cleanvision(python: Path, paths: list[str], folder: Path, jobs: int) -> dict:
    """Seconds of the processor, scores by check, and which images it flags by its own thresholds."""
    (folder / "in.json").write_text(json.dumps([paths, CHECKS]))
    command = [
        str(python),
        "-c",
        IN_CLEANVISION,
        str(folder / "in.json"),
        str(folder / "out.json"),
        str(jobs),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "out.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--photos", type=Path, required=True, help="folder of photographs")
    add("--cleanvision_python", type=Path, required=True, help="Python of an environment with cleanvision")
    add("--count", type=int, default=300, help="photographs, at random")
    add("--copies", type=int, default=3, help="bad images of each")
    add("--side", type=int, default=768, help="pixels of the longer side")
    add("--threads", type=int, default=1, help="cores of both")
    add("--seed", type=int, default=0)
    args = parser.parse_args()
    photos = [Path(path) for path in find_images(args.photos)]
    rng = np.random.default_rng(args.seed)
    chosen = sorted(rng.choice(len(photos), min(args.count, len(photos)), replace=False))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good, bad = make_images([photos[i] for i in chosen], folder, args.side, args.copies, args.seed)
        paths = [*good, *bad]
        scorer = rankiqa.load(threads=args.threads)
        begin = time.process_time()
        rows = [row for group in score_paths(paths, scorer, args.threads) for row in group]
        seconds = time.process_time() - begin
        theirs = run_cleanvision(args.cleanvision_python, paths, folder, args.threads)
    split = len(good)
    scores = np.array([row.score for row in rows], float)
    print("| judge | AUC | bad images caught (95% interval) | good refused |\n| --- | --- | --- | --- |")
    print(line("rankiqa, the default model", scores[:split], scores[split:]))
    values = {check: np.array(theirs["scores"][check]) for check in CHECKS}
    values["lowest of the four"] = np.min([values[check] for check in CHECKS], axis=0)
    for check, value in values.items():
        print(line(f"cleanvision, {check}", value[:split], value[split:]))
    flags = np.array(theirs["flags"])
    print(caught("cleanvision, its own thresholds | -", flags[:split], flags[split:]))
    for who, spent in (("rankiqa", seconds), ("cleanvision", theirs["seconds"])):
        print(f"{who}: {1000 * spent / len(paths):.1f} ms of the processor per image")


if __name__ == "__main__":
    main()
