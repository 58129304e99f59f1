"""Colours by what a file says without an ICC profile: chunks of PNG, code points of AVIF, EXIF."""

import io
import struct
import zlib
from pathlib import Path

import color_files as cf
import numpy as np
import pytest
from PIL import Image
from test_color import NOISE, SMOOTH, read, saved


def with_chunks(path: Path, image: Image.Image, *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG with `chunks` after its header."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = buffer.getvalue()
    extra = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    path.write_bytes(data[:33] + b"".join(extra) + data[33:])
    return path


P3_CHROMATICITIES = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def test_png_chunks_describe_colours(tmp_path):
    image, plain = Image.fromarray(NOISE), NOISE.astype(int)
    p3 = cf.to_srgb(NOISE, cf.P3, cf.srgb_light)
    linear = 255 * cf.srgb_code(NOISE / 255)
    icc = (b"iCCP", b"x\0\0" + zlib.compress(cf.ADOBE_PROFILE))
    cases = [
        ([(b"gAMA", struct.pack(">I", 45455))], plain),
        ([(b"gAMA", struct.pack(">I", 0))], plain),
        ([(b"gAMA", struct.pack(">I", 100000))], linear),
        ([(b"cHRM", P3_CHROMATICITIES)], p3),
        ([(b"cHRM", bytes(32))], plain),
        ([(b"cHRM", b"\xff" * 32)], plain),
        ([(b"cHRM", struct.pack(">8I", *[1] * 8)), (b"gAMA", struct.pack(">I", 1))], plain),
        ([(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100000)), (b"cHRM", P3_CHROMATICITIES)], plain),
        ([(b"cICP", bytes((12, 13, 0, 1)))], p3),
        ([(b"cICP", bytes((12, 13, 0, 1))), icc], p3),
        ([(b"cICP", bytes((1, 13, 0, 1))), icc], plain),
        ([(b"cICP", bytes((2, 2, 0, 1)))], plain),
        ([(b"cICP", b"")], plain),
    ]
    for number, (chunks, expected) in enumerate(cases):
        found = read(with_chunks(tmp_path / f"{number}.png", image, *chunks))
        assert np.abs(found - expected).max() <= (0 if expected is plain else 2), chunks


def test_chunks_that_are_damaged_or_large(tmp_path):
    image, p3 = Image.fromarray(NOISE), cf.to_srgb(NOISE, cf.P3, cf.srgb_light)
    whole = with_chunks(tmp_path / "a.png", image, (b"cICP", bytes((12, 13, 0, 1)))).read_bytes()
    assert np.abs(read(tmp_path / "a.png") - p3).max() <= 2
    (tmp_path / "b.png").write_bytes(whole.replace(bytes((12, 13, 0, 1)), bytes((9, 16, 0, 1))))
    assert (read(tmp_path / "b.png") == NOISE).all()  # the checksum is that of the others
    short = with_chunks(tmp_path / "c.png", image, (b"cICP", b"\x0c"))
    assert (read(short) == NOISE).all()
    padding = np.random.default_rng(0).bytes(2 << 20)  # a printer's profile is as large
    icc = (b"iCCP", b"x\0\0" + zlib.compress(cf.ADOBE_PROFILE + padding))
    found = read(with_chunks(tmp_path / "d.png", image, icc))
    assert np.abs(found - cf.to_srgb(NOISE, cf.ADOBE, cf.adobe_light)).max() <= 2


def test_hdr_is_shown_up_to_its_reference_white(tmp_path):
    nits = np.array([[0.0, 1, 10, 50, 100, 203, 1000, 10000]])
    root = (nits / 10000) ** (2610 / 16384)  # SMPTE ST 2084, equation 5.2
    codes = np.rint(255 * ((3424 / 4096 + 2413 / 128 * root) / (1 + 2392 / 128 * root)) ** (2523 / 32))
    image = Image.fromarray(np.repeat(codes[:, :, None], 3, 2).astype(np.uint8))
    found = read(with_chunks(tmp_path / "pq.png", image, (b"cICP", bytes((9, 16, 0, 1)))))
    assert np.abs(found - 255 * cf.srgb_code(nits / 203)[:, :, None]).max() <= 6  # 8 bits of PQ are coarse


def test_nclx_of_avif(tmp_path):
    plain = saved(tmp_path / "a.avif", Image.fromarray(SMOOTH), quality=100)
    stored, data = read(plain), plain.read_bytes()
    at = data.index(b"colrnclx") + 8
    (tmp_path / "p3.avif").write_bytes(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])
    found = read(tmp_path / "p3.avif")
    assert np.abs(found - cf.to_srgb(stored, cf.P3, cf.srgb_light)).max() <= 1.5


@pytest.mark.parametrize(
    ("index", "color_space", "converted"), [("R03", 65535, 1), ("R98", 1, 0), ("R03", 1, 0)]
)
def test_adobe_rgb_by_exif(tmp_path, index, color_space, converted):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = color_space
    exif.get_ifd(0x8769)[0xA005] = {1: index}
    plain = read(saved(tmp_path / "plain.jpg", Image.fromarray(SMOOTH)))
    found = read(saved(tmp_path / "a.jpg", Image.fromarray(SMOOTH), exif=exif.tobytes()))
    expected = cf.to_srgb(plain, cf.ADOBE, cf.adobe_light) if converted else plain
    assert np.abs(found - expected).max() <= (1.5 if converted else 0)
