"""What keeps an image from being read, in one word and a reason: one rule for checks and for cleaning."""

from pathlib import Path

from PIL import UnidentifiedImageError, features

from rankiqa.decoding.boxes import boxes_end
from rankiqa.errors import ImageError, OversizedError

_OPTIONAL = {".avif": "avif", ".webp": "webp", ".jp2": "jpg_2000", ".j2k": "jpg_2000"}  # parts of Pillow
_TAIL = 64  # bytes


def why_unread(path: str, error: ImageError) -> tuple[str, str]:
    """The name of the problem and the reason, without the path.

    "oversized": not decoded; "unreadable": the file may be whole, and be read elsewhere; "truncated": it ends
    before the image does; "broken": anything else.

    Args:
        path: of the image, or its URL.
        error: of reading it.
    """
    reason = " ".join(str(error).split()).removeprefix(f"{Path(path)}: ")
    cause = error.__cause__
    unidentified = isinstance(cause, UnidentifiedImageError)
    decoder = _OPTIONAL.get(Path(path).suffix.lower())
    if isinstance(error, OversizedError):
        return "oversized", f"not decoded: {reason}"
    if isinstance(cause, ImportError | MemoryError) or (isinstance(cause, OSError) and cause.errno):
        return "unreadable", reason
    if unidentified and decoder and not features.check(decoder):
        return "unreadable", f"this Pillow was built without {decoder}"
    cut = any(word in reason.lower() for word in ("truncat", "expected to read"))
    return ("truncated" if cut or _ends_early(path) else "broken"), reason


def _ends_early(path: str | Path) -> bool:
    """Whether a file was cut off: WebP, TIFF, AVIF, JPEG 2000 and GIF say that more bytes belong to it.

    For files that could not be decoded; in GIF and JPEG 2000, whose end is only a mark, a file with bytes
    appended is not told from one that was cut.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        head = file.read(16)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
        if head[:4] == b"RIFF":
            return 8 + int.from_bytes(head[4:8], "little") > size
        if head[:4] in (b"II*\0", b"MM\0*"):
            return int.from_bytes(head[4:8], "little" if head[:1] == b"I" else "big") >= size
        if head[:4] == b"GIF8":
            return not tail.rstrip(b"\0").endswith(b";")
        if head[:4] == b"\xff\x4f\xff\x51" or head[4:8] == b"jP  ":
            return not tail.endswith(b"\xff\xd9")
        if head[4:8] == b"ftyp":
            return boxes_end(file, size) > size
    return False
