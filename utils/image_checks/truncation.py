"""Whether an image that can't be read was cut off, where the decoder does not say so."""

from pathlib import Path

from rankiqa.decoding.boxes import boxes_end

_TAIL = 64


def ends_early(path: str | Path) -> bool:
    """True when the container says that more bytes belong to it: WebP, TIFF, AVIF, JPEG 2000 and GIF.

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
