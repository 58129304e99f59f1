"""What a file is decides how it is read, not what it is called. Oracle: the same bytes under a right name."""

import io
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from rankiqa.image import decode, read_rgb, read_sized
from tests.conftest import ROOT, texture
from utils import check_images
from utils.errors import ImageError

IMAGE = texture(5, 0.6, (64, 80))
SUFFIXES = (".jpg", ".png", ".tif", ".heic", ".HEIF", ".webp", ".avif", ".gif", ".bmp", ".jp2", ".ppm", "")
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def saved(form: str, image: Image.Image = IMAGE, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)  # type: ignore[arg-type]
    return file.getvalue()


def message(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        read_rgb(path)
    return str(caught.value)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "GIF", "BMP", "JPEG2000", "PPM"])
def test_any_format_under_any_name(tmp_path: Path, form: str) -> None:
    try:
        data = saved(form)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {form}")
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        assert (np.asarray(read_rgb(path)) == expected).all(), suffix


def raw(*entries: tuple[int, int, int]) -> bytes:
    """The first directory of a camera's raw file: tags with a SHORT or LONG each."""
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7\n" + bytes(99), "a PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"\xff\x0a" + bytes(50), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(50), "a video (MP4 or QuickTime)"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(50), "a video (MP4 or QuickTime)"),
        (b"\x1a\x45\xdf\xa3" + bytes(50), "a video (Matroska or WebM)"),
        (b"RIFF\x99\0\0\0AVI LIST" + bytes(50), "a video (AVI)"),
        (b"\0\0\x01\xb3" + bytes(50), "a video (MPEG)"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom" + bytes(50), "raw data of a camera (CR3)"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(50), "raw data of a camera (RAF)"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(50), "raw data of a camera (CR2)"),
        (raw((254, 4, 1), (256, 4, 160), (50706, 4, 1)), "raw data of a camera (DNG)"),
        (raw((254, 4, 1), (256, 4, 160), (330, 4, 99)), "raw data of a camera (NEF, ARW or the like)"),
        (b"PK\x03\x04" + bytes(50), "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (bytes(4000), "nothing but zero bytes"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(tmp_path: Path, data: bytes, name: str) -> None:
    for suffix in (".jpg", ".heic", ".tif"):
        said = message(tmp_path / f"a{suffix}", data)
        assert name in said and str(tmp_path / f"a{suffix}") in said
    assert "not an image in any format" in message(tmp_path / "b.jpg", b"something else")


@pytest.mark.parametrize("behind", [False, True], ids=["directory first", "directory last"])
def test_the_thumbnail_of_a_raw_file_is_not_its_image(behind: bool) -> None:
    """A DNG is a TIFF, whose first image is a small one that Pillow would read."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706], tags.tagtype[50706] = b"\1\4\0\0", 1
    data = saved("TIFF", Image.new("RGB", (16, 12)), tiffinfo=tags)
    if behind:  # offsets count from the beginning of the file, so a copy of the directory serves
        data = data[:4] + struct.pack("<I", 6000) + data[8:].ljust(5992, b"\0") + data[8:400]
    assert Image.open(io.BytesIO(data)).size == (16, 12)
    with pytest.raises(ImageError, match=r"raw data of a camera \(DNG\)"):
        decode(io.BytesIO(data), "a.tif")


PROGRAM = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pillow_heif":
            raise ImportError("blocked")
sys.meta_path.insert(0, Blocked())
from rankiqa.image import read_rgb
from utils.errors import ImageError
for path in sys.argv[1:]:
    try:
        print(read_rgb(path).size)
    except ImageError as error:
        print(error)
"""


def test_heic_without_its_package_by_any_name(tmp_path: Path) -> None:
    heic = [tmp_path / name for name in ("a.heic", "b.jpg")]
    for path in heic:
        path.write_bytes(HEIC)
    (tmp_path / "c.heic").write_bytes(saved("JPEG"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, heic), str(tmp_path / "c.heic")],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    *refused, size = done.stdout.splitlines()
    assert refused == [f"{path}: HEIC needs one more package: pip install pillow-heif" for path in heic]
    assert size == "(80, 64)"


def test_heic_by_any_name_in_many_threads(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs pillow-heif")
    file = io.BytesIO()
    heif.from_pillow(IMAGE).save(file, quality=95)
    paths = []
    for number in range(16):
        paths.append(tmp_path / f"{number}.{'jpg' if number % 2 else 'heic'}")
        paths[-1].write_bytes(file.getvalue())
    first = np.asarray(read_rgb(paths[0]))
    assert np.abs(first.astype(int) - np.asarray(IMAGE)).mean() < 8
    assert all((image == first).all() for image in in_threads(paths))


def in_threads(paths: list[Path]) -> list[np.ndarray]:
    """Every file, read by a thread of its own, all at once."""
    images: list[np.ndarray] = []
    gate = threading.Barrier(len(paths))

    def work(path: Path) -> None:
        gate.wait()
        images.append(np.asarray(read_rgb(path)))

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(images) == len(paths)
    return images


RACE = """
import sys, threading
from pathlib import Path
sys.setswitchinterval(1e-6)
from rankiqa.image import read_rgb
paths = sys.argv[1:]
gate, wrong = threading.Barrier(len(paths)), []
def work(path):
    gate.wait()
    try:
        read_rgb(path)
    except Exception as error:
        wrong.append(str(error))
threads = [threading.Thread(target=work, args=(path,)) for path in paths]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(wrong)
"""


def test_decoders_that_are_loaded_late_are_there_for_all_threads(tmp_path: Path) -> None:
    """Pillow loads TIFF and WebP when they are first needed; threads that come meanwhile must wait."""
    paths = []
    for number in range(24):
        form = ("TIFF", "WEBP")[number % 2]
        paths.append(tmp_path / f"{number}.{form.lower()}")
        paths[-1].write_bytes(saved(form))
    done = subprocess.run(
        [sys.executable, "-c", RACE, *map(str, paths)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "[]\n"


def test_check_images_knows_a_misnamed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").write_bytes(saved("PNG"))
    Path("b.heic").write_bytes(saved("JPEG"))
    assert check_images.main([".", "-j", "1"]) == 1
    rows = Path("check_images.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [["a.jpg", "misnamed"], ["b.heic", "misnamed"]]


def mpo(image: Image.Image, **options: object) -> bytes:
    return saved("MPO", image, save_all=True, append_images=[image.rotate(180)], **options)


def test_an_mpo_is_reduced_like_the_jpeg_in_it() -> None:
    """The first stream of an MPO ends with its own marker: alone it is a JPEG."""
    large = texture(7, 0.8, (900, 1200))
    both = mpo(large, quality=90)
    alone = both[: both.index(b"\xff\xd9\xff\xd8") + 2]
    assert Image.open(io.BytesIO(both)).format == "MPO"
    for fit in ((60, 80), (20, 30), None):
        found, size = decode(io.BytesIO(both), "a", fit)
        expected, _ = decode(io.BytesIO(alone), "a", fit)
        assert size == (1200, 900) and found.size == expected.size
        assert (np.asarray(found) == np.asarray(expected)).all()
    assert decode(io.BytesIO(both), "a", (20, 30))[0].size == (150, 113)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_jpegs_of_all_colours_are_reduced(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved("JPEG", texture(8, 1.0, (480, 640)).convert(mode)))
    image, size = read_sized(path, (20, 20))
    assert image.size == (80, 60) and size == (640, 480)
