"""What people take without training, on the same rated images: BRISQUE and NIQE with their own parameters.

    pip install brisque scikit-video opencv-python-headless "numpy<2" "scipy<1.12"    # in a venv of its own
    python benchmarks/other_models.py DIR/test/label.txt [--models brisque niqe]

Prints SRCC and PLCC after the logistic fit with 95% intervals, as `main.py -e --criterion regress` does for
a model of this project. The package brisque carries parameters that were trained on LIVE, so that it starts
ahead on LIVE's images; NIQE's are of pristine photographs. Their scores rise with damage and are turned
round here.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from dataloader.labels import load_labels
from metrics.bootstrap import bootstrap_intervals
from metrics.correlation import srcc
from metrics.task import fitted_metrics
from rankiqa.image import read_rgb


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("labels", type=Path, help="rows path,mos")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    args = parser.parse_args()
    labels = load_labels(args.labels, "regress")
    images = [np.asarray(read_rgb(labels.paths[image])) for image in labels.images[:, 0]]
    print("| model | SRCC | PLCC after the fit | images per second |\n| --- | --- | --- | --- |")
    for name in args.models:
        score = MODELS[name]()
        began = time.perf_counter()
        scores = np.array([-score(image) for image in images])
        speed = len(images) / (time.perf_counter() - began)
        if not np.isfinite(scores).all():
            print(f"| {name} | undefined for {int((~np.isfinite(scores)).sum())} images | | {speed:.1f} |")
            continue
        print(f"| {name} | {' | '.join(metrics(scores, labels.targets))} | {speed:.1f} |", flush=True)


def metrics(scores: np.ndarray, mos: np.ndarray) -> list[str]:
    """The two metrics with their intervals."""

    def measure(scores: np.ndarray, mos: np.ndarray) -> dict[str, float]:
        return {"srcc": srcc(scores, mos), **fitted_metrics(scores, mos)}

    values, spans = measure(scores, mos), bootstrap_intervals(measure, scores, mos)
    return [
        f"{values[name]:.3f} ({spans[name][0]:.3f} to {spans[name][1]:.3f})" for name in ("srcc", "plcc_fit")
    ]


def brisque() -> Callable[[np.ndarray], float]:
    """The package brisque (Mittal, Moorthy & Bovik, IEEE TIP 2012)."""
    from brisque import BRISQUE

    model = BRISQUE(url=False)
    return lambda image: float(model.score(image))


def niqe() -> Callable[[np.ndarray], float]:
    """scikit-video's (Mittal, Soundararajan & Bovik, IEEE SPL 2013), on the luminance."""
    import scipy.misc
    from PIL import Image

    def imresize(image: np.ndarray, factor: float, **_: object) -> np.ndarray:
        size = int(image.shape[1] * factor), int(image.shape[0] * factor)
        return np.asarray(Image.fromarray(image.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))

    # names that NumPy and SciPy have dropped and the package still uses
    for name, kind in (("float", float), ("int", int), ("bool", bool)):
        np.__dict__.setdefault(name, kind)
    scipy.misc.__dict__["imresize"] = imresize
    from skvideo.measure import niqe as measure

    weights = np.array([0.299, 0.587, 0.114])

    def score(image: np.ndarray) -> float:
        if min(image.shape[:2]) <= 192:  # its statistics need more
            return float("nan")
        return float(measure((image @ weights).astype(np.uint8)[None, :, :, None])[0])

    return score


MODELS = {"brisque": brisque, "niqe": niqe}


if __name__ == "__main__":
    main()
