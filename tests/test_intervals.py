"""Intervals: calibrated by --calibrate, carried by files, told by every door, judged by -e.

Oracles: ranks by hand, SciPy's Beta-binomial, shares counted one by one, simulated labels.
"""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from deploy.engines import load_scorer
from deploy.export import export
from main import main
from metrics.conformal import COVERAGES, calibrate, independent_images
from rankiqa import cli
from rankiqa.batch.results import read_rows
from rankiqa.errors import ConfigError, DataError, WeightsError
from rankiqa.intervals import Intervals
from rankiqa.spec import ModelSpec
from tests.conftest import lively, small_network, texture
from utils.checkpoint import load_checkpoint, save_checkpoint

ARCH, SIZE, COUNT = "timm/test_resnet", (32, 32), 45
FAST = ["-j", "0", "-g", "0", "-b", "32"]


def by_thirds(scores: np.ndarray, labels: np.ndarray, coverage: float) -> list[float]:
    """Quantiles of Lei et al. (2018): the ceil((n + 1) c)-th smallest error in each third of the scores."""
    bounds = np.quantile(scores, [1 / 3, 2 / 3])
    found = []
    for low, high in zip((-np.inf, *bounds), (*bounds, np.inf), strict=True):
        errors = np.sort(np.abs(labels - scores)[(scores >= low) & (scores < high)])
        found.append(float(errors[math.ceil((len(errors) + 1) * coverage - 1e-9) - 1]))
    return found


def test_quantiles_are_those_of_each_third() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=900)
    labels = scores + (1 + (scores > 0)) * rng.normal(0, 0.4, 900)
    found = calibrate({"score": scores}, labels, np.arange(900)).intervals
    assert found.coverages == COVERAGES and (found.images, found.scenes) == (900, 900)
    low, high = found.around({"score": scores}, 0.8)
    assert ((low <= scores) & (scores <= high)).all() and low.min() >= labels.min() <= high.max()
    for group in range(3):
        own = found.groups(scores) == group
        inside = ((low <= labels) & (labels <= high))[own].mean()
        assert 0.78 <= inside <= 0.83


@pytest.mark.parametrize("count", [60, 150])
def test_the_coverage_of_new_images_is_that_of_order_statistics(count: int) -> None:
    """Of independent images: Beta(k, n + 1 - k) in each third, whose mean is k / (n + 1)."""
    rng = np.random.default_rng(count)
    shares, spreads = [], []
    for _ in range(60):
        scores = rng.uniform(0, 10, count + 2000)
        labels = scores + rng.laplace(0, 1, count + 2000)
        found = calibrate({"score": scores[:count]}, labels[:count], np.arange(count)).intervals
        found = replace(found, ends=(-99.0, 99.0))
        spreads.append(found.spread)
        new = scores[count:]
        low, high = found.around({"score": new}, 0.9)
        inside = (low <= labels[count:]) & (labels[count:] <= high)
        shares.append([inside[found.groups(new) == group].mean() for group in range(3)])
    assert spreads.count("none") >= 54  # the error is the same everywhere
    third = count // 3
    rank = math.ceil((third + 1) * 0.9 - 1e-9)
    expected = stats.beta(rank, third + 1 - rank)
    error = expected.std() / math.sqrt(180)
    assert np.mean(shares) == pytest.approx(rank / (third + 1), abs=4 * error + 0.002)


def test_a_spread_that_narrows_is_taken_and_holds() -> None:
    rng = np.random.default_rng(3)
    scores, crops = rng.uniform(0, 5, 3000), rng.gamma(2, 0.3, 3000)
    labels = scores + crops * rng.normal(size=3000)
    first, new = slice(0, 1500), slice(1500, 3000)
    signals = {"score": scores, "crops": crops}
    found = calibrate(
        {name: values[first] for name, values in signals.items()}, labels[first], np.arange(1500)
    )
    assert found.intervals.spread == "crops" and found.widths["crops"] < 0.9 * found.widths["none"]
    low, high = found.intervals.around({name: values[new] for name, values in signals.items()}, 0.9)
    assert ((low <= labels[new]) & (labels[new] <= high)).mean() == pytest.approx(0.9, abs=0.03)
    wide = crops[new] > np.median(crops)
    assert (high - low)[wide].mean() > 1.5 * (high - low)[~wide].mean()


