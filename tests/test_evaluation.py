"""Cross-dataset evaluation, tables by type and scene, plots, folds. Oracles: SciPy over predictions.csv."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from applications.setup.fold_data import cut, gather_rows, write_fold
from config import parse_config
from main import main
from metrics.emd import calibration
from rankiqa.spec import ModelSpec
from tests.conftest import lively, texture, write_split
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import save_checkpoint

pytestmark = pytest.mark.usefixtures("few_draws")

TEST = ["-e", "-g", "0", "-j", "0", "--logdir", "out"]


def model(criterion: str, num_classes: int = 1) -> None:
    spec = ModelSpec(SMALL_ARCH, num_classes, image_size=(64, 64), criterion=criterion)
    network = lively(spec.arch, num_classes, spec.image_size)
    save_checkpoint("m.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})


def tell(
    table: Path, split: str, scenes: int, kinds: tuple[str, ...] = ("gblur",), prefix: str = "s"
) -> None:
    """A table of what the images of `write_split` are; kinds[i] is the type of scene i."""
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "scene", "type", "level"])
        for scene in range(scenes):
            for level in range(3):
                name = f"data/{split}/scene{scene}_{level}.png"
                rows.writerow([name, f"{prefix}{scene}", kinds[scene % len(kinds)], level])


def found() -> tuple[dict, list[dict[str, str]]]:
    folder = next(Path("out").glob("test_*"))
    with (folder / "predictions.csv").open(newline="") as file:
        return json.loads((folder / "metrics.json").read_text()), list(csv.DictReader(file))


@pytest.mark.parametrize("table", ["data/test/manifest.csv", "data/table.csv"])
def test_a_rank_model_on_ratings_of_another_set(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], table: str
) -> None:
    root = workplace("rank")
    write_split(root, "test", "regress", 6)
    model("rank")
    tell(root / table, "test", 6, ("gblur", "wn"))
    assert main([*TEST, "--criterion", "regress", "--resume", "m.pth"]) == 0
    metrics, rows = found()
    scores, mos = (np.array([float(row[name]) for row in rows]) for name in ("score", "mos"))
    assert metrics["figures"]["srcc"] == pytest.approx(stats.spearmanr(scores, mos).statistic, abs=1e-12)
    assert metrics["figures"]["plcc"] == pytest.approx(stats.pearsonr(scores, mos).statistic, abs=1e-12)
    assert metrics["figures"]["krcc"] == pytest.approx(stats.kendalltau(scores, mos).statistic, abs=1e-12)
    assert metrics["figures"]["plcc_fit"] > metrics["figures"]["plcc"] - 1e-6
    assert len(metrics["intervals"]["plcc_fit"]) == 2
    wanted = {"gblur": (0, 2, 4), "wn": (1, 3, 5)}
    assert set(metrics["groups"]["type"]) == set(wanted)
    for kind, scenes in wanted.items():
        own = [
            number for number, row in enumerate(rows) if int(row["path"][len("data/test/scene")]) in scenes
        ]
        group = metrics["groups"]["type"][kind]
        assert group["rows"] == len(own) == 9
        assert group["srcc"] == pytest.approx(stats.spearmanr(scores[own], mos[own]).statistic, abs=1e-12)
        assert group["rmse"] == pytest.approx(np.sqrt(np.mean((scores[own] - mos[own]) ** 2)))
    assert sorted(metrics["groups"]["scene"]) == [f"s{number}" for number in range(6)]
    out = capsys.readouterr().out
    assert "by type" in out and "by scene" in out and "SRCC over 6: mean" in out
    folder = next(Path("out").glob("test_*"))
    assert all((folder / name).read_bytes()[:4] == b"\x89PNG" for name in ("scatter.png", "types.png"))


def test_pairs_by_scene(workplace: Callable[..., Path]) -> None:
    root = workplace("rank")
    write_split(root, "test", "rank", 3)
    model("rank")
    tell(root / "data/test/manifest.csv", "test", 3)
    assert main([*TEST, "--resume", "m.pth"]) == 0
    metrics, rows = found()
    for number in range(3):
        own = [row["right"] == "1" for row in rows if f"scene{number}_" in row["worse"]]
        assert metrics["groups"]["scene"][f"s{number}"] == {"rows": 3, "pair_accuracy": sum(own) / 3}


def test_a_model_of_ratings_is_judged_by_a_mos_of_any_scale(workplace: Callable[..., Path]) -> None:
    root = workplace("regress")
    write_split(root, "test", "regress", 3)
    label = root / "data/test/label.txt"
    rows = [line.rsplit(",", 1) for line in label.read_text().splitlines()]
    label.write_text("".join(f"{path},{20 * float(mos)}\n" for path, mos in rows))
    model("emd", 5)
    assert main([*TEST, "--resume", "m.pth", "--criterion", "regress"]) == 0
    metrics, rows_found = found()
    scores, mos = (np.array([float(row[name]) for row in rows_found]) for name in ("score", "mos"))
    assert 1 <= scores.min() <= scores.max() <= 5 and mos.max() > 5
    assert metrics["figures"]["srcc"] == pytest.approx(stats.spearmanr(scores, mos).statistic, abs=1e-12)


def test_distributions_get_a_calibration_plot(workplace: Callable[..., Path]) -> None:
    workplace("emd")
    model("emd", 5)
    assert main([*TEST, "--resume", "m.pth"]) == 0
    folder = next(Path("out").glob("test_*"))
    assert (folder / "calibration.png").read_bytes()[:4] == b"\x89PNG"
    assert found()[0]["groups"] == {}


def test_calibration_by_a_loop() -> None:
    probs, hist = np.random.default_rng(0).dirichlet(np.ones(4), (2, 25))
    shares = sorted(zip(probs.ravel(), hist.ravel(), strict=True))
    predicted, rated, counts = calibration(probs, hist, parts=10)
    for number in range(10):
        part = shares[number * 10 : number * 10 + 10]
        assert predicted[number] == pytest.approx(sum(p for p, _ in part) / 10)
        assert rated[number] == pytest.approx(sum(h for _, h in part) / 10)
    assert counts.tolist() == [10] * 10
    same = calibration(hist, hist)
    assert same[0].tolist() == same[1].tolist()


FOLDS = f"--train --folds 3 --criterion regress -a {SMALL_ARCH} --image_size 64 64 -b 3 -j 0 -g 0 --warmup 0"


def test_folds_never_cut_a_scene_and_go_on(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = workplace("regress")
    for split, scenes in (("train", 4), ("val", 1), ("test", 1)):
        write_split(root, split, "regress", scenes)
        tell(root / f"data/{split}/manifest.csv", split, scenes, prefix=split)
    argv = [*FOLDS.split(), "--epochs", "1", "--logdir", "out"]
    assert main(argv) == 0
    seen: dict[str, list[int]] = {}
    for number in range(1, 4):
        parts = {}
        for split in ("train", "val", "test"):
            with Path(f"checkpoints/fold_{number}/data/{split}/label.txt").open(newline="") as file:
                parts[split] = {Path(row[0]).parent.name + Path(row[0]).name[:6] for row in csv.reader(file)}
        assert not parts["train"] & parts["val"] and not (parts["train"] | parts["val"]) & parts["test"]
        assert len(set().union(*parts.values())) == 6
        for scene in parts["test"]:
            seen.setdefault(scene, []).append(number)
    assert len(seen) == 6 and all(len(folds) == 1 for folds in seen.values())  # each is tested on once
    report = json.loads(next(Path("out").glob("folds_*/metrics.json")).read_text())
    rmses = [fold["rmse"] for fold in report["folds"]]
    assert report["summary"]["rmse"]["mean"] == pytest.approx(np.mean(rmses))
    assert report["summary"]["rmse"]["deviation"] == pytest.approx(np.std(rmses, ddof=1))
    out = capsys.readouterr().out
    assert "fold 3" in out and "deviation" in out

    # a fold that is missing is made again, the same; the others are not touched
    kept = {n: Path(f"checkpoints/fold_{n}/result.json").stat().st_mtime_ns for n in (1, 3)}
    shutil.rmtree("checkpoints/fold_2")
    shutil.rmtree("out")
    assert main(argv) == 0
    again = json.loads(next(Path("out").glob("folds_*/metrics.json")).read_text())
    assert again["folds"] == report["folds"]
    assert kept == {n: Path(f"checkpoints/fold_{n}/result.json").stat().st_mtime_ns for n in (1, 3)}
    # a fold that was stopped between training and test continues from its checkpoint
    Path("checkpoints/fold_1/result.json").unlink()
    capsys.readouterr()
    assert main(argv) == 0
    told = capsys.readouterr()
    assert "continuing the run of" in told.out + told.err
    assert json.loads(Path("checkpoints/fold_1/result.json").read_text())["figures"] == report["folds"][0]

    assert main([*argv, "--lr", "0.1"]) == 2
    assert "folds with other --lr are there" in capsys.readouterr().err


def test_folds_of_pairs_without_a_table(workplace: Callable[..., Path]) -> None:
    root = workplace("rank")
    write_split(root, "train", "rank", 3)
    argv = FOLDS.replace("regress", "rank").split()
    assert main([*argv, "--epochs", "1", "--logdir", "out"]) == 0
    report = json.loads(next(Path("out").glob("folds_*/metrics.json")).read_text())
    assert len(report["folds"]) == 3 and report["summary"]["pair_accuracy"]["folds"] == 3


def folds_of(root: Path, count: int) -> list[dict[str, set[str]]]:
    """The images of each split of each fold, as the label files of the folds name them."""
    config = parse_config(["--train", "--folds", str(count), "--data", str(root / "data"), "-g", "0"])
    rows = gather_rows(config)
    part = cut(rows, count, config.seed)
    found = []
    for number in range(count):
        write_fold(root / f"fold{number}", rows, part, number, count)
        splits = {}
        for split in ("train", "val", "test"):
            with (root / f"fold{number}/{split}/label.txt").open(newline="") as file:
                splits[split] = {Path(path).name for row in csv.reader(file) for path in row}
        found.append(splits)
    return found


def write_pairs(root: Path, split: str, pairs: list[tuple[int, int]]) -> None:
    folder = root / "data" / split
    folder.mkdir(parents=True, exist_ok=True)
    for number in {number for pair in pairs for number in pair}:
        texture(number, 1.0).save(root / f"{number}.png")
    (folder / "label.txt").write_text("".join(f"{root}/{a}.png,{root}/{b}.png\n" for a, b in pairs))


def test_folds_of_pairs_across_scenes_keep_a_image_in_one_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    drawn = {tuple(sorted(rng.choice(12, 2, replace=False).tolist())) for _ in range(60)}
    pairs = [(int(a), int(b)) for a, b in sorted(drawn)]
    write_pairs(tmp_path, "train", pairs)
    told = "".join(f"{tmp_path}/{number}.png,scene{number // 2},wn,1\n" for number in range(12))
    (tmp_path / "data/train/manifest.csv").write_text("path,scene,type,level\n" + told)
    for splits in folds_of(tmp_path, 3):
        scenes = {split: {int(name[:-4]) // 2 for name in names} for split, names in splits.items()}
        assert all(scenes.values())
        assert not scenes["test"] & (scenes["train"] | scenes["val"]) and not scenes["train"] & scenes["val"]
    assert "pairs join scenes of two splits and are left out" in caplog.text


def test_folds_of_pairs_tie_images_of_all_splits(tmp_path: Path) -> None:
    write_pairs(tmp_path, "train", [(0, 1), (2, 3), (4, 5), (6, 7)])
    write_pairs(tmp_path, "val", [(1, 8), (9, 10)])  # 0, 1 and 8 are one scene
    for splits in folds_of(tmp_path, 3):
        names = list(splits.values())
        assert sum(map(len, names)) == len(set().union(*names)) == 11
        assert any({"0.png", "1.png", "8.png"} <= own for own in names)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--train", "--folds", "2"], "at least 3"),
        (["-e", "--resume", "m.pth", "--folds", "3"], "--folds belongs to --train"),
        (["--train", "--folds", "3", "--continue"], "leave --continue"),
        (["--train", "--folds", "50", "-g", "0"], "there are only"),
        (["--train", "--rows_together", "6"], "--group_size is for regress and emd"),
    ],
)
def test_runs_that_cannot_be(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    workplace("rank")
    assert main(flags) == 2
    assert words in capsys.readouterr().err
