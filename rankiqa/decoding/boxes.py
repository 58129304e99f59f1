"""Boxes of ISO media files (AVIF, HEIC: ISO/IEC 14496-12) and of JPEG 2000 (ITU-T T.800, annex I)."""

import io
import re
from collections.abc import Iterator
from typing import IO, NamedTuple

_MOST = 10_000  # boxes that are looked at
_SUPERBOXES = {b"jp2h": 0, b"meta": 4, b"iprp": 0, b"ipco": 0}  # bytes before their boxes
_INFE = re.compile(rb"infe(?:\x02.{3}(.{2})|\x03.{3}(.{4})).{2}(.{4})", re.DOTALL)  # item, item, its type
_CODED = (b"av01", b"hvc1", b"hev1", b"avc1", b"vvc1")  # types of items that are compressed images


class Box(NamedTuple):
    """One box: its type, and where in the file its contents start and end."""

    kind: bytes
    start: int
    end: int

    def read(self, file: IO[bytes], most: int = 1 << 24) -> bytes:
        """The contents, or the first `most` bytes of them."""
        file.seek(self.start)
        return file.read(min(self.end - self.start, most))


def boxes(file: IO[bytes]) -> Iterator[Box]:
    """Every box of an open file, in order, and those inside of the ones that describe an image.

    Damaged structure ends the search, and so does a box that the file is too short for.
    """
    todo = [(0, file.seek(0, io.SEEK_END))]
    for _ in range(_MOST):
        while todo and todo[-1][0] + 8 > todo[-1][1]:
            todo.pop()
        if not todo:
            return
        start, end = todo.pop()
        file.seek(start)
        head = file.read(16)
        length, kind, skip = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1:
            length, skip = int.from_bytes(head[8:16], "big"), 16
        stop = start + length if length else end
        if stop > end or stop < start + skip:
            return
        yield Box(kind, start + skip, stop)
        todo.append((stop, end))
        if kind in _SUPERBOXES:
            todo.append((start + skip + _SUPERBOXES[kind], stop))


def boxes_end(file: IO[bytes], size: int) -> int:
    """Where the last top-level box ends by its own account, which may be behind the end of the file.

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


def coded_extents(file: IO[bytes]) -> list[tuple[int, int]]:
    """(start, length) of the compressed images in AVIF and HEIC; EXIF and XMP lie among them in the file."""
    types, extents = dict[int, bytes](), list[tuple[int, int, int]]()
    for box in boxes(file):
        if box.kind == b"iinf":
            for short, long, kind in _INFE.findall(box.read(file)):
                types[int.from_bytes(short or long, "big")] = kind
        elif box.kind == b"iloc":
            extents += _locations(box.read(file))
    return [(start, length) for item, start, length in extents if types.get(item) in _CODED]


def _locations(iloc: bytes) -> Iterator[tuple[int, int, int]]:
    """(item, start, length) of each extent in the file: ISO/IEC 14496-12, 8.11.3."""
    data = io.BytesIO(iloc)

    def number(size: int) -> int:
        return int.from_bytes(data.read(size), "big")

    version, sizes = number(4) >> 24, number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    number(4 if version == 2 else 2)  # how many items
    while data.tell() < len(iloc):
        item = number(4 if version == 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)  # in which file
        base, count = number(base_size), number(2)
        for _ in range(count):
            number(index_size if version else 0)
            start, length = base + number(offset_size), number(length_size)
            if method == 0:  # places in the file
                yield item, start, length
