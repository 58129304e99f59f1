"""The append-only log: what a kill or a full disk leaves of it."""

from pathlib import Path

import pytest

from rankiqa.append_log import AppendLog, whole_lines


@pytest.mark.parametrize("torn", ["", "half a rec", "x" * 200_000])
def test_a_resumed_log_has_all_whole_lines(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "folder" / "log"
    log = AppendLog(path)
    assert not log.resumed
    log.append("first\nsecond\n")
    assert path.read_text() == "first\nsecond\n"  # on its way to the disk before the file is closed
    log.append(torn)
    log.close()
    log = AppendLog(path)
    assert log.resumed
    log.append("third, ü, \udcff\n")
    log.finish()
    assert path.read_bytes() == "first\nsecond\nthird, ü, ".encode() + b"\xff\n"


def test_without_resume_it_starts_empty(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("earlier\n")
    log = AppendLog(path, resume=False)
    assert not log.resumed and path.read_bytes() == b""
    log.remove()
    assert not path.exists()


def test_the_measure_says_what_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("header\nrecord\n")
    assert AppendLog(path, measure=lambda _: 7).resumed and path.read_text() == "header\n"
    assert not AppendLog(path, measure=lambda _: 0).resumed and path.read_text() == ""


def test_whole_lines_of_a_file_without_any(tmp_path: Path) -> None:
    (tmp_path / "torn").write_bytes(b"x" * 100_000)
    assert whole_lines(tmp_path / "torn") == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full of Linux")
def test_a_full_disk_is_told_with_the_name() -> None:
    with pytest.raises(OSError, match="No space left") as told:
        AppendLog(Path("/dev/full")).append("line\n")
    assert told.value.filename == "/dev/full"
