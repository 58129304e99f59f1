"""Good pixels under odd metadata. Oracle: the same image written without any; segments and chunks by hand."""

import csv
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from main import main
from rankiqa.image import decode, read_rgb
from tests.conftest import texture
from tests.test_export import write_checkpoint
from utils import check_images
from utils.errors import ImageError

IMAGE = texture(3, 0.7, (40, 56))
PIXELS = np.asarray(IMAGE)
LONG = zlib.compress(b"a" * 20_000_000)  # inflates to more than Pillow takes
VALUES = (b"6", b"abc", b"\xff\xfe", b"\n\n\nzz")


def saved(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    IMAGE.save(file, form, **options)  # type: ignore[arg-type]
    return file.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    image, size = decode(io.BytesIO(data), "a")
    assert image.size == size and image.mode == "RGB"
    return np.asarray(image)


def chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png_with(*chunks: bytes, behind: bool = False) -> bytes:
    whole = saved("PNG")
    place = whole.index(b"IEND" if behind else b"IDAT") - 4
    return whole[:place] + b"".join(chunks) + whole[place:]


def tiff_block(*entries: tuple[int, int, int, bytes]) -> bytes:
    """A little-endian TIFF header with one directory (TIFF 6.0, section 2): what EXIF is."""
    body = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*segments: bytes) -> bytes:
    """A JPEG without the JFIF segment, so that Pillow looks for the resolution in EXIF."""
    whole = saved("JPEG", quality=95)
    return whole[:2] + b"".join(segments) + whole[20:]


