"""The chunks of a PNG that decide about pixels, without those that do not (PNG specification, 5 and 11).

Pillow refuses an image for a text that is too long, and lets a text that is called `interlace`, `exif` or
`transparency` stand for what it knows under that name itself.
"""

import io
import zlib
from collections.abc import Sequence
from typing import IO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_LENGTHS = {b"gAMA": (4,), b"cHRM": (32,), b"sRGB": (1,)}
_TRANSPARENCY = {0: (2,), 2: (6,), 3: range(1, 257)}  # bytes of tRNS by colour type: grey, RGB, palette
_COLOUR_TYPE = 25  # its place in the file
_ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type exif")  # texts that Pillow takes it from
_MOST_TEXT = 2**20  # bytes that Pillow lets a chunk inflate to


def pixels_only(file: IO[bytes]) -> IO[bytes]:
    """`file` itself, or a copy in memory without the chunks that can only do harm.

    An ancillary chunk of a wrong checksum, length or compression is left out, as libpng does. Of an animation
    the image in IDAT stays, which is its first frame, or its cover.

    Args:
        file: at its beginning, where a PNG begins; there again on return.

    Raises:
        ValueError: the checksum of IDAT is wrong, and so are the pixels in it.
    """
    data = file.read()
    file.seek(0)
    kept, dropped, whole, texts = [SIGNATURE], 0, True, set[bytes]()
    place = len(SIGNATURE)
    while place + 12 <= len(data) and kept[-1][4:8] != b"IEND":
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        chunk = data[place:end]
        place += len(chunk)
        kind = chunk[4:8]
        # of a chunk that is cut the decoder knows better what is missing
        right = end > len(data) or zlib.crc32(memoryview(chunk)[4:-4]) == int.from_bytes(chunk[-4:], "big")
        if kind in _CRITICAL or (right and _counts(kind, chunk[8:-4], data[_COLOUR_TYPE], texts)):
            kept.append(chunk)
            whole &= right or kind != b"IDAT"
        else:
            dropped += 1
    if not whole:
        _require_pixels(kept)
    return io.BytesIO(b"".join(kept)) if dropped else file


def _counts(kind: bytes, body: bytes, colour_type: int, texts: set[bytes]) -> bool:
    """Whether an ancillary chunk can change pixels or their orientation, and can be read.

    What says of which colours they are, cICP and iCCP, is read by `color_metadata`.
    """
    if kind == b"tRNS":
        return len(body) in _TRANSPARENCY.get(colour_type, ())
    if kind in _LENGTHS:
        return len(body) in _LENGTHS[kind]
    name, _, rest = body.partition(b"\0")
    if kind in (b"tEXt", b"zTXt", b"iTXt") and name in _ORIENTATION and name not in texts:
        texts.add(name)
        packed = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
        plain = kind == b"tEXt" or (kind == b"iTXt" and rest[:1] == b"\0")
        return len(body) <= _MOST_TEXT and (plain or _inflates(packed))
    return kind == b"eXIf"


def _inflates(packed: bytes) -> bool:
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(packed, _MOST_TEXT)
    except zlib.error:
        return False
    return not inflater.unconsumed_tail


def _require_pixels(chunks: Sequence[bytes]) -> None:
    """Only the checksum of the deflate stream itself can say that a wrong one of IDAT does not matter."""
    inflater = zlib.decompressobj()
    try:
        for chunk in chunks:
            packed = chunk[8:-4] if chunk[4:8] == b"IDAT" else b""
            while packed:
                inflater.decompress(packed, _MOST_TEXT)
                packed = inflater.unconsumed_tail
    except zlib.error as error:
        raise ValueError(f"the checksum of IDAT is wrong: {error}") from error
    if not inflater.eof:
        raise ValueError("the checksum of IDAT is wrong, and its end is missing")