def test_images_of_one_scene_count_less() -> None:
    rng = np.random.default_rng(4)
    scene = np.repeat(np.arange(400), 6)
    together = np.repeat(rng.random(400) < 0.1, 6)
    assert independent_images(together, scene) == pytest.approx(400, rel=1e-6)
    assert independent_images(rng.random(2400) < 0.1, scene) > 1800
    assert independent_images(together, np.arange(2400)) == 2400
    assert independent_images(together, np.zeros(2400, int)) == 1


def test_what_gives_no_intervals_is_said() -> None:
    rng = np.random.default_rng(5)
    scores = rng.uniform(0, 5, 600)
    labels = scores + rng.normal(0, 0.3, 600)
    with pytest.raises(DataError, match="of 90% need .* at least 9 scenes in each third .* a third has 8"):
        calibrate({"score": scores[:24]}, labels[:24], np.arange(24))
    with pytest.raises(DataError, match="at least 9 scenes .* a third has 3, all 3 scenes, 600 images"):
        calibrate({"score": scores}, labels, np.arange(600) % 3)
    with pytest.raises(DataError, match="another scale"):
        calibrate({"score": scores}, 20 * labels, np.arange(600))
    assert calibrate({"score": scores[:27]}, labels[:27], np.arange(27)).intervals.coverages[-1] == 0.9
    with pytest.raises(DataError, match="at least 19 scenes"):
        calibrate({"score": scores[:27]}, labels[:27], np.arange(27), 0.95)


SPREAD = Intervals(
    "score", ((0.0, 1.0), (2.0, 3.0)), (1.0,), (0.5, 0.9), ((1.0, 2.0), (1.5, 2.5)), (-9, 9), 60, 30
)


