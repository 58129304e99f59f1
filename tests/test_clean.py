"""`rankiqa clean`: a folder with one of each problem. Oracle: what the test has planted."""

import base64
import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from rankiqa import cli
from rankiqa.clean.findings import FINDINGS
from tests.conftest import ROOT
from tests.planted_images import BETTER, plant, scene, write_model

pytest.importorskip("onnxruntime", reason="onnxruntime is in requirements.txt")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    """A folder with images/ and red.onnx, and the findings that were planted, by name."""
    place = tmp_path_factory.mktemp("clean")
    write_model(place / "red.onnx")
    return place, plant(place / "images")


@pytest.fixture(scope="module")
def place(whole: tuple[Path, dict[str, set[str]]]) -> Path:
    return whole[0]


@pytest.fixture(scope="module")
def planted(whole: tuple[Path, dict[str, set[str]]]) -> dict[str, set[str]]:
    return whole[1]


def argv_of(place: Path, *flags: str | Path) -> list[str]:
    return ["clean", str(place / "images"), "--model", str(place / "red.onnx"), *map(str, flags)]


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return {Path(row["path"]).name: row for row in csv.DictReader(file)}


def findings_in(row: dict[str, str]) -> set[str]:
    return set(filter(None, row["findings"].split(";")))


class Page(HTMLParser):
    """Links with the image and the class of their card, by the id of the section that they stand in."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.cards: dict[str, list[dict[str, str]]] = {}
        self._section = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "section":
            self._section = values["id"]
            self.cards[self._section] = []
        elif tag == "a" and self._section and "title" in values:
            self.cards[self._section].append(values)
        elif tag == "img":
            self.cards[self._section][-1]["img"] = values["src"]


def test_a_folder_with_one_of_each_problem(place: Path, planted: dict[str, set[str]], tmp_path: Path) -> None:
    """As a program, with table and page: everything that was planted is found, and nothing else."""
    argv = argv_of(place, "--output", tmp_path / "t.csv", "--report", tmp_path / "p.html")
    done = subprocess.run(
        [sys.executable, "-m", "rankiqa", *argv], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = rows_of(tmp_path / "t.csv")
    assert {name: findings_in(row) for name, row in rows.items()} == planted
    assert {finding for found in planted.values() for finding in found} == FINDINGS.keys() - {
        "oversized",
        "unreadable",
    }
    assert f"{len(planted)} images, {sum(not found for found in planted.values())} without" in done.stdout
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []

    groups = {name: row["duplicate_group"] for name, row in rows.items() if row["duplicate_group"]}
    assert groups.keys() == {*BETTER, *BETTER.values()}
    assert len(set(groups.values())) == len(BETTER)
    for name, better in BETTER.items():
        assert groups[name] == groups[better]
        assert {Path(rows[one]["better"]).name for one in (name, better)} == {better}

    cards = Page(tmp_path / "p.html").cards
    duplicates = cards.pop("duplicates")
    shown = {section: {Path(card["title"]).name for card in those} for section, those in cards.items()}
    by_finding = {
        finding: {name for name, found in planted.items() if finding in found} for finding in FINDINGS
    }
    wanted = {name: those for name, those in by_finding.items() if those and "duplicate" not in name}
    assert shown == wanted
    kept = {Path(card["title"]).name for card in duplicates if card.get("class") == "keep"}
    assert kept == set(BETTER.values())
    assert len(duplicates) == 2 * len(BETTER)
    for card in [card for those in cards.values() for card in those] + duplicates:
        assert (tmp_path / unquote(card["href"])).resolve().is_file()
        if "img" in card:
            Image.open(io.BytesIO(base64.b64decode(card["img"].partition(",")[2]))).load()


def test_without_files_the_findings_are_printed(
    place: Path, planted: dict[str, set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv_of(place, "--ignore", "exact_duplicate,near_duplicate,grey", "--threads", "1")) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(str(place))]
    found = {Path(path).name: said for path, _, said in (line.partition(": ") for line in lines)}
    ignored = {"exact_duplicate", "near_duplicate", "grey"}
    wanted = {name: those - ignored for name, those in planted.items() if those - ignored}
    assert found.keys() == wanted.keys()
    for name, said in found.items():
        assert all(finding in said for finding in wanted[name])
    assert "(highlights 63 of 255)" in found["dark.png"]


def test_few_images_have_no_outliers(place: Path, tmp_path: Path) -> None:
    names = ["scene05.png", "scene06.png", "large.png", "long.png", "grey.png", "no_red.png", "dark.png"]
    argv = ["clean", *(str(place / "images" / name) for name in names), "--model", str(place / "red.onnx")]
    assert cli.main([*argv, "--output", str(tmp_path / "t.csv")]) == 0
    found = {name: findings_in(row) for name, row in rows_of(tmp_path / "t.csv").items()}
    assert found == {**dict.fromkeys(names, set()), "dark.png": {"dark"}, "long.png": {"odd_aspect_ratio"}}


def test_more_images_join_a_table(place: Path, tmp_path: Path) -> None:
    """--skip_done: half of the images, then all; the rows are those of one run, in the order of two."""
    assert cli.main(argv_of(place, "--output", tmp_path / "whole.csv")) == 0
    (tmp_path / "images").mkdir()
    shutil.copy(place / "red.onnx", tmp_path)
    found = sorted((place / "images").iterdir())
    for paths in (found[::2], found[1::2]):
        for path in paths:
            shutil.copy(path, tmp_path / "images")
        assert cli.main(argv_of(tmp_path, "--output", tmp_path / "parts.csv", "--skip_done")) == 0
    whole, parts = (rows_of(tmp_path / name) for name in ("whole.csv", "parts.csv"))
    assert whole.keys() == parts.keys()
    for name, row in parts.items():
        assert findings_in(row) == findings_in(whole[name])
        assert (row["pixels"], row["score"]) == (whole[name]["pixels"], whole[name]["score"])


def test_an_interrupted_run_continues(place: Path, tmp_path: Path) -> None:
    """Ctrl-C: status 130 and no output; --skip_done measures the rest, and the table is that of one run."""
    (tmp_path / "images").mkdir()
    shutil.copy(place / "red.onnx", tmp_path)
    scene(0, (320, 240)).save(tmp_path / "one.png")
    for number in range(120):
        os.link(tmp_path / "one.png", tmp_path / "images" / f"{number:03}.png")
    output = tmp_path / "t.csv"
    argv = [sys.executable, "-m", "rankiqa", *argv_of(tmp_path, "--output", output, "--threads", "1")]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        until_lines(tmp_path / "t.csv.partial", 10)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=120)
    assert run.returncode == 130 and "--skip_done continues with" in said and "Traceback" not in said
    assert not output.exists()
    done = (tmp_path / "t.csv.partial").read_bytes()
    assert 10 <= done.count(b"\n") < 120
    with (tmp_path / "t.csv.partial").open("ab") as file:
        file.write(b'{"path": "cut in the midd')  # what a kill leaves
    assert cli.main(argv_of(tmp_path, "--output", output, "--skip_done")) == 0
    rows = rows_of(output)
    assert list(rows) == [f"{number:03}.png" for number in range(120)]
    assert [name for name, row in rows.items() if findings_in(row) != {"exact_duplicate"}] == ["000.png"]


def until_lines(path: Path, count: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and (not path.is_file() or path.read_bytes().count(b"\n") < count):
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["empty"], "no images in this folder"),
        (["images", "--output", "t.txt"], "does not end in .csv"),
        (["images", "--ignore", "dark,dim"], "dim: not among empty, truncated"),
        (["images", "--skip_done"], "--skip_done needs --output"),
        (["images", "--skip_done", "--output", "other.csv"], "not a table of `rankiqa clean`"),
        (["images", "--model", "none.onnx"], "none.onnx: no such file"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    flags: Sequence[str], said: str, place: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(place)
    Path("empty").mkdir(exist_ok=True)
    Path("other.csv").write_text("path,score\n")
    try:
        status = cli.main(["clean", "--model", "red.onnx", *flags])
    except SystemExit as error:  # argparse
        status = int(error.code or 0)
    err = capsys.readouterr().err
    assert status == 2 and said in err and "Traceback" not in err
    assert Path("other.csv").read_text() == "path,score\n"


def test_names_of_any_bytes(place: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    shutil.copy(place / "red.onnx", tmp_path)
    names = [b"<script><b>.png", b"a\nb.png", b"\xff\xfe.png", b"a & b%20.png", "\u56fe\u7247.png".encode()]
    for name in names:
        shutil.copy(
            place / "images" / "dark.png", os.fsdecode(os.fsencode(tmp_path / "images") + b"/" + name)
        )
    assert cli.main(argv_of(tmp_path, "--output", tmp_path / "t.csv", "--report", tmp_path / "p.html")) == 0
    rows = rows_of(tmp_path / "t.csv")
    assert {os.fsencode(name) for name in rows} == set(names)
    cards = Page(tmp_path / "p.html").cards
    assert len(cards["dark"]) == len(names)
    for card in cards["dark"]:
        target = (
            os.fsencode(tmp_path)
            + b"/"
            + unquote(card["href"], errors="surrogateescape").encode("utf-8", "surrogateescape")
        )
        assert os.path.isfile(target)  # noqa: PTH113  # bytes


def test_it_needs_the_runtime_alone(place: Path, tmp_path: Path) -> None:
    """No PyTorch, SciPy or OpenCV is loaded; without jinja2 the page is refused, the table is not."""
    argv = argv_of(place, "--output", tmp_path / "t.csv")
    code = (
        "import sys; sys.modules['jinja2'] = None; from rankiqa.cli import main; "
        f"first = main({argv!r}); second = main({[*argv, '--report', str(tmp_path / 'p.html')]!r}); "
        "print(first, second, sorted({'torch', 'cv2', 'scipy', 'imagehash', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 2 []"
    assert "--report needs the package jinja2" in done.stderr
