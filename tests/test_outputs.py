"""Odd names, closed pipes, full disks and other views, by the command line."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import UnidentifiedImageError

from deploy.engines import load_scorer
from main import main
from rankiqa.batch.results import COLUMNS, read_rows
from rankiqa.files import atomic_write
from rankiqa.spec import ModelSpec
from rankiqa.terminal.entry import run_program
from tests.conftest import ROOT, texture, write_split
from tests.test_export import write_checkpoint

FAST = ["--engine", "torch", "--threads", "1"]
MAIN, CHECK = str(ROOT / "main.py"), str(ROOT / "utils" / "check_images.py")
DATASETS = str(ROOT / "utils" / "prepare_dataset.py")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the view `patches`, with percentiles."""
    path = tmp_path_factory.mktemp("model") / "a.pth"
    write_checkpoint(path, view="patches", arch="mobilenet_v3_small")
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    texture(1, 0.0).save(tmp_path / "a.png")
    return tmp_path


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True, text=True, errors="surrogateescape", timeout=300,
        env={**os.environ, **variables, "PY": sys.executable, "MAIN": MAIN},
    )  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="names of any bytes are POSIX's")
@pytest.mark.parametrize("name", ["s.csv", "s.jsonl", "s.parquet"])
def test_one_bad_name_is_one_row(
    name: str, model: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "s.parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
    os.mkfifo(place / "pipe.png")
    odd = ["cr\r.png", "esc\x1b[31m.png", 'q",\u2028.png', os.fsdecode(b"caf\xe9.png")]
    for one in odd:
        (place / one).write_bytes((place / "a.png").read_bytes())
    bad = [
        "bad\0name.png",
        "x" * 300,
        "d/" * 3000,
        "y" * 200_000,
        "pipe.png",
        "/dev/zero",
        "foo://x",
        "gone.png",
        ".",
        *(["/proc/self/mem"] if Path("/proc/self/mem").is_file() else []),  # opens, and no byte can be read
    ]
    lines = [*odd, *bad, "a.png"]
    (place / "l.txt").write_bytes(os.fsencode("".join(f"{line}\n" for line in lines)))
    argv = ["--predict", "l.txt", "--resume", str(model), "--output", name, *FAST]
    assert main(argv) == 1
    capsys.readouterr()
    rows = list(read_rows(place / name))
    assert [not row.error for row in rows] == [True] * len(odd) + [False] * len(bad) + [True]
    assert all(row.error for row in rows if row.score is None)
    if name != "s.parquet":
        assert [row.path for row in rows] == [line.replace("\0", r"\x00") for line in lines]
    for _ in range(2):
        before = (place / name).read_bytes()
        assert main([*argv, "--skip_done"]) == 1
        assert f"{len(lines)} of {len(lines)} images are done" in capsys.readouterr().out
        assert list(read_rows(place / name)) == rows
        assert name == "s.parquet" or (place / name).read_bytes() == before
    if name == "s.csv":
        with (place / name).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            assert {len(line) for line in csv.reader(file)} == {len(COLUMNS)}


@pytest.mark.skipif(os.name == "nt", reason="names of any bytes are POSIX's")
def test_a_terminal_is_shown_no_control_characters(
    model: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cr\r.png", "esc\x1b[31m.png", "nl\n.png"):
        (place / name).write_bytes((place / "a.png").read_bytes())
    names = [*(path.name for path in place.iterdir()), "no\x1b2J\n.png"]
    assert main(["--predict", *names, "no\x1b.txt", "--resume", str(model), *FAST]) == 2
    assert capsys.readouterr().err.startswith(r"error: no\x1b.txt: the list can't be read (No such file")
    page = ["--report", "page.html"]
    for package in ("jinja2", "plotly"):
        pytest.importorskip(package, reason=f"{package} is in requirements-deploy.txt")
    assert main(["--predict", *names, "--resume", str(model), *FAST, *page]) == 1
    captured = capsys.readouterr()
    assert {line.split("  ")[-1] for line in captured.out.splitlines()[1:-1]} == {
        "a.png", r"cr\r.png", r"esc\x1b[31m.png", r"nl\n.png"
    }  # fmt: skip
    assert captured.err == "error: no\\x1b2J\\n.png: no such image\n"
    text = (place / "page.html").read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert r'title="esc\x1b[31m.png"' in text


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_names_that_the_terminal_cannot_show(model: Path, place: Path) -> None:
    (place / "大ü.png").write_bytes((place / "a.png").read_bytes())
    done = shell(
        f'"$PY" "$MAIN" --predict *ü.png --resume "{model}" {" ".join(FAST)}',
        PYTHONIOENCODING="ascii",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(r"\u5927\xfc.png" + "\n")


READERS = {
    "main": '"$PY" "$MAIN" --list_optimizers',
    "help": '"$PY" "$MAIN" --help',
    "check_images": f'"$PY" "{CHECK}" a.png -j 1 --csv /dev/null',
    "prepare_dataset": f'"$PY" "{DATASETS}" --list',
}


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize("name", READERS)
def test_standard_output_that_cannot_be_written(name: str, place: Path) -> None:
    command = READERS[name]
    assert shell(command).returncode == 0
    # the reader has gone before the first line comes
    gone = shell(f"(sleep 0.1; {command}; echo $? > status) | true; cat status")
    assert (gone.stdout, gone.stderr) == ("141\n", "")
    closed = shell(f"{command} >&-")
    assert closed.stderr == "error: standard output: can't be written (Bad file descriptor)\n"
    assert closed.returncode == 2
    if Path("/dev/full").exists():
        full = shell(f"{command} > /dev/full")
        assert full.stderr == "error: standard output: can't be written (No space left on device)\n"
        assert full.returncode == 2
        assert shell(f"{command} 2> /dev/full").returncode == 0
    assert shell(f"{command} 2>&-").returncode == 0


@needs_full
def test_files_are_whole_where_standard_output_is_not(model: Path, place: Path) -> None:
    """The lines are lost, the rows are not."""
    command = f'"$PY" "$MAIN" --predict a.png --resume "{model}" {" ".join(FAST)}'
    full = shell(f"{command} --output s.csv > /dev/full")
    assert (full.returncode, full.stderr.count("\n")) == (2, 1)
    assert [row.path for row in read_rows(place / "s.csv")] == ["a.png"]
    gone = shell(f"({command} --report p.html; echo $? > status) | true; cat status")
    assert (gone.stdout, gone.stderr) == ("141\n", "")
    assert {path.name for path in place.iterdir()} <= {"a.png", "s.csv", "status", "p.html"}
    closed = shell(f"{command.replace('a.png', '-')} <&-")
    assert closed.stderr == "error: standard input: the list can't be read (Bad file descriptor)\n"


@needs_full
def test_a_device_is_written_to_and_never_replaced(model: Path, place: Path) -> None:
    argv = ["--predict", "a.png", "--resume", str(model), *FAST]
    pytest.importorskip("plotly", reason="plotly is in requirements-deploy.txt")
    assert main([*argv, "--report", "/dev/full"]) == 2
    assert main([*argv, "--report", "/dev/null"]) == 0
    assert Path("/dev/full").is_char_device()
    assert Path("/dev/null").is_char_device()
    reading, writing = os.pipe()
    with atomic_write(f"/dev/fd/{writing}", "w") as file:
        file.write("a line\n")
    os.close(writing)
    with open(reading, encoding="utf-8") as end:  # noqa: PTH123
        assert end.read() == "a line\n"


def test_an_error_of_a_library_is_no_error_of_the_system(capsys: pytest.CaptureFixture[str]) -> None:
    """What a decoder says with OSError's name is a bug where it ends a program, and keeps its traceback."""

    def fail(error: OSError) -> None:
        raise error

    with pytest.raises(OSError, match="cannot identify"):
        run_program(lambda: fail(UnidentifiedImageError("cannot identify image file")))
    assert run_program(lambda: fail(OSError(28, "No space left on device"))) == 2
    assert run_program(lambda: fail(PermissionError(13, "Permission denied", "a.csv"))) == 2
    assert capsys.readouterr().err == "error: No space left on device\nerror: a.csv: Permission denied\n"


def test_a_full_disk_names_the_file(place: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limits of file sizes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught, atomic_write("b.bin") as file:
            file.write(bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == "b.bin"
    assert [path.name for path in place.iterdir()] == ["a.png"]


def test_a_name_with_a_dash_is_explained(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "-x.png").write_bytes((place / "a.png").read_bytes())
    assert main(["--predict", "a.png", "-x.png"]) == 2
    assert "unknown argument -x.png; the file of this name is called ./-x.png here" in capsys.readouterr().err


def test_what_validation_measured_holds_for_its_view_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path("small.pth")
    write_checkpoint(model, view="patches")
    argv = ["--predict", "a.png", "--resume", str(model), "--output", "s.csv", *FAST]
    kept = [
        [],
        ["--view", "patches"],
        ["--patches", "4"],
        ["--image_size", "48", "64"],
        ["--criterion", "regress"],
    ]
    for flags in kept:
        assert main([*argv, *flags]) == 0
        assert next(read_rows(place / "s.csv")).percentile is not None, flags
        assert "left out" not in capsys.readouterr().err
    lost = [
        ["--view", "fit"],
        ["--patches", "3"],
        ["--image_size", "64", "64"],
        ["--view", "fit", "--patches", "9"],
    ]
    for flags in lost:
        assert main([*argv, *flags]) == 0
        row = next(read_rows(place / "s.csv"))
        assert row.percentile is None, flags
        assert row.score is not None
        captured = capsys.readouterr()
        assert (
            captured.err.count("percentiles and range of scores are left out: they were measured with --")
            == 1
        )
        assert "no fixed scale" in captured.out
    plain = load_scorer(model).spec
    assert plain.score_percentiles is not None
    assert main(["--jit", "--resume", str(model), "--checkpoint_dir", "."]) == 0
    assert load_scorer("jit_tests_small.pt").spec == plain
    assert main(["--predict", "a.png", "--resume", "jit_tests_small.pt", "--view", "fit", *FAST]) == 0
    assert "better than" not in capsys.readouterr().out
    assert spec_of_calibrated(model, place, capsys).score_percentiles is not None
    for action in (["--jit"], ["--export", "half"]):
        assert main([*action, "--resume", str(model), "--checkpoint_dir", ".", "--view", "fit"]) == 0
        assert "percentiles and range of scores are left out" in capsys.readouterr().err
    for name in ("jit_tests_small.pt", "tests_small_half.pth"):
        spec = load_scorer(name).spec
        assert (spec.view, spec.score_percentiles, spec.score_range) == ("fit", None, None)


def spec_of_calibrated(model: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> ModelSpec:
    write_split(place, "val", "rank", 2)
    argv = [
        "--calibrate",
        "--resume",
        str(model),
        "--view",
        "fit",
        "--checkpoint_dir",
        ".",
        "-j",
        "0",
        "-g",
        "0",
    ]
    assert main([*argv, "-j", "0", "-g", "0"]) == 0
    assert "left out" not in capsys.readouterr().err
    return load_scorer("calibrated_tests_small.pth").spec


def test_a_spec_keeps_what_is_still_true() -> None:
    spec = ModelSpec("x", view="fit", score_range=(0.0, 1.0), score_percentiles=(0.0, 1.0))
    assert spec.with_(patches=9).score_range == (0.0, 1.0)  # the view `fit` has no patches
    assert spec.with_(license="CC0", arch="y").score_percentiles == (0.0, 1.0)
    assert spec.with_(view="patches").score_range is None
    assert spec.with_(image_size=(9, 9)).score_percentiles is None
    assert spec.with_(mean=(0.0, 0.0, 0.0)).score_range is None
    assert spec.with_(view="patches", score_range=(2.0, 3.0)).score_range == (2.0, 3.0)
