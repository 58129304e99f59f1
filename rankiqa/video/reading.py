"""Video files: opened within limits, decoded frame by frame by FFmpeg (PyAV), one image per step."""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from types import TracebackType
from typing import IO, Any, NamedTuple

from PIL import Image

from rankiqa.batch.storage import open_stream
from rankiqa.decoding.limits import MAX_PIXELS, refuse_oversized
from rankiqa.errors import ImageError
from rankiqa.video.colors import to_image
from rankiqa.video.opening import damage, duration_of, open_container, open_library, video_stream
from rankiqa.video.sampling import ROUNDING, Sampler, Step

SHORT = (1.0, 0.02)  # seconds, and share of the length, that a header may promise too much


class Sampled(NamedTuple):
    """A frame that is to be scored.

    Attributes:
        time: seconds from the first frame to it, to the millisecond.
        image: upright 8-bit sRGB.
    """

    time: float
    image: Image.Image


class Video:
    """A video that is open.

    Args:
        file: seekable, at its beginning; the caller closes it.
        name: opens the messages.
        max_pixels: larger frames are refused before they are decoded.
        threads: of the decoder; 0: all cores.
        check: called for each packet; what it raises ends the reading.

    Attributes:
        size: (width, height) of its frames as they are stored.
        duration: seconds that its header states; None where it states none.
        damaged: packets so far that could not be decoded.
        end: seconds from the first frame to the end of the last one so far.

    Raises:
        ConfigError: PyAV is not installed.
        ImageError: no video, one without a video stream or a decoder, or too large.
    """

    def __init__(
        self,
        file: IO[bytes],
        name: str,
        max_pixels: int = MAX_PIXELS,
        threads: int = 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._av = open_library(name)
        self._damage = damage(self._av)
        self._file, self._name, self._check = file, name, check
        self._max_pixels, self._threads = max_pixels, threads
        self._open()
        context = self._stream.codec_context
        self.size, self.duration = (context.width, context.height), duration_of(self._stream)
        self.damaged, self.end = 0, 0.0

    def __enter__(self) -> "Video":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the decoder."""
        self._container.close()

    def _open(self) -> None:
        """Open the container at the beginning of the file, and choose the stream."""
        self._container = open_container(self._av, self._file, self._name)
        try:
            self._stream = video_stream(self._container, self._name)
            context = self._stream.codec_context
            refuse_oversized(self._name, (context.width, context.height), "", "", 0, self._max_pixels)
        except ImageError:
            self.close()
            raise
        context.options = {"max_pixels": str(self._max_pixels)}  # for frames larger than the header says
        context.thread_type, context.thread_count = "FRAME", self._threads

    def frames(self, every: Step, after: float = -math.inf) -> Iterator[Sampled]:
        """One image per step, in their order; frames between are decoded and not converted.

        Args:
            every: the step.
            after: seconds; what an earlier run has scored up to there is left out.

        Raises:
            ImageError: none of its frames can be decoded, or they end before the header says.
        """
        sampler = Sampler(every, after)
        count = 0
        can_jump = after > 0 and not every.frames
        for index, (time, frame) in enumerate(self._from(after) if can_jump else self._timed()):
            count = index + 1
            if sampler.takes(index, time):
                yield Sampled(round(time, 3), self._image(frame))
        if not count:
            raise ImageError(f"{self._name}: no frame of the video can be decoded")
        promised = self.duration or 0.0
        if self.end + max(SHORT[0], SHORT[1] * promised) < promised:
            text = f"its frames end at {self.end:.1f} s, its header promises {promised:.1f} s"
            raise ImageError(f"{self._name}: cut off or damaged: {text}")

    def frame_at(self, time: float) -> Image.Image:
        """The image that `frames` gave at that time.

        Raises:
            ImageError: there is none.
        """
        for shown, frame in self._from(time):
            if shown >= time - ROUNDING:
                if shown <= time + ROUNDING:
                    return self._image(frame)
                break
        raise ImageError(f"{self._name}: no frame at {time:g} s")

    def _image(self, frame: Any) -> Image.Image:
        try:
            return to_image(frame)
        except self._damage as error:
            text = f"frames of the format {frame.format.name} can't be converted"
            raise ImageError(f"{self._name}: {text}") from error

    def _from(self, time: float) -> Iterator[tuple[float, Any]]:
        """As `_timed`, from a key frame at or before `time` on, or from the first if there is no index."""
        start = next((frame.time for frame in self._decoded()), None)
        if start is not None and time > 0:
            self._seek(start + time)
            frames = ((frame.time - start, frame) for frame in self._decoded() if frame.time is not None)
            first = next(frames, None)
            if first is not None and first[0] <= time + ROUNDING:
                for shown, frame in chain([first], frames):
                    self.end = shown + _length(frame)
                    yield shown, frame
                return
        self.close()
        self._file.seek(0)
        self._open()
        yield from self._timed()

    def _seek(self, stamp: float) -> None:
        with suppress(*self._damage):  # a stream of packets alone, which then continues
            self._container.seek(math.floor(stamp / self._stream.time_base), stream=self._stream)

    def _timed(self) -> Iterator[tuple[float, Any]]:
        """(seconds from the first frame, frame) of all frames, in the order in which they are shown."""
        rate = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        start, shift, last = None, 0.0, 0.0
        for index, frame in enumerate(self._decoded()):
            stamp = frame.time
            if stamp is None:  # raw streams have none
                time = index / rate
            else:
                start = stamp if start is None else start
                time = stamp - start + shift
                if time < last - ROUNDING:  # joined recordings begin again at 0
                    shift += last + 1 / rate - time
                    time = last + 1 / rate
            last, self.end = time, time + _length(frame)
            yield time, frame

    def _decoded(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while (packet := self._packet(packets)) is not None:
            self._check()
            try:
                frames = packet.decode()
            except self._damage:
                self.damaged += 1
            else:
                yield from frames

    def _packet(self, packets: Iterator[Any]) -> Any:
        """The next one; None at the end, also where the container ends in the middle."""
        try:
            return next(packets, None)
        except self._damage:
            self.damaged += 1
            return None


def read_frame(path: str, time: float, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The frame that `Video.frames` gave of a path or a URL at that time.

    Raises:
        ConfigError: PyAV is not installed.
        ImageError: the video can't be read, or has no such frame.
    """
    with open_stream(path) as file, Video(file, path, max_pixels) as video:
        return video.frame_at(time)


def _length(frame: Any) -> float:
    """Seconds for which a frame is shown, as far as that is known."""
    return float((frame.duration or 0) * (frame.time_base or 0))
