"""What a file is by its first bytes, whatever its name says."""

import struct
from typing import IO

HEAD = 4096  # bytes that are looked at
OTHER_CONTENT = "not an image that can be read here, but"
# AVIF stands in the same container as HEIC, and Pillow reads it by itself.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
)
# https://www.garykessler.net/library/file_sigs.html and the formats' own specifications
_STARTS = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"%PDF-", "a PDF"),
    (b"FUJIFILMCCD-RAW", "raw data of a camera (RAF)"),
    (b"IIRO", "raw data of a camera (ORF)"),
    (b"IIRS", "raw data of a camera (ORF)"),
    (b"MMOR", "raw data of a camera (ORF)"),
    (b"IIU\0", "raw data of a camera (RW2)"),
    (b"FOVb", "raw data of a camera (X3F)"),
    (b"\0MRM", "raw data of a camera (MRW)"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"\0\0\x01\xba", "a video (MPEG)"),
    (b"\0\0\x01\xb3", "a video (MPEG)"),
    (b"FLV\x01", "a video (Flash)"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a video (ASF or WMV)"),
    (b"OggS", "a video or sound (Ogg)"),
    (b"ID3", "sound (MP3)"),
    (b"fLaC", "sound (FLAC)"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"II\xbc", "JPEG XR"),
    (b"gimp xcf", "a project of GIMP"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 data"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SIMPLE  =", "FITS data"),
    (b"version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the image"),
)
_RIFF = {b"AVI ": "a video (AVI)", b"WAVE": "sound (WAV)"}
_DNG_VERSION, _SUBFILE_TYPE, _PHOTOMETRIC, _SUB_IFDS = 50706, 254, 262, 330
_DIRECTORY = 2 + 12 * 200  # bytes that are read of one
_RAW_PIXELS = (32803, 34892)  # colour filter array, linear raw (TIFF/EP, DNG 1.6)


def is_heif(head: bytes) -> bool:
    """Whether a file with these first bytes is HEIC or HEIF, and not AVIF."""
    brands = _brands(head)
    return not brands & _AVIF_BRANDS and bool(brands & _HEIF_BRANDS)


def camera_raw(file: IO[bytes]) -> str:
    """The name of the raw format, of those that are a TIFF whose first image is a thumbnail; else empty."""
    file.seek(0)
    head = file.read(10)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None or len(head) < 10:
        return ""
    if head[8:] == b"CR":
        return "raw data of a camera (CR2)"
    file.seek(struct.unpack(order + "I", head[4:8])[0])
    directory = file.read(_DIRECTORY)
    values = {}
    count = int.from_bytes(directory[:2], "little" if order == "<" else "big")
    for place in range(2, min(2 + 12 * count, len(directory) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", directory, place)
        values[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), directory, place + 8)[0]
    if _DNG_VERSION in values:
        return "raw data of a camera (DNG)"
    thumbnail = values.get(_SUBFILE_TYPE, 0) & 1 and _SUB_IFDS in values
    if thumbnail or values.get(_PHOTOMETRIC) in _RAW_PIXELS:
        return "raw data of a camera (NEF, ARW or the like)"
    return ""


def content_name(file: IO[bytes]) -> str:
    """What a file is, of those that are no image; empty where that isn't known."""
    file.seek(0)
    head = file.read(HEAD)
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    brands = _brands(head)
    if b"crx " in brands:
        return "raw data of a camera (CR3)"
    if brands and not brands & (_AVIF_BRANDS | _HEIF_BRANDS):
        return "a video (MP4 or QuickTime)"
    if not head.strip(b"\0"):
        return "nothing but zero bytes" if head else "an empty file"
    return camera_raw(file) or _text_name(head)


def _text_name(head: bytes) -> str:
    text = head.decode("utf-8-sig", "ignore").lstrip().lower()
    if "<svg" in text:
        return "an SVG drawing"
    if text.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "a web page"
    return "XML" if text.startswith("<?xml") else ""


def _brands(head: bytes) -> set[bytes]:
    """The major and the compatible brands of an ISO media file (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return {b"qt  "} if head[4:8] in (b"moov", b"mdat", b"wide") else set()
    end = int.from_bytes(head[:4], "big") or 16  # files of tests and of careless writers have no length
    return {head[8:12], *(head[i : i + 4] for i in range(16, min(end, len(head)) - 3, 4))}
