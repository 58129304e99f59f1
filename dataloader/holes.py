"""Zero bytes where compressed data belong, which libwebp, libaom and libde265 decode without a word."""

from typing import IO

# So many bytes at the least, and this share of the file. Flat images reach a twentieth in WebP and nothing in
# the others, whose EXIF stands among the pixels' data and may be padded.
_LEAST, _SHARE_OF_WEBP, _SHARE_OF_ISO_MEDIA = 1024, 1 / 8, 1 / 4


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
        end, share = min(size, 8 + int.from_bytes(head[4:8], "little")), _SHARE_OF_WEBP
    elif head[4:8] == b"ftyp":
        end, share = min(size, boxes_end(file, size)), _SHARE_OF_ISO_MEDIA
    else:
        end, share = 0, 1.0
    file.seek(0)
    place = file.read(end).find(bytes(max(_LEAST, int(share * end))))
    file.seek(0)
    if place >= 0:
        raise ValueError(f"zero bytes stand in its compressed data from {place} on")


def boxes_end(file: IO[bytes], size: int) -> int:
    """Where the last top-level box of an ISO media file ends by its own account (ISO/IEC 14496-12, 4.2).

    Args:
        file: open.
        size: of the file in bytes.
    """
    place = 0
    while place < size:
        file.seek(place)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0 and header[4:8].strip(b"\0"):  # reaches to the end of the file
            return size
        if length < 8:
            return place
        place += length
    return place