PNG_CHUNKS = {
    "long zTXt": chunk(b"zTXt", b"c\0\0" + LONG),
    "long iTXt": chunk(b"iTXt", b"c\0\1\0\0\0" + LONG),
    "800 texts": chunk(b"tEXt", b"c\0" + bytes(100_000)) * 800,
    "broken zTXt": chunk(b"zTXt", b"c\0\7abc"),
    "empty iTXt": chunk(b"iTXt", b""),
    "garbage eXIf": chunk(b"eXIf", bytes(range(99))),
    "short pHYs": chunk(b"pHYs", b"abc"),
    "short gAMA": chunk(b"gAMA", b"a"),
    "short cHRM": chunk(b"cHRM", b"a"),
    "empty sRGB": chunk(b"sRGB", b""),
    "tRNS of one byte": chunk(b"tRNS", b"a"),
    "wrong checksum": chunk(b"tEXt", b"a\0b", 1) + chunk(b"pHYs", bytes(9), 2) + chunk(b"iCCP", b"a\0\0x", 3),
    "iCCP of no method": chunk(b"iCCP", b"a\0\7abc"),
    "broken iCCP": chunk(b"iCCP", b"a\0\0abc"),
    "empty iCCP": chunk(b"iCCP", b""),
    "long iCCP": chunk(b"iCCP", b"a\0\0" + LONG),
    "broken acTL": chunk(b"acTL", b"a"),
    "broken fcTL": chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", b"abc"),
    "fcTL outside": chunk(b"acTL", struct.pack(">II", 2, 0))
    + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 5, 9999, 9999, 7, 7, 1, 1, 0, 0)),
    "lone fdAT": chunk(b"fdAT", b"\0\0\0\1abc"),
}
EXIF = {
    "orientation 0": tiff_block((0x112, 3, 1, b"\0\0")),
    "orientation 9": tiff_block((0x112, 3, 1, b"\x09\0")),
    "orientation abc": tiff_block((0x112, 2, 4, b"abc")),
    "orientation of no rational": tiff_block((0x112, 5, 1, b"\xff\xff\xff\x7f")),
    "orientation of many values": tiff_block((0x112, 3, 2**30, b"\x06\0")),
    "unknown type": tiff_block((0x112, 99, 1, b"\x06\0")),
    "garbage": bytes(range(200)),
    "empty": b"",
    "two bytes": b"II",
    "a directory in itself": tiff_block((0x8769, 4, 1, b"\x08\0\0\0"), (0x8825, 4, 1, b"\x08\0\0\0")),
    "a pointer of text": tiff_block((0x8769, 2, 4, b"abc")),
    "no resolution": tiff_block((0x11A, 5, 0, b""), (0x128, 3, 1, b"\2\0")),
    "a resolution of text": tiff_block((0x11A, 2, 4, b"zzz"), (0x128, 2, 3, b"ab")),
    "an infinite resolution": tiff_block((0x11A, 11, 1, b"\0\0\x80\x7f"), (0x128, 3, 1, b"\2\0")),
    "4000 tags": tiff_block(*((number, 3, 1, b"\1\0") for number in range(1000, 5000))),
    "a huge maker note": tiff_block((0x927C, 7, 60_000, b"\x1a\0\0\0")) + bytes(range(250)) * 40,
    "65535 entries": b"II*\0\x08\0\0\0\xff\xff" + bytes(20),
}
JPEG_SEGMENTS = {
    "XMP": segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0\xff\xfe<x tiff:Orientation="99"'),
    "IPTC": segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + bytes(range(30))),
    "Photoshop": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\xff\xff"),
    "ICC": segment(0xE2, b"ICC_PROFILE\0\5\1abc"),
    "short ICC": segment(0xE2, b"ICC_PROFILE\0"),
    "MPF": segment(0xE2, b"MPF\0" + tiff_block((0xB001, 4, 1, b"\5\0\0\0"), (0xB002, 7, 80, b"\5\0\0\0"))),
    "MPF of text": segment(0xE2, b"MPF\0" + tiff_block((0xB001, 2, 4, b"zz"))),
    "short Adobe": segment(0xEE, b"Adobe"),
    "short JFIF": segment(0xE0, b"JFIF\0"),
    "comments": segment(0xFE, bytes(60_000)) * 20,
    "fill bytes": b"\xff\xff\xff",
}


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("name", PNG_CHUNKS)
def test_chunks_of_a_png(name: str, behind: bool) -> None:
    assert (pixels_of(png_with(PNG_CHUNKS[name], behind=behind)) == PIXELS).all()


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize(
    "keyword",
    ["exif", "transparency", "interlace", "icc_profile", "gamma", "dpi", "Raw profile type exif", "xmp"],
)
def test_a_text_stands_for_nothing_but_itself(keyword: str, behind: bool) -> None:
    for value in VALUES:
        data = png_with(chunk(b"tEXt", keyword.encode() + b"\0" + value), behind=behind)
        assert (pixels_of(data) == PIXELS).all()


def test_what_follows_the_pixels_of_a_png() -> None:
    whole = saved("PNG")
    for data in (whole + b"junk" * 99, whole + whole, whole[:-12], whole[:-4] + b"abcd",
                 whole[:-12] + struct.pack(">I", 9999) + b"tEXtabc"):  # fmt: skip
        assert (pixels_of(data) == PIXELS).all()


def test_the_checksum_of_the_pixels_counts_when_the_pixels_are_wrong() -> None:
    """Deflate has a checksum of its own, so a wrong one of IDAT alone does no harm."""
    whole = saved("PNG", compress_level=0)
    start = whole.index(b"IDAT")
    end = start + 4 + struct.unpack(">I", whole[start - 4 : start])[0]
    assert (pixels_of(whole[:end] + b"abcd" + whole[end + 4 :]) == PIXELS).all()
    with pytest.raises(ImageError, match="checksum of IDAT is wrong"):
        pixels_of(whole[: start + 2000] + bytes(500) + whole[start + 2500 :])


@pytest.mark.parametrize("name", EXIF)
def test_exif(name: str) -> None:
    exif = b"Exif\0\0" + EXIF[name]
    assert (pixels_of(png_with(chunk(b"eXIf", EXIF[name]))) == PIXELS).all()
    assert (pixels_of(jpeg_with(segment(0xE1, exif))) == pixels_of(saved("JPEG", quality=95))).all()
    assert (pixels_of(saved("WEBP", lossless=True, exif=exif)) == PIXELS).all()


