"""Labels without humans, look-alikes and continued runs of the generator, through its command line."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataloader.labels import load_labels
from tests.conftest import ROOT
from utils.data_generate import live_generator, pairs_of_manifest, smaller_copies, tid2013_generator


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        rng = np.random.default_rng(number)
        small = rng.integers(0, 256, (6, 8, 3), np.uint8)
        large = Image.fromarray(small).resize((128, 96), Image.Resampling.BICUBIC)
        noisy = np.clip(np.asarray(large) + rng.normal(0, 8, (96, 128, 3)), 0, 255)
        Image.fromarray(noisy.astype(np.uint8)).save(folder / f"scene{number}.png")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def labels_of(file: Path) -> list[list[str]]:
    return [line.split(",") for line in file.read_text().splitlines() if not line.startswith("#")]


def test_pseudo_mos_follows_the_metric(photos):
    import piq
    import torch

    argv = ["--data", str(photos), "--types", "wn,gblur", "--label", "regress", "--metric", "gmsd", "-j", "1"]
    assert live_generator.main(argv) == 0
    out = photos.with_name("photos_distorted")
    mos = {path: float(value) for path, value in labels_of(out / "label.txt")}
    assert len(mos) == 3 * 11 and min(mos.values()) >= 1 and max(mos.values()) == 5

    def tensor(path: str) -> torch.Tensor:
        array = np.array(Image.open(path).convert("RGB"))
        return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255

    judged = []
    for row in rows_of(out / "manifest.csv"):
        if row["type"] == "reference":
            assert mos[row["path"]] == 5
        else:
            value = float(piq.gmsd(tensor(row["path"]), tensor(row["reference"])))
            assert value == pytest.approx(-float(row["gmsd"]), abs=1e-5)
            judged.append((value, mos[row["path"]]))
    in_order = [score for _, score in sorted(judged)]
    assert in_order == sorted(in_order, reverse=True)
    assert json.loads((out / "pseudo_mos.json").read_text())["knots"].keys() == {"gmsd"}
    assert len(load_labels(out / "label.txt", "regress", num_classes=1).paths) == 33


def test_pairs_across_types_are_those_on_which_all_metrics_agree(photos):
    argv = ["--data", str(photos), "--types", "wn,gblur,jpeg", "-j", "1", "--metric", "gmsd,haarpsi"]
    assert live_generator.main([*argv, "--across_types"]) == 0
    out = photos.with_name("photos_distorted")
    rows = {row["path"]: row for row in rows_of(out / "manifest.csv")}
    pairs = labels_of(out / "label.txt")
    across = [(rows[a], rows[b]) for a, b in pairs if rows[a]["type"] not in (rows[b]["type"], "reference")]
    assert across and len(pairs) == 3 * 3 * 15 + len(across)
    for better, worse in across:
        assert better["scene"] == worse["scene"]
        assert all(float(better[name]) > float(worse[name]) for name in ("gmsd", "haarpsi"))


def test_look_alikes_stay_in_one_split(photos, capsys):
    for path in sorted(photos.iterdir()):
        with Image.open(path) as image:
            image.resize((100, 75)).save(photos / f"{path.stem}_again.jpg", quality=60)
    argv = ["--refs", str(photos), "--out", "data", "--types", "wn", "--levels", "1", "-j", "1"]
    assert live_generator.main([*argv, "--split", "0.34", "0.33", "0.33"]) == 0
    assert "scene0.png, scene0_again.jpg" in capsys.readouterr().out
    splits = [
        {path.stem for path in Path("data", name, "refimgs").iterdir()} for name in ("train", "val", "test")
    ]
    assert all(len(names) == 2 for names in splits)
    assert all({f"{name}_again" for name in names if "_" not in name} < names for names in splits)


def test_an_interrupted_run_goes_on_to_the_same_bytes(photos, capsys):
    argv = ["--data", str(photos), "--set", "live,mlive", "-j", "1"]
    assert live_generator.main(argv) == 0
    out = photos.with_name("photos_distorted")
    whole = tree(out)
    for name in whole:
        (out / name).unlink()
    program = [sys.executable, str(ROOT / "utils/data_generate/live_generator.py"), *argv]
    run = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    journal = out / "generating.jsonl"
    while run.poll() is None and time.monotonic() < end:
        if journal.is_file() and journal.read_bytes().count(b"\n") > 6:
            break
        time.sleep(0.005)
    run.kill()
    run.wait()
    with journal.open("ab") as file:
        file.write(b'{"scene": "sce')  # what a kill in the middle of a line leaves
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    capsys.readouterr()
    assert live_generator.main(argv) == 0
    assert "resuming: " in capsys.readouterr().out
    assert tree(out) == whole
    assert any(path.stat().st_mtime_ns == then for path, then in kept.items())


def test_tid2013_generator_makes_24_types(photos):
    for path in sorted(photos.iterdir())[1:]:
        path.unlink()
    assert tid2013_generator.main(["--data", str(photos), "--levels", "2", "-j", "2"]) == 0
    out = photos.with_name("photos_distorted")
    assert len({row["type"] for row in rows_of(out / "manifest.csv")}) == 25
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.height > 24 * 176


@pytest.mark.parametrize(
    "more, said",
    [
        (["--label", "regress", "--metric", "lpipsy"], "unknown metric 'lpipsy'; there are: vsi, "),
        (["--types", "tid2031"], "unknown distortion 'tid2031'"),
    ],
)
def test_unknown_names_are_one_line(photos, capsys, more, said):
    assert live_generator.main(["--data", str(photos), *more]) == 2
    assert said in capsys.readouterr().err
    assert not photos.with_name("photos_distorted").exists()


def test_types_per_scene_draws_all_types_over_many_scenes(photos):
    """Oracle: the manifest counted by hand; a scene keeps its types whatever other scenes there are."""
    alone = photos.with_name("alone")
    alone.mkdir()
    (alone / "scene2.png").write_bytes((photos / "scene2.png").read_bytes())
    drawn = {}
    for refs in (photos, alone):
        argv = [
            "--data",
            str(refs),
            "--set",
            "live,kadid",
            "--levels",
            "2",
            "--types_per_scene",
            "3",
            "-j",
            "1",
        ]
        assert live_generator.main(argv) == 0
        rows = [
            (row["scene"], row["type"])
            for row in rows_of(refs.with_name(f"{refs.name}_distorted") / "manifest.csv")
            if row["type"] != "reference"
        ]
        assert len(rows) == 2 * len(set(rows))
        drawn[refs.name] = {scene: {kind for name, kind in rows if name == scene} for scene, _ in rows}
    assert [len(kinds) for kinds in drawn["photos"].values()] == [3, 3, 3]
    assert len(set.union(*drawn["photos"].values())) > 3
    assert drawn["alone"]["scene2"] == drawn["photos"]["scene2"]


@pytest.mark.parametrize("across", [[], ["--across_types", "--min_gap", "0.1"]])
def test_pairs_of_a_manifest_are_those_that_the_generator_makes_itself(photos, across):
    metrics = ["--metric", "gmsd,haarpsi"] if across else []
    common = ["--refs", str(photos), "--types", "wn,gblur", "--split", "0.6", "0.2", "0.2", "-j", "1"]
    assert (
        live_generator.main([*common, "--out", "mos", "--label", "regress", "--metric", "gmsd,haarpsi"]) == 0
    )
    assert live_generator.main([*common, "--out", "own", *metrics, *across]) == 0
    assert pairs_of_manifest.main(["--data", "mos", "--out", "pairs", *across]) == 0
    for split in ("train", "val", "test"):
        wanted = [
            [path.replace("own/", "mos/") for path in row]
            for row in labels_of(Path(f"own/{split}/label.txt"))
        ]
        assert labels_of(Path(f"pairs/{split}/label.txt")) == wanted and wanted
        assert (
            Path(f"pairs/{split}/manifest.csv").read_bytes() == Path(f"mos/{split}/manifest.csv").read_bytes()
        )


def test_ladders_are_the_clean_image_and_its_levels_with_the_same_labels(photos):
    common = ["--refs", str(photos), "--types", "wn,gblur", "--split", "0.6", "0.2", "0.2", "-j", "1"]
    assert live_generator.main([*common, "--out", "mos", "--label", "regress", "--metric", "gmsd"]) == 0
    assert pairs_of_manifest.main(["--data", "mos", "--out", "ladders", "--ladders"]) == 0
    for split in ("val", "test"):
        assert labels_of(Path(f"ladders/{split}/label.txt")) == labels_of(Path(f"mos/{split}/label.txt"))
    rows = labels_of(Path("ladders/train/label.txt"))
    known = dict(labels_of(Path("mos/train/label.txt")))
    assert len(rows) == 12 and all(known[path] == mos for path, mos in rows)
    for ladder in (rows[:6], rows[6:]):
        assert ladder[0][0].startswith("mos/train/refimgs/") and ladder[0][1] == "5.0000"
        kinds = {Path(path).parts[2] for path, _ in ladder[1:]}
        levels = [Path(path).parts[3] for path, _ in ladder[1:]]
        assert len(kinds) == 1 and levels == [f"{next(iter(kinds))}{level}" for level in range(1, 6)]
    labels = load_labels("ladders/train/label.txt", "regress")
    assert len(labels.paths) == 11 and len(labels.targets) == 12  # the clean one is read once per step


def test_types_that_every_scene_gets_come_besides_those_drawn(photos):
    argv = ["--data", str(photos), "--set", "live", "--levels", "1", "--types_per_scene", "2", "-j", "1"]
    assert live_generator.main([*argv, "--always", "brighten,wn"]) == 0
    rows = rows_of(photos.with_name("photos_distorted") / "manifest.csv")
    for scene in ("scene0", "scene1", "scene2"):
        kinds = {row["type"] for row in rows if row["scene"] == scene} - {"reference"}
        assert {"brighten", "wn"} < kinds and len(kinds) == 4


def test_least_step_lowers_the_labels_that_fall_by_less(photos, capsys):
    """Oracle: the labels of the unchanged ladder, lowered one after another by hand."""
    common = ["--refs", str(photos), "--types", "brighten,wn", "--split", "0.6", "0.2", "0.2", "-j", "1"]
    assert live_generator.main([*common, "--out", "mos", "--label", "regress", "--metric", "gmsd"]) == 0
    argv = ["--data", "mos", "--ladders", "--out"]
    assert pairs_of_manifest.main([*argv, "plain"]) == 0
    assert pairs_of_manifest.main([*argv, "steps", "--least_step", "0.4"]) == 0
    for split in ("val", "test"):
        assert labels_of(Path(f"steps/{split}/label.txt")) == labels_of(Path(f"plain/{split}/label.txt"))
    plain, steps = (labels_of(Path(f"{name}/train/label.txt")) for name in ("plain", "steps"))
    assert [path for path, _ in plain] == [path for path, _ in steps] and plain != steps
    for start in range(0, len(plain), 6):
        lowest = 5.9
        for (_, before), (_, after) in zip(plain[start : start + 6], steps[start : start + 6], strict=True):
            lowest = max(1.0, min(float(before), lowest - 0.4))
            assert float(after) == pytest.approx(lowest, abs=2e-4)
    with pytest.raises(SystemExit) as stop:
        pairs_of_manifest.main(["--data", "mos", "--out", "pairs", "--least_step", "0.2"])
    assert stop.value.code == 2 and "go with --ladders" in capsys.readouterr().err


def test_a_look_alike_is_the_second_row_of_a_training_ladder_and_an_equal_of_the_first(photos):
    common = ["--refs", str(photos), "--types", "wn,gblur", "--split", "0.6", "0.2", "0.2", "-j", "1"]
    assert live_generator.main([*common, "--out", "mos", "--label", "regress", "--metric", "gmsd"]) == 0
    argv = ["--data", "mos", "--ladders", "-j", "2", "--out"]
    assert pairs_of_manifest.main([*argv, "plain"]) == 0
    assert pairs_of_manifest.main([*argv, "equals", "--look_alikes"]) == 0
    assert labels_of(Path("equals/val/label.txt")) == labels_of(Path("plain/val/label.txt"))
    plain, equals = (labels_of(Path(f"{name}/train/label.txt")) for name in ("plain", "equals"))
    assert [row for number, row in enumerate(equals) if number % 7 != 1] == plain
    for clean, alike in zip(equals[::7], equals[1::7], strict=True):
        assert alike[0].startswith("equals/train/alike/") and alike[1] == clean[1]
        pixels = [np.asarray(Image.open(path), dtype=float) for path in (clean[0], alike[0])]
        assert 0 < np.abs(pixels[0] - pixels[1]).mean() < 12  # 128 x 96 pixels can't be smaller: saved anew
    labels = load_labels("equals/train/label.txt", "regress")
    assert len(labels.paths) == 13 and len(labels.targets) == 14


def test_smaller_copies_stand_beside_the_photographs(photos, capsys):
    argv = ["--refs", str(photos), "--out", "both", "--scale", "0.5", "0.75"]
    assert smaller_copies.main(argv) == 0
    for name in ("scene0", "scene1", "scene2"):
        with Image.open(photos / f"{name}.png") as photo, Image.open(f"both/{name}.png") as whole:
            assert np.array_equal(np.asarray(photo), np.asarray(whole))
        with Image.open(f"both/{name}_small.png") as small:
            assert 64 <= small.width <= 96 and small.height == pytest.approx(small.width * 0.75, abs=1)
    kept = {path: path.stat().st_mtime_ns for path in Path("both").iterdir()}
    assert len(kept) == 6 and smaller_copies.main(argv) == 0
    assert {path: path.stat().st_mtime_ns for path in Path("both").iterdir()} == kept
    common = ["--refs", "both", "--out", "data", "--types", "wn", "--levels", "1", "-j", "1"]
    assert live_generator.main([*common, "--split", "0.34", "0.33", "0.33"]) == 0
    for split in ("train", "val", "test"):
        first, second = sorted(path.stem for path in Path("data", split, "refimgs").iterdir())
        assert second == f"{first}_small"
    capsys.readouterr()
    assert smaller_copies.main(["--refs", str(photos), "--out", str(photos)]) == 2
    assert "is --refs" in capsys.readouterr().err and len(list(photos.iterdir())) == 3


def test_pairs_of_no_manifest_say_what_is_missing(photos, capsys):
    assert pairs_of_manifest.main(["--data", "photos", "--out", "pairs"]) == 2
    assert "photos: holds no train/manifest.csv" in capsys.readouterr().err
    folder = Path("made/train")
    folder.mkdir(parents=True)
    (folder / "manifest.csv").write_text("path,reference,scene,type,level,seed,psnr,ssim\na,b,c,wn,x,,,1\n")
    assert pairs_of_manifest.main(["--data", "made", "--out", "pairs"]) == 2
    assert "manifest.csv:2: " in capsys.readouterr().err and not Path("pairs").exists()
    assert pairs_of_manifest.main(["--data", "made", "--out", "made"]) == 2
