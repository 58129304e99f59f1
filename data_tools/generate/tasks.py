"""Distortion of references: the work of one process, and its spreading over all cores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_tools.generate.full_reference import psnr_of, qualities, ssim_of
from data_tools.generate.manifest import REFERENCE, Record
from data_tools.generate.plan import Scene
from distortions import distort, find_distortion, level_of, seed_of
from distortions.registry import MIN_SIDE
from rankiqa.files import atomic_write
from rankiqa.image import read_rgb
from utils.errors import ImageError
from utils.processes import map_in_processes


@dataclass(frozen=True)
class Task:
    """One scene and one distortion type, or, with an empty type, the reference itself; and who judges it."""

    scene: Scene
    distortion_type: str
    levels: int
    seed: int
    metrics: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """How many images the task makes."""
        return self.levels if self.distortion_type else 1


def plan_tasks(
    scenes: Sequence[Scene],
    types: Sequence[str],
    levels: int,
    seed: int,
    metrics: tuple[str, ...] = (),
    types_per_scene: int | None = None,
    always: Sequence[str] = (),
) -> list[Task]:
    """All tasks; references first, so that a broken one is found before the long work starts.

    Args:
        types: the distortions; of these each scene gets `types_per_scene`, and `always` besides.
    """
    first = [Task(scene, "", levels, seed, metrics) for scene in scenes]
    return first + [
        Task(scene, name, levels, seed, metrics)
        for scene in scenes
        for name in _drawn(scene.name, types, types_per_scene, seed, always)
    ]


def _drawn(
    scene: str, types: Sequence[str], count: int | None, seed: int, always: Sequence[str]
) -> Sequence[str]:
    """`count` of `types`, and `always`, in the order of `types`; other scenes do not matter."""
    choice = [name for name in types if name not in always]
    if count is None or count >= len(choice):
        return types
    places = np.random.default_rng(seed_of(scene, "types", 0, seed)).permutation(len(choice))[:count]
    drawn = {choice[place] for place in places}
    return [name for name in types if name in drawn or name in always]


def run_tasks(tasks: Sequence[Task], workers: int) -> Iterator[list[Record]]:
    """The records of each task, in the order of `tasks` whatever the number of processes.

    Raises:
        ImageError: a reference can't be read, or is smaller than 16 pixels.
        DataError: a worker process was killed.
    """
    return map_in_processes(run_task, tasks, workers, prepare=use_one_thread)


def use_one_thread() -> None:
    """There is a process for every core; and sums in another order would give other last digits."""
    import cv2

    cv2.setNumThreads(1)


def run_task(task: Task) -> list[Record]:
    """Write the images of one task and describe them."""
    scene = task.scene
    image = np.asarray(read_rgb(scene.source))
    if min(image.shape[:2]) < MIN_SIDE:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise ImageError(f"{scene.source}: {size} pixels; a reference needs {MIN_SIDE} x {MIN_SIDE} or more")
    if not task.distortion_type:
        if scene.copy:
            write_image(scene.reference, image)
        quality = _judge(image, image, task.metrics)
        return [
            Record(scene.reference, scene.reference, scene.name, REFERENCE, 0, None, np.inf, 1.0, quality)
        ]
    return [_distorted(task, image, level) for level in range(1, task.levels + 1)]


def _distorted(task: Task, image: np.ndarray, level: int) -> Record:
    scene, distortion = task.scene, find_distortion(task.distortion_type)
    seed = seed_of(scene.name, distortion.key, level, task.seed)
    worse = distort(image, distortion.key, level_of(level, task.levels), seed)
    path = scene.distorted(distortion, level)
    write_image(path, worse)
    judged = psnr_of(image, worse), ssim_of(image, worse), _judge(image, worse, task.metrics)
    return Record(path, scene.reference, scene.name, distortion.key, level, seed, *judged)


def _judge(image: np.ndarray, worse: np.ndarray, metrics: tuple[str, ...]) -> tuple[float, ...]:
    if not metrics:
        return ()
    import torch

    torch.set_num_threads(1)
    return qualities(image, worse, metrics)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write uint8 RGB (H, W, 3) losslessly, as .png or .bmp after the suffix, whole or not at all."""
    form = path.suffix[1:].upper()
    options = {"compress_level": 4} if form == "PNG" else {}  # half the time of 6 for a few per cent in size
    with atomic_write(path) as file:
        Image.fromarray(image).save(file, form, **options)
