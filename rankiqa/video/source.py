"""Videos among the paths of a run: which ones they are, their frames as crops, and how far each one is."""

import logging
import math
import threading
from collections.abc import Iterator, Sequence

from rankiqa.batch.folders import has_image_suffix, has_video_suffix
from rankiqa.batch.pipeline import Decoded, reason_of
from rankiqa.batch.results import Row
from rankiqa.batch.storage import open_stream
from rankiqa.decoding.content import content_name
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ConfigError, ImageError
from rankiqa.terminal.printable import one_line
from rankiqa.video.sampling import Step
from rankiqa.views import View


class VideoSource:
    """The videos of one run.

    Args:
        view: makes crops of frames.
        every: distance between scored frames.
        max_pixels: larger frames get an error.
        threads: of the decoder; None: all cores.

    Attributes:
        lengths: seconds of the videos that were opened, by path; 0 where the header states none.
    """

    def __init__(
        self, view: View, every: Step, max_pixels: int = MAX_PIXELS, threads: int | None = None
    ) -> None:
        self.lengths: dict[str, float] = {}
        self._view, self._every = view, every
        self._max_pixels, self._threads = max_pixels, threads or 0
        self._after: dict[str, float] = {}
        self._stopped = threading.Event()

    def frames(self, path: str) -> Iterator[Decoded] | None:
        """The sampled frames of a video, whose errors are rows at its end; None where `path` is none."""
        return self._frames(path) if is_video(path) else None

    def _frames(self, path: str) -> Iterator[Decoded]:
        from rankiqa.video.reading import Video

        try:
            with (
                open_stream(path) as file,
                Video(file, path, self._max_pixels, self._threads, self._check) as video,
            ):
                self.lengths[path] = video.duration or 0.0
                for time, image in video.frames(self._every, self._after.get(path, -math.inf)):
                    yield Decoded(path, self._view.evaluate(image), *image.size, time=time)
                if video.damaged:
                    logging.warning("%s: %d packets could not be decoded", one_line(path), video.damaged)
        except (ConfigError, ImageError) as error:  # PyAV is missing, or the file is damaged
            yield Decoded(path, None, error=reason_of(error, path))
        except _Stopped:
            return

    def note_done(self, row: Row) -> bool:
        """Take in a row of an earlier run; whether its path needs no more work.

        A video continues behind the last of its frames that has a row.
        """
        if row.time is None:
            return True
        self._after[row.path] = max(row.time, self._after.get(row.path, -math.inf))
        return False

    def stop(self) -> None:
        """End the reading of the video that is being read."""
        self._stopped.set()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise _Stopped


class Place:
    """How far a run is: images and videos that are done, the current video by the share of its time.

    Args:
        lengths: seconds of the videos that were opened, by path.
    """

    def __init__(self, lengths: dict[str, float]) -> None:
        self._lengths = lengths
        self._done, self._share = 0, 0.0
        self._video = ""

    def after(self, rows: Sequence[Row]) -> float:
        """The place after some more rows."""
        for row in rows:
            if self._video and row.path != self._video:
                self._done, self._share, self._video = self._done + 1, 0.0, ""
            if row.time is None:
                self._done, self._share, self._video = self._done + 1, 0.0, ""
            else:
                self._video = row.path
                self._share = min(1.0, row.time / (self._lengths.get(row.path) or math.inf))
        return self._done + self._share


class _Stopped(Exception):  # noqa: N818  # no error
    """The run ends."""


def is_video(path: str) -> bool:
    """Whether a path is that of a video: by its suffix, or where that says nothing, by its content."""
    if has_video_suffix(path):
        return True
    if has_image_suffix(path):
        return False
    try:
        with open_stream(path) as file:
            return content_name(file).startswith("a video")
    except ImageError:
        return False
