"""How many pixels are decoded. Oracle: headers by hand, and images that are truly large."""

import csv
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from config import parse_config
from main import main
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.image import decode, read_sized
from rankiqa.views import View
from tests.conftest import texture
from tests.test_export import write_checkpoint
from utils import check_images
from utils.errors import ConfigError, ImageError, OversizedError


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of RGB that claims a size, and holds 10,000 bytes of it (PNG specification, 11.2.2)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10_000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def error_of(data: bytes, **options: int) -> str:
    with pytest.raises(OversizedError) as caught:
        decode(io.BytesIO(data), "a.png", **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_200_megapixels_of_a_phone_are_read_by_default() -> None:
    """In truth 16,320 x 12,240, mostly of one colour; `fit` decodes an eighth of each side."""
    file = io.BytesIO()
    image = Image.new("L", (16_320, 12_240), 90)
    image.paste(texture(1, 1.0, (1200, 1600)).convert("L"), (0, 0))
    image.save(file, "JPEG", quality=80)
    del image
    reduced, size = decode(file, "a.jpg", (224, 224))
    assert size == (16_320, 12_240) and reduced.size == (2040, 1530)
    assert abs(float(np.asarray(reduced)[-1, -1].mean()) - 90) < 2


def test_a_bomb_is_refused_and_the_flag_is_named() -> None:
    said = error_of(png_claiming(50_000, 50_000))
    assert f"a.png: 50000 x 50000 pixels, at most {MAX_PIXELS} are taken; --max_pixels N" in said
    assert "few bytes" in error_of(png_claiming(50_000, 50_000), max_pixels=10**10)
    assert "few bytes" in error_of(png_claiming(13_000, 13_000))  # within the limit, and not to be true


def test_the_limit_is_that_of_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    texture(1, 1.0, (40, 50)).save(path)
    assert read_sized(path, max_pixels=2000)[1] == (50, 40)
    with pytest.raises(OversizedError, match="at most 1999"):
        read_sized(path, max_pixels=1999)
    with pytest.raises(ImageError, match="at most 1999"):
        View(max_pixels=1999).read(path)


def test_the_flag_takes_units() -> None:
    assert parse_config(["--predict", "a"]).max_pixels == MAX_PIXELS == 250_000_000
    assert parse_config(["--predict", "a", "--max_pixels", "1.5G"]).max_pixels == 1_500_000_000
    assert parse_config(["--predict", "a", "--max-pixels", "300M"]).max_pixels == 300_000_000
    with pytest.raises(ConfigError, match="--max_pixels"):
        parse_config(["--predict", "a", "--max_pixels", "0"])


def test_predict_and_check_images_share_the_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "a.pth")
    texture(1, 1.0, (100, 100)).save("large.png")
    texture(2, 1.0, (40, 50)).save("small.png")
    limit = ["--max_pixels", "9K"]
    argv = ["--predict", "large.png", "small.png", "--resume", "a.pth", "--output", "s.csv"]
    assert main(argv) == 0
    assert main([*argv, *limit]) == 1
    with Path("s.csv").open(encoding="utf-8") as file:
        errors = {row["path"]: row["error"] for row in csv.DictReader(file)}
    assert "100 x 100 pixels, at most 9000" in errors["large.png"] and not errors["small.png"]
    assert check_images.main([".", "-j", "1"]) == 0
    assert check_images.main([".", "-j", "1", *limit]) == 1
    with Path("check_images.csv").open(encoding="utf-8") as file:
        assert [(row["path"], row["fault"]) for row in csv.DictReader(file)] == [("large.png", "oversized")]
