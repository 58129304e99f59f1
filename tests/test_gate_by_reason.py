"""`rankiqa gate fit --by_reason`: one promise over all thresholds, by simulation; verdicts in words."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import rankiqa
from rankiqa import cli
from rankiqa.errors import DataError
from rankiqa.gating.by_reason import examples_needed_by_reason, left_for_threshold
from rankiqa.gating.fit import Examples, fit_by_reason
from rankiqa.gating.quality_gate import ModelId, QualityGate, ReasonLimit, read_gate
from rankiqa.reasons import FAMILIES, WORDS
from rankiqa.scorer import Scorer
from rankiqa.spec import ModelSpec
from tests.conftest import texture

MODEL = ModelId("m.onnx", "0" * 64, "resnet18", "fit")
K, SIZE = 6, (32, 40)


def good_images(rng: np.random.Generator, count: int) -> Examples:
    """Scores and strengths with other tails for each family, dependent, one never seen at all."""
    hidden = rng.normal(size=count)
    scores = 3 - 0.5 * hidden + rng.normal(0, 0.3, count)
    logits = -4 + np.linspace(0, 3, K) + np.linspace(0.2, 1.5, K) * rng.standard_t(4, (count, K))
    strengths = 1 / (1 + np.exp(-logits - 0.5 * hidden[:, None]))
    strengths[:, 0] = 0
    return Examples(scores, strengths)


@pytest.mark.parametrize("count", [398, pytest.param(1500, marks=pytest.mark.slow)])
def test_one_promise_holds_for_all_thresholds_in_a_thousand_fits(count: int) -> None:
    rng = np.random.default_rng(count)
    population = good_images(rng, 20_000)
    families = FAMILIES[:K]
    broken, refused = 0, []
    for _ in range(1000):
        gate = fit_by_reason(good_images(rng, count), families, MODEL)
        limits = np.array([limit.reject_above for limit in gate.reasons])
        rejected = (population.scores < gate.reject_below) | (population.strengths > limits).any(axis=1)
        refused.append(rejected.mean())
        broken += refused[-1] > 0.01
    others = left_for_threshold(count)
    assert others == count - count // 4
    rank = int(stats.binom.ppf(0.05, others, 0.01))
    rank = rank if stats.binom.cdf(rank, others, 0.01) <= 0.05 else rank - 1  # P(X <= k - 1) <= 5%
    assert np.mean(refused) == pytest.approx((rank + 1) / (others + 1), rel=0.1)
    assert stats.binom.sf(broken - 1, 1000, 0.05) > 1e-3


@pytest.mark.parametrize(("keep", "confidence"), [(0.99, 0.95), (0.9, 0.9), (0.5, 0.5)])
def test_too_few_examples_are_refused_with_the_number_needed(keep: float, confidence: float) -> None:
    needed = examples_needed_by_reason(1 - keep, confidence)
    left = left_for_threshold(needed)
    assert keep**left <= 1 - confidence < keep ** (left - 1)
    good = good_images(np.random.default_rng(1), needed)
    fit_by_reason(good, FAMILIES[:K], MODEL, None, keep, confidence)
    fewer = Examples(good.scores[1:], good.strengths[1:])
    with pytest.raises(DataError, match=f"{needed - 1} images.* and --by_reason needs at least {needed}"):
        fit_by_reason(fewer, FAMILIES[:K], MODEL, None, keep, confidence)


def test_verdicts_name_the_reason() -> None:
    limits = (ReasonLimit("noise", 0.4, 0.2), ReasonLimit("dark", 0.5, 0.5))
    gate = QualityGate(0.99, 0.95, 1.0, 2.0, 398, MODEL, reasons=limits)
    cases = {
        (3.0, 0.1, 0.5): ("pass", ""),
        (3.0, 0.3, 0.5): ("unsure", "noise (0.30), above 0.20"),
        (1.5, 0.1, 0.1): ("unsure", "score 1.5000, below 2.0000"),
        (3.0, 0.5, 0.9): ("reject", "too dark (0.90), above 0.50; noise (0.50), above 0.40"),
        (0.5, 0.5, 0.0): ("reject", "noise (0.50), above 0.40; score 0.5000, below 1.0000"),
    }
    for (score, *strengths), (verdict, reason) in cases.items():
        said = gate.judge(score, None, strengths, "never said")
        assert (
            said.verdict == verdict and said.reason.startswith(reason) and bool(said.reason) == bool(reason)
        )
    assert gate.judge(None, "torn", [0.0, 0.0]).reason == "not readable: torn"
    plain = QualityGate(0.99, 0.95, 1.0, 2.0, 299, MODEL)
    assert plain.judge(0.5, None, [0.9, 0.0], "noise; too dark").reason.endswith("; visible: noise; too dark")
    assert plain.judge(3.0, None, [0.9, 0.0], "noise").reason == ""


class Engine:
    """A network that finds everything in a channel's mean or deviation, and each family in another mix."""

    name, device, chunk, streams = "numpy", "cpu", 8, 1

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """See `rankiqa.scorer.Engine`."""
        pixels = crops.reshape(len(crops), 3, -1) / 255
        features = np.hstack([pixels.mean(axis=2), 4 * pixels.std(axis=2)])
        mixes = np.random.default_rng(0).normal(size=(6, 2 * len(FAMILIES)))
        damage = 1 / (1 + np.exp(4 - 6 * (features - 0.6) @ mixes))
        return np.hstack([features.sum(axis=1, keepdims=True), damage]).astype(np.float32)


