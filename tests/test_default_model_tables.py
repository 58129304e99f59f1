"""Tables of benchmarks/default_model.py and default_scoring.py. Oracles: SciPy on the scores of --predict."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr

from benchmarks import default_model, default_scoring
from main import main
from rankiqa.spec import ModelSpec
from tests.conftest import lively, texture
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import save_checkpoint

FLAGS = "--engine torch --threads 1"


@pytest.fixture
def rated(workplace: Callable[..., Path]) -> Path:
    """RATED of three scenes with four images each in every set, real pairs, photos/, m.pth."""
    root = workplace()
    for name, column in (("LIVE_sample", "dmos_realigned"), ("TUI_HEVC", "mos"), ("mucped23", "mos")):
        rows: list[list[object]] = [["path", "scene", column]]
        (root / f"rated/{name}/images").mkdir(parents=True)
        for scene in range(3):
            for level in range(4):
                path = f"images/{scene}_{level}.png"
                texture(10 * scene, 0.8 * level, (72, 96)).save(root / f"rated/{name}/{path}")
                rows.append([path, f"s{scene}", (scene * 7 + level * 5) % 11])
        write(root / f"rated/{name}/labels.csv", rows)
    names = [f"../mucped23/images/{scene}_{level}.png" for scene in range(3) for level in (0, 3)]
    pairs = [[names[at], names[at + 1], "blur"] for at in (0, 2, 4)]
    write(root / "rated/real_pairs/pairs.csv", [["better", "worse", "kind"], *pairs])
    (root / "photos").mkdir()
    for number in range(2):
        texture(90 + number, 0.5, (64, 64)).save(root / f"photos/{number}.png")
    spec = ModelSpec(SMALL_ARCH, image_size=(64, 64))
    network = lively(spec.arch, 1, (64, 64))
    save_checkpoint("m.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    return root / "rated"


def write(path: Path, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def predicted(*images: Path | str) -> list[float]:
    command = ["--predict", *map(str, images), "--resume", "m.pth", "--no-cuda", *FLAGS.split()]
    assert main([*command, "--output", "scores.csv"]) == 0
    with Path("scores.csv").open(newline="") as file:
        return [float(row["score"]) for row in csv.DictReader(file)]


def table(text: str) -> dict[str, list[str]]:
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ]
    return {row[0]: row[1:] for row in cells}


def test_a_column_a_model(
    rated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"m.pth {FLAGS}", f"m.pth {FLAGS} --view patches --patches 1"]
    argv = ["x", "--rated", "rated", "--photos", "photos", "--models", *words, "--types", "jpeg"]
    monkeypatch.setattr(sys, "argv", argv)
    # the start of processes takes longer than what they do here
    monkeypatch.setattr(default_model, "usable_cores", lambda: 1)
    default_model.main()
    rows = table(capsys.readouterr().out)
    assert all(len(cells) in (2, 3) for cells in rows.values())
    paths = [rated / f"mucped23/images/{scene}_{level}.png" for scene in range(3) for level in range(4)]
    scores = np.array(predicted(*paths))
    mos = np.array([(scene * 7 + level * 5) % 11 for scene in range(3) for level in range(4)])
    for title, sign in (
        ("LIVE_sample, SRCC", -1),
        ("TUI_HEVC as it is, SRCC", 1),
        ("mucped23 over all, SRCC", 1),
    ):
        wanted = spearmanr(scores, sign * mos)[0]
        assert rows[title][1].startswith(f"{wanted:.3f} (") and rows[title][2] != rows[title][1]
    within = np.mean([spearmanr(scores[at : at + 4], mos[at : at + 4])[0] for at in (0, 4, 8)])
    assert rows["mucped23 within scenes, mean SRCC"][1].startswith(f"{within:.3f} (")
    right = int((scores[0::4] > scores[3::4]).sum())
    low, high = binomtest(right, 3).proportion_ci(method="exact")
    assert rows["real pairs, blur: right"][1] == f"{right} of 3: {right / 3:.3f} ({low:.3f} to {high:.3f})"
    grey = [Path(f"grey{number}.png") for number in range(2)]
    for number, path in enumerate(grey):
        texture(90 + number, 0.5, (64, 64)).convert("L").save(path)
    moved = np.abs(np.subtract(predicted("photos/0.png", "photos/1.png"), predicted(*grey)))
    assert rows["grey against colour, mean difference"][1] == f"{moved.mean():.3f}"
    assert rows["grey against colour, largest difference"][1] == f"{moved.max():.3f}"
    assert {"size: 3/4, within a tenth of the spread", "size: 1/2, within a tenth of the spread"} <= set(rows)
    assert "rows of -e --behaviour that pass" in rows


def test_speed_and_size_of_models(
    rated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(default_scoring, "run", lambda command: (float("patches" in command) + 1, 0.0))
    texture(0, 1.0, (460, 460)).save("photos/large.png")
    words = [f"m.pth {FLAGS}", f"m.pth {FLAGS} --view patches"]
    argv = ["x", "--photos", "photos", "--megapixels", "0.1", "--counts", "2", "--models", *words]
    monkeypatch.setattr(sys, "argv", argv)
    default_scoring.main()
    rows = table(capsys.readouterr().out)
    assert rows["seconds of a command that scores one image"] == ["1.00", "2.00 (2.00 x)"]
    megabytes = Path("m.pth").stat().st_size / 1e6
    assert rows["MB of the file"] == [f"{megabytes:.2f}", f"{megabytes:.2f} (1.00 x)"]
    first, second = rows["images per second, 0.1 megapixels"]
    assert float(first) > 0 and second.endswith(" x)")