def test_a_spec_carries_them_for_its_view() -> None:
    spec = ModelSpec("x", view="patches", interval=SPREAD)
    assert ModelSpec.from_json(spec.to_json()) == spec and ModelSpec.from_dict(spec.to_dict()) == spec
    assert spec.with_(patches=9).interval is None and spec.with_(license="CC0").interval == SPREAD
    low, high = SPREAD.around({"score": np.array([-1.0, 0.0, 1.0, 5.0])}, 0.8)
    np.testing.assert_allclose(high - [-1, 0, 1, 5], [2, 2, 5, 4])  # cut at 9; 2 x 1, 2.5 x 2
    np.testing.assert_allclose([-1, 0, 1, 5] - low, [2, 2, 5, 7.5])
    for broken in (
        {"quantiles": ((1.0, 2.0),)},
        {"spread": "size"},
        {"coverages": (0.9, 0.5)},
        {"ends": (9.0, -9.0)},
        {"knots": ((0.0, 0.0),)},
        {"bounds": (math.nan,)},
    ):
        values = {**spec.to_dict(), "interval": {**SPREAD.to_dict(), **broken}}
        with pytest.raises(WeightsError, match="makes no sense"):
            ModelSpec.from_dict(values)
    with pytest.raises(WeightsError, match="makes no sense"):
        ModelSpec.from_dict({**spec.to_dict(), "interval": {"spread": "none"}})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and labels that lie around its scores: m.pth, data/{val,test}/label.txt."""
    folder = tmp_path_factory.mktemp("intervals")
    spec = ModelSpec(ARCH, image_size=SIZE, view="patches", patches=2, criterion="regress")
    state = lively(ARCH, 1, SIZE).state_dict()
    save_checkpoint(folder / "m.pth", {"state_dict": state, "spec": spec.to_dict()})
    scorer = load_scorer(folder / "m.pth", threads=1)
    rng = np.random.default_rng(1)
    for split in ("val", "test"):
        (folder / "data" / split).mkdir(parents=True)
        images = [texture(1000 * (split == "test") + n, 2.5 * rng.random(), (40, 56)) for n in range(COUNT)]
        scores = scorer.score(images).scores
        labels = scores + 0.5 * scores.std() * rng.normal(size=COUNT)
        rows = []
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            image.save(folder / "data" / split / f"{number}.png")
            rows.append(f"{number}.png,{label:.6f}\n")
        (folder / "data" / split / "label.txt").write_text("".join(rows))
    return folder


@pytest.fixture(scope="module")
def calibrated(place: Path) -> Path:
    argv = ["--calibrate", "--resume", str(place / "m.pth"), "--data", str(place / "data"), *FAST]
    assert main([*argv, "--checkpoint_dir", str(place)]) == 0
    return place / "calibrated_timm_test_resnet.pth"


def labelled(place: Path, split: str) -> tuple[list[str], np.ndarray]:
    rows = [line.split(",") for line in (place / "data" / split / "label.txt").read_text().splitlines()]
    return [str(place / "data" / split / name) for name, _ in rows], np.array([float(mos) for _, mos in rows])


def test_calibrate_stores_them(place: Path, calibrated: Path) -> None:
    paths, labels = labelled(place, "val")
    scores = load_scorer(place / "m.pth", threads=1).score(paths).scores
    found = ModelSpec.from_dict(load_checkpoint(calibrated)["spec"]).interval
    assert found is not None and found.ends == pytest.approx((labels.min(), labels.max()), abs=1e-5)
    assert (found.spread, found.images, found.coverages[-1]) == ("none", COUNT, 0.93)
    for coverage in (0.5, 0.9):
        place_ = found.coverages.index(coverage)
        row = [quantiles[place_] for quantiles in found.quantiles]
        assert row == pytest.approx(by_thirds(scores, labels, coverage), abs=1e-4)
    assert "interval" in load_checkpoint(place / "m.pth")["spec"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_predict_writes_them(suffix: str, place: Path, calibrated: Path, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
    paths, labels = labelled(place, "test")
    argv = ["--predict", *paths, "-g", "0", "--output", str(tmp_path / f"s{suffix}")]
    assert main([*argv, "--resume", str(calibrated), "--coverage", "0.8"]) == 0
    rows = list(read_rows(tmp_path / f"s{suffix}"))
    scores = np.array([row.score for row in rows])
    interval = ModelSpec.from_dict(load_checkpoint(calibrated)["spec"]).interval
    assert interval is not None
    widths = np.array([row[interval.coverages.index(0.8)] for row in interval.quantiles])
    half = widths[np.searchsorted(interval.bounds, scores, side="right")]
    low = np.minimum(np.clip(scores - half, *interval.ends), scores)
    np.testing.assert_allclose([row.low for row in rows], low, atol=1e-5)
    high = np.maximum(np.clip(scores + half, *interval.ends), scores)
    np.testing.assert_allclose([row.high for row in rows], high, atol=1e-5)
    if suffix != ".csv":
        return
    assert main([*argv, "--resume", str(place / "m.pth")]) == 0
    plain = list(read_rows(tmp_path / f"s{suffix}"))
    assert all(row.low is None and row.high is None for row in plain)
    assert [row.score for row in plain] == [row.score for row in rows]


def test_evaluation_reports_the_coverage(
    place: Path,
    calibrated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("RESAMPLES", "FIT_RESAMPLES"):  # of the other metrics, which take longer than all else
        monkeypatch.setattr(f"applications.evaluation.intervals.{name}", 2)
    argv = [
        "-e",
        "--resume",
        str(calibrated),
        "--data",
        str(place / "data"),
        *FAST,
        "--logdir",
        str(tmp_path),
    ]
    assert main(argv) == 0
    said = json.loads(next(tmp_path.glob("test_*/metrics.json")).read_text())["interval_coverage"]
    paths, labels = labelled(place, "test")
    found = load_scorer(calibrated, threads=1).score(paths)
    assert found.low is not None and found.high is not None
    inside = (found.low <= labels + 1e-5) & (labels - 1e-5 <= found.high)
    assert said["nominal"] == 0.9
    assert said["rows"]["all"]["coverage"] == pytest.approx(inside.mean())
    assert said["rows"]["all"]["width"] == pytest.approx((found.high - found.low).mean(), abs=1e-4)
    thirds = list(said["rows"].values())[1:]
    assert len(thirds) == 3 and sum(one["images"] for one in thirds) == COUNT
    assert sum(one["images"] * one["coverage"] for one in thirds) == pytest.approx(inside.sum())
    out = capsys.readouterr().out
    assert "intervals of 90%" in out and "score below " in out


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A converted file with intervals that depend on the crops; `rankiqa` opens it, too."""
    interval = replace(SPREAD, spread="crops", knots=((0.0, 0.1), (1.0, 2.0)), bounds=(0.0,))
    path = tmp_path_factory.mktemp("model") / "m.pt"
    spec = ModelSpec("x", image_size=SIZE, view="patches", patches=3, interval=interval)
    export(small_network(1, SIZE), spec, "torchscript", path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "load", lambda model, **_: load_scorer(model, threads=1))  # of ONNX takes seconds
        yield path


