"""Rows of a run that is cut anywhere. Oracle: the file of a run that is not cut."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from rankiqa.batch.journal import Journal
from rankiqa.batch.results import Row, read_rows
from rankiqa.errors import DataError

ROWS = [
    Row("a.png", 1.5, 20.0, None, 3, 4),
    Row('two\nlines,"quoted".png', 0.25, None, 0.5, 10, 20),
    Row("cr\r.png", error="damaged image (a,\nb)"),
    Row(os.fsdecode(b"caf\xe9.png"), -2.0, 0.0, None, 1, 1),
    Row("last.png", 3.0, 99.0, None, 7, 7),
]


def written(output: Path) -> bytes:
    journal = Journal(output)
    journal.append(ROWS)
    journal.finish()
    return output.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_run_that_is_cut_at_any_byte_continues_to_the_same_file(suffix: str, tmp_path: Path) -> None:
    whole = written(tmp_path / f"whole{suffix}")
    output = tmp_path / f"cut{suffix}"
    kept = set()
    for size in range(len(whole) + 1):
        output.with_name(f"{output.name}.partial").write_bytes(whole[:size])
        journal = Journal(output, resume=True)
        done = list(journal.rows())
        assert done == ROWS[: len(done)]
        kept.add(len(done))
        journal.append(ROWS[len(done) :])
        journal.finish()
        assert output.read_bytes() == whole, size
        output.unlink()
    assert kept == set(range(len(ROWS) + 1))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_finished_file_is_added_to(suffix: str, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
    output = tmp_path / f"a{suffix}"
    written(output)
    journal = Journal(output, resume=True)
    more = Row("more.png", 1.0, None, None, 5, 5)
    assert len(list(journal.rows())) == len(ROWS)
    journal.append([more])
    journal.finish()
    rows = list(read_rows(output))
    assert rows[-1] == more
    assert len(rows) == len(ROWS) + 1
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("torn", ["", '{"path": "x'])
def test_rows_of_version_1_continue(torn: str, tmp_path: Path) -> None:
    """It wrote JSON lines, whatever the output was to be."""
    whole = written(tmp_path / "whole.csv")
    lines = "".join(json.dumps(asdict(row)) + "\n" for row in ROWS[:3])
    (tmp_path / "a.csv.partial").write_text(lines + torn, encoding="utf-8")
    journal = Journal(tmp_path / "a.csv", resume=True)
    assert list(journal.rows()) == ROWS[:3]
    journal.append(ROWS[3:])
    journal.finish()
    assert (tmp_path / "a.csv").read_bytes() == whole


@pytest.mark.parametrize("content", ["name,mos\na.png,3\n", '{"a": 1}\n', "junk"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.partial", "a.jsonl", "a.jsonl.partial"])
def test_another_table_is_refused_and_left(name: str, content: str, tmp_path: Path) -> None:
    if content == "junk" and name.endswith(".partial"):
        pytest.skip("a first row that a kill tore looks like this")
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="not a table of scores|not rows of"):
        Journal(tmp_path / name.removesuffix(".partial"), resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == content


def test_two_runs_of_one_output_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="a lock of POSIX")
    first = Journal(tmp_path / "a.csv")
    first.append(ROWS[:2])
    for resume in (False, True):
        with pytest.raises(DataError, match="another run"):
            Journal(tmp_path / "a.csv", resume)
    first.append(ROWS[2:])
    first.finish()
    assert list(read_rows(tmp_path / "a.csv")) == ROWS
    Journal(tmp_path / "a.csv").close()
