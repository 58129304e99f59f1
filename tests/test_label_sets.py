"""Several data sets at once, `--data A B`: A is rated 0..5, B by another scale of the hundreds."""

import csv
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from scipy.stats import norm, spearmanr

import rankiqa
from applications import train
from criterions.regress_loss import SetsRegressLoss
from dataloader.batches import RowBatches
from deploy.formats.onnx import save_onnx
from main import main
from models.scales import SetScales
from rankiqa.cli import main as console
from rankiqa.spec import ModelSpec
from tests.conftest import texture, write_split
from tests.small_arch import SMALL_ARCH
from tests.test_continue import StopAfter
from utils import prepare_dataset
from utils.checkpoint import load_checkpoint

SCALES = {"A": lambda mos: mos, "B": lambda mos: 1000 + 200 * mos}
SMALL = [
    "-a",
    SMALL_ARCH,
    "--image_size",
    "32",
    "32",
    "-j",
    "0",
    "-b",
    "4",
    "-g",
    "0",
    "--warmup",
    "0",
]
REGRESS = [*SMALL, "--criterion", "regress", "--lr", "1e-3"]
BEST = "model_best_tests_small.pth"


def make_sets(root: Path, task: str = "regress") -> None:
    """Folders A and B with train, val and test; A has three scenes to train on, B two."""
    for name, scale in SCALES.items():
        for split, scenes in (("train", 3 if name == "A" else 2), ("val", 2), ("test", 2)):
            write_split(root, split, task, scenes)
            file = root / "data" / split / "label.txt"
            rows = [line.replace("data/", "").split(",") for line in file.read_text().splitlines()]
            if task == "regress":
                rows = [[path, f"{scale(float(mos)):g}"] for path, mos in rows]
            file.write_text("".join(f"{','.join(row)}\n" for row in rows))
        (root / "data").rename(root / name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both sets and the model of both, in checkpoints/."""
    place = tmp_path_factory.mktemp("sets")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("utils.run_log.RunLog.figure", lambda *_: None)
        make_sets(place)
        assert main(["--train", *REGRESS, "--epochs", "2", "--data", "A", "B"]) == 0
    return place


@pytest.fixture
def place(trained: Path, monkeypatch: pytest.MonkeyPatch, without_plots: None) -> Iterator[Path]:
    monkeypatch.chdir(trained)
    return trained


def spec_of(file: str = f"checkpoints/{BEST}") -> dict[str, Any]:
    return load_checkpoint(Path(file))["spec"]


def newest(pattern: str) -> Path:
    return max(Path("logs").glob(pattern), key=lambda path: path.stat().st_mtime_ns)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_the_model_holds_a_rising_map_to_each_scale_and_no_weights_of_it(place: Path) -> None:
    stored = load_checkpoint(Path("checkpoints") / BEST)
    assert set(stored["spec"]["scales"]) == {"A", "B"}
    assert all(one["slope"] > 0 for one in stored["spec"]["scales"].values())
    assert not any(".scales." in name for name in stored["state_dict"])
    assert stored["config"]["data"] == ["A", "B"]
    lines = (newest("train_*") / "metrics.jsonl").read_text().splitlines()
    epoch = json.loads(lines[-1])
    assert epoch["srcc"] == pytest.approx((epoch["srcc A"] + epoch["srcc B"]) / 2)


def test_evaluation_reports_each_set_on_its_own_scale(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-e", "--data", "A", "B", "--resume", f"checkpoints/{BEST}", "-g", "0", "-j", "0"]) == 0
    table = capsys.readouterr().out
    folder = newest("test_*")
    found = json.loads((folder / "metrics.json").read_text())
    for name, scale in spec_of()["scales"].items():
        rows = rows_of(folder / name / "predictions.csv")
        score, plain, mos = (
            np.array([float(row[key]) for row in rows]) for key in ("score", "plain_score", "mos")
        )
        np.testing.assert_allclose(score, scale["offset"] + scale["slope"] * plain, rtol=1e-5)
        figures = found["sets"][name]["figures"]
        assert figures["rmse"] == pytest.approx(np.sqrt(np.mean((score - mos) ** 2)), rel=1e-5)
        assert figures["srcc"] == pytest.approx(spearmanr(plain, mos)[0])
        assert f"{figures['rmse']:.4f}" in table
    mean = np.mean([one["figures"]["srcc"] for one in found["sets"].values()])
    assert found["figures"]["srcc"] == pytest.approx(mean)
    assert "rmse" not in found["figures"] and "mean over rows" in table
    # one set alone, by its name
    assert main(["-e", "--data", "B", "--resume", f"checkpoints/{BEST}", "-g", "0", "-j", "0"]) == 0
    alone = json.loads((newest("test_*") / "metrics.json").read_text())["figures"]
    assert alone == found["sets"]["B"]["figures"]


def test_predictions_are_given_on_a_scale(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--resume", f"checkpoints/{BEST}", "-g", "0"]
    assert main(["--predict", "A/test", *model, "--output", "plain.csv"]) == 0
    assert main(["--predict", "A/test", *model, "--output", "scaled.csv", "--scale", "B"]) == 0
    assert "on the scale of B" in capsys.readouterr().out
    scale = spec_of()["scales"]["B"]
    for plain, scaled in zip(rows_of(Path("plain.csv")), rows_of(Path("scaled.csv")), strict=True):
        wanted = scale["offset"] + scale["slope"] * float(plain["score"])
        assert float(scaled["score"]) == pytest.approx(wanted, rel=1e-5)
        assert float(scaled["percentile"]) == pytest.approx(float(plain["percentile"]), abs=0.5)
    assert main(["--predict", "A/test", *model, "--scale", "C"]) == 2
    assert "--scale C" in (said := capsys.readouterr().err) and "A, B" in said


def test_a_converted_file_gives_scores_on_a_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(rankiqa.DEFAULT_MODEL)
    held = ModelSpec.from_json(next(item.value for item in model.metadata_props))
    scale = {"offset": 1000.0, "slope": 200.0, "deviation": 150.0}
    file = tmp_path / "sets.onnx"
    save_onnx(model, held.with_(scales={"B": scale}), file)
    texture(0, 1.0).save(tmp_path / "a.png")
    assert console(["score", str(tmp_path / "a.png"), "--model", str(file), "--threads", "1"]) == 0
    plain = float(capsys.readouterr().out.split()[0])
    assert console(["score", str(tmp_path / "a.png"), "--model", str(file), "--scale", "B"]) == 0
    said = capsys.readouterr()
    assert float(said.out.split()[0]) == pytest.approx(1000 + 200 * plain, abs=0.02)
    assert "on the scale of B" in said.err
    assert console(["info", str(file)]) == 0
    assert "scales:       B" in capsys.readouterr().out
    with pytest.raises(rankiqa.RankIQAError, match="--scale A"):
        rankiqa.load(file, scale="A")


def test_continue_is_bit_equal(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ["--train", *REGRESS, "--epochs", "2", "--data", "A", "B", "--view", "patches", "--mix", "balanced"]
    run += ["--ema", "0.5", "--resume", f"checkpoints/{BEST}"]
    assert main([*run, "--checkpoint_dir", "whole"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(3))
        assert main([*run, "--checkpoint_dir", "parts"]) == 130
    latest = "checkpoint_tests_small.pth"
    assert main(["--train", "--continue", f"parts/{latest}"]) == 0
    whole, parts = (load_checkpoint(Path(folder) / latest) for folder in ("whole", "parts"))
    assert all(torch.equal(value, parts["state_dict"][name]) for name, value in whole["state_dict"].items())
    assert any(".scales." in name for name in whole["state_dict"])
    assert whole["spec"] == parts["spec"]
    assert whole["train_state"]["best"] == parts["train_state"]["best"]
    assert main(["--train", "--continue", f"parts/{latest}", "--data", "A"]) == 2


def test_folds_take_scenes_of_every_set(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("applications.folds._train_and_test", lambda *given: asked.append(given[2]) or 1)
    assert main(["--train", "--folds", "3", *REGRESS, "--data", "A", "B", "--checkpoint_dir", "folds"]) == 1
    assert asked == [tuple(Path("folds/fold_1/data") / name for name in "AB")]
    for name, count in (("A", 21), ("B", 18)):
        parts = [len(Path(asked[0]["AB".index(name)], split, "label.txt").read_text().splitlines())
                 for split in ("train", "val", "test")]  # fmt: skip
        assert sum(parts) == count and min(parts) == count // 3


def test_what_is_wrong_names_the_set(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*argv: str) -> str:
        assert main(["--train", *REGRESS, "--epochs", "1", *argv]) == 2
        return capsys.readouterr().err

    assert "names B twice" in said("--data", "A", "B", "./B")
    assert "C/train/label.txt" in said("--data", "A", "C")
    assert "A/train/label.txt: its 9 rows" in said("--data", "A", "B", "--group_size", "2")
    flat = Path("flat/train/label.txt")
    for split in ("train", "val"):
        Path("flat", split).mkdir(parents=True)
        Path("flat", split, "label.txt").write_text("../A/val/scene0_0.png,3\n../A/val/scene0_1.png,3\n")
    assert f"{flat}: all 2 rows have the MOS 3" in said("--data", "A", "flat")
    assert main(["-e", "--data", "A", "B", "--scale", "A", "--resume", "x.pth"]) == 2
    assert "--scale belongs to" in capsys.readouterr().err


def test_learned_images_of_another_set_are_told(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    Path("C/test").mkdir(parents=True, exist_ok=True)
    Path("C/test/label.txt").write_text("../B/train/scene0_0.png,3\n../B/train/scene0_1.png,2\n")
    with caplog.at_level(logging.WARNING):
        assert main(["-e", "--data", "A", "C", "--resume", f"checkpoints/{BEST}", "-g", "0", "-j", "0"]) == 0
    assert "2 of 2 images of C/test/label.txt are in B/train/label.txt too" in caplog.text


def test_pairs_of_two_sets_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_plots: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_sets(tmp_path, "rank")
    for split in ("train", "val", "test"):  # B says how many raters preferred the first
        file = Path("B", split, "label.txt")
        file.write_text("".join(f"{line},0.8\n" for line in file.read_text().splitlines()))
    run = ["--train", *SMALL, "--epochs", "1", "--rank_loss", "fidelity", "--data", "A", "B"]
    assert main(run) == 0
    assert "15 rows over 15 images" in capsys.readouterr().out
    stored = load_checkpoint(Path("checkpoints") / BEST)
    assert stored["spec"]["scales"] == {}
    assert main(["-e", "--data", "A", "B", "--resume", f"checkpoints/{BEST}", "-g", "0", "-j", "0"]) == 0
    found = json.loads((newest("test_*") / "metrics.json").read_text())
    accuracies = [one["figures"]["pair_accuracy"] for one in found["sets"].values()]
    assert found["figures"]["pair_accuracy"] == pytest.approx(np.mean(accuracies))


@pytest.mark.parametrize("world_size", [1, 2])
def test_steps_hold_rows_of_the_sets_in_proportion(world_size: int) -> None:
    sets = np.repeat([0, 1, 2], [60, 30, 10])
    images = np.arange(100)[:, None]
    parts = [RowBatches(images, 100, 10, 3, world_size, rank, sets=sets) for rank in range(world_size)]
    steps = [np.concatenate([one.rows for one in step]) for step in zip(*parts, strict=True)]
    assert sorted(np.concatenate(steps).tolist()) == list(range(100))
    for step in steps:
        counts = np.bincount(sets[step], minlength=3)
        np.testing.assert_allclose(counts, len(step) * np.array([0.6, 0.3, 0.1]), atol=1.5)
    again = [one.rows for one in RowBatches(images, 100, 10, 3, world_size, 0, sets=sets)]
    assert all(np.array_equal(one, two.rows) for one, two in zip(again, parts[0], strict=True))
    parts[0].set_position(1)
    assert not np.array_equal(next(iter(parts[0])).rows, again[0])


def test_balanced_steps_hold_as_many_rows_of_each_set() -> None:
    sets = np.repeat([0, 1], [40, 12])
    batches = RowBatches(np.arange(52)[:, None], 52, 8, 0, sets=sets, balanced=True)
    steps = [one.rows for one in batches]
    assert len(batches) == len(steps) == 10
    assert all(abs((sets[step] == 0).sum() - 4) <= 1 for step in steps)
    visits = np.bincount(np.concatenate(steps), minlength=52)
    assert (visits[:40] == 1).all() and set(visits[40:]) <= {3, 4} and visits[40:].sum() == 40


def test_pairs_that_share_images_stay_together_and_sets_mix() -> None:
    pairs = np.array([(4 * scene, 4 * scene + k) for scene in range(30) for k in (1, 2, 3)])
    sets = np.repeat([0, 1], [60, 30])
    batches = RowBatches(pairs, 120, 12, 1, sets=sets)
    order = batches.order(0)
    assert sorted(order.tolist()) == list(range(90))
    assert (np.diff(order // 3) != 0).sum() == 29  # whole scenes
    assert all((sets[one.rows] == 1).any() for one in batches)


def test_the_loss_is_that_of_each_set_in_its_own_deviations() -> None:
    rng = np.random.default_rng(0)
    means, deviations = torch.tensor([3.0, 1500.0]).double(), torch.tensor([0.5, 200.0]).double()
    mapped = torch.tensor(rng.normal(size=(6, 2)), requires_grad=True)
    index, sets = torch.tensor([[4], [0], [1], [5], [2]]), np.array([0, 1, 1, 0, 1])
    z = rng.normal(size=5)
    mos = means.numpy()[sets] + deviations.numpy()[sets] * z
    targets = torch.tensor(np.stack([mos, sets], axis=1))
    loss = SetsRegressLoss(means, deviations, rank_weight=0.5)
    scores = mapped.detach().numpy()[index[:, 0].numpy(), sets]
    pairs = [(i, j) for i in range(5) for j in range(5) if sets[i] == sets[j] and z[i] > z[j]]
    order = np.mean([max(0.0, (z[i] - z[j]) - (scores[i] - scores[j])) for i, j in pairs])
    assert loss(mapped, index, targets).item() == pytest.approx(np.mean((scores - z) ** 2) + 0.5 * order)
    assert torch.autograd.gradcheck(lambda x: loss(x, index, targets), (mapped,))


def test_scales_rise_and_are_what_the_model_file_says() -> None:
    scales = SetScales(torch.tensor([3.0, 1500.0]), torch.tensor([0.5, 200.0]), 2.0, 0.25)
    with torch.no_grad():
        scales.shift.copy_(torch.tensor([0.1, -0.2]))
        scales.gain.copy_(torch.tensor([-1.0, 0.3]))
    scores = torch.linspace(-5, 5, 11)
    found = scales(scores).detach()
    assert (found.diff(dim=0) > 0).all()
    for number, one in enumerate(scales.as_maps()):
        mos = scales.mean[number] + scales.deviation[number] * found[:, number]
        torch.testing.assert_close(mos, one["offset"] + one["slope"] * scores, rtol=1e-4, atol=1e-2)


def pairs_in(file: Path) -> list[list[str]]:
    return [line.split(",") for line in file.read_text().splitlines() if not line.startswith("#")]


def test_probabilities_of_pairs_are_thurstones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rated = {
        f"s{n // 4}_{n % 4}.png": (round(rng.uniform(1, 5), 2), round(rng.uniform(0, 1), 2))
        for n in range(24)
    }
    rated["s0_1.png"] = (rated["s0_0.png"][0], rated["s0_1.png"][1])  # a tie
    lines = [f"{name},{mos},{std},{name[:2]}" for name, (mos, std) in rated.items()]
    Path("ratings.csv").write_text("\n".join(["path,score,std,scene", *lines]) + "\n")
    run = ["table", "--root", ".", "--out", "out", "--task", "rank", "--no_image_check", "--probabilities"]
    assert prepare_dataset.main(run) == 0
    rows = [row for split in ("train", "val", "test") for row in pairs_in(Path(f"out/{split}/label.txt"))]
    assert len(rows) == 6 * 6  # all pairs of a scene
    for first, second, p in rows:
        (a, s), (b, t) = rated[Path(first).name], rated[Path(second).name]
        assert float(p) == pytest.approx(norm.cdf((a - b) / np.hypot(s, t)), abs=1e-5)


def test_probabilities_need_deviations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ratings.csv").write_text(
        "path,score,std,scene\na.png,1600,,x\nb.png,1400,,x\nc.png,1500,,y\nd.png,1,,y\n"
    )
    run = ["table", "--root", ".", "--out", "out", "--task", "rank", "--no_image_check", "--probabilities"]
    run += ["--split", "1", "0", "0"]
    assert prepare_dataset.main(run) == 2
    assert "4 of 4 images have no deviation" in capsys.readouterr().err and not Path("out").exists()
    assert prepare_dataset.main([*run, "--deviation", "209"]) == 0
    rows = {(first, second): float(p) for first, second, p in pairs_in(Path("out/train/label.txt"))}
    # Elo's own probability of a gap of 200
    assert rows["a.png", "b.png"] == pytest.approx(1 / (1 + 10 ** (-200 / 400)), abs=0.01)
    with_orders = [flag for flag in run if flag != "--probabilities"]
    with pytest.raises(SystemExit, match="2"):
        prepare_dataset.main([*with_orders, "--deviation", "209"])
    assert "--deviation belongs to --probabilities" in capsys.readouterr().err
