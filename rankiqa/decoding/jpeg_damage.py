"""Damage of a JPEG that libjpeg conceals: it decodes whatever bits there are, and fills up with grey.

Nothing is decoded for it. The structure is counted; the compressed data are searched for zero bytes that no
encoder writes; and the decoder is watched: it must need all of the data, and no more.
"""

import io
from math import ceil

import numpy as np

from rankiqa.decoding.jpeg_stream import PROGRESSIVE, SEQUENTIAL, JpegStream, Scan, parse_jpeg

_ZEROS = bytes(64)  # a run that damage is longer than, and chance is not
# What stands behind the data instead of the marker of the end, at which libjpeg would begin to fill up. It
# holds long codes alone, enough for the decoder's look-ahead and too few for two more blocks.
_BEHIND = b"\xfe" * 32
_PIECE, _TAIL = 128, 512  # bytes that are handed out at once near the end, and what is near
_SPARE = 128  # bytes that a decoder may leave


class JpegFeed(io.BytesIO):
    """The image of a JPEG file as its decoder is fed with it, in order to see whether it fits the data.

    Set `watched` between opening and decoding, and ask `require_used` afterwards.
    """

    def __init__(self, data: bytes) -> None:
        """Look at the structure.

        Raises:
            ValueError: it is that of a damaged file.
        """
        stream = parse_jpeg(data)
        self.watched = False
        self._end = self._zeros = 0  # the end of the compressed data, and of those that are not zero
        if stream is not None:
            _require_structure(stream)
            for scan in stream.scans:
                _require_no_zeros(stream, scan, data)
            if _is_one_scan(stream):
                self._end, self._zeros = _compressed(stream, data)
                data = b"".join((memoryview(data)[: self._end], _BEHIND))
        super().__init__(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """As that of any file; of a watched one at its end in small pieces."""
        if self.watched and self._end and size is not None and size > _PIECE:
            size = max(_PIECE, min(size, self._end - _TAIL - self.tell(), self._zeros - self.tell()))
        return super().read(size)

    def why_short(self) -> str:
        """What to say when the decoder wanted more than there is."""
        if self._end - self._zeros >= len(_ZEROS):
            return f"zero bytes stand in its compressed data from {self._zeros} on"
        return "truncated: its compressed data end before the image does"

    def require_used(self) -> None:
        """Tell that the decoder did not need all of the data: it lost its way in them.

        Raises:
            ValueError: more is left than encoders leave or pad with.
        """
        left = self._end - self.tell()
        padding = self._end - self._zeros
        if left > _SPARE and left > padding:
            raise ValueError(f"{left} bytes of its compressed data are not needed: some are overwritten")
        if left > _SPARE and left < padding - _SPARE:
            raise ValueError(f"zero bytes stand in its compressed data from {self._zeros} on")


def _compressed(stream: JpegStream, data: bytes) -> tuple[int, int]:
    """The end of the one scan without what pads it, and that of its bytes that are not zero."""
    end = stream.scans[0].end
    while data[end - 1] == 0xFF:
        end -= 1
    zeros = end if data[end - 1] else len(data[:end].rstrip(b"\0"))
    if not _zeros_can_be_flat(stream, stream.scans[0]):
        end = min(end, zeros + len(_ZEROS))
    return end, zeros


def _is_one_scan(stream: JpegStream) -> bool:
    """Whether libjpeg is through with the file as soon as it has its pixels."""
    return (
        stream.kind in SEQUENTIAL
        and len(stream.scans) == 1
        and len(stream.scans[0].components) == len(stream.factors)
    )


def _require_structure(stream: JpegStream) -> None:
    if stream.stray is not None:
        raise ValueError(f"bytes from {stream.stray} on are no part of a JPEG: some are overwritten")
    if stream.kind not in (*SEQUENTIAL, PROGRESSIVE) or not all(stream.size):
        return  # arithmetic coding, or a height that is told later
    missing = np.full((len(stream.factors), 64), 99)
    for number, scan in enumerate(stream.scans, start=1):
        _require_restarts(stream, scan, number)
        band = slice(scan.band[0], scan.band[1] + 1)
        high, low = scan.bits
        if high and (missing[list(scan.components), band] != high).any():
            raise ValueError("some of its scans are missing")
        missing[list(scan.components), band] = low
    if stream.kind in SEQUENTIAL:
        missing = missing[:, :1]
    if missing.any():
        raise ValueError("truncated: some of its scans are missing")


def _require_restarts(stream: JpegStream, scan: Scan, number: int) -> None:
    widest, highest = (max(factor[axis] for factor in stream.factors) for axis in (0, 1))
    across, down = 8 * widest, 8 * highest
    width, height = stream.size
    if len(scan.components) == 1:
        # its own blocks, without those that fill up the last unit of several components
        factor = stream.factors[scan.components[0]]
        width, height = ceil(width * factor[0] / widest), ceil(height * factor[1] / highest)
        across = down = 8
    units = ceil(width / across) * ceil(height / down)
    expected = ceil(units / scan.restart) - 1 if scan.restart else 0
    found = scan.restarts
    # some encoders write one behind the last unit, too
    if (
        len(found) not in (expected, expected + bool(scan.restart))
        or (found != np.arange(len(found)) % 8).any()
    ):
        raise ValueError(f"scan {number} has {len(found)} restart markers where {expected} belong, in turn")


def _require_no_zeros(stream: JpegStream, scan: Scan, data: bytes) -> None:
    place = data.find(_ZEROS, scan.start, scan.end)
    if place < 0 or _zeros_can_be_flat(stream, scan) or not data[place : scan.end].strip(b"\0"):
        return
    raise ValueError(f"zero bytes stand in its compressed data from {place} on")


def _zeros_can_be_flat(stream: JpegStream, scan: Scan) -> bool:
    """Whether an encoder may write many zero bits: as the end of one block after the other.

    They are the code of one symbol, again and again. No image has a coefficient of the same small value at
    every place of every block. The averages alone may have it, and so may the bits that refine a coefficient.
    """
    if stream.kind in SEQUENTIAL:
        return all(symbol == 0 for symbol in scan.ac_zeros)
    ends = all(symbol & 15 == 0 and symbol < 0xF0 for symbol in scan.ac_zeros)
    return stream.kind != PROGRESSIVE or scan.band[1] == 0 or scan.bits[0] > 0 or ends
