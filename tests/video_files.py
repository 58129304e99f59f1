"""Small videos that tests write with PyAV."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RATE = 10


def write_video(
    path: Path,
    frames: Sequence[Any],
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    times: Sequence[float] | None = None,
    tags: dict[str, int] | None = None,
) -> None:
    """Write frames: images, or planes (P, H, W) as `pix_fmt` has them. The default codec loses nothing.

    Args:
        times: seconds of each frame; RATE frames per second, if not given.
        tags: color_primaries, color_trc, colorspace and color_range of ITU-T H.273.
    """
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.pix_fmt = pix_fmt
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        for number, content in enumerate(frames):
            if isinstance(content, Image.Image):
                frame = av.VideoFrame.from_image(content)
            else:
                frame = av.VideoFrame(content.shape[2], content.shape[1], pix_fmt)
                for plane, values in zip(frame.planes, content, strict=True):
                    width = plane.line_size // values.itemsize
                    plane.update(np.pad(values, ((0, 0), (0, width - values.shape[1]))).tobytes())
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
            for name, value in (tags or {}).items():
                setattr(frame, name, value)
            seconds = number / RATE if times is None else times[number]
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def flat_planes(color: np.ndarray, size: tuple[int, int], bits: int) -> np.ndarray:
    """A plane each for Y, Cb, Cr of one colour, uint8 or uint16 (3, H, W)."""
    kind = np.uint8 if bits == 8 else np.uint16
    return np.stack([np.full(size, round(value), kind) for value in color])
