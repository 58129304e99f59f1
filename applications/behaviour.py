"""`-e --behaviour`: does a model say of images that are distorted on the spot what people see?

Three tables: ladders of every distortion type, clear damage, and changes that nobody should mind.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from applications.setup.continuing import flags_of
from applications.setup.scorer import open_scorer
from config import Config
from deploy.engines import Scorer
from distortions import LEVELS, distort, list_distortions, seed_of
from distortions.registry import MIN_SIDE
from distortions.variants import SOURCES, alike, as_source, seen, worse
from metrics.behaviour import TOLERANCE, Behaviour
from rankiqa.batch.folders import find_images
from rankiqa.batch.run import describe
from rankiqa.image import read_rgb
from rankiqa.machine import usable_cores
from rankiqa.terminal.log import setup_console
from rankiqa.terminal.progress import progress_bar
from rankiqa.views import View
from utils.errors import DataError, ImageError
from utils.processes import map_in_processes
from utils.run_log import RunLog, new_run_folder

GOAL = 0.95
CLEAN_IMAGES = ("test/refimgs", "val/refimgs", "train/refimgs")


@dataclass(frozen=True)
class Trial:
    """Clean image and one change to it: a distortion type, or "worse" or "alike" for the named versions.

    With a `source` of `distortions.variants` the image becomes that kind of photograph first.
    """

    path: Path
    change: str
    view: View
    seed: int
    source: str = ""


def run(config: Config) -> int:
    """Print the tables and write metrics.json into logs/<run>/; 0."""
    setup_console()
    images = _images(config)
    scorer, model = open_scorer(config, len(images))
    logging.info("%s", describe(scorer, model))
    behaviour = judge(scorer, images, min(config.workers, usable_cores()), config.seed)
    tables = report(behaviour)
    logging.info("%s", "\n".join(tables))
    with RunLog(new_run_folder(config.logdir, "behaviour", scorer.spec.arch, scorer.spec.criterion)) as log:
        log.config(flags_of(config))
        log.metrics({"model": str(model), "images": len(images), **metrics(behaviour)})
        logging.info("metrics.json: %s", log.folder)
    return 0


def judge(
    scorer: Scorer, images: Sequence[Path], workers: int, seed: int = 0, types: Sequence[str] | None = None
) -> Behaviour:
    """Distort each image in all ways, in `workers` processes, and score what comes of it.

    Args:
        types: of the ladders; None: all that are registered.
    """
    types = list_distortions() if types is None else list(types)
    changes = [(one, "") for one in ("worse", "alike", *types)] + [("worse", source) for source in SOURCES]
    trials = [Trial(path, one, scorer.view, seed, source) for path in images for one, source in changes]
    made = zip(trials, map_in_processes(versions, trials, workers), strict=True)
    behaviour = Behaviour()
    with progress_bar(total=len(trials), desc="behaviour", unit="trial") as bar:
        for trial, names, scores in scored(made, scorer):
            if trial.change in types:
                behaviour.ladders.setdefault(trial.change, []).append(scores)
            else:
                table = behaviour.worse if trial.change == "worse" else behaviour.alike
                for name, score in zip(names, scores[1:], strict=True):
                    table.setdefault(name, []).append((float(scores[0]), float(score)))
            bar.update()
    return behaviour


def scored(
    made: Iterable[tuple[Trial, tuple[list[str], list[np.ndarray]]]], scorer: Scorer
) -> Iterator[tuple[Trial, list[str], np.ndarray]]:
    """Each trial, the names of its versions and their scores; several fill a forward of a GPU."""
    waiting: list[tuple[Trial, list[str], list[np.ndarray]]] = []
    for more in chain(made, [None]):
        if more is not None:
            trial, (names, crops) = more
            waiting.append((trial, names, crops))
        count = sum(len(crops) for _, _, crops in waiting)
        if waiting and (more is None or count >= scorer.group):
            scores = scorer.score_crops([one for _, _, crops in waiting for one in crops], pad=True).scores
            ends = np.cumsum([len(crops) for _, _, crops in waiting])
            for (trial, names, _), own in zip(
                waiting, np.split(scores.astype(float), ends[:-1]), strict=True
            ):
                yield trial, names, own
            waiting = []


def versions(trial: Trial) -> tuple[list[str], list[np.ndarray]]:
    """The names of the versions, and the crops (P, 3, H, W) of the clean image and of each."""
    image = read_rgb(trial.path)
    if trial.source:
        image = as_source(image, trial.source)
        named = list(seen(trial.source, partial(_level, np.asarray(image), trial)))
    elif trial.change == "worse":
        rng = np.random.default_rng(seed_of(trial.path.stem, "noise", 1, trial.seed))
        named = list(worse(image, rng))
    elif trial.change == "alike":
        named = list(alike(image))
    else:
        make = partial(_level, np.asarray(image), trial, trial.change)
        named = [(str(level), make(level)) for level in range(1, LEVELS + 1)]
    crops = [trial.view.evaluate(version) for version in (image, *(one for _, one in named))]
    return [name for name, _ in named], crops


def _level(pixels: np.ndarray, trial: Trial, kind: str, level: int) -> Image.Image:
    seed = seed_of(trial.path.stem, kind, level, trial.seed)
    return Image.fromarray(distort(pixels, kind, level, seed))


def report(behaviour: Behaviour) -> list[str]:
    """The three tables as lines; what passes in fewer than 95 of 100 trials is marked."""
    falling = behaviour.falling_means()
    lines = [f"{'type: the milder of two levels scores higher':<46}{'share':>7}   mean falls at every level"]
    for name, share in behaviour.ordered_pairs().items():
        lines.append(f"{_row(name, share)}   {'yes' if falling[name] else 'no'}")
    lines += ["", "clear damage scores below the clean image"]
    lines += [_row(name, share) for name, share in behaviour.below_clean().items()]
    lines += ["", f"within {TOLERANCE:.0%} of the spread of the scores ({behaviour.spread():.3f})"]
    moved = behaviour.differences()
    lines += [
        f"{_row(name, share)}   mean difference {moved[name][0]:.3f}, largest {moved[name][1]:.3f}"
        for name, share in behaviour.within_tolerance().items()
    ]
    tables = behaviour.ordered_pairs(), behaviour.below_clean(), behaviour.within_tolerance()
    shares = [share for table in tables for share in table.values()]
    passed = sum(share >= GOAL for share in shares)
    return [
        *lines,
        "",
        f"{passed} of {len(shares)} rows pass in {GOAL:.0%} of the trials; * marks the others",
    ]


def metrics(behaviour: Behaviour) -> dict[str, object]:
    """What metrics.json holds."""
    return {
        "ordered_pairs": behaviour.ordered_pairs(),
        "mean_falls_at_every_level": behaviour.falling_means(),
        "below_clean": behaviour.below_clean(),
        "within_tolerance": behaviour.within_tolerance(),
        "differences": {
            name: dict(zip(("mean", "largest"), both, strict=True))
            for name, both in behaviour.differences().items()
        },
        "spread": behaviour.spread(),
    }


def _row(name: str, share: float) -> str:
    return f"{name:<46}{share:>7.3f}{' ' if share >= GOAL else '*'}"


def _images(config: Config) -> list[Path]:
    given = Path(config.behaviour) if config.behaviour else None
    places = [data / name for name in CLEAN_IMAGES for data in config.data]
    folder = given or next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise DataError(
            f"{', '.join(map(str, config.data))}: no refimgs with clean images in it; "
            "name a folder of them: --behaviour DIR"
        )
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; --behaviour takes a folder of clean, sharp images")
    if not given and folder not in [data / CLEAN_IMAGES[0] for data in config.data]:
        logging.warning("%s: judged on images that this data trains or validates with", folder)
    images = [path for path in find_images(folder) if _is_large(path, config.bad_images == "skip")]
    if not images:
        raise DataError(f"{folder}: holds no images of at least {2 * MIN_SIDE} x {2 * MIN_SIDE} pixels")
    return images


def _is_large(path: Path, skip_bad: bool) -> bool:
    try:
        return min(read_rgb(path).size) >= 2 * MIN_SIDE
    except ImageError as error:
        if not skip_bad:
            raise
        logging.warning("left out: %s", error)
        return False
