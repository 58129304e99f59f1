"""Zero bytes where compressed data belong, which libwebp, libaom and libde265 decode without a word."""

from typing import IO

from rankiqa.decoding.boxes import coded_extents

# So many bytes at the least; of WebP also this share of the pixels' data. Flat images reach a twentieth in
# WebP, and nothing in the others.
_LEAST, _SHARE_OF_WEBP = 1024, 1 / 8


def require_no_hole(file: IO[bytes], head: bytes) -> None:
    """Refuse a WebP, AVIF or HEIC with a hole; other files are left alone.

    Args:
        file: at its beginning, and there again on return.
        head: its first bytes.

    Raises:
        ValueError: there is one; the message says where.
    """
    size = file.seek(0, 2)
    if head[8:12] == b"WEBP":
        parts, share = _webp_images(file, min(size, 8 + int.from_bytes(head[4:8], "little"))), _SHARE_OF_WEBP
    elif head[4:8] == b"ftyp":
        parts, share = coded_extents(file), 0.0
    else:
        parts, share = [], 1.0
    least = max(_LEAST, int(share * sum(length for _, length in parts)))
    for start, length in parts:
        file.seek(start)
        if (place := file.read(length).find(bytes(least))) >= 0:
            raise ValueError(f"zero bytes stand in its compressed data from {start + place} on")
    file.seek(0)


def _webp_images(file: IO[bytes], end: int) -> list[tuple[int, int]]:
    """(start, length) of the chunks that hold pixels; metadata may hold any number of zeros."""
    parts, place = [], 12
    while place + 8 <= end:
        file.seek(place)
        kind, length = file.read(4), int.from_bytes(file.read(4), "little")
        if kind in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
            parts.append((place + 8, min(length, end - place - 8)))
        place += 8 + length + length % 2
    return parts
