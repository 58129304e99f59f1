"""Colour descriptions beyond what Pillow hands out: cICP, iCCP of PNG; colr of JPEG 2000, AVIF and HEIC."""

import os
import struct
import zlib
from typing import IO, Any

from rankiqa.decoding.boxes import boxes
from rankiqa.decoding.png_chunks import SIGNATURE
from rankiqa.decoding.profiles import LARGEST

_MOST_CHUNKS = 10_000
_UNSPECIFIED = (2, 2)


def color_metadata(file: IO[bytes]) -> dict[str, Any]:
    """What to update `Image.info` by: "icc_profile" (bytes) or "cicp" (primaries, transfer of ITU-T H.273).

    Of PNG a chunk of a wrong checksum does not count, and cICP replaces an ICC profile (PNG 3, 4.3). Empty
    where nothing is found; damaged structure ends the search.
    """
    file.seek(0)
    start = file.read(12)
    if start.startswith(SIGNATURE):
        return _of_png(file)
    if start[4:8] in (b"jP  ", b"ftyp"):
        for box in boxes(file):
            if box.kind == b"colr" and (found := _of_colr(box.read(file))):
                return found
    return {}


def _of_png(file: IO[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    file.seek(8)
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IDAT":
            break
        if kind not in (b"cICP", b"iCCP") or length > LARGEST:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        body, checksum = file.read(length), file.read(4)
        if zlib.crc32(kind + body) != int.from_bytes(checksum, "big"):
            continue
        if kind == b"iCCP":
            found.setdefault("icc_profile", _inflated(body.partition(b"\0")[2][1:]))
        elif length == 4 and tuple(body[:2]) != _UNSPECIFIED:
            return {"cicp": tuple(body[:2]), "icc_profile": None}
    return found


def _inflated(packed: bytes) -> bytes | None:
    """A profile, of which Pillow takes 1 MB at the most; None where it is damaged."""
    try:
        return zlib.decompressobj().decompress(packed, LARGEST + 1)
    except zlib.error:
        return None


def _of_colr(data: bytes) -> dict[str, Any]:
    """ISO/IEC 14496-12, 12.1.5 (prof, rICC, nclx); ITU-T T.800, I.5.3.3 (methods 2 and 3)."""
    if data[:4] in (b"prof", b"rICC"):
        return {"icc_profile": data[4:]}
    if data[:4] == b"nclx" and len(data) >= 8:
        cicp = struct.unpack(">HH", data[4:8])
        return {"cicp": cicp} if cicp != _UNSPECIFIED else {}
    return {"icc_profile": data[3:]} if data[:1] in (b"\2", b"\3") else {}
