"""Tables of every kind through `prepare_dataset table`; oracles: the scores written here by hand."""

from pathlib import Path

import pytest
from openpyxl import Workbook

from applications.setup.origins import read_origins
from data_tools.generate.manifest import read_manifest
from utils import prepare_dataset
from utils.errors import DataError

SPLITS = ("train", "val", "test")
NAMES = [f"{letter}.png" for letter in "abcdef"]
SCORES = [1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
ROWS = "".join(f"{name},{score}\n" for name, score in zip(NAMES, SCORES, strict=True))
GOOD = f"path,score\n{ROWS}"
GERMAN = GOOD.replace(",", ";").replace(".5", ",5").replace(".0", ",0")
INDEXED = ",path,score\n" + "".join(f"{place},{row}\n" for place, row in enumerate(ROWS.split()))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images that are there but never opened, and room for ratings.csv."""
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()
    for name in NAMES:
        Path("own", name).touch()
    return Path("own/ratings.csv")


def prepare(*flags: str) -> int:
    argv = ["table", "--root", "own", "--out", "data", "--split", "0.5", "0.25", "0.25"]
    return prepare_dataset.main([*argv, *(flags if "--task" in flags else ("--task", "regress", *flags))])


def labels() -> dict[str, list[float]]:
    """{image: the numbers behind it} of all label.txt that were written."""
    rows = {}
    for split in SPLITS:
        file = Path("data", split, "label.txt")
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            if not line.startswith("#"):
                path, *values = line.split(",")
                assert path not in rows
                rows[path.removeprefix("own/")] = [float(value) for value in values]
    return rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD, ""),
        ("\ufeff" + GOOD.replace("\n", "\r\n"), ""),
        (GOOD.replace("\n", "\r"), ""),
        (GOOD.encode("utf-16"), ""),
        (b"\xfe\xff" + GOOD.encode("utf-16-be"), ""),
        (GOOD.replace(",", ";"), "cells are separated by ';'"),
        (GERMAN, "separated by ';' and numbers have decimal commas"),
        ("sep=;\r\n" + GERMAN, "separated by ';' and numbers have decimal commas"),
        (GERMAN.replace(";", "\t").encode("utf-16"), "separated by TAB and numbers have decimal commas"),
        (GOOD.replace(",", "\t"), "separated by TAB"),
        (GOOD.replace(",", " , ").replace("\n", " \n\n"), ""),
        (GOOD.replace("path,score", '"Path","SCORE"').replace("a.png,1.5", '"a.png","+1.5e0"'), ""),
        (INDEXED, "columns that are not used: the first one"),
        (GOOD.replace("\n", ",\n"), ""),
        (GOOD + ",\n,\n", ""),
        (GOOD.replace("\n", ',"two\nlines"\n').replace("two\nlines", "note", 1), "not used: note"),
    ],
)
def test_tables_that_say_what_they_mean_are_read(own: Path, content: str | bytes, said: str, capsys) -> None:
    own.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert prepare() == 0
    assert labels() == {name: [score] for name, score in zip(NAMES, SCORES, strict=True)}
    out = capsys.readouterr().out
    assert said in out and ("note:" in out) == bool(said) and "left out: 0" in out


HEAD = "path,score\na.png,1\n"
WRONG: list[tuple[str | bytes, str]] = [
    (HEAD + "b.png,1,4\n", ":3: 3 cells, but the header has 2: 'b.png,1,4'; a decimal comma? write 1.4"),
    (HEAD + "b.png,-1,4\n", "write -1.4 instead of -1,4"),
    (
        "path,score,\na.png,1,4\n",
        ":2: '4' stands in column 3, which has no name in the header; a decimal",
    ),
    (HEAD + 'b.png,"1,4"\n', ":3: score '1,4' is not a number: a decimal comma? write 1.4"),
    (HEAD + 'b.png,"1,234.5"\n', ":3: score '1,234.5' is not a number: write it without grouping its digits"),
    ("path;score\na.png;1,5\nb.png;2.5\n", ":3: score '2.5' has a decimal point, but '1,5' in line 2"),
    ("path;score\na.png;1.234,5\n", ":2: score '1.234,5' is not a number"),
    (HEAD + "b.png,2,\n", ":3: 3 cells, but the header has 2: 'b.png,2,'; the row ends in ','"),
    (HEAD + "b.png\n", ":3: 1 cells, but the header has 2"),
    (HEAD + "b.png;2\n", "is it separated by ';'?"),
    (HEAD + '"b.png,2"\n', "quotes around a whole row hide its ','"),
    (HEAD + "my, b.png,2\n", "a cell that holds ',' needs quotes"),
    (ROWS, ":1: 'a.png,1.5' looks like a row; the first line must be a header such as 'path,score'"),
    ("path,score\n", "holds a header and no rows"),
    ("", "is empty; the first line must be a header"),
    ("\n\n", "is empty"),
    ("path score\na.png 3\n", ":1: 'path score' is separated by spaces"),
    ("file,mos\na.png,3\n", ":1: no column path, score; the header has file, mos"),
    ("path,score,Score\na.png,1,2\n", ":1: columns 2, 3 are all called 'score'"),
    (HEAD + '"b.png,2\nc.png,3\nd.png,4\n', ":3: the quote that opens in this line is never closed"),
    (
        HEAD + '"b.png,2\nc.png,3\nd.png,4\ne.png",5\nf.png,1\n',
        ":3: a quote that opens here closes only 3 lines",
    ),
    (
        HEAD + '"b.png,2\nc.png,3\n"d.png",4\n',
        ":3: the quote that opens in this line is closed only in",
    ),
    (
        'path,score,scene\na.png,1,"x\nb.png,2,y\nc.png,3,y"\n',
        ":2: a quote that opens here closes only 2 lines",
    ),
    (
        'path,score,note\na.png,1,"x\nb.png,2,y\nc.png,3,y"\n',
        ":2: a quote that opens here closes only 2 lines",
    ),
    (HEAD + '"b.png\nc.png",3\n', ":3: a quote that opens here closes only 1 lines"),
    (HEAD + '"b"c.png,3\n', ":3: broken quotes"),
    ('path,score,note\na.png,1,"two\n\nlines"\nb.png,x,\n', ":5: score 'x' is not a number"),
    (HEAD.replace("\n", "\r") + "b.png,x\r", ":3: score 'x' is not a number"),
    (HEAD + "b.png,1_5\n", ":3: score '1_5' is not a number: write it with the digits 0 to 9"),
    (HEAD + "b.png,٣\n", ":3: score '٣' is not a number: write it with the digits 0 to 9"),
    (HEAD + "b.png,0x3\n", ":3: score '0x3' is not a number"),
    (HEAD + "b.png,nan\n", ":3: score 'nan' is not finite"),
    (HEAD + "b.png,1e999\n", ":3: score '1e999' is not finite"),
    (HEAD + "b.png,\n", ":3: score is empty"),
    (HEAD + ",3\n", ":3: path is empty"),
    ((HEAD + "grä.png,3\n").encode("latin-1"), ":3: is not text"),
    (GOOD.encode("utf-16-le"), ":1: is not text (a NUL byte)"),
    (HEAD + "b\0.png,3\n", ":3: is not text (a NUL byte)"),
    ("<!DOCTYPE html>\n<html>", "is a web page"),
    (b"PK\x03\x04rest", "a workbook or an archive"),
    ("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
]


@pytest.mark.parametrize(("content", "words"), WRONG)
def test_nothing_is_left_out_in_silence(own: Path, content: str | bytes, words: str, capsys) -> None:
    own.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert prepare() == 2
    said = capsys.readouterr().err
    assert f"{own}{words}" in said if words.startswith(":") else words in said, said
    assert said.count("\n") == 1 and not Path("data").exists()


def test_a_workbook_is_read_as_strictly(own: Path, capsys) -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(["path", "score"])
    for name, score in zip(NAMES, SCORES, strict=True):
        sheet.append([name, score])
    file = "own/ratings.xlsx"
    book.save(file)
    assert prepare("--labels", file) == 0
    assert labels() == {name: [score] for name, score in zip(NAMES, SCORES, strict=True)}
    for change, words in (
        (lambda: sheet.append([None, 4]), ":8: path is empty"),
        (lambda: sheet.append(["a.png", 4, 5]), ":9: 3 cells, but the header has 2"),
        (lambda: book.create_sheet("more").append(["b.png", 5]), "the sheet 'more' has cells, too"),
    ):
        change()
        book.save(file)
        assert prepare("--labels", file) == 2
        assert words in capsys.readouterr().err
        sheet.cell(8, 1).value = "a.png" if sheet.cell(8, 2).value == 4 else None
        sheet.cell(8, 2).value = 1.5 if sheet.cell(8, 1).value else None


def test_only_one_table_is_read_so_only_one_may_be_named(own: Path, capsys) -> None:
    own.write_text(GOOD)
    Path("own/more.csv").write_text(GOOD)
    assert prepare("--labels", str(own), "own/more.csv") == 2
    assert "--labels own/more.csv: this set has one label file, own/ratings.csv" in capsys.readouterr().err
    for folder in ("own/x", "own/y"):
        Path(folder).mkdir()
        Path(folder, "ratings.csv").write_text(GOOD)
    own.unlink()
    assert prepare() == 2
    assert "holds x/ratings.csv and y/ratings.csv; say by --labels" in capsys.readouterr().err


def test_names_that_differ_in_case_alone(own: Path) -> None:
    Path("own/A.png").touch()
    if len(list(Path("own").glob("[aA].png"))) < 2:
        pytest.skip("this disk does not tell the cases apart")
    own.write_text(GOOD + "A.png,4.5\n")
    assert prepare() == 0
    assert labels()["A.png"] == [4.5] and labels()["a.png"] == [1.5] and len(labels()) == 7


def test_images_without_a_scene_are_scenes_of_their_own(own: Path, capsys) -> None:
    scenes = ["x", "x", "", " ", "NaN", "y"]
    rows = [f"{row},{scene}" for row, scene in zip(ROWS.split(), scenes, strict=True)]
    own.write_text("\n".join(["path,score,scene", *rows]))
    assert prepare() == 0
    out = capsys.readouterr().out
    assert "6 images, 5 scenes" in out and "3 of 6 images have no scene" in out
    text = Path("data/table.csv").read_text()
    assert "own/c.png," in text and all(f",{name}," in text for name in ("c.png", "d.png", "e.png", "x", "y"))


@pytest.mark.parametrize(
    ("rows", "flags", "words"),
    [
        ("a.png,3\nb.png,3\n", ["--rescale", "1", "5"], "scores run from 3 to 3"),
        ("a.png,-1e308\nb.png,1e308\n", ["--rescale", "1", "5"], "scores run from -1e+308 to 1e+308"),
        ("a.png,1e39\nb.png,3\n", [], "beyond float32"),
        ("a.png,3\nb.png,5.5\n", ["--num_classes", "5"], "ratings.csv:3: score 5.5 lies outside 1..5"),
    ],
)
def test_scores_that_no_scale_fits(own: Path, rows: str, flags: list[str], words: str, capsys) -> None:
    own.write_text(f"path,score\n{rows}")
    assert prepare(*flags) == 2
    assert words in capsys.readouterr().err and not Path("data").exists()


def test_constant_scores_are_told(own: Path, capsys) -> None:
    own.write_text("path,score\na.png,3\nb.png,3\n")
    assert prepare() == 0 and "all MOS are 3: there is no order to learn" in capsys.readouterr().out


MANIFEST = "path,reference,scene,type,level,seed,psnr,ssim,vsi\n"
PRISTINE, LEVEL = "r.png,r.png,s,reference,0,,,1,1\n", "d.png,r.png,s,jpeg,2,7,30.5,.9,.95\n"


def test_a_manifest_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "manifest.csv"
    file.write_text(MANIFEST + PRISTINE + LEVEL)
    first, second = read_manifest(file)
    assert (first.level, first.seed, first.psnr, first.quality) == (0, None, float("inf"), (1.0,))
    assert (second.scene, second.level, second.seed, second.psnr, second.ssim) == ("s", 2, 7, 30.5, 0.9)
    origins = read_origins(tmp_path / "label.txt")
    assert origins == {"r.png": ("s", "reference", 0), "d.png": ("s", "jpeg", 2)}
    for row, words in (
        ("d.png,r.png,s,jpeg,2\n", ":3: 5 cells, but the header has 9"),
        (LEVEL.replace(",2,7,", ",1_2,7,"), ":3: level '1_2' is not a number"),
        (LEVEL.replace(",2,7,", ",inf,7,"), ":3: level 'inf' is not finite"),
        (LEVEL.replace(",2,7,", ",2.5,7,"), ":3: level '2.5' is not a whole number"),
    ):
        file.write_text(MANIFEST + PRISTINE + row)
        for reading in (lambda: read_manifest(file), lambda: read_origins(tmp_path / "label.txt")):
            with pytest.raises(DataError, match=f"manifest.csv{words}"):
                reading()
    file.write_text(MANIFEST + PRISTINE + PRISTINE.replace(",s,", ",t,"))
    with pytest.raises(DataError, match=r"manifest.csv:3: 'r.png' has another scene"):
        read_origins(tmp_path / "label.txt")


def test_a_manifest_of_something_else_is_not_used(tmp_path: Path, caplog) -> None:
    (tmp_path / "manifest.csv").write_text("parcel;weight\n1;2\n")
    assert read_origins(tmp_path / "label.txt") == {} and "has no column path" in caplog.text