def open_model(path: Path | None = None, **_: object) -> Scorer:
    """In place of `rankiqa.load`."""
    reasons = () if path == rankiqa.DEFAULT_MODEL else FAMILIES
    return Scorer(Engine(), ModelSpec("x", image_size=SIZE, reasons=reasons))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    path.write_bytes(b"a model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "load", open_model)
        yield path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """good/ and bad/ with small images, and gate.json that was fitted to them."""
    folder = tmp_path_factory.mktemp("gate")
    for name, sigma, count in (("good", 0.0, 32), ("bad", 3.0, 6)):
        (folder / name).mkdir()
        for number in range(count):
            texture(number, sigma, (40, 50)).save(folder / name / f"{number:02}.png")
    (folder / "bad" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    fit = ["gate", "fit", "--good", str(folder / "good"), "--bad", str(folder / "bad"), "--model", str(model)]
    fit += ["--keep_good", "0.9", "--confidence", "0.9", "--by_reason", "--out", str(folder / "gate.json")]
    assert cli.main(fit) == 0
    return folder


def test_a_check_judges_by_the_strengths(place: Path, model: Path) -> None:
    gate = read_gate(place / "gate.json")
    assert json.loads(json.dumps(gate.to_dict())) == json.loads((place / "gate.json").read_text())
    assert tuple(limit.family for limit in gate.reasons) == FAMILIES and gate.bad == 7
    flags = ["--gate", str(place / "gate.json"), "--model", str(model), "--output", str(place / "v.csv")]
    assert cli.main(["gate", "check", str(place / "good"), str(place / "bad"), *flags]) == 1
    rows = list(csv.DictReader((place / "v.csv").open(newline="")))
    files = [row["path"] for row in rows if row["score"]]
    found = open_model().score(files)
    assert found.damage is not None
    strengths = found.damage[:, : len(FAMILIES)] * found.damage[:, len(FAMILIES) :]
    above = strengths > np.array([limit.reject_above for limit in gate.reasons])
    wanted = above.any(axis=1) | (found.scores < gate.reject_below)
    read = [row for row in rows if row["score"]]
    assert [row["verdict"] == "reject" for row in read] == wanted.tolist()
    for row, families in zip(read, above, strict=True):
        for number in np.flatnonzero(families):
            assert WORDS[FAMILIES[number]][0] in row["reason"]
    assert any(above[len(read) - 6 :].any(axis=1))
    bad = [limit.bad for limit in gate.reasons]
    assert bad == above[len(read) - 6 :].sum(axis=0).tolist()
    assert wanted[:32].sum() <= 8  # none of the 24 examples that gave the thresholds


def test_the_server_gives_the_same_verdicts(place: Path) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from rankiqa.serve.api import create_app
    from rankiqa.serve.verdicts import add_gate

    gate = read_gate(place / "gate.json")
    app = create_app(open_model())
    add_gate(app, gate, with_key=False)
    path = place / "bad" / "00.png"
    with TestClient(app) as client, path.open("rb") as file:
        answer = client.post("/v1/gate", files={"files": file}).json()["results"][0]
        facts = client.get("/v1/gate").json()
        assert "strengths" not in json.dumps(client.get("/openapi.json").json())
    found = open_model().score(path)
    assert found.strengths is not None
    said = gate.judge(float(found.scores[0]), None, found.strengths[0].tolist())
    assert (answer["verdict"], answer["reason"]) == (said.verdict, said.reason)
    assert [one["family"] for one in facts["reasons"]] == list(FAMILIES)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--by_reason: {default} tells no reasons of damage; give a model with a second head by --model"),
        (["--model", "{model}"], "32 images, but --keep_good 0.99 with --confidence 0.95 and --by_reason "
            "needs at least 398; add good images, or take --keep_good 0.882"),
    ],
)  # fmt: skip
def test_what_can_not_be_fitted_is_said_in_one_line(
    flags: list[str], message: str, place: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"model": model, "default": rankiqa.DEFAULT_MODEL}
    argv = ["gate", "fit", "--good", str(place / "good"), "--by_reason", "--out", str(place / "new.json")]
    assert cli.main([*argv, *(flag.format(**names) for flag in flags)]) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 1 and message.format(**names) in said
    assert not (place / "new.json").exists()


def test_a_gate_by_reason_is_no_gate_of_the_first_format(place: Path, tmp_path: Path) -> None:
    values = json.loads((place / "gate.json").read_text())
    assert values["format"] == "rankiqa gate 2"
    for broken in ({"format": "rankiqa gate 1"}, {"reasons": []}, {"reasons": [{"family": "noise"}]}):
        (tmp_path / "g.json").write_text(json.dumps(values | broken))
        with pytest.raises(DataError, match="make no sense|not the values of a gate"):
            read_gate(tmp_path / "g.json")
