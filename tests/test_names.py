"""Names of images, whatever they hold, and which files of a folder are images. No model is needed."""

import io
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from data_tools.check.collection import collect as collect_checks
from data_tools.generate.plan import find_references
from rankiqa.batch.folders import LeftOut, find_images, image_suffixes
from rankiqa.batch.inputs import PathQueue, collect
from rankiqa.batch.results import Row, read_rows, write_rows
from rankiqa.image import read_rgb
from utils.check_images import main as check_images
from utils.errors import DataError, ImageError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links, pipes and names of any bytes are POSIX's")
SAVED = {
    ".jfif": "JPEG",
    ".jpe": "JPEG",
    ".apng": "PNG",
    ".dib": "DIB",
    ".tga": "TGA",
    ".ico": "ICO",
    ".pcx": "PCX",
}
SAVED |= {
    ".pnm": "PPM",
    ".pbm": "PPM",
    ".j2c": "JPEG2000",
    ".jpx": "JPEG2000",
    ".jpc": "JPEG2000",
    ".mpo": "MPO",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one image in photos/, and one of everything that is left out."""
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (20, 20), "red").save(photos / "a.png")
    (photos / "notes.md").write_text("no image", encoding="utf-8")
    (photos / ".b.png").write_bytes(b"")
    (photos / ".thumbs").mkdir()
    (photos / ".thumbs" / "c.png").write_bytes(b"")
    (photos / "gone.png").symlink_to("nowhere.png")
    (photos / "self.png").symlink_to("self.png")
    (photos / "ring").symlink_to(".")
    os.mkfifo(photos / "pipe.png")
    return tmp_path


LEFT_OUT = {"other": 1, "hidden file": 1, "hidden folder": 1, "dangling": 2, "folder link": 1, "special": 1}
TOLD = (
    "photos: left out: 2 dangling links, 1 link to a folder, 1 hidden file, 1 hidden folder, "
    "1 pipe, socket or device, 1 other file"
)


def listed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[str]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
    return list(collect(["-"]))


def test_all_programs_find_the_same_and_tell_what_is_left_out(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = [list(collect(["photos"])), list(map(str, find_images("photos")))]
    found += [
        list(collect_checks([Path("photos")]).found.values()),
        list(map(str, find_references(Path("photos")))),
    ]
    assert found == [["photos/a.png"]] * 4
    told = [record.getMessage() for record in caplog.records]
    assert told[:3] == [TOLD] * 3
    assert told[3] == TOLD  # directly in the folder: what is in .thumbs does not matter
    assert collect(["photos"]).left_out.counts == LEFT_OUT
    pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
    queue = collect([f"file://{place}/photos"])
    assert list(queue) == [f"file://{place}/photos/a.png"]
    assert queue.left_out.counts == LEFT_OUT


def test_check_images_tells_it_on_stderr(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "photos" / ".old").mkdir()
    (place / "photos" / ".old" / "label.txt").write_text("gone.png,1\n", encoding="utf-8")
    assert check_images(["photos", "-j", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "1 images checked: 1 good, 0 bad\n"
    assert captured.err == f"notice: {TOLD.replace('1 hidden folder', '2 hidden folders')}\n"
    assert check_images(["photos/pipe.png", "-j", "1"]) == 1
    assert "photos/pipe.png: absent: is a pipe" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", sorted(SAVED))
def test_every_suffix_that_pillow_reads(suffix: str, tmp_path: Path) -> None:
    Image.new("1" if suffix == ".pbm" else "RGB", (32, 32)).save(tmp_path / f"a{suffix}", SAVED[suffix])
    Image.new("1" if suffix == ".pbm" else "RGB", (32, 32)).save(
        tmp_path / f"B{suffix.upper()}", SAVED[suffix]
    )
    assert {path.name for path in find_images(tmp_path)} == {f"a{suffix}", f"B{suffix.upper()}"}
    assert read_rgb(tmp_path / f"a{suffix}").size == (32, 32)


def test_suffixes_of_what_is_no_image() -> None:
    assert not image_suffixes() & {
        ".pdf",
        ".eps",
        ".ps",
        ".mpg",
        ".h5",
        ".wmf",
        ".txt",
        ".csv",
        ".svg",
        ".mp4",
    }
    assert image_suffixes() >= {".heic", ".heif", ".avif", ".jpg", ".jpeg", ".tif", ".webp", ".jp2", ".gif"}


def test_patterns_with_links_in_rings(place: Path) -> None:
    """glob, which follows links to folders, finds photos/ring/ring/.../a.png 41 times."""
    inner = place / "photos" / "inner"
    inner.mkdir()
    (inner / "ring2").symlink_to("..")
    Image.new("RGB", (20, 20)).save(inner / "[x].png")
    both = ["photos/a.png", "photos/inner/[x].png"]
    for pattern in (
        "photos/**",
        "photos/**/*",
        "photos/**/*.png",
        "photos/*",
        "**",
        "**/*.png",
        "*/**/",
        "photos/**/**",
    ):
        assert list(collect([pattern])) == both, pattern
    assert list(collect([f"{place}/photos/**/*.png"])) == [f"{place}/{name}" for name in both]
    assert list(collect(["./p*/*.png"])) == ["./photos/a.png"]
    assert list(collect(["photos/*/"])) == list(collect(["photos/i*"])) == [both[1]]
    assert list(collect(["photos/i*/[x].png"])) == [both[1]]  # a name that is there is meant as it is
    assert list(collect(["photos/ring/*.png"])) == [
        "photos/ring/a.png"
    ]  # a link that is written out is followed
    assert list(collect(["photos/.th*/*.png"])) == ["photos/.thumbs/c.png"]
    assert list(collect(["photos", "photos/*.png"])) == both  # all matches are there already: no error
    assert collect(["photos/*"]).left_out.counts == LEFT_OUT | {"folder link": 2, "hidden folder": 1}
    assert collect(["photos/*.png"]).left_out.counts == {"hidden file": 1, "dangling": 2, "special": 1}
    with pytest.raises(DataError, match=r"matches no image \(left out: 1 other file\)"):
        collect(["photos/*.md"])


def test_folders_that_cannot_be_read_are_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (place / "photos" / "shut").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)  # type: ignore[return-value]

    monkeypatch.setattr(os, "scandir", refusing)
    for argument in ("photos", "photos/**/*.png", "photos/*"):
        caplog.clear()
        queue = collect([argument])
        assert list(queue) == ["photos/a.png"]
        assert queue.left_out.unread == [("photos/shut", "Permission denied")]
        assert caplog.text.count("photos/shut: left out, the folder can't be read (Permission denied)") == 1
    with pytest.raises(DataError, match="can't read photos/shut"):
        collect(["photos/shut"])


def test_lists_and_standard_input_agree(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = ["#1.png", " b .png ", "$x.png", "a[1]*?.png", "-d.png", os.fsdecode(b"caf\xe9.png"), "c\r"]
    for name in odd:
        (place / name).write_bytes(b"")
    given = [*odd, "photos/a.png", "bad\0name.png", "x" * 300, "d/" * 3000, "photos"]
    spelt = [name.replace("\0", r"\x00") for name in given]
    content = "".join(f"{name}\n" for name in ["# a comment", "", "  ", *given])
    for ends, mark in (("\n", b""), ("\r\n", b""), ("\n", b"\xef\xbb\xbf"), ("\r\n", b"\xef\xbb\xbf")):
        data = mark + os.fsencode(content.replace("\n", ends))
        (place / "l.txt").write_bytes(data)
        assert list(collect(["l.txt"])) == spelt
        assert listed(monkeypatch, data) == spelt
    (place / "photos" / "l.lst").write_bytes(b"a.png\n  a.png  \n./a.png")
    assert list(collect(["photos/l.lst"])) == ["photos/a.png", "photos/./a.png"]


def test_names_that_end_at_a_nul(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `find -print0` writes them: nothing in them has a meaning, and a line feed is a part of the name."""
    names = ["a\nb.png", "c\r.png", "#d.png", " e ", "f\n", "photos/a.png"]
    data = "".join(f"{name}\0" for name in names).encode()
    assert listed(monkeypatch, data) == names
    (place / "l.list").write_bytes(data)
    assert list(collect(["l.list"])) == names
    assert listed(monkeypatch, b"x.png\0y.png") == ["x.png", "y.png"]
    many = [f"{number:06}.png" for number in range(30_000)]  # more than one piece of the file
    assert listed(monkeypatch, "\0".join([*many, ""]).encode()) == many
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    monkeypatch.setattr(sys, "stdin", open(reading, encoding="utf-8"))  # noqa: SIM115, PTH123
    assert list(collect(["-"])) == names


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_lists_are_named(encoding: str, place: Path) -> None:
    (place / "l.txt").write_bytes("a.png\r\nb.png\r\n".replace("\r", "").encode(encoding))
    with pytest.raises(DataError, match="l.txt: the list is UTF-16 or UTF-32; save it as UTF-8"):
        collect(["l.txt"])


@pytest.mark.parametrize("name", ["\ud800.png", "a\0b.png", "x" * 300, "d/" * 3000, "http://x/y", "s3://["])
def test_arguments_that_no_file_can_be_called(name: str, place: Path) -> None:
    if "://" in name:
        pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
        with pytest.raises(DataError, match=r"http|s3"):
            collect([name])
        return
    queue = collect([name, "photos/a.png"])
    first, second = list(queue)
    assert second == "photos/a.png"
    queue.leave_out([first])
    assert list(queue) == [second]
    with pytest.raises(ImageError):
        read_rgb(name)


def test_what_is_no_regular_file_is_not_opened(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.bind("s.png")
        for name, said in (
            ("photos/pipe.png", "is a pipe"),
            ("s.png", "is a socket"),
            ("/dev/zero", "is a device"),
            ("photos", "is a folder"),
            ("photos/gone.png", "a link that leads nowhere"),
            ("photos/self.png", "can't be read"),
        ):
            with pytest.raises(ImageError, match=f"{name}: {said}"):
                read_rgb(name)


def test_a_row_is_a_row_whatever_is_in_the_name(tmp_path: Path) -> None:
    names = [
        "a\r.png",
        "b\r\nc.png",
        "d\n",
        'e"f,g',
        "'h;\t",
        "\x1b[31m",
        "\u2028",
        "\x00",
        " i ",
        "=1+1",
        "\\x00",
    ]
    rows = [Row(name, 1.5, None, None, 3, 4) for name in names] + [Row("j\r", error="no\rline")]
    for suffix in (".csv", ".jsonl", ".parquet"):
        if suffix == ".parquet":
            pytest.importorskip("pyarrow", reason="pyarrow is in requirements-deploy.txt")
        for _ in range(3):  # each run with --skip_done reads and writes all rows
            write_rows(tmp_path / f"a{suffix}", rows)
            assert list(read_rows(tmp_path / f"a{suffix}")) == rows


def test_rows_with_other_columns_are_no_rows(tmp_path: Path) -> None:
    for line in ("a.png,1", "a.png,1,,,3,4,,8"):
        path = tmp_path / "a.csv"
        path.write_text(f"path,score,percentile,std,width,height,error\n{line}\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"another number of columns in the row of a\.png"):
            list(read_rows(path))


def test_counts_are_told_in_words() -> None:
    left_out = LeftOut()
    left_out.counts.update(dangling=3, special=2, folder=1)
    assert str(left_out) == "3 dangling links, 2 pipes, sockets or devices, 1 folder"


def test_a_full_disk_below_the_list_is_told(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limits of file sizes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    queue = PathQueue()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DataError, match="SQLITE_TMPDIR names another folder"):
            queue.add(f"{number:0300}" for number in range(50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
