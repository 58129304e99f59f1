"""Oracles: brute-force enumeration of the pairs, byte comparison of whole trees, PSNR by hand."""

import csv
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_tools.generate import package_photos
from data_tools.splits import split_scenes
from utils.data_generate import live_generator
from utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"jp2k": "JP2K", "jpeg": "JPEG", "wn": "WN", "gblur": "GBLUR"}


def make_images(folder: Path, names: list[str], size: tuple[int, int] = (48, 40)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        small = np.random.default_rng(i).integers(30, 226, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(folder / name)
    return folder


def read_labels(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "label.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(row) for row in csv.reader(line for line in lines if not line.startswith("#"))]


def read_manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory of its own, as labels are written relative to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_documented_command(project):
    make_images(project / "data/train/refimgs", ["one.bmp", "two, with comma.png"])
    script = ROOT / "utils/data_generate/live_generator.py"
    done = subprocess.run(
        [sys.executable, str(script), "--data", "data/train/refimgs", "-j", "2"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"data/train: 2 scenes, 42 images, 120 pairs; PSNR contradicts \d+\.\d\d%", done.stdout)
    expected = set()
    for name, reference in (("one", "one.bmp"), ("two, with comma", "two, with comma.png")):
        for folder in FOLDERS.values():
            paths = [f"data/train/refimgs/{reference}"]
            paths += [f"data/train/{folder}/{folder}{level}/{name}.png" for level in range(1, 6)]
            expected |= {(paths[i], paths[k]) for i in range(6) for k in range(6) if i < k}
    labels = read_labels(project / "data/train")
    assert len(labels) == 2 * 4 * 15 and set(labels) == expected
    assert all((project / path).is_file() for row in labels for path in row)


def test_manifest_holds_what_was_made(project):
    refs = make_images(project / "photos", ["a.png"], (64, 48))
    assert live_generator.main(["--data", str(refs), "-j", "1", "--seed", "3"]) == 0
    rows = read_manifest(project / "photos_distorted")
    assert list(rows[0]) == ["path", "reference", "scene", "type", "level", "seed", "psnr", "ssim"]
    assert list(rows[0].values()) == [
        "photos/a.png",
        "photos/a.png",
        "a",
        "reference",
        "0",
        "",
        "",
        "1.000000",
    ]
    assert [(row["type"], row["level"]) for row in rows[1:]] == [
        (kind, str(level)) for kind in FOLDERS for level in range(1, 6)
    ]
    reference = np.asarray(Image.open("photos/a.png"), dtype=float)
    for row in rows[1:]:
        error = np.mean((np.asarray(Image.open(row["path"]), dtype=float) - reference) ** 2)
        assert float(row["psnr"]) == pytest.approx(10 * math.log10(255**2 / error), abs=1e-4)
        assert -1 <= float(row["ssim"]) < 1
    assert len({row["seed"] for row in rows[1:]}) == 20


def test_splits_levels_types_and_formats(project):
    refs = make_images(project / "photos", [f"{i}.png" for i in range(5)])
    argv = ["--refs", str(refs), "--out", "data", "--split", "0.6", "0.2", "0.2", "--levels", "3"]
    assert live_generator.main([*argv, "--types", "WN, jpeg", "--format", "bmp", "-j", "1"]) == 0
    scenes = {}
    for split, count in (("train", 3), ("val", 1), ("test", 1)):
        rows = read_manifest(project / "data" / split)
        scenes[split] = {row["scene"] for row in rows}
        assert len(scenes[split]) == count and len(read_labels(project / "data" / split)) == count * 2 * 6
        assert {Path(row["path"]).parts[2] for row in rows} == {"refimgs", "WN", "JPEG"}
        for row in (row for row in rows if row["type"] == "reference"):
            copy, source = Image.open(row["path"]), Image.open(refs / f"{row['scene']}.png")
            assert copy.format == "BMP" and copy.tobytes() == source.tobytes()
    assert len(set.union(*scenes.values())) == 5


def test_bytes_do_not_depend_on_processes_or_company(project):
    refs = make_images(project / "photos", ["a.png", "b.png", "c.png"])
    alone = make_images(project / "alone", ["a.png"])
    assert live_generator.main(["--data", str(refs), "-j", "1", "--types", "wn,jp2k"]) == 0
    first = tree(project / "photos_distorted")
    for path in (project / "photos_distorted").rglob("*.*"):
        path.unlink()
    assert live_generator.main(["--data", str(refs), "-j", "2", "--types", "wn,jp2k"]) == 0
    assert tree(project / "photos_distorted") == first and len(first) == 3 * 2 * 5 + 4
    assert live_generator.main(["--data", str(alone), "-j", "1", "--types", "wn"]) == 0
    assert tree(project / "alone_distorted")["WN/WN4/a.png"] == first["WN/WN4/a.png"]
    assert live_generator.main(["--data", str(alone), "-j", "1", "--types", "wn", "--seed", "1"]) == 0
    assert tree(project / "alone_distorted")["WN/WN4/a.png"] != first["WN/WN4/a.png"]


def test_a_second_run_reuses_what_is_whole(project, capsys):
    refs = make_images(project / "refimgs", ["a.png"])
    argv = ["--data", str(refs), "-j", "1", "--types", "jpeg"]
    assert live_generator.main(argv) == 0
    image = project / "JPEG/JPEG2/a.png"
    stamp = image.stat().st_mtime_ns
    assert live_generator.main(argv) == 0
    assert "already there" in capsys.readouterr().out and image.stat().st_mtime_ns == stamp
    image.unlink()
    assert live_generator.main(argv) == 0 and image.is_file()
    assert live_generator.main([*argv, "--levels", "2"]) == 0
    assert len(read_labels(project)) == 3


def test_foreign_labels_are_kept(project, capsys):
    refs = make_images(project / "train/refimgs", ["a.png"])
    (project / "train/label.txt").write_text("a.png,0.1,0.9\n")
    assert live_generator.main(["--data", str(refs), "-j", "1", "--types", "jpeg"]) == 0
    assert (project / "train/label.1.txt").read_text() == "a.png,0.1,0.9\n"
    assert "kept as label.1.txt" in capsys.readouterr().out


def test_references_are_turned_upright_and_made_rgb(project):
    refs = make_images(project / "photos", ["b.png", "c.png"])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (40, 20), 77).save(refs / "a.jpg", quality=100, exif=exif)
    assert live_generator.main(["--refs", str(refs), "--out", "data", "-j", "1", "--types", "wn"]) == 0
    (written,) = (project / "data").glob("*/refimgs/a.png")
    with Image.open(written) as image:
        assert (image.mode, image.size, image.getpixel((3, 3))) == ("RGB", (20, 40), (77, 77, 77))


@pytest.mark.parametrize("total", [1, 2, 3, 4, 7, 10, 30, 101])
def test_splits_cover_every_scene_once(total):
    names = [f"scene{i}" for i in range(total)]
    splits = split_scenes(names, (0.8, 0.1, 0.1), seed=4)
    assert sorted(sum(splits.values(), [])) == sorted(names)
    assert splits == split_scenes(names[::-1], (0.8, 0.1, 0.1), seed=4)
    sizes = [len(splits[split]) for split in ("train", "val", "test")]
    expected = {1: [1, 0, 0], 2: [2, 0, 0], 3: [1, 1, 1], 4: [2, 1, 1], 7: [5, 1, 1], 10: [8, 1, 1]}
    assert sizes == {**expected, 30: [24, 3, 3], 101: [81, 10, 10]}[total]
    if total == 101:
        assert splits != split_scenes(names, (0.8, 0.1, 0.1), seed=5)


def test_a_split_of_no_share_stays_empty():
    assert [len(part) for part in split_scenes("abcde", (1, 0, 0), 0).values()] == [5, 0, 0]
    with pytest.raises(ConfigError, match="three shares"):
        split_scenes("abc", (0.5, -0.1, 0.6), 0)


def test_labels_of_a_split_that_lost_its_scenes_are_dropped(project):
    refs = make_images(project / "photos", ["a.png", "b.png", "c.png"])
    argv = ["--refs", str(refs), "--out", "data", "-j", "1", "--types", "jpeg"]
    assert live_generator.main(argv) == 0 and (project / "data/val/label.txt").is_file()
    assert live_generator.main([*argv, "--split", "1", "0", "0"]) == 0
    assert not (project / "data/val/label.txt").exists() and len(read_labels(project / "data/train")) == 45


def bad_image(folder: Path) -> str:
    (make_images(folder, ["a.png"]) / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not an image")
    return "broken.png"


def small_image(folder: Path) -> str:
    make_images(folder, ["small.png"], (20, 15))
    return "small.png: 20 x 15 pixels"


def twins(folder: Path) -> str:
    make_images(folder, ["a.png", "a.bmp"])
    return "a.bmp and a.png"


def empty(folder: Path) -> str:
    folder.mkdir()
    return "holds no images"


@pytest.mark.parametrize("make", [bad_image, small_image, twins, empty, lambda folder: "no such folder"])
def test_faults_are_one_line_and_status_2(project, capsys, make):
    said = make(project / "refs")
    assert live_generator.main(["--data", "refs", "-j", "1"]) == 2
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1 and message.startswith("error: refs")
    assert not (project / "refs_distorted/label.txt").exists()


@pytest.mark.parametrize(
    "argv, said",
    [
        ([], "give either --data, or --refs"),
        (["--refs", "x"], "--refs and --out go together"),
        (["--data", "x", "--levels", "11"], "expected 1 to 10, got '11'"),
        (["--data", "x", "-j", "0"], "0 is below 1"),
        (["--data", "x", "--leves", "3"], "unrecognized arguments"),
    ],
)
def test_options_that_do_not_fit_are_refused(argv, said, capsys):
    with pytest.raises(SystemExit) as stop:
        live_generator.main(argv)
    assert stop.value.code == 2 and said in capsys.readouterr().err


def test_more_faults_of_the_command_line(project, capsys):
    make_images(project / "data/train/refimgs", ["a.png"])
    assert live_generator.main(["--data", "data/train", "--types", "wm"]) == 2
    assert "unknown distortion 'wm'; did you mean 'wn'" in capsys.readouterr().err
    assert live_generator.main(["--refs", "data/train/refimgs", "--out", "data"]) == 2
    assert "keep the originals elsewhere" in capsys.readouterr().err


def test_package_photos_copies_scenes_and_names_sources(project, capsys):
    assert package_photos.main(["--out", "refs"]) == 0
    with (project / "refs/SOURCES.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {path.name for path in (project / "refs").glob("*.png")}
    assert len(rows) >= 12 and all(all(row.values()) for row in rows)
    with Image.open("refs/grace_hopper.png") as image, Image.open(_packaged("grace_hopper.jpg")) as source:
        assert (image.mode, image.size) == ("RGB", (round(source.width / 2), round(source.height / 2)))
    with Image.open("refs/ascent.png") as image:
        assert (image.mode, image.size) == ("RGB", (512, 512))


def _packaged(name: str) -> Path:
    found = [package_photos.locate(photo) for photo in package_photos.PHOTOS if photo.path.endswith(name)]
    assert found[0] is not None
    return found[0]


def test_packages_that_are_not_there_are_left_out(project, capsys, monkeypatch):
    missing = package_photos.Photo("no_such_package", "no-such-package", "x.png", "none")
    monkeypatch.setattr(package_photos, "PHOTOS", (missing, package_photos.PHOTOS[0]))
    assert package_photos.main(["--out", "refs"]) == 0
    assert "left out: x.png (pip install no-such-package)" in capsys.readouterr().err
    assert sorted(path.name for path in Path("refs").iterdir()) == ["SOURCES.csv", "astronaut.png"]
    monkeypatch.setattr(package_photos, "PHOTOS", (missing,))
    assert package_photos.main(["--out", "refs"]) == 2
    assert "no photographs found; pip install" in capsys.readouterr().err
