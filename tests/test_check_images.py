"""Oracle: the problems are put into the files here, one by one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils import check_images

SCRIPT = Path(check_images.__file__)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def good(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    return path.read_bytes()


def spoil(folder: Path) -> set[str]:
    whole = good(folder / "deep/er/good.jpg")
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.png").write_bytes(b"<html>not found</html>")
    bits = bytearray(good(folder / "flipped.png"))
    bits[len(bits) // 2] ^= 255
    (folder / "flipped.png").write_bytes(bits)
    header = b"P6 60000 60000 255\n"
    (folder / "oversized.ppm").write_bytes(header + bytes(100))
    (folder / "label.txt").write_text("not an image, not looked at")
    return {"truncated.jpg", "empty.png", "page.png", "flipped.png", "oversized.ppm"}


def test_every_problem_gets_a_line_with_its_reason(project, capsys):
    bad = spoil(project / "data")
    assert check_images.main(["--list", "bad.txt", "-j", "1"]) == 1
    *lines, counts = capsys.readouterr().out.splitlines()
    assert {Path(line.split(":")[0]).name for line in lines} == bad
    assert all(len(line.split(": ", 1)[1]) > 5 for line in lines)
    assert counts == "6 images checked: 1 good, 5 bad"
    assert {Path(line).name for line in Path("bad.txt").read_text().splitlines()} == bad


def test_the_documented_command(project):
    good(project / "data/train/a.png")
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 images checked: 1 good, 0 bad\n"


def test_processes_find_the_same(project, capsys):
    bad = spoil(project / "data")
    for i in range(60):
        good(project / f"data/more/{i}.bmp")
    assert check_images.main(["data", "data/more", "data/empty.png", "-j", "2"]) == 1
    output = capsys.readouterr().out
    assert output.endswith("66 images checked: 61 good, 5 bad\n")
    assert {Path(line.split(":")[0]).name for line in output.splitlines()[:-1]} == bad


@pytest.mark.parametrize("argv, said", [([], "data: no such file"), (["void"], "void: no images there")])
def test_nothing_to_check_is_an_error(project, capsys, argv, said):
    (project / "void").mkdir()
    assert check_images.main(argv) == 2
    assert said in capsys.readouterr().err
