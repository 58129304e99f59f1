"""Models of simulated owners' tastes: agreement on photographs that they never saw, by number of clicks.

    python benchmarks/my_taste.py --photos DIR --out OUT [--seeds 5]

An owner's utility of a photograph is half the default model's standardised score plus a standardised
measured attribute: `dark` prefers little luminance, `warm` red over blue, `grain` hates fine-grained noise.
The first of two is preferred with the probability 1 / (1 + exp(-3 d)), d the difference of utilities.

Each seed draws 200 of 280 photographs of DIR, enlarged to 2 megapixels. The session of `rankiqa label` asks
the owner about them; of the first 50, 100, 200 and 300 answers `prepare_dataset.py votes` makes labels, and
`main.py --train` learns as z_task_shell/6_my_taste.sh does. Agreement is the share of all pairs of the other
80 photographs that are in the order of the utility. Besides: how many answers become labels, with pairs in
one split and with any pairs.
"""

import argparse
import csv
import logging
import shutil
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
import yaml
from PIL import Image
from scipy import stats

from applications.training.inputs import features_of
from config import parse_config
from dataloader.feature_file import FEATURES_FILE
from dataloader.labels import load_labels
from main import main as rankiqa
from models import head_of, open_model
from rankiqa.files import atomic_write
from rankiqa.image import read_rgb
from rankiqa.votes.choose import ANY_PAIR, Chooser
from rankiqa.votes.labelling import Labelling
from rankiqa.votes.splits import parts_of
from rankiqa.votes.table import LEFT, RIGHT
from rankiqa.votes.vote_log import VoteLog
from utils import prepare_dataset
from utils.distributed import Process

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "pretrained/default.pth"
LEARN = ["--train", "--config", str(ROOT / "z_task_shell/my_taste.yaml"), "--resume", str(MODEL), "-g", "0"]
OWNERS = ("dark", "warm", "grain")
WHOLE, OWN, CLICKS = 280, 200, (50, 100, 200, 300)
PIXELS = 2e6
SURE = 3.0  # slope of the logistic at utilities of deviation 1
ASKED = "both images in one split"
REFIT = 20  # clicks between two fits of the session


def main() -> None:
    args = _options()
    paths = photographs(args.photos, args.out / "photos")
    features, scores = features_and_scores(paths, args.out)
    utilities = {name: values for name, values in owners(paths, scores).items() if name in args.owners}
    found: dict[tuple[str, int], list[float]] = {}
    kept: dict[str, list[float]] = {}
    for seed in range(args.seeds):
        drawn = np.random.default_rng(seed).permutation(len(paths))
        own, unseen = np.sort(drawn[:OWN]), drawn[OWN:]
        for name, utility in utilities.items():
            place = args.out / f"{name}_{seed}"
            found.setdefault((name, 0), []).append(agreement(scores, utility, unseen))
            session = Owner([paths[image] for image in own], scores[own], utility[own], seed)
            for kind, chooser in session.choosers().items():
                if seed and kind != ASKED:  # how many answers are lost hardly depends on the seed
                    continue
                votes = session.answer(place / f"{kind}.csv", chooser)
                kept.setdefault(kind, []).append(labels_of(votes, max(CLICKS), place / kind, args.out))
            for clicks in CLICKS:
                labels_of(place / f"{ASKED}.csv", clicks, place / str(clicks), args.out)
                head = learned(place / str(clicks), args.out)
                with torch.inference_mode():
                    learnt = head(features)[:, 0].numpy()
                found.setdefault((name, clicks), []).append(agreement(learnt, utility, unseen))
        report(found, kept, list(utilities))


def photographs(source: Path, folder: Path) -> list[Path]:
    """WHOLE of the photographs, enlarged to PIXELS as JPEG in `folder`."""
    files = sorted(path for path in source.iterdir() if path.suffix == ".jpg")[:WHOLE]
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not (folder / file.name).is_file():
            image = read_rgb(file)
            scale = (PIXELS / (image.width * image.height)) ** 0.5
            size = round(image.width * scale), round(image.height * scale)
            with atomic_write(folder / file.name) as opened:
                image.resize(size, Image.Resampling.LANCZOS).save(opened, "JPEG", quality=92)
    return [folder / file.name for file in files]


def features_and_scores(paths: list[Path], out: Path) -> tuple[torch.Tensor, np.ndarray]:
    """(M, F) features and (M,) scores of the default model; OUT/features.npz serves all runs."""
    rows = out / "all/label.txt"
    with atomic_write(rows, "w") as file:
        csv.writer(file).writerows((path, 0) for path in paths)
    network, spec = open_model(MODEL)
    config = parse_config([*LEARN, "--checkpoint_dir", str(out)])
    (values,) = features_of(config, Process(), network, spec, [load_labels(rows, "regress")])
    features = torch.from_numpy(values[:, 0])
    with torch.inference_mode():
        return features, head_of(network)[1](features)[:, 0].numpy()


