"""Metrics of reasons against brute force and SciPy, and `-e` on images whose damage is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from main import main
from metrics.reasons import Named, auc, confusion, family_aucs, reasons_metrics
from rankiqa.reasons import FAMILIES, strongest
from rankiqa.spec import ModelSpec
from tests.conftest import lively, texture
from tests.test_reasons_files import with_head
from utils.checkpoint import save_checkpoint

NAN = float("nan")


@pytest.mark.parametrize("digits", [1, 8])  # with ties, and without
def test_auc_against_all_pairs_and_scipy(digits: int) -> None:
    rng = np.random.default_rng(digits)
    values, positive = rng.random(60).round(digits), rng.random(60) < 0.3
    pairs = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for one in values[positive]
        for other in values[~positive]
    ]
    statistic = stats.mannwhitneyu(values[positive], values[~positive]).statistic
    assert auc(values, positive) == pytest.approx(np.mean(pairs))
    assert auc(values, positive) == pytest.approx(statistic / len(pairs))
    assert np.isnan(auc(values, np.zeros(60, bool))) and np.isnan(auc(values, np.ones(60, bool)))


def draw(images: int = 200, families: int = 5) -> Named:
    rng = np.random.default_rng(3)
    presence = rng.choice([0, 0, 0, 1, NAN], (images, families))
    presence[:40] = 0
    severity = np.where(presence == 1, rng.uniform(0.2, 1, presence.shape), presence)
    probabilities = np.clip(np.nan_to_num(presence, nan=0.5) * 0.5 + rng.random(presence.shape) * 0.5, 0, 1)
    return Named(probabilities, rng.random(presence.shape), presence, severity)


def test_shares_by_the_definition() -> None:
    said = draw()
    names = [str(number) for number in range(5)]
    first, both, clean, table = [], [], [], np.zeros((6, 6), int)
    for probabilities, severities, presence in zip(
        said.probabilities, said.severities, said.presence, strict=True
    ):
        found = [int(one.family) for one in strongest(names, probabilities, severities)]
        visible = set(np.flatnonzero(presence == 1).tolist())
        undamaged = (presence == 0).all()
        if len(visible) == 1:
            first.append(found[:1] == list(visible))
        if len(visible) == 2:
            both.append(visible <= set(found))
        if undamaged:
            clean.append(not found)
        if undamaged or len(visible) == 1:
            table[5 if undamaged else next(iter(visible)), found[0] if found else 5] += 1
    metrics = reasons_metrics(said)
    assert metrics["reasons_first"] == pytest.approx(np.mean(first))
    assert metrics["reasons_both"] == pytest.approx(np.mean(both))
    assert metrics["reasons_clean"] == pytest.approx(np.mean(clean))
    assert np.array_equal(confusion(said), table) and table.sum() == len(first) + len(clean)
    wanted = []
    for family in range(5):
        rows = np.isfinite(said.presence[:, family])
        wanted.append(auc(said.probabilities[rows, family], said.presence[rows, family] == 1))
    np.testing.assert_allclose(family_aucs(said), wanted)
    assert metrics["reasons_auc"] == pytest.approx(np.mean(wanted))


def test_what_is_not_there_is_undefined() -> None:
    unknown = Named(np.full((2, 3), 0.6), np.ones((2, 3)), np.full((2, 3), NAN), np.full((2, 3), NAN))
    metrics = reasons_metrics(unknown)
    assert metrics["reasons_loss"] == 0
    assert all(np.isnan(value) for name, value in metrics.items() if name != "reasons_loss")


def test_evaluation_reports_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the command; types come from a table, the oracle from its own predictions."""
    monkeypatch.chdir(tmp_path)
    folder = Path("data/test")
    folder.mkdir(parents=True)
    kinds = ["reference", "wn", "gblur", "somebody's"]
    rows = [
        (f"{folder}/{scene}_{place}.png", scene, kind)
        for scene in range(4)
        for place, kind in enumerate(kinds)
    ]
    for number, (path, *_) in enumerate(rows):
        texture(number, 0.2 * number, (64, 64)).save(path)
    mos = [f"{path},{5 - number % 4}" for number, (path, *_) in enumerate(rows)]
    (folder / "label.txt").write_text("\n".join(mos) + "\n")
    lines = [f"{path},{scene},{kind},{5 * (kind != 'reference')}" for path, scene, kind in rows]
    (folder / "manifest.csv").write_text("\n".join(["path,scene,type,level", *lines]) + "\n")
    spec = ModelSpec(
        "timm/test_resnet", image_size=(64, 64), criterion="regress", view="patches", reasons=FAMILIES
    )
    network = with_head(lively(spec.arch, 1, spec.image_size))
    save_checkpoint(Path("m.pth"), {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    assert main(["-e", "--resume", "m.pth", "-j", "0", "-g", "0"]) == 0
    out = capsys.readouterr().out
    assert "AUC of reasons, mean" in out and "right first reason" in out and "motion blur" in out
    run = next(Path("logs").glob("test_*"))
    assert (run / "reasons.png").read_bytes()[:4] == b"\x89PNG"
    content = json.loads((run / "metrics.json").read_text())
    assert content["reasons"]["families"]["noise"]["visible"] == 4
    assert np.sum(content["reasons"]["confusion"]) == 12  # of the others nothing is known
    assert content["reasons"]["families"]["dark"]["auc"] is None
    assert 0 <= content["figures"]["reasons_auc"] <= 1
    (folder / "manifest.csv").unlink()  # nothing is known: scores alone
    assert main(["-e", "--resume", "m.pth", "-j", "0", "-g", "0", "--logdir", "plain"]) == 0
    plain = json.loads(next(Path("plain").glob("test_*/metrics.json")).read_text())
    assert "reasons" not in plain and plain["figures"]["srcc"] == content["figures"]["srcc"]