def test_an_exported_file_has_them_in_every_answer(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = load_scorer(exported, threads=1)
    images = [texture(seed, 0.5 * seed) for seed in range(4)]
    crops = scorer.outputs([scorer.view.evaluate(image) for image in images])[:, :, 0].astype(np.float64)
    scores = crops.mean(axis=1)
    unit = 0.1 + 1.9 * np.minimum(crops.std(axis=1), 1)
    half = unit * np.where(scores < 0, 2.0, 2.5)
    found = scorer.score(images)
    assert found.low is not None and found.high is not None and scorer.coverage == 0.9
    np.testing.assert_allclose(found.low, scores - half, atol=1e-4)
    np.testing.assert_allclose(found.high, scores + half, atol=1e-4)
    assert found.part(slice(1, 3)).low.tolist() == found.low[1:3].tolist()  # type: ignore[union-attr]
    assert scorer.score([]).low is not None
    with pytest.raises(ConfigError, match="--coverage 0.99: this model has intervals up to 0.9"):
        scorer.coverage = 0.99

    images[0].save(tmp_path / "a.png")
    page, table = tmp_path / "p.html", tmp_path / "t.csv"
    flags = ["--model", str(exported), "--report", str(page), "--output", str(table)]
    assert cli.main(["score", str(tmp_path / "a.png"), *flags]) == 0
    row = next(csv.DictReader(table.open(newline="")))
    assert float(row["low"]) == pytest.approx(found.low[0], abs=1e-4)
    facts = json.loads(page.read_text(encoding="utf-8").split("const FACTS = ")[1].split(";\n")[0])
    assert facts["rows"][0][-2:] == pytest.approx([float(row["low"]), float(row["high"])], abs=1e-4)
    capsys.readouterr()
    score = ["score", str(tmp_path / "a.png"), "--model", str(exported)]
    assert cli.main(score) == 0
    assert f"{float(row['low']):.4f} to {float(row['high']):.4f}" in capsys.readouterr().out
    assert cli.main([*score, "--coverage", "0.3"]) == 0  # the lowest that is stored is used
    width = (found.high - found.low)[0] * (0.5 if scores[0] < 0 else 0.6)
    low, high = (float(word) for word in capsys.readouterr().out.split()[1:4:2])
    assert high - low == pytest.approx(width, abs=1e-3)
    assert cli.main(["info", str(exported)]) == 0
    assert (
        "of 50% to 90% coverage, from 60 images of 30 scenes, scaled by the crops" in capsys.readouterr().out
    )


def test_the_api_answers_with_them(exported: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from rankiqa.serve.api import create_app

    texture(1, 0.5).save(tmp_path / "a.png")
    scorer = load_scorer(exported, threads=1)
    with TestClient(create_app(scorer)) as client, (tmp_path / "a.png").open("rb") as file:
        answer = client.post("/v1/score", files={"files": file}).json()["results"][0]
        assert client.get("/v1/model").json()["coverage"] == 0.9
    found = scorer.score(tmp_path / "a.png")
    assert found.low is not None and found.high is not None
    assert [answer["low"], answer["high"]] == pytest.approx([found.low[0], found.high[0]], abs=1e-4)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--predict", "data/val/0.png", "--resume", "m.pth", "--coverage", "0.8"], "holds no intervals"),
        (["-e", "--resume", "m.pth", "--coverage", "0.8"], "holds no intervals"),
        (["--calibrate", "--resume", "m.pth", "--coverage", "0.97"], "need labelled images of at least 33"),
        (["--predict", "data/val/0.png", "--coverage", "1"], "does not lie between 0 and 1"),
        (["--calibrate", "--resume", "m.pth", "--data", "pairs", "--criterion", "rank", "--coverage", "0.9"],
            "pairs say nothing of how far a score is off"),
        (["--calibrate", "--resume", "m.pth", "--data", "votes", "--coverage", "0.9"], "another scale"),
    ],
)  # fmt: skip
def test_what_can_not_be_promised_is_refused_in_one_line(
    flags: list[str],
    message: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    images = [f"{place}/data/val/{number}.png" for number in range(COUNT)]
    for name, rows in (
        ("pairs", [f"{one},{other}" for one, other in zip(images, images[1:], strict=False)]),
        ("votes", [f"{image},{40 + number}" for number, image in enumerate(images)]),
    ):
        (place / name / "val").mkdir(parents=True, exist_ok=True)
        (place / name / "val" / "label.txt").write_text("\n".join(rows) + "\n")
    assert main([*flags, "-j", "0", "-g", "0", "--checkpoint_dir", "new"]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert not list(place.glob("new/*.pth"))
