"""Copies of image files without their metadata, for the decoders that stumble over it.

Each format names its parts, so what decides about pixels is kept by name and the rest is left out: EXIF (but
for the orientation), XMP, IPTC, Photoshop's blocks, maker notes, comments, previews, tags of editors.
"""

import io
import re
import struct
from typing import IO

from PIL import ExifTags, Image

_JPEG_KEPT = {0xDB, 0xC4, 0xDD, 0xDA, *range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC)}
# these decide about colours, if they are whole: how they begin, and the fewest bytes
_JPEG_APPS = {0xE0: (b"JFIF\0", 14), 0xE2: (b"ICC_PROFILE\0", 14), 0xEE: (b"Adobe", 12)}
_WEBP_KEPT = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF")
# TIFF 6.0: layout, colours, compression, tiles, strips, JPEG tables; 274 is the orientation, 34675 ICC
_TIFF_KEPT = {256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324,
              325, 338, 339, 347, 512, 513, 514, 529, 530, 531, 532, 34675}  # fmt: skip
_SHORT = 3
# items of an ISO media file that are no images: their type becomes one that nobody knows
_ITEMS = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})(?:Exif|mime|uri )", re.DOTALL)


def without_metadata(file: IO[bytes]) -> IO[bytes] | None:
    """A copy of the file without metadata, or None where its format has none, or it can't be followed."""
    file.seek(0)
    data = file.read()
    bare = None
    try:
        if data[:2] == b"\xff\xd8":
            bare = _jpeg(data)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            bare = _webp(data)
        elif data[:4] in (b"II*\0", b"MM\0*"):
            bare = _tiff(data)
        elif data[4:8] == b"ftyp":
            bare = _ITEMS.sub(rb"\1skip", data)
    except (struct.error, IndexError):
        return None
    return io.BytesIO(bare) if bare is not None and bare != data else None


def _jpeg(data: bytes) -> bytes | None:
    kept, place = [data[:2]], 2
    while data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill bytes are allowed before a marker
            place += 1
            continue
        end = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        body = data[place + 4 : end]
        start, least = _JPEG_APPS.get(marker, (b"", len(data)))
        if marker in _JPEG_KEPT or (body.startswith(start) and len(body) >= least):
            kept.append(data[place:end])
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif = _orientation_alone(body)
            kept.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif if exif else b"")
        if marker == 0xDA:
            return b"".join(kept) + data[end:]
        place = end
    return None


def _webp(data: bytes) -> bytes:
    kept, exif, place = [], b"", 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        chunk = data[place : place + 8 + length + length % 2]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~0x0C]) + chunk[9:]  # says that EXIF and XMP follow
        if kind in _WEBP_KEPT:
            kept.append(chunk)
        elif kind == b"EXIF":
            exif = _orientation_alone(chunk[8:])
        place += 8 + length + length % 2
    if exif and kept and kept[0].startswith(b"VP8X"):
        kept[0] = kept[0][:8] + bytes([kept[0][8] | 0x08]) + kept[0][9:]
        kept.append(b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2))
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tiff(data: bytes) -> bytes:
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", data, 4)[0]
    (count,) = struct.unpack_from(order + "H", data, start)
    entries = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    kept = []
    for entry in entries:
        tag, kind, values = struct.unpack_from(order + "HHI", entry)
        if tag in _TIFF_KEPT and (tag != ExifTags.Base.Orientation or (kind, values) == (_SHORT, 1)):
            kept.append(entry)
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept)
    # zeros behind it: no further directory, and no entries
    return data[:start] + directory.ljust(2 + 12 * count + 4, b"\0") + data[start + 2 + 12 * count + 4 :]


def _orientation_alone(exif: bytes) -> bytes:
    """EXIF with the orientation and nothing else; empty where there is none, or it can't be read."""
    orientation = read_orientation_of(exif)
    if orientation == 1:
        return b""
    small = Image.Exif()
    small[ExifTags.Base.Orientation] = orientation
    return small.tobytes()


def read_orientation_of(exif: bytes) -> int:
    """The orientation in a block of EXIF; 1, upright, where it can't be read."""
    parsed = Image.Exif()
    try:
        parsed.load(exif)
        value = parsed.get(ExifTags.Base.Orientation, 1)
    except Exception:  # metadata may be broken in every way, and the pixels are good
        return 1
    return value if value in range(1, 9) else 1