def owners(paths: list[Path], scores: np.ndarray) -> dict[str, np.ndarray]:
    """name -> (M,) utilities."""
    view = open_model(MODEL)[1].make_view()
    measured = []
    for path in paths:
        red, green, blue = view.evaluate(view.read(path))[0].astype(np.float64) / 255
        grey = (red + green + blue) / 3
        around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
        grain = np.median(np.abs(4 * grey[1:-1, 1:-1] - around))
        measured.append((-grey.mean(), (red - blue).mean(), -np.log(grain + 1e-4)))
    attributes = np.array(measured).T
    standard = (attributes - attributes.mean(axis=1, keepdims=True)) / attributes.std(axis=1, keepdims=True)
    half = 0.5 * (scores - scores.mean()) / scores.std()
    return dict(zip(OWNERS, half + standard, strict=True))


class Owner:
    """Somebody with a folder of photographs, and a taste: (n,) scores of the default model, utilities."""

    def __init__(self, paths: list[Path], scores: np.ndarray, utility: np.ndarray, seed: int) -> None:
        self._names = [path.name for path in paths]
        self._scores, self._utility, self._seed = scores, utility, seed

    def choosers(self) -> dict[str, Chooser]:
        """The page's usual choice, what --order does, and pairs at random."""
        return {
            ASKED: Chooser(parts=parts_of(self._names)),
            "any pair": ANY_PAIR,
            "any pair at random": Chooser(at_random=True),
        }

    def answer(self, file: Path, chooser: Chooser) -> Path:
        """Answer the most clicks in a session of the page, if that is not done yet."""
        if file.is_file():
            return file
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        log, rng = VoteLog(unfinished), np.random.default_rng([self._seed, 1])
        session = Labelling(self._names, log, chooser, self._seed)
        session.set_prior(self._scores)
        session.refit()
        holding = session.upcoming("owner", [])
        for click in range(max(CLICKS)):
            shown, *rest = holding
            ahead = self._utility[shown.left] - self._utility[shown.right]
            prefers_left = rng.random() < 1 / (1 + np.exp(-SURE * ahead))
            session.answer("owner", shown, LEFT if prefers_left else RIGHT, 1.0, click)
            holding = session.upcoming("owner", rest)
            if click % REFIT == 0:
                session.refit()
        log.close()
        return unfinished.rename(file)


def labels_of(votes: Path, clicks: int, folder: Path, out: Path) -> float:
    """Make labels of the first clicks; the share of the pairs that become labels."""
    rows = votes.read_text(encoding="utf-8").splitlines(keepends=True)[: clicks + 1]
    few = folder / "votes.csv"
    folder.mkdir(parents=True, exist_ok=True)
    few.write_text("".join(rows), encoding="utf-8")
    command = ["votes", "--votes", str(few), "--images", str(out / "photos"), "--out", str(folder / "data")]
    if prepare_dataset.main([*command, "--model", "logistic"]):
        sys.exit(f"{few}: no labels")
    described = yaml.safe_load((folder / "data/dataset.yaml").read_text(encoding="utf-8"))
    return float(described["pairs"] / (described["pairs"] + described["pairs_across_splits"]))


def learned(folder: Path, out: Path) -> torch.nn.Module:
    """Last layer of the model that learns from the labels in `folder`."""
    model = folder / "checkpoint_efficientnet_lite0_multi_level.pth"
    if not (folder / "done").is_file():
        shutil.copyfile(out / FEATURES_FILE, folder / FEATURES_FILE)
        folders = ["--data", str(folder / "data"), "--checkpoint_dir", str(folder)]
        if rankiqa([*LEARN, *folders, "--logdir", str(folder / "logs")]):
            sys.exit(f"{folder}: training has failed")
        (folder / FEATURES_FILE).unlink()
        (folder / "done").touch()
    return head_of(open_model(model)[0])[1]


def agreement(scores: np.ndarray, utility: np.ndarray, images: np.ndarray) -> float:
    """Share of all pairs of `images` that scores and utility order alike."""
    first, second = images[np.stack(np.triu_indices(len(images), 1))]
    return float(((scores[first] > scores[second]) == (utility[first] > utility[second])).mean())


def report(found: dict[tuple[str, int], list[float]], kept: dict[str, list[float]], names: list[str]) -> None:
    """Print both tables; an interval is Student's of the seeds."""
    print("\n| agreement [95%] | default | " + " | ".join(f"{clicks} clicks" for clicks in CLICKS) + " |")
    print("| --- |" + " --- |" * (1 + len(CLICKS)))
    for name in names:
        cells = [_cell(found[name, clicks]) for clicks in (0, *CLICKS)]
        print(f"| {name} | {' | '.join(cells)} |")
    print("\n| pairs that are asked | share that become labels |\n| --- | --- |")
    for kind, shares in kept.items():
        print(f"| {kind} | {np.mean(shares):.1%} |")
    sys.stdout.flush()


def _cell(values: list[float]) -> str:
    if len(values) < 2:
        return f"{np.mean(values):.0%}"
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return f"{np.mean(values):.0%} [{low:.0%}, {high:.0%}]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--photos", type=Path, required=True, help="folder of at least 280 photographs (.jpg)")
    add("--out", type=Path, required=True, help="for photographs, votes, labels, features and weights")
    add("--owners", nargs="+", choices=OWNERS, default=OWNERS, help="all, if not given")
    add("--seeds", type=int, default=5, help="of photographs and answers (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    logging.getLogger("PIL").setLevel(logging.WARNING)
    main()
