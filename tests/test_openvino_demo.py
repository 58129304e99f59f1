"""The OpenVINO demo: a score a second of video, equal to that of the frame scored by PyTorch."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from demos.openvino_assessment import main
from deploy.engines import load_scorer
from tests.conftest import ROOT, texture
from tests.test_export import write_checkpoint

RATE = 5


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for package in ("openvino", "av"):
        pytest.importorskip(package, reason=f"{package} is in requirements-deploy.txt")
    write_checkpoint(tmp_path / "a.pth", arch="timm/test_resnet")
    return tmp_path / "a.pth"


def write_video(path: Path) -> None:
    """Three seconds: two sharp ones of different scenes, one of strong blur; every frame differs a little.

    Each frame is a PNG, so that every decoder gives the same pixels.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MPNG"), RATE, (128, 96))
    assert writer.isOpened()
    for index in range(3 * RATE):
        second = index // RATE
        frame = np.asarray(texture(second, 8.0 if second == 2 else 0.0), dtype=np.int16) + 4 * (index % RATE)
        writer.write(np.ascontiguousarray(frame.clip(0, 255).astype(np.uint8)[..., ::-1]))
    writer.release()


def all_frames(path: Path) -> list[Image.Image]:
    """Every frame, by the plain read() of every frame."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while (got := capture.read())[0]:
        frames.append(Image.fromarray(np.ascontiguousarray(got[1][..., ::-1])))
    return frames


def test_a_video_gets_a_score_a_second(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, table, plot = tmp_path / "v.avi", tmp_path / "out" / "scores.csv", tmp_path / "scores.png"
    write_video(video)
    argv = ["--model", str(model), str(video), "--output", str(table), "--plot", str(plot)]
    assert main(argv) == 0
    frames = all_frames(video)
    assert len(frames) == 3 * RATE
    expected = load_scorer(model).score(frames[::RATE]).scores
    assert np.ptp(expected) > 1e-2  # else any frame would do
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["second"] for row in rows] == ["0", "1", "2"]
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected, atol=1e-3)
    out = capsys.readouterr().out.splitlines()
    np.testing.assert_allclose([float(line.split()[0]) for line in out[1:4]], expected, atol=1e-3)
    summary = re.search(r"3 seconds, mean (\S+), worst (\S+) in second (\d)$", out[-1])
    assert summary
    mean, worst, second = map(float, summary.groups())
    assert (mean, worst) == pytest.approx((expected.mean(), expected.min()), abs=1e-3)
    assert second == expected.argmin()
    with Image.open(plot) as drawn:
        assert drawn.format == "PNG" and drawn.width > 500


def test_images_beside_a_video(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / "v.AVI")
    texture(1, 0.0).save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"")
    paths = [str(tmp_path / name) for name in ("good.png", "bad.jpg", "v.AVI")]
    assert main(["--model", str(model), *paths]) == 1
    captured = capsys.readouterr()
    assert "bad.jpg: an empty file" in captured.err
    lines = [line for line in captured.out.splitlines() if line.endswith("good.png")]
    expected = float(load_scorer(model).score([texture(1, 0.0)]).scores[0])
    assert float(lines[0].split()[0]) == pytest.approx(expected, abs=1e-3)
    assert "second 2" in captured.out


def test_faults_are_one_line(model: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8)
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "demos" / "openvino_assessment.py",
            "--model",
            model,
            tmp_path / "broken.mp4",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "broken.mp4: not a video" in done.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--model", "none.xml", "v.avi"], "none.xml: no such file"),
        (["--model", "a.pth", "none.avi"], "none.avi: no such file"),
        (["--model", "a.pth", "empty.avi"], "no frame"),
        (["--model", "a.pth", "image.png", "--plot", "p.png"], "for one video, not for 0"),
    ],
)
def test_what_is_missing_is_said(
    argv: list[str],
    words: str,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(model.parent)
    cv2.VideoWriter("empty.avi", cv2.VideoWriter.fourcc(*"MJPG"), RATE, (128, 96)).release()
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and words in err


def test_a_missing_openvino_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(tmp_path / "a.pth")
    monkeypatch.setitem(sys.modules, "openvino", None)  # what an import of a missing package meets
    assert main(["--model", str(tmp_path / "a.pth"), str(tmp_path / "v.avi")]) == 2
    err = capsys.readouterr().err
    assert "pip install openvino" in err and err.count("\n") == 1
