"""The installed runtime: no PyTorch, the same scores, and a package that holds what it needs.

Oracles: PyTorch on the checkpoint that the default model was made from, and plain NumPy.
"""

import csv
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rankiqa
from main import main
from rankiqa import cli
from rankiqa.errors import RankIQAError
from rankiqa.optional import require
from tests.conftest import ROOT, texture

CHECKPOINT = ROOT / "pretrained" / "default.pth"
pytest.importorskip("onnxruntime", reason="onnxruntime is in requirements.txt")


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Images of several sizes, modes and formats, larger and smaller than a crop."""
    paths = []
    for number, (size, suffix) in enumerate([((300, 410), "png"), ((100, 90), "jpg"), ((224, 224), "webp")]):
        paths.append(tmp_path / f"{number}.{suffix}")
        texture(number, number, size).save(paths[-1])
    texture(9, 1.0, (260, 260)).convert("L").save(tmp_path / "3.png")
    return [*paths, tmp_path / "3.png"]


def test_importing_the_runtime_loads_no_framework() -> None:
    code = (
        "import rankiqa, rankiqa.cli, rankiqa.batch.run, sys; "
        "print(sorted({'torch', 'cv2', 'scipy', 'matplotlib', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_scoring_by_the_default_model_loads_no_torch(photos: list[Path]) -> None:
    code = (
        "import sys; from main import main; "
        f"status = main(['--predict', {str(photos[0])!r}, '--no-cuda']); "
        "sys.exit(status or ('torch' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0


def test_the_default_model_is_the_checkpoint(photos: list[Path]) -> None:
    from deploy.engines import load_scorer

    reference = load_scorer(CHECKPOINT)
    scorer = rankiqa.load()
    assert scorer.spec == reference.spec
    np.testing.assert_allclose(scorer.score(photos).scores, reference.score(photos).scores, atol=1e-5, rtol=0)


def test_the_console_script_says_what_main_says(
    photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = [tmp_path / f"{name}.csv" for name in "abc"]
    names = [str(path) for path in photos]
    assert cli.main(["score", *names, "--output", str(tables[0])]) == 0
    assert main(["--predict", *names, "--output", str(tables[1]), "--no-cuda"]) == 0
    assert main(["--predict", *names, "--output", str(tables[2]), "--engine", "torch", "--no-cuda"]) == 0
    assert tables[0].read_bytes() == tables[1].read_bytes()
    rows = [list(csv.DictReader(table.open(encoding="utf-8", newline=""))) for table in tables]
    for mine, theirs in zip(rows[0], rows[2], strict=True):
        for column in ("score", "low", "high"):
            assert float(mine.pop(column)) == pytest.approx(float(theirs.pop(column)), abs=1e-5)
        assert float(mine.pop("percentile")) == pytest.approx(float(theirs.pop("percentile")), abs=1e-3)
        assert mine == theirs
    assert capsys.readouterr().out.count("4 images scored, 0 could not be read") == 3


def test_rows_on_standard_output_stand_alone(
    photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(path) for path in photos]
    assert cli.main(["score", *names]) == 0
    captured = capsys.readouterr()
    assert [line.split()[-1] for line in captured.out.splitlines()] == names
    assert captured.err.count("score: higher is better") == 1
    assert cli.main(["score", *names, "--output", str(tmp_path / "s.csv")]) == 0
    assert capsys.readouterr().out.count("score: higher is better") == 1


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RankIQAError, match=r'pip install pyarrow, or .*: pip install "rankiqa\[parquet\]"$'):
        require("pyarrow", "--output a.parquet")


def test_a_server_tells_its_address_when_it_answers() -> None:
    for package in ("fastapi", "uvicorn", "python_multipart"):
        pytest.importorskip(package, reason=f"{package} is in requirements-deploy.txt")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "rankiqa", "serve", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode and done.stdout == "" and "address already in use" in done.stderr
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith(f"http://127.0.0.1:{port} ")
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        finally:
            server.terminate()


def test_scores_do_not_depend_on_company_or_on_how_images_come(photos: list[Path]) -> None:
    scorer = rankiqa.load(threads=3)
    together = scorer.score(photos).scores
    images = [Image.open(path) for path in photos]  # one of them grey: what Pillow opens may be handed over
    np.testing.assert_array_equal(scorer.score(images).scores, together)
    alone = [scorer.score(str(path)).scores[0] for path in photos]
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(rankiqa.load(threads=1).score(photos).scores, together)
    assert scorer.score([]).scores.shape == (0,)


def _transparent(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def _deep(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6  # orientation: lying on its side
    return exif


@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("alpha.png", _transparent, {}),
        ("palette.gif", lambda image: image.quantize(16), {"transparency": 3}),
        ("print.jpg", lambda image: image.convert("CMYK"), {}),
        ("deep.png", _deep, {}),
        ("turned.jpg", lambda image: image, {"exif": _turned()}),
    ],
)  # fmt: skip
def test_an_image_that_pillow_has_opened_scores_as_its_file(
    name: str, make: Callable[[Image.Image], Image.Image], options: dict[str, object], tmp_path: Path
) -> None:
    """Alpha on white, ink, 16 bits, orientation: as of a file."""
    path = tmp_path / name
    make(texture(5, 0.5, (240, 300))).save(path, **options)
    scorer = rankiqa.load()
    with Image.open(path) as image:
        assert scorer.score(image).scores[0] == scorer.score(path).scores[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes of POSIX")
def test_a_forked_process_scores_too(photos: list[Path]) -> None:
    """Threads of the parent do not exist there."""
    code = (
        "import os, sys, rankiqa; scorer = rankiqa.load(threads=2); "
        f"path = {str(photos[0])!r}; score = scorer.score(path).scores[0]; child = os.fork(); "
        "child or os._exit(int(scorer.score(path).scores[0] != score)); "
        "sys.exit(os.waitpid(child, 0)[1])"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(
    ("options", "words"), [({"device": "gpu"}, "cpu nor cuda"), ({"threads": 0}, "cores")]
)
def test_arguments_that_make_no_sense(options: dict[str, object], words: str) -> None:
    with pytest.raises(RankIQAError, match=words):
        rankiqa.load(**options)
    with pytest.raises(TypeError, match="NoneType: give a path"):
        rankiqa.load().score([None])


def test_a_bad_file_raises_one_typed_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with pytest.raises(rankiqa.ImageError, match=r"bad\.png"):
        rankiqa.load().score([bad])


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["score", "a.png", "--model", "a.pth"], "training program, python main.py"),
        (["score", "a.png", "--model", "none.onnx"], "none.onnx: no such file"),
        (["score", "a.png", "--output", "a.xlsx"], ".csv, .jsonl, .parquet"),
        (["score", "a.png", "--skip_done"], "--skip_done needs --output FILE"),
        (["serve", "--port", "99999"], "above 65535"),
        (["score"], "PATH"),
        (["info", "none.onnx"], "no such file"),
        (["score", "none"], None),
    ],
)
def test_wrong_command_lines(
    argv: list[str], words: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pth").write_bytes(b"weights")
    try:
        status = cli.main(argv)
    except SystemExit as leaving:  # argparse
        status = int(str(leaving.code))
    told = capsys.readouterr().err
    assert "Traceback" not in told
    if words is None:  # a name that is not there is a row of its own
        assert status == 1
        of_the_model, error = told.splitlines()
        assert "score: higher is better" in of_the_model
        assert error == "error: none: no such image"
    else:
        assert status == 2
        assert words in told


def test_info_says_what_the_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info"]) == 0
    told = capsys.readouterr().out
    assert "efficientnet_lite0" in told
    assert "whole, at most the area of 512 x 512 pixels" in told
    assert "CC-BY-SA-4.0" in told


@pytest.mark.slow
def test_the_wheel_holds_the_runtime_alone(tmp_path: Path) -> None:
    """Built from a copy: setuptools leaves a folder `build` behind."""
    copy = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(copy)]
    subprocess.run(command, check=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"rankiqa", f"rankiqa-{rankiqa.__version__}.dist-info"}
    page = {
        f"{room}/page/{path.name}"
        for room in ("serve", "web")
        for path in (ROOT / "rankiqa" / room / "page").iterdir()
    }
    for needed in ("default.onnx", "py.typed", "templates/report.html", "cli.py", *page):
        assert f"rankiqa/{needed}" in names
    licenses = {name.split("licenses/")[1] for name in names if "licenses/" in name}
    assert licenses == {"LICENSE", "NOTICE", "pretrained/LICENSE"}
    assert wheel.stat().st_size < 10 * 2**20