@pytest.mark.parametrize("name", JPEG_SEGMENTS)
def test_segments_of_a_jpeg(name: str) -> None:
    assert (pixels_of(jpeg_with(JPEG_SEGMENTS[name])) == pixels_of(saved("JPEG", quality=95))).all()


def tiff_of(*entries: tuple[int, int, int, bytes]) -> bytes:
    """PIXELS as one plain strip, with further tags."""
    height, width, _ = PIXELS.shape
    own = {
        256: (3, 1, struct.pack("<H", width)),
        257: (3, 1, struct.pack("<H", height)),
        258: (3, 3, b""),
        259: (3, 1, b"\1\0"),
        262: (3, 1, b"\2\0"),
        273: (4, 1, b""),
        277: (3, 1, b"\3\0"),
        278: (3, 1, struct.pack("<H", height)),
        279: (4, 1, struct.pack("<I", PIXELS.size)),
        **{tag: (kind, count, value) for tag, kind, count, value in entries},
    }
    behind = 8 + 2 + 12 * len(own) + 4
    own[258], own[273] = (3, 3, struct.pack("<I", behind)), (4, 1, struct.pack("<I", behind + 6))
    return tiff_block(*((tag, *own[tag]) for tag in sorted(own))) + b"\x08\0" * 3 + PIXELS.tobytes()


@pytest.mark.parametrize("tag", [254, 269, 274, 282, 305, 330, 700, 33723, 34377, 34665, 34853, 37724, 65000])
def test_tags_of_a_tiff(tag: int) -> None:
    assert (pixels_of(tiff_of()) == PIXELS).all()
    for kind in (1, 2, 3, 4, 5, 12, 99):
        for count, value in ((0, b""), (9, b"\xff\xff\0\0"), (2**31, b"\xff" * 4), (3000, b"\x64\0\0\0")):
            assert (pixels_of(tiff_of((tag, kind, count, value))) == PIXELS).all(), (kind, count)


def test_the_orientation_outlives_what_is_left_out() -> None:
    sideways = np.rot90(PIXELS, -1)
    exif = tiff_block((0x112, 3, 1, b"\x06\0"))
    assert (pixels_of(png_with(chunk(b"eXIf", exif), PNG_CHUNKS["long zTXt"])) == sideways).all()
    xmp = chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>')
    assert (pixels_of(png_with(xmp, PNG_CHUNKS["short pHYs"])) == sideways).all()
    hexed = (b"Exif\0\0" + exif).hex().encode()
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n%8d\n%s\n" % (32, hexed)))
    assert (pixels_of(png_with(raw)) == sideways).all()
    jpeg = jpeg_with(segment(0xE1, b"Exif\0\0" + exif), JPEG_SEGMENTS["short Adobe"])
    assert (pixels_of(jpeg) == np.rot90(pixels_of(saved("JPEG", quality=95)), -1)).all()


def test_predict_and_check_images_take_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    write_checkpoint(tmp_path / "a.pth")
    odd = {"ztxt.png": png_with(PNG_CHUNKS["long zTXt"]), "exif.png": png_with(chunk(b"tEXt", b"exif\0a"))}
    for name, data in {"clean.png": saved("PNG"), **odd}.items():
        (folder / name).write_bytes(data)
    rows = "".join(f"data/train/{name},3\n" for name in odd)
    (folder / "label.txt").write_text(rows)
    check_images.main(["data", "--fix", "-j", "1", "--ignore", "duplicate,unlabelled"])
    assert (folder / "label.txt").read_text() == rows
    assert main(["--predict", "data/train/*.png", "--resume", "a.pth", "--output", "s.csv"]) == 0
    with Path("s.csv").open(encoding="utf-8") as file:
        assert len({row["score"] for row in csv.DictReader(file)}) == 1
    assert (np.asarray(read_rgb(folder / "ztxt.png")) == PIXELS).all()
