"""`prepare_dataset.py table`: ratings of one's own, against the rows that were written by hand."""

from pathlib import Path

import pytest
from PIL import Image

from utils import prepare_dataset

ARGV = ["table", "--root", "own", "--out", "data", "--task", "regress", "--split", "0.5", "0.25", "0.25"]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own/day").mkdir(parents=True)
    lines = ["path,score,scene"]
    for number in range(12):
        Image.new("RGB", (40, 40), (number * 20, 0, 0)).save(tmp_path / f"own/day/{number}.png")
        lines.append(f"day/{number}.png,{1 + number / 4},scene{number // 3}")
    (tmp_path / "own/ratings.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_every_row_once_and_scenes_whole(own: Path) -> None:
    assert prepare_dataset.main(ARGV) == 0
    scenes: dict[str, set[str]] = {}
    found = {}
    for split in ("train", "val", "test"):
        for line in Path(f"data/{split}/label.txt").read_text().splitlines():
            if not line.startswith("#"):
                path, mos = line.rsplit(",", 1)
                number = int(Path(path.strip('"')).stem)
                found[number] = float(mos)
                scenes.setdefault(f"scene{number // 3}", set()).add(split)
    assert found == {number: pytest.approx(1 + number / 4, abs=1e-4) for number in range(12)}
    assert len(scenes) == 4 and all(len(splits) == 1 for splits in scenes.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,score\n", "holds a header and no rows"),
        ("path,score\nday/1.png,good\n", "ratings.csv:2"),
        ("file,mos\nday/1.png,3\n", "path"),
    ],
)
def test_faults_name_the_file(own: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("own/ratings.csv").write_text(text)
    assert prepare_dataset.main(ARGV) == 2
    said = capsys.readouterr().err
    assert "ratings.csv" in said and words in said and not Path("data/train/label.txt").exists()
