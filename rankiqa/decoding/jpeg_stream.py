"""Where the compressed data of a JPEG lies, and what its markers say (ITU-T T.81, annexes B, F and G)."""

from dataclasses import dataclass, field

import numpy as np

SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2  # Huffman-coded; the other kinds are rare, and left to libjpeg
_FRAMES = {*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_DHT, _EOI, _SOS, _DRI = 0xC4, 0xD9, 0xDA, 0xDD
# What may follow the data of a scan: tables, the next scan, the number of lines, comments, the end
_AFTER_SCAN = {0xC4, 0xCC, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)}


@dataclass(frozen=True)
class Scan:
    """One scan; its entropy-coded bytes are [start:end] of the file.

    Attributes:
        start, end: at `end` stands the next marker, or nothing.
        components: their places in the frame.
        band: (first, last) coefficient in zigzag order.
        bits: (high, low) of successive approximation.
        ac_zeros: for each component, the AC symbol whose code is all zero bits.
        restart: MCUs between two restart markers, or 0.
        restarts: n of each RSTn in it, in their order.
    """

    start: int
    end: int
    components: tuple[int, ...]
    band: tuple[int, int]
    bits: tuple[int, int]
    ac_zeros: tuple[int, ...]
    restart: int
    restarts: np.ndarray


@dataclass
class JpegStream:
    """The first image in a file; what follows it, as in MPO or a motion photo, is not looked at.

    Attributes:
        kind: the marker of its frame, 0xC0 to 0xCF.
        size: (width, height).
        factors: (horizontal, vertical) sampling factors of each component.
        scans: in their order.
        stray: place of bytes behind the beginning of a scan that belong to nothing, or None.
    """

    kind: int = 0
    size: tuple[int, int] = (0, 0)
    factors: list[tuple[int, int]] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    stray: int | None = None


def parse_jpeg(data: bytes) -> JpegStream | None:
    """The structure of the JPEG that `data` begins with, or None where its headers can't be followed."""
    try:
        return _Parser(data).parse()
    except (IndexError, KeyError, ValueError):
        return None


class _Parser:
    def __init__(self, data: bytes) -> None:
        self._data = data
        values = np.frombuffer(data, np.uint8)
        self._places = np.flatnonzero(values[:-1] == 0xFF)
        self._codes = values[self._places + 1]
        self._is_restart = (self._codes & 0xF8) == 0xD0
        real = (self._codes != 0) & (self._codes != 0xFF) & ~self._is_restart
        self._markers = self._places[real]
        self._stream = JpegStream()
        self._ids: list[int] = []
        self._first_symbols: dict[int, int] = {}  # of each table: class * 16 + its number
        self._restart = 0

    def parse(self) -> JpegStream:
        place, stream = 2, self._stream
        while place + 4 <= len(self._data):
            marker = self._data[place + 1]
            if self._data[place] != 0xFF:  # libjpeg looks for the next marker
                if stream.scans:
                    stream.stray = place
                    break
                place = self._next_marker(place)
                continue
            if marker in (0, 0xFF):
                place += 1
                continue
            if marker == _EOI:
                break
            end = place + 2 + int.from_bytes(self._data[place + 2 : place + 4], "big")
            place = self._segment(marker, self._data[place + 4 : end], end)
            if stream.stray is not None:
                break
        return stream

    def _segment(self, marker: int, body: bytes, end: int) -> int:
        """Read one marker segment; the place of what follows it, and the data of its scan."""
        if marker == _DHT:
            self._tables(body)
        elif marker in _FRAMES:
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            self._ids = list(body[6 : 6 + 3 * body[5] : 3])
            factors = [(value >> 4, value & 15) for value in body[7 : 6 + 3 * body[5] : 3]]
            self._stream.kind, self._stream.size, self._stream.factors = marker, (width, height), factors
        elif marker == _DRI:
            self._restart = int.from_bytes(body[:2], "big")
        elif marker == _SOS:
            return self._scan(body, end)
        return end

    def _tables(self, body: bytes) -> None:
        while body:
            count = sum(body[1:17])
            if count:  # codes are counted up from zero bits, so the first symbol has them
                self._first_symbols[body[0]] = body[17]
            body = body[17 + count :]

    def _scan(self, body: bytes, start: int) -> int:
        count = body[0]
        components = tuple(self._ids.index(i) for i in body[1 : 1 + 2 * count : 2])
        first, last, bits = body[1 + 2 * count : 4 + 2 * count]
        tables = [16 + (value & 15) for value in body[2 : 2 + 2 * count : 2]]
        end = self._next_marker(start)
        inside = (self._places >= start) & (self._places < end) & self._is_restart
        scan = Scan(
            start,
            end,
            components,
            (first, last),
            (bits >> 4, bits & 15),
            tuple(self._first_symbols.get(table, 0) for table in tables),
            self._restart,
            self._codes[inside] & 7,
        )
        self._stream.scans.append(scan)
        if end + 1 < len(self._data) and self._data[end + 1] not in _AFTER_SCAN:
            self._stream.stray = end
        return end

    def _next_marker(self, place: int) -> int:
        index = int(np.searchsorted(self._markers, place))
        return int(self._markers[index]) if index < len(self._markers) else len(self._data)
