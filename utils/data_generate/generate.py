"""Distorting references: the work of one process, and its spreading over all cores."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from distortions import distort, find_distortion, level_of, seed_of
from distortions.registry import MIN_SIDE
from rankiqa.files import atomic_write
from rankiqa.image import read_rgb
from utils.data_generate.plan import Scene
from utils.data_generate.tables import REFERENCE, Record
from utils.errors import ImageError
from utils.processes import map_in_processes


@dataclass(frozen=True)
class Task:
    """One scene and one type, or, with `kind` empty, the reference itself; and what metrics judge it."""

    scene: Scene
    kind: str
    levels: int
    seed: int
    metrics: tuple[str, ...] = ()


def plan_tasks(
    scenes: Sequence[Scene],
    kinds: Sequence[str],
    levels: int,
    seed: int,
    metrics: tuple[str, ...] = (),
    types_per_scene: int | None = None,
    always: Sequence[str] = (),
) -> list[Task]:
    """All tasks; references first, so that a broken one is found before the long work starts.

    Args:
        kinds: the types; of these each scene gets `types_per_scene`, and `always` besides.
    """
    first = [Task(scene, "", levels, seed, metrics) for scene in scenes]
    return first + [
        Task(scene, kind, levels, seed, metrics)
        for scene in scenes
        for kind in _drawn(scene.name, kinds, types_per_scene, seed, always)
    ]


def _drawn(
    scene: str, kinds: Sequence[str], count: int | None, seed: int, always: Sequence[str]
) -> Sequence[str]:
    """`count` of `kinds`, and `always`, in the order of `kinds`; other scenes do not matter."""
    choice = [kind for kind in kinds if kind not in always]
    if count is None or count >= len(choice):
        return kinds
    places = np.random.default_rng(seed_of(scene, "types", 0, seed)).permutation(len(choice))[:count]
    drawn = {choice[place] for place in places}
    return [kind for kind in kinds if kind in drawn or kind in always]


def run_tasks(tasks: Sequence[Task], workers: int) -> Iterator[list[Record]]:
    """The records of each task, in the order of `tasks` whatever the number of processes.

    Raises:
        ImageError: a reference can't be read, or is smaller than 16 pixels.
        DataError: a worker process was killed.
    """
    return map_in_processes(run_task, tasks, workers, prepare=_one_thread)


def _one_thread() -> None:
    # there is a process for every core; and sums in another order would give other last digits
    import cv2

    cv2.setNumThreads(1)


def _judge(image: np.ndarray, worse: np.ndarray, metrics: tuple[str, ...]) -> tuple[float, ...]:
    if not metrics:
        return ()
    import torch

    from utils.data_generate.pseudo_mos import qualities

    torch.set_num_threads(1)
    return qualities(image, worse, metrics)


def run_task(task: Task) -> list[Record]:
    """Write the images of one task and describe them."""
    scene = task.scene
    image = np.asarray(read_rgb(scene.source))
    if min(image.shape[:2]) < MIN_SIDE:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise ImageError(f"{scene.source}: {size} pixels; a reference needs {MIN_SIDE} x {MIN_SIDE} or more")
    if not task.kind:
        if scene.copy:
            write_image(scene.reference, image)
        quality = _judge(image, image, task.metrics)
        return [
            Record(scene.reference, scene.reference, scene.name, REFERENCE, 0, None, np.inf, 1.0, quality)
        ]
    return [_distorted(task, image, level) for level in range(1, task.levels + 1)]


def _distorted(task: Task, image: np.ndarray, level: int) -> Record:
    scene, kind = task.scene, find_distortion(task.kind)
    seed = seed_of(scene.name, kind.key, level, task.seed)
    worse = distort(image, kind.key, level_of(level, task.levels), seed)
    path = scene.distorted(kind, level)
    write_image(path, worse)
    judged = psnr_of(image, worse), ssim_of(image, worse), _judge(image, worse, task.metrics)
    return Record(path, scene.reference, scene.name, kind.key, level, seed, *judged)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write uint8 RGB (H, W, 3) losslessly, as .png or .bmp after the suffix, whole or not at all."""
    form = path.suffix[1:].upper()
    options = {"compress_level": 4} if form == "PNG" else {}  # half the time of 6 for a few per cent in size
    with atomic_write(path) as file:
        Image.fromarray(image).save(file, form, **options)


def psnr_of(reference: np.ndarray, image: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all channels, infinite for equal images; higher is better."""
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(reference, image):
        return float("inf")
    return float(peak_signal_noise_ratio(reference, image, data_range=255))


def ssim_of(reference: np.ndarray, image: np.ndarray) -> float:
    """Structural similarity of the luminance, at most 1; higher is better.

    Wang, Bovik, Sheikh and Simoncelli 2004: Gaussian window of sigma 1.5 over 11 x 11 pixels, population
    covariance, luminance as in ITU-R BT.601, without the downsampling of their later code.
    """
    from skimage.metrics import structural_similarity

    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    greys = reference @ weights, image @ weights
    return float(
        structural_similarity(*greys, data_range=255, gaussian_weights=True, use_sample_covariance=False)
    )


def contradicting(pairs: Iterable[tuple[Record, Record]]) -> list[tuple[Record, Record, str]]:
    """The (better, worse) pairs that PSNR or SSIM does not confirm, with the names of those that do not."""
    found = []
    for better, worse in pairs:
        against = [name for name in ("psnr", "ssim") if getattr(better, name) <= getattr(worse, name)]
        if against:
            found.append((better, worse, " ".join(against)))
    return found
