"""A small folder in which the commands of a page can be run: links to the code, a `python`, small data."""

import csv
import os
import re
import shlex
import shutil
import site
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib

from rankiqa.votes.splits import parts_of
from tests.command_datasets import koniq, label_files, live, package_index, tid2013, waterloo_list
from tests.conftest import ROOT, texture
from tests.test_documented_commands import write_checkpoint as write_named_checkpoint
from tests.test_export import write_checkpoint
from tests.test_openvino_demo import write_video

SIZE = (256, 280)
SPLITS = {"train": range(4), "val": range(4, 6), "test": range(6, 8)}
MOS = (4.5, 3.0, 1.5)  # of the levels of blur of a scene
BINS = 10
LINKED = ("z_task_shell", "tests", "pyproject.toml", "requirements*.txt")


def make_place(place: Path, page: str, commands: list[str]) -> dict[str, str]:
    """Fill `place` with the code and what the page's user has; the environment of its commands."""
    for entry in ROOT.iterdir():
        if entry.name == "demos":  # `cd demos` through a link would leave the place
            shutil.copytree(entry, place / "demos", ignore=shutil.ignore_patterns("__pycache__"))
        elif entry.suffix == ".py" or (entry / "__init__.py").is_file() or any(map(entry.match, LINKED)):
            (place / entry.name).symlink_to(entry)
    (place / "pretrained").mkdir()  # tests put further weights there
    for name in ("default.pth", "laboratory.pth"):
        (place / "pretrained" / name).symlink_to(ROOT / "pretrained" / name)
    write_python(place / "bin/python")
    for name in ("home", "site", "data"):
        (place / name).mkdir()
    for make in DATA.get(page, ()):
        make(place, commands)
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(place / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(place / "home"),
        "PYTHONUSERBASE": site.getuserbase(),  # found by HOME otherwise
        "MPLCONFIGDIR": matplotlib.get_cachedir(),  # fonts are looked for once, not once per page
        "PYTHONPATH": str(place / "site"),
        "L": str(place / "labels"),  # docs/datasets.md: a folder with the label files alone
        "CUDA_VISIBLE_DEVICES": "",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def write_python(path: Path) -> None:
    """A `python` that is the one of this test; a link to it would not find its packages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    path.chmod(0o755)


def environment(place: Path, _: list[str]) -> None:
    """.venv as setup.sh leaves it, so that its next run installs nothing."""
    venv.create(place / ".venv", with_pip=False)
    write_python(place / ".venv/bin/python")
    whole = (ROOT / "requirements.txt").read_bytes()
    for path in ROOT.glob("requirements*.txt"):
        (place / f".venv/installed-{path.name}").write_bytes(whole + path.read_bytes())


def photos(name: str, count: int = 5, blur: float = 0.0) -> Callable[[Path, list[str]], None]:
    def make(place: Path, _: list[str]) -> None:
        (place / name).mkdir(parents=True)
        for number in range(count):
            texture(number, number * blur, SIZE).save(place / name / f"{number}.png")

    return make


def quick_start_photos(place: Path, commands: list[str]) -> None:
    """quick_start.sh takes the fifteen of packages where no SOURCES.csv says that some are there."""
    photos("quick_start/refimgs")(place, commands)
    (place / "quick_start/refimgs/SOURCES.csv").write_text("file\n")


def own_ratings(place: Path, _: list[str]) -> None:
    rows: list[list[object]] = [["path", "score", "scene"]]
    (place / "data/rated").mkdir()
    for number in range(30):
        texture(50 + number // 3, number % 3 * 1.2, (240, 260)).save(place / f"data/rated/{number}.png")
        rows.append([f"{number}.png", 4.5 - number % 3, number // 3])
    write_csv(place / "data/rated/ratings.csv", rows)


def judged_pairs(place: Path, _: list[str]) -> None:
    """Pairs with the share of some raters, and how many these are."""
    for split, scenes in SPLITS.items():
        rows = [
            [*row, 0.9 - 0.2 * k, 10 + k]
            for n in scenes
            for k, row in enumerate(_rows(scene(place, n), "rank"))
        ]
        write_csv(place / "data/judged" / split / "label.txt", rows)


def own_taste(place: Path, commands: list[str]) -> None:
    """votes.csv of one who prefers low numbers, on 60 images of photos/; splits are by name."""
    (place / "photos").mkdir(exist_ok=True)
    for number in range(60):
        texture(number, 0.0, SIZE).save(place / "photos" / f"{number}.png")
    rows: list[list[object]] = [["time", "rater", "left", "right", "answer", "seconds", "purpose"]]
    parts = parts_of([f"{number}.png" for number in range(60)])
    assert parts is not None
    for left in range(60):
        rows += [
            ["2026-11-27T04:00:00Z", "ann", f"{left}.png", f"{right}.png", "left", 1.0, "random"]
            for right in range(left + 1, min(left + 12, 60))
            if parts[left] == parts[right]
        ]
    write_csv(place / "votes.csv", rows)


def own_votes(place: Path, _: list[str]) -> None:
    """Votes of three raters on pairs of photos/, the sharper one preferred, and ratings of rated/."""
    votes: list[list[object]] = [["rater", "left", "right", "answer"]]
    ratings: list[list[object]] = [["rater", "path", "rating"]]
    for folder in ("photos", "rated"):
        (place / folder).mkdir(exist_ok=True)
        for number in range(12):
            texture(70 + number, number / 4, SIZE).save(place / folder / f"vote{number}.png")
    for rater in range(3):
        for number in range(36):
            left, right = (7 * number + rater) % 12, (5 * number + 3 + 2 * rater) % 12
            if left != right:
                answer = "tie" if number % 9 == 8 else "left" if left < right else "right"
                votes.append([f"r{rater}", f"vote{left}.png", f"vote{right}.png", answer])
        rows = [(f"vote{n}.png", max(1, 5 - n // 3 - (n + rater) % 2)) for n in range(12)]
        ratings += [[f"r{rater}", *row] for row in rows]
    write_csv(place / "photos/votes.csv", votes)
    write_csv(place / "rated/votes.csv", ratings)


def scene(place: Path, number: int) -> list[str]:
    """Names of three images of one scene, the best first; outside data/, of which all must be labelled."""
    names = [f"scenes/{number}_{level}.png" for level in range(3)]
    (place / "scenes").mkdir(exist_ok=True)
    for level, name in enumerate(names):
        if not (place / name).exists():
            texture(100 + number, level * 1.2, SIZE).save(place / name)
    return names


def labels(folder: str, task: str) -> Callable[[Path, list[str]], None]:
    """label.txt of the three splits below `folder`."""

    def make(place: Path, _: list[str]) -> None:
        for split, scenes in SPLITS.items():
            rows = [row for number in scenes for row in _rows(scene(place, number), task)]
            write_csv(place / folder / split / "label.txt", rows)

    return make


def _rows(names: list[str], task: str) -> Iterator[list[object]]:
    if task == "rank":
        yield from ([names[a], names[b]] for a in range(3) for b in range(a + 1, 3))
        return
    for name, mos in zip(names, MOS, strict=True):
        weights = [1 / (1 + abs(rating - 2 * mos)) for rating in range(1, BINS + 1)]
        yield [name, mos] if task == "regress" else [name, *(weight / sum(weights) for weight in weights)]


def real_pairs(place: Path, _: list[str]) -> None:
    """data/pairs.csv, whose paths are relative to it."""
    names = [f"../{name}" for name in scene(place, 30)]
    rows: list[list[object]] = [["better", "worse", "kind"]]
    write_csv(place / "data/pairs.csv", [*rows, [names[0], names[1], "blur"], [names[1], names[2], "blur"]])


def rated_sets(place: Path, _: list[str]) -> None:
    """RATED as benchmarks/rated_sets.py reads it: two sets of human ratings."""
    live_rows: list[list[object]] = [["path", "reference", "scene", "type", "dmos_realigned"]]
    tui_rows: list[list[object]] = [["path", "scene", "mos", "std"]]
    for number in (20, 21, 22):
        names = [f"../../{name}" for name in scene(place, number)]
        live_rows += [
            [name, names[0], number, "gblur", 80 - 15 * mos] for name, mos in zip(names, MOS, strict=True)
        ]
        tui_rows += [[name, number, mos, 0.6] for name, mos in zip(names, MOS, strict=True)]
    write_csv(place / "RATED/LIVE_sample/labels.csv", live_rows)
    write_csv(place / "RATED/TUI_HEVC/labels.csv", tui_rows)


def rated_copies(place: Path, _: list[str]) -> None:
    """labels.csv of benchmarks/pseudo_mos.py people."""
    rows: list[list[object]] = [["path", "reference", "type", "dmos"]]
    for number in range(4):
        names = scene(place, number)
        rows += [[name, names[0], "gblur", 80 - 15 * mos] for name, mos in zip(names, MOS, strict=True)]
    write_csv(place / "labels.csv", rows)


def resumed(place: Path, commands: list[str]) -> None:
    """The checkpoints that commands of old versions continue from, and ImageNet weights of the library."""
    for command in commands:
        words = shlex.split(command)
        for name in re.findall(r"--resume (\S+)", command):
            arch = [] if "--arch" in words else ["--arch", Path(name).stem.removeprefix("model_best_")]
            write_named_checkpoint(place / name, [*words, *arch])
    (place / "pretrained/efficientnet_b0.pth").symlink_to(
        place / "checkpoints/checkpoint_efficientnet_b0.pth"
    )


def model(*names: str) -> Callable[[Path, list[str]], None]:
    def make(place: Path, _: list[str]) -> None:
        for name in names:
            (place / name).parent.mkdir(exist_ok=True)
            write_checkpoint(place / name, arch="mobilenet_v3_small")

    return make


def uploads(place: Path, _: list[str]) -> None:
    for number, name in enumerate(("a.jpg", "b.jpg")):
        texture(number, 0.5, SIZE).save(place / name)


def films(*names: str) -> Callable[[Path, list[str]], None]:
    def make(place: Path, _: list[str]) -> None:
        for name in names:
            (place / name).parent.mkdir(exist_ok=True)
            write_video(place / "new.avi")
            (place / "new.avi").rename(place / name)

    return make


def write_csv(path: Path, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


DATA: dict[str, tuple[Callable[[Path, list[str]], None], ...]] = {
    "README.md": (environment, photos("data/photos"), own_ratings, own_taste),
    "commands.md": (
        *(photos("photos", 3), photos("data/train/refimgs", 2)),
        *(labels("data", "rank"), labels("regress", "regress"), resumed, real_pairs),
    ),
    "datasets.md": (tid2013, live, koniq, package_index, label_files),
    "clean.md": (photos("photos", 4),),
    "label.md": (photos("photos", 4),),
    "deployment.md": (photos("photos", 12, 0.2), photos("DIR", 2), uploads, films("clip.mp4", "a.mp4"),
        model("model.pth", "checkpoints/model_best_efficientnet_b0.pth")),
    "distortions.md": (photos("photos", 3), photos("DIR", 2), rated_copies, waterloo_list),
    "distributed.md": (labels("data", "rank"),),
    "experiments.md": (photos("PHOTOS", 8), rated_sets),
    "gate.md": (photos("good", 12), photos("bad", 3, 3.0), photos("photos", 3)),
    "guide.md": (environment, quick_start_photos, tid2013,
        labels("data/mos", "regress"), labels("data/ratings", "emd")),
    "intervals.md": (labels("data", "rank"), model("model.pth")),
    "performance.md": (photos("DIR"),),
    "reasons.md": (photos("photos", 4),),
    "tasks.md": (labels("data/tid2013", "regress"), labels("data/koniq", "regress"), photos("photos", 3)),
    "your_own_data.md": (photos("data/photos"), own_ratings, judged_pairs),
    "your_taste.md": (environment, own_taste),
    "video.md": (films("film.mp4", "clip.mp4", "films/a.mp4"), photos("photos", 2), photos("DIR", 1)),
    "votes.md": (own_votes, rated_sets),
}  # fmt: skip
