"""docs/your_own_data.md, as a new user would go through it: its commands, word for word, on small data."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, picture
from tests.test_pages import blocks

PAGE = "docs/your_own_data.md"


def test_both_languages_have_the_same_commands() -> None:
    assert blocks(ROOT / PAGE) == blocks(ROOT / "docs/your_own_data.zh-CN.md")


@pytest.mark.slow
def test_every_command_of_the_page(tmp_path: Path) -> None:
    for entry in ROOT.iterdir():
        if entry.suffix == ".py" or (entry / "__init__.py").is_file():
            (tmp_path / entry.name).symlink_to(entry)
    photos, rated = tmp_path / "data/photos", tmp_path / "data/rated"
    photos.mkdir(parents=True)
    rated.mkdir()
    for number in range(5):
        picture(number, 0.0, (256, 280)).save(photos / f"{number}.png")
    with (rated / "ratings.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "score", "scene"])
        for number in range(30):
            picture(50 + number // 3, number % 3 * 1.2, (240, 260)).save(rated / f"{number}.png")
            rows.writerow([f"{number}.png", 4.5 - number % 3, number // 3])
    python = tmp_path / "bin"
    python.mkdir()
    (python / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (python / "python").chmod(0o755)
    for command in [line for block in blocks(ROOT / PAGE) for line in block]:
        done = subprocess.run(
            ["bash", "-c", f'PATH="$PWD/bin:$PATH"; {command}'], cwd=tmp_path, capture_output=True, text=True
        )
        told = done.stdout + done.stderr
        if "--find_lr" in command and done.returncode == 2:
            assert "the loss falls at no rate" in told  # thirty pictures of noise may not teach at any
            continue
        assert done.returncode == 0, f"{command}\n{told}"
    scores = []
    for name in ("scores.csv", "converted.csv"):
        with (tmp_path / "logs" / name).open(newline="") as file:
            scores.append([float(row["score"]) for row in csv.DictReader(file)])
    assert len(scores[0]) == 30 and scores[0] == pytest.approx(scores[1], abs=1e-4)
