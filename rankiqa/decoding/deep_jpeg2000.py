"""JPEG 2000 colours of 9 to 16 bits: Pillow 13 rounds the lightest of them up to 256, which becomes black."""

from typing import Any

import numpy as np
from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

_SIZE_MARKER = b"\xff\x4f\xff\x51"  # ITU-T T.800, A.4.1 and A.5.1: start of the code stream, then SIZ
_DEPTH_AT = 42  # of Ssiz, from there


class DeepJpeg2000(Jpeg2KImageFile):
    """Pillow image of a JPEG 2000; deep colours are decoded by OpenCV, rounded as by Pillow, up to 255."""

    def load(self) -> Any:
        """Decode at the first call."""
        if self.tile and self.fp is not None and self.mode in ("RGB", "RGBA"):
            self.fp.seek(0)
            pixels = _eight_bits(self.fp.read(), (self.height, self.width, len(self.mode)))
            if pixels is not None:
                self.im, self.tile = Image.fromarray(pixels).im, []
        return super().load()


def _eight_bits(data: bytes, shape: tuple[int, int, int]) -> np.ndarray | None:
    """(H, W, 3 or 4) uint8; None where Pillow decodes rightly or OpenCV doesn't."""
    at = data.find(_SIZE_MARKER)
    bits = 1 + (data[at + _DEPTH_AT] & 127) if 0 <= at < len(data) - _DEPTH_AT else 8
    if not 8 < bits <= 16:
        return None
    try:
        import cv2
    except ImportError:
        return None
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.shape != shape:
        return None
    rounded = stored.astype(np.int32) + (1 << (bits - 9)) >> (bits - 8)
    return np.minimum(rounded, 255)[:, :, [2, 1, 0, 3][: shape[2]]].astype(np.uint8)
