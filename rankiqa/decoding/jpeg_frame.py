"""The first frame of a JPEG, where it is of a kind that Pillow does not decode."""

import struct
from typing import IO

_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)  # markers of JPEG's frames, ITU-T T.81, table B.1
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA, *_LOSSLESS)
_JPEG_LS = 0xF7  # ITU-T T.87
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers that no length follows


def uncommon_kind(file: IO[bytes]) -> str | None:
    """What is uncommon about a JPEG's first frame, as "a 12-bit JPEG"; None: nothing found."""
    file.seek(0)
    if file.read(2) != b"\xff\xd8":
        return None
    while file.read(1) == b"\xff":
        while (code := file.read(1)) == b"\xff":
            pass
        if not code:
            return None
        marker = code[0]
        if marker in _ALONE:
            continue
        head = file.read(3)
        if len(head) < 3:
            return None
        length, precision = struct.unpack(">HB", head)
        if marker == _JPEG_LS:
            return f"a JPEG-LS image of {precision} bits"
        if marker in _FRAMES:
            name = "lossless " if marker in _LOSSLESS else ""
            return f"a {precision}-bit {name}JPEG" if precision != 8 else None
        file.seek(length - 3, 1)
    return None
