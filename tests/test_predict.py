"""--predict by its command line: rows, formats, bad images, continuing after a kill."""

import csv
import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from deploy.engines import load_scorer
from main import main
from rankiqa.batch.inputs import collect
from rankiqa.batch.journal import Journal
from rankiqa.batch.results import COLUMNS, Row, read_rows, write_rows
from rankiqa.image import read_rgb, read_sized
from tests import programs
from tests.conftest import texture
from tests.test_export import write_checkpoint
from utils.errors import DataError

SIZES = [(96, 128), (200, 90), (40, 50), (64, 64), (70, 300)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of many sizes, two broken ones, and a model."""
    folder = tmp_path / "photos" / "more, of them"
    folder.mkdir(parents=True)
    for seed, size in enumerate(SIZES):
        target = folder if seed % 2 else tmp_path / "photos"
        texture(seed, seed / 2, size).save(target / f"ünder {seed}.png")
    (tmp_path / "photos" / "empty.jpg").write_bytes(b"")
    whole = io.BytesIO()
    texture(9, 0.0).save(whole, "JPEG")
    (folder / "torn.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (tmp_path / "photos" / "notes.md").write_text("no image", encoding="utf-8")
    (tmp_path / "photos" / ".hidden.png").write_bytes(b"")
    write_checkpoint(tmp_path / "a.pth", num_classes=3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_rows(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--predict", "photos", "--resume", "a.pth", "--output", "s.csv", "--engine", "torch"]) == 1
    rows = rows_of(place / "s.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    faults = {Path(row["path"]).name: row["error"] for row in rows if row["error"]}
    assert set(faults) == {"empty.jpg", "torn.jpg"}
    assert "an empty file" in faults["empty.jpg"]
    scorer = load_scorer("a.pth")
    for row in rows:
        if row["error"]:
            assert row["score"] == row["std"] == ""
            continue
        image = read_rgb(row["path"])
        assert (int(row["width"]), int(row["height"])) == image.size
        result = scorer.score([image])
        assert float(row["score"]) == pytest.approx(float(result.scores[0]), abs=1e-4)
        assert result.probs is not None
        shares = result.probs[0]
        spread = np.sqrt(np.cov([1, 2, 3], aweights=shares, ddof=0))
        assert float(row["std"]) == pytest.approx(float(spread), abs=1e-4)
        assert float(row["percentile"]) == pytest.approx(
            np.clip(50 + 50 * float(row["score"]), 0, 100), abs=0.01
        )
    assert len(rows) == len(SIZES) + 2
    captured = capsys.readouterr()
    assert "5 images scored, 2 could not be read" in captured.out
    assert "torn.jpg" in captured.err
    assert not (place / "s.csv.partial").exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_other_formats_hold_the_same_rows(suffix: str, place: Path) -> None:
    if suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is in requirements-deploy.txt")
    for name in ("s.csv", f"s{suffix}"):
        main(["--predict", "photos", "--resume", "a.pth", "--output", name, "--engine", "torch"])
    if suffix == ".jsonl":
        other = [json.loads(line) for line in (place / "s.jsonl").read_text(encoding="utf-8").splitlines()]
    else:
        other = parquet.read_table(place / "s.parquet").to_pylist()
    plain = rows_of(place / "s.csv")
    assert [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in other
    ] == plain


def test_every_way_to_name_images(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pathlib's own search is the oracle."""
    images = {str(path.relative_to(place)) for path in (place / "photos").rglob("[!.]*.[pj][np]g")}
    assert set(collect(["photos"])) == images
    assert set(collect(["photos/**/*.png"])) == {name for name in images if name.endswith("png")}
    (place / "photos" / "list.txt").write_text(
        "# first\n\nphotos/ünder 0.png\r\nünder 2.png\nphotos/ünder 0.png\n/nowhere.png\n", encoding="utf-8"
    )
    listed = ["photos/ünder 0.png", "photos/ünder 2.png", "/nowhere.png"]
    assert list(collect(["photos/list.txt"])) == listed
    monkeypatch.setattr(sys, "stdin", io.StringIO("b.png\na.png\n"))
    assert list(collect(["-", "a.png", "c.png"])) == ["b.png", "a.png", "c.png"]
    (place / "bare").mkdir()
    for wrong in ("bare", "photos/*.tif", "nothing.txt"):
        with pytest.raises(DataError, match=wrong.replace("*", r"\*")):
            collect([wrong])


def test_without_output_lines_are_printed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--predict", "photos/ünder 0.png", "--resume", "a.pth", "--engine", "torch"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.endswith("photos/ünder 0.png")
    assert 1 <= float(line.split()[0]) <= 3


def test_rows_of_an_interrupted_run_are_not_removed_in_silence(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--predict", "photos/ünder 0.png", "--resume", "a.pth", "--output", "s.csv", "--engine", "torch"]
    assert main(argv) == 0
    assert capsys.readouterr().err == ""
    (place / "s.csv").rename("s.csv.partial")
    assert main(argv) == 0
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith("notice: s.csv.partial: ") and "removed" in told and "--skip_done" in told


def test_skip_done_scores_only_what_is_new(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--predict", "photos", "--resume", "a.pth", "--output", "s.csv", "--engine", "torch"]
    main(argv)
    before = (place / "s.csv").read_text(encoding="utf-8")
    texture(20, 0.5).save(place / "photos" / "zz.png")
    capsys.readouterr()
    assert main([*argv, "--skip_done"]) == 1  # the two faults of before are in the file
    after = (place / "s.csv").read_text(encoding="utf-8")
    assert after.startswith(before)
    assert [Path(row["path"]).name for row in rows_of(place / "s.csv")[7:]] == ["zz.png"]
    captured = capsys.readouterr()
    assert "7 of 8 images are done" in captured.out
    assert "6 images scored, 2 could not be read" in captured.out
    assert "2 rows from before have an error" in captured.err


def test_a_killed_run_goes_on_to_the_same_file(place: Path) -> None:
    folder = place / "many"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number:03}.png").symlink_to(place / "photos" / "ünder 0.png")
    command = ["--predict", "many", "--resume", "a.pth", "--engine", "torch"]
    assert main([*command, "--output", "whole.csv"]) == 0
    journal = place / "cut.csv.partial"
    with programs.start(*command, "--output", "cut.csv") as run:
        while run.poll() is None and (not journal.exists() or journal.stat().st_size < 3000):
            time.sleep(0.002)
        run.kill()
    assert journal.exists()
    assert not (place / "cut.csv").exists()
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"path": "many/3')  # what a kill in the middle of a line leaves
    assert main([*command, "--output", "cut.csv", "--skip_done"]) == 0
    assert (place / "cut.csv").read_bytes() == (place / "whole.csv").read_bytes()


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    rows = [Row(name, 1.5, None, None, 3, 4), Row('b,\n"c".png', error="x")]
    for suffix in (".csv", ".jsonl"):
        write_rows(tmp_path / f"a{suffix}", rows)
        assert list(read_rows(tmp_path / f"a{suffix}")) == rows
    journal = Journal(tmp_path / "b.csv")
    journal.append(rows)
    assert list(journal.rows()) == rows
    journal.close()


def test_no_model_says_how_to_get_one(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.names.DEFAULT_MODEL", place / "pretrained" / "default.pth")
    assert main(["--predict", "photos", "--engine", "torch"]) == 2
    assert "quick_start.sh" in capsys.readouterr().err
    (place / "pretrained").mkdir()
    (place / "a.pth").rename(place / "pretrained" / "default.pth")
    assert main(["--predict", "photos/ünder 0.png", "--engine", "torch"]) == 0


@pytest.mark.parametrize(
    ("flags", "package"), [(["--report", "a.html"], "plotly"), (["--output", "a.parquet"], "pyarrow")]
)
def test_a_missing_package_is_named_before_the_work(
    flags: list[str],
    package: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as Python marks what can't be imported
    before = set(place.iterdir())
    assert main(["--predict", "photos", "--resume", "a.pth", *flags]) == 2
    assert f"pip install {package}" in capsys.readouterr().err
    assert set(place.iterdir()) == before


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--predict", "x", "--output", "a.xls"], ".csv, .jsonl, .parquet"),
        (["--predict", "x", "--skip_done"], "--output"),
        (["--output", "a.csv"], "belongs to --predict"),
        (["--predict", "x", "--resume", "a.h5"], "a.h5"),
        (["--predict", "x", "--cluster", "ray", "--report", "r.html"], "--report does not go with --cluster"),
        (["--predict", "x", "--cluster", "ray", "--quality_map", "m"], "--quality_map does not go with"),
        (["--predict", "x", "--cluster", "ray", "--threads", "1"], "each worker has one core"),
        (["--predict", "x", "--cluster", "ray", "--view", "patches"], "--export torchscript"),
        (["--predict", "x", "--cluster", "ray", "--image_size", "9", "9"], "--export torchscript"),
        (["--predict", "x", "--cluster", "ray", "--num_classes", "3"], "leave it out"),
    ],
)
def test_wrong_command_lines(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("orientation", [1, 6])
def test_reduced_decoding_feeds_only_the_resize(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    texture(3, 1.0, (900, 1300)).save(tmp_path / "a.jpg", quality=92, exif=exif)
    whole = read_rgb(tmp_path / "a.jpg")
    image, size = read_sized(tmp_path / "a.jpg", (64, 64))
    assert size == whole.size == ((1300, 900) if orientation == 1 else (900, 1300))
    assert image.width < whole.width / 3
    assert min(image.size) >= 3 * 64
    small, plain = (
        np.asarray(one.resize((64, 64), Image.Resampling.BICUBIC), float) for one in (image, whole)
    )
    assert np.abs(small - plain).mean() < 1.5
    assert read_sized(tmp_path / "a.jpg", (400, 400))[0].size == whole.size


@pytest.mark.parametrize("view", ["fit", "patches"])
def test_quality_maps_are_images(view: str, place: Path) -> None:
    write_checkpoint(place / "b.pth", view=view)
    argv = ["--predict", "photos/ünder 0.png", "photos/empty.jpg", "--resume", "b.pth", "--engine", "torch"]
    assert main([*argv, "--quality_map", "maps"]) == 1
    maps = list((place / "maps").iterdir())
    assert len(maps) == 1
    assert Image.open(maps[0]).width > 600


def test_the_map_finds_the_spoilt_half() -> None:
    """A model that counts dark pixels as bad: the dark half must be the low half of the map."""
    from deploy.engines import Scorer
    from rankiqa.quality_map import quality_map
    from rankiqa.spec import ModelSpec

    class Brightness:
        name = "brightness"
        device = "cpu"
        chunk, streams = 4, 1

        def __call__(self, crops: np.ndarray) -> np.ndarray:
            return crops.mean(axis=(1, 2, 3), dtype=np.float32)[:, None]

    pixels = np.full((200, 300, 3), 220, np.uint8)
    pixels[:, :150] = 20
    for view in ("fit", "patches"):
        scorer = Scorer(Brightness(), ModelSpec("x", image_size=(64, 64), view=view))
        values = quality_map(Image.fromarray(pixels), scorer).values
        width = values.shape[1]
        assert values[:, : width // 3].mean() < values[:, -width // 3 :].mean()


ODD_NAMES = [b"5$_to_$6.png", b"caf\xe9.png", ("\u5927\u697c" * 40).encode() + b".png"]


def test_quality_maps_of_any_name(place: Path) -> None:
    folder = place / "odd"
    folder.mkdir()
    for name in ODD_NAMES:
        (folder / os.fsdecode(name)).write_bytes((place / "photos" / "ünder 0.png").read_bytes())
    argv = ["--predict", "odd", "--resume", "a.pth", "--engine", "torch"]
    assert main([*argv, "--quality_map", "maps"]) == 0
    assert len(list((place / "maps").iterdir())) == len(ODD_NAMES)


def test_names_of_any_bytes_from_stdin_to_stdout(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / os.fsdecode(ODD_NAMES[1])).write_bytes((place / "photos" / "ünder 0.png").read_bytes())
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ODD_NAMES[1] + b"\n"), "utf-8"))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8", write_through=True))
    assert main(["--predict", "-", "--resume", "a.pth", "--engine", "torch"]) == 0
    assert out.getvalue().endswith(ODD_NAMES[1] + b"\n")


def test_a_name_that_is_not_utf8_is_done_in_parquet_too(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
    (place / "photos" / os.fsdecode(ODD_NAMES[1])).write_bytes(b"")
    argv = ["--predict", "photos", "--resume", "a.pth", "--engine", "torch", "--output", "s.parquet"]
    main(argv)
    main([*argv, "--skip_done"])
    assert "8 of 8 images are done" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="the longest path is Linux's")
def test_a_folder_that_cannot_be_read_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its path is too long to be opened: unlike a lack of permission, this stops root too."""
    for name in ("empty.jpg", "more, of them/torn.jpg"):
        (place / "photos" / name).unlink()
    holder = os.open(place / "photos", os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=holder)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=holder)
        os.close(holder)
        holder = inner
    os.close(holder)
    assert main(["--predict", "photos", "--resume", "a.pth", "--engine", "torch", "--output", "s.csv"]) == 1
    captured = capsys.readouterr()
    assert "5 images scored, 0 could not be read" in captured.out
    assert captured.err.count("the folder can't be read (File name too long)") == 1


@pytest.mark.parametrize("flag", ["--output", "--report", "--quality_map"])
def test_what_cannot_be_written_is_told_before_the_work(
    flag: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if flag == "--report":
        pytest.importorskip("plotly", reason="plotly is in requirements-deploy.txt")
    assert main(["--predict", "photos", "--resume", "a.pth", flag, "a.pth/below.csv"]) == 2
    captured = capsys.readouterr()
    assert f"{flag} a.pth/below.csv" in captured.err
    assert "can't be written there" in captured.err
    assert captured.out == ""


def test_a_full_disk_is_told_in_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limits of file sizes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
    try:
        status = main(["--predict", "photos", "--resume", "a.pth", "--engine", "torch", "--output", "s.csv"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 2
    assert "s.csv.partial: can't be written (File too large)" in capsys.readouterr().err


def test_flags_that_contradict_a_converted_model(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--jit", "--resume", "a.pth", "--checkpoint_dir", "."]) == 0
    argv = ["--predict", "photos/ünder 0.png", "--resume", "jit_tests_small.pt", "--engine", "torch"]
    for flags, held in (
        (["--arch", "resnet18"], "tests/small"),
        (["--num_classes", "5"], "3"),
        (["--image_size", "64", "64"], "(48, 64)"),
    ):
        assert main([*argv, *flags]) == 2
        assert f"was asked for, but jit_tests_small.pt holds {held}" in capsys.readouterr().err
    assert main([*argv, "--arch", "Tests/Small", "--num_classes", "3"]) == 0
    plain = capsys.readouterr().out.splitlines()[-1].split()[0]
    assert main([*argv, "--view", "patches"]) == 0
    captured = capsys.readouterr()
    assert "--view patches replaces the fit of jit_tests_small.pt" in captured.err
    assert captured.out.splitlines()[-1].split()[0] != plain


@pytest.mark.parametrize("flag", ["--report", "--output"])
def test_an_interrupted_run_promises_what_it_can(
    flag: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if flag == "--report":
        pytest.importorskip("plotly", reason="plotly is in requirements-deploy.txt")
    names = [f"photos/ünder {2 * (number % 3)}.png" for number in range(3)]
    for number in range(2000):
        (place / f"{number:04}.png").symlink_to(place / names[number % 3])
    partial, maps = place / "a.csv.partial", place / "maps"

    def has_begun() -> bool:
        return (
            any(maps.glob("*.png"))
            if flag == "--report"
            else partial.exists() and partial.stat().st_size > 99
        )

    def interrupt() -> None:
        while not has_begun():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    wanted = ["a.html", "--quality_map", "maps"] if flag == "--report" else ["a.csv"]
    argv = ["--predict", "*.png", "--resume", "a.pth", "--engine", "torch"]
    assert main([*argv, flag, *wanted]) == 130
    assert ("--skip_done continues" in capsys.readouterr().err) == partial.exists() == (flag == "--output")


def test_images_below_a_url_are_found_folder_by_folder(place: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
    (place / "photos" / ".thumbs").mkdir()
    texture(0, 0.0).save(place / "photos" / ".thumbs" / "a.png")
    found = {unquote(url.removeprefix("file://")) for url in collect([f"file://{place}/photos"])}
    assert found == {str(place / name) for name in collect(["photos"])}
