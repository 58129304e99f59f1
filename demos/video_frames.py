"""One frame a second of a video file, by OpenCV."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from rankiqa.optional import require
from utils.errors import ImageError

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")


def open_video(path: Path) -> Any:
    """A cv2.VideoCapture of the file.

    Raises:
        ConfigError: OpenCV is not installed.
        ImageError: the file is not there, or is no video that OpenCV can open.
    """
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    # Both libraries would write lines of their own about a file that they can't open.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    cv2 = require("cv2", "a video", "opencv-python-headless")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ImageError(f"{path}: not a video that OpenCV can open; damaged, or convert it to an H.264 .mp4")
    return capture


def seconds_promised(capture: Any) -> int:
    """What the header says of the length, rounded up; 0 when it says nothing."""
    import cv2

    rate, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return math.ceil(frames / rate) if rate > 0 and frames > 0 else 0


def frames_by_second(capture: Any) -> Iterator[tuple[int, Image.Image]]:
    """(second, RGB frame) for the first frame of every second; frames between are skipped, not converted.

    Frames are passed one by one, because jumps by time land on another frame in many files.
    """
    import cv2

    rate = capture.get(cv2.CAP_PROP_FPS) or 25.0
    index, start, wanted = 0, 0.0, 0
    while capture.grab():
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        start = stamp if index == 0 else start
        # Without time stamps (they stay 0) the rate of the header has to do; 1 ms is for rounding.
        second = int((stamp - start if stamp > start else index / rate) + 1e-3)
        index += 1
        if second >= wanted:
            read, frame = capture.retrieve()
            if read:
                yield second, Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
                wanted = second + 1
