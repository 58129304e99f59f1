"""Oracle: a folder with one of each problem, made here; nothing else may be found in it."""

import csv
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from utils import check_images

NOISE = np.random.default_rng(5)


def noise(*shape: int, dtype: str = "uint8") -> np.ndarray:
    return NOISE.integers(0, np.iinfo(dtype).max, shape, dtype=dtype)


def save(path: str, size: tuple[int, int] = (40, 48), **options: object) -> Path:
    """An image that no other file has."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*size, 3)).save(file, **options)
    return file


def png_header(width: int, height: int) -> bytes:
    """A PNG by hand that claims a size and holds a few bytes of it (PNG specification, 5 and 11)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size + bytes([8, 2, 0, 0, 0]))
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )


def labels(path: str, *rows: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def check(*argv: str) -> tuple[int, set[tuple[str, str]]]:
    """The exit status, and (file name, name of the problem) of every row of the table."""
    status = check_images.main([*argv, "-j", "1"])
    return status, {(Path(row["path"]).name, row["fault"]) for row in table()}


def table() -> list[dict[str, str]]:
    with Path("check_images.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def one_of_each() -> set[tuple[str, str]]:
    """data/train and data/val, with eleven problems in images of two tasks."""
    folder = "data/train/JPEG"
    good = save(f"{folder}/good.png")
    for name in ("a", "b", "in_both"):
        save(f"{folder}/{name}.png")
    cut = save(f"{folder}/cut.jpg")
    cut.write_bytes(cut.read_bytes()[:-500])
    Path(f"{folder}/nothing.png").write_bytes(b"")
    Path(f"{folder}/page.png").write_bytes(b"<html>not found</html>")
    Path(f"{folder}/bomb.png").write_bytes(png_header(50_000, 50_000))
    save(f"{folder}/small.png", (15, 200))
    save(f"{folder}/really_png.png").rename(f"{folder}/really_png.jpg")
    with Image.open(good) as image:
        image.save(f"{folder}/again.bmp")  # the same pixels in other bytes
    Path("data/val").mkdir()
    Path("data/val/copy.png").write_bytes(Path(f"{folder}/a.png").read_bytes())
    save(f"{folder}/forgotten.png")
    locked = f"{folder}/locked.heic"
    Path(locked).write_bytes(bytes(4) + b"ftypheic" + bytes(40))
    worse = "a b in_both cut.jpg nothing page bomb small really_png.jpg again.bmp gone locked.heic".split()
    names = [f"{folder}/{name}" if "." in name else f"{folder}/{name}.png" for name in worse]
    labels("data/train/label.txt", *(f"{folder}/good.png,{name}" for name in names))
    labels("data/val/label.txt", "data/val/copy.png,3.5", f"{folder}/in_both.png,2")
    return {
        *{("cut.jpg", "truncated"), ("nothing.png", "empty"), ("page.png", "broken")},
        *{("bomb.png", "oversized"), ("small.png", "tiny"), ("really_png.jpg", "misnamed")},
        *{("again.bmp", "duplicate"), ("copy.png", "leakage"), ("in_both.png", "leakage")},
        *{("forgotten.png", "unlabelled"), ("gone.png", "absent")},
    }


def heif_is_there() -> bool:
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        return False
    return True


def test_one_of_each_problem_is_found_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    expected = one_of_each() | {("locked.heic", "broken" if heif_is_there() else "unreadable")}
    assert check("--data", "data") == (1, expected)
    printed = {tuple(line.split(": ")[:2]) for line in capsys.readouterr().out.splitlines()[:-1]}
    assert {(Path(path).name, name) for path, name in printed} == expected


def test_processes_and_one_process_write_the_same_table() -> None:
    one_of_each()
    for number in range(60):
        save(f"data/other/{number}.png")
    check("--data", "data")
    alone = Path("check_images.csv").read_bytes()
    assert check_images.main(["--data", "data", "-j", "2"]) == 1
    assert Path("check_images.csv").read_bytes() == alone


def test_the_table_names_label_file_and_lines() -> None:
    save("data/train/a.png")
    rows = ["# a comment", "a.png,gone.png", "", "gone.png,a.png", "a.png,gone.png", "gone.png,3", "a.png,1"]
    labels("data/train/label.txt", *rows)
    assert check("data") == (1, {("gone.png", "absent")})
    assert [(row["label_file"], row["lines"]) for row in table()] == [("data/train/label.txt", "2 4-6")]


def test_odd_images_are_no_problems() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    names = ["turned.jpg", "palette.png", "moving.gif", "deep.png", "alpha.png", "upper.JPEG", "a.jpe",
             "t.tif", "t2.tiff", "c.j2k", "c.jp2", "bilevel.png", "sixteen.png", "stereo.jpg",
             "w.webp"]  # fmt: skip
    folder = Path("data/train")
    save("data/train/turned.jpg", exif=exif)
    Image.fromarray(noise(40, 40, 3)).quantize(16).save(folder / "palette.png")
    frames = [Image.fromarray(noise(40, 40)) for _ in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(noise(40, 40, dtype="uint16")).save(folder / "deep.png")
    Image.fromarray(noise(40, 40, 4)).save(folder / "alpha.png")
    Image.fromarray(noise(40, 40)).convert("1").save(folder / "bilevel.png")
    views = [Image.fromarray(noise(40, 40, 3)) for _ in range(2)]
    views[0].save(folder / "stereo.jpg", format="MPO", save_all=True, append_images=views[1:])
    for name in ("upper.JPEG", "a.jpe", "t.tif", "t2.tiff", "c.j2k", "c.jp2", "w.webp"):
        save(f"data/train/{name}")
    save("data/train/sixteen.png", (16, 16))
    labels("data/train/label.txt", *(f"{name},0,1,2,0.5,1" for name in names))
    assert check("data") == (0, set())
    assert Path("check_images.csv").read_text() == "path,fault,detail,label_file,lines\n"


@pytest.mark.parametrize("form", ["jpg", "png", "bmp", "tif", "webp", "jp2", "j2k", "avif", "gif", "ppm"])
def test_half_a_file_is_truncated(form: str) -> None:
    file = save(f"data/half.{form}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert check("data") == (1, {(file.name, "truncated")})


@pytest.mark.parametrize("side", [50_000, 13_000])
def test_a_bomb_is_never_decoded(place: Path, side: int) -> None:
    # 13,000 x 13,000 is within Pillow's limit: only the size of the file says that it can't be true.
    (place / "bomb.png").write_bytes(png_header(side, side))
    program = """
import re, resource, sys
from pathlib import Path
from utils import check_images
check_images.main([sys.argv[1], "-j", "1", "--csv", sys.argv[2]])  # all libraries are loaded
used = int(re.search(r"VmSize:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000,) * 2)
sys.exit(check_images.main([sys.argv[3], "-j", "1", "--csv", sys.argv[2]]))
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc")
    good, bomb = str(save("good.png")), str(place / "bomb.png")
    done = subprocess.run(
        [sys.executable, "-c", program, str(place / good), str(place / "t.csv"), bomb],
        capture_output=True, text=True, timeout=60, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "bomb.png: oversized: not decoded" in done.stdout


def test_fix_drops_the_rows_and_keeps_every_other_byte() -> None:
    for name in ("a", "b", "with,comma"):
        save(f"data/train/{name}.png")
    Path("data/train/empty.png").write_bytes(b"")
    rows = [
        b"\xef\xbb\xbfdata/train/gone.png,data/train/a.png\r\n",
        b"# pairs, by hand\r\n",
        b'"data/train/with,comma.png", data\\train\\b.png\r\n',
        b"\r\n",
        b"data/train/a.png,data/train/empty.png\n",
        b"  data/train/a.png,data/train/b.png",
    ]
    file = Path("data/train/label.txt")
    file.write_bytes(b"".join(rows))
    file.chmod(0o640)
    Path("data/train/label.txt.bak").write_bytes(b"an older backup")
    assert check("data", "--fix")[0] == 1
    assert file.read_bytes() == b"\xef\xbb\xbf" + rows[1] + rows[2] + rows[3] + rows[5]
    assert file.stat().st_mode & 0o777 == 0o640
    assert Path("data/train/label.txt.bak").read_bytes() == b"an older backup"
    assert Path("data/train/label.txt.bak.1").read_bytes() == b"".join(rows)
    assert check("data", "--fix") == (1, {("empty.png", "empty")})  # the image lies there still
    assert not Path("data/train/label.txt.bak.2").exists()


def test_fix_leaves_the_rows_of_images_that_can_be_read() -> None:
    one_of_each()
    before = Path("data/val/label.txt").read_bytes()
    check("data", "--fix")
    left = {Path(row.split(",")[1]).name for row in Path("data/train/label.txt").read_text().splitlines()}
    readable = {"a.png", "b.png", "in_both.png", "small.png", "really_png.jpg", "again.bmp"}
    # a HEIC that only lacks a package may be whole
    assert left == (readable if heif_is_there() else readable | {"locked.heic"})
    assert Path("data/val/label.txt").read_bytes() == before


def test_fix_never_empties_a_label_file(capsys: pytest.CaptureFixture[str]) -> None:
    labels("data/train/label.txt", "# on a disk that is not there", "gone/a.png,gone/b.png")
    before = Path("data/train/label.txt").read_bytes()
    assert check("data", "--fix") == (1, {("a.png", "absent"), ("b.png", "absent")})
    assert Path("data/train/label.txt").read_bytes() == before
    assert "none was removed" in capsys.readouterr().err
    assert not list(Path("data").rglob("*.bak*"))


def test_references_need_no_rating_but_a_pair() -> None:
    save("data/train/refimgs/r.png")
    save("data/train/a.png")
    labels("data/train/label.txt", "data/train/a.png,3.5")
    assert check("data") == (0, set())
    save("data/train/b.png")
    labels("data/train/label.txt", "data/train/a.png,data/train/b.png")
    assert check("data") == (1, {("r.png", "unlabelled")})
    assert check("data", "--ignore", "unlabelled,tiny") == (0, set())


def test_the_generators_sheet_needs_no_label() -> None:
    save("data/train/a.png")
    save("data/train/contact_sheet.png")  # where live_generator --data data/train/refimgs draws it
    labels("data/train/label.txt", "data/train/a.png,3.5")
    assert check("data") == (0, set())


def test_a_list_of_all_beside_the_splits_is_no_leakage() -> None:
    for split in ("train", "val"):
        save(f"data/{split}/{split}.png")
        labels(f"data/{split}/label.txt", f"data/{split}/{split}.png,1")
    labels("data/label.txt", "train/train.png,1", "val/val.png,1")
    assert check("data") == (0, set())


@pytest.mark.parametrize(
    "argv, said",
    [
        (["-j", "0"], "0 is below 1"),
        (["--ignore", "tinny"], "tinny: not among absent"),
        (["--data", "data", "data"], "either by --data or alone"),
    ],
)
def test_wrong_flags_are_named(capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        check_images.main(argv)
    assert said in capsys.readouterr().err


def test_a_label_file_that_is_no_text_stops_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    save("data/a.png")
    Path("data/label.txt").write_bytes(b"a.png,1\n\xff\xfe.png,2\n")
    assert check_images.main(["data"]) == 2
    assert "label.txt:2: byte 0xff is not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("data/train/b.png;data/train/c.png", "separated by ';'"),
        ("data/train/b.png;3,5", "separated by ';'"),
        ("data/train/b.png\t3.5", "separated by TAB"),
        ("data/train/b.png 3.5", "separated by spaces"),
    ],
)
def test_a_row_of_another_delimiter_is_no_absent_image(
    row: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        save(f"data/train/{name}.png")
    labels("data/train/label.txt", "data/train/a.png,1", row)
    before = Path("data/train/label.txt").read_bytes()
    assert check_images.main(["--fix", "-j", "1"]) == 2
    assert f"label.txt:2: {row.split(',')[0]!r}: the row is {words}" in capsys.readouterr().err
    assert Path("data/train/label.txt").read_bytes() == before
