"""Containers of video: opened by their content, one stream chosen; what no video is, is named."""

from typing import IO, Any

from rankiqa.decoding.content import content_name
from rankiqa.errors import ImageError
from rankiqa.optional import require

# FFmpeg's demuxers of files that hold their own pixels. Playlists (HLS, DASH, concat) name other files and
# addresses, and are not opened.
FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "mxf", "ivf", "obu", "dv",
    "h264", "hevc", "m4v", "mjpeg", "nut", "rm", "wtv", "yuv4mpegpipe",
)  # fmt: skip
COVER = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the picture of a song


def open_library(name: str) -> Any:
    """PyAV, which keeps quiet about damage.

    Raises:
        ConfigError: it is not installed.
    """
    av = require("av", f"{name}: a video", "av")
    av.logging.set_level(None)
    return av


def damage(av: Any) -> tuple[type[Exception], ...]:
    """What PyAV raises: errors of FFmpeg, of a file asked for a place that it lacks, and of wrong values."""
    return (av.error.FFmpegError, OSError, ValueError)


def open_container(av: Any, file: IO[bytes], name: str) -> Any:
    """The `av.container.InputContainer` of a file at its beginning.

    Raises:
        ImageError: no video, or a damaged one.
    """
    try:
        options = {"format_whitelist": ",".join(FORMATS)}
        # before PyAV 19, titles that are no UTF-8 were errors unless asked otherwise
        lenient = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
        return av.open(_Nameless(file), options=options, **lenient)
    except damage(av) as error:
        content = content_name(file)
        if content and not content.startswith("a video"):
            raise ImageError(f"{name}: not a video, but {content}") from error
        text = "not a video that can be read: damaged, cut off, or of an unknown format"
        raise ImageError(f"{name}: {text}") from error


class _Nameless:
    """A file of which FFmpeg sees the content alone: by a name it would guess, and uploads have None."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def video_stream(container: Any, name: str) -> Any:
    """The stream that is shown.

    Raises:
        ImageError: there is none, or no decoder for it.
    """
    streams = [one for one in container.streams.video if not int(one.disposition) & COVER]
    if not streams:
        raise ImageError(f"{name}: holds no video, only {_kinds(container)}")
    stream = max(
        streams, key=lambda one: (one.codec_context is not None, one == container.streams.best("video"))
    )
    if stream.codec_context is None:
        raise ImageError(f"{name}: a video of a codec that FFmpeg can't decode here")
    return stream


def _kinds(container: Any) -> str:
    return ", ".join(sorted({one.type for one in container.streams})) or "an empty container"


def duration_of(stream: Any) -> float | None:
    """Seconds of the video stream itself: that of the file may be of a longer sound."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    parts = stream.metadata.get("DURATION", "").split(":")  # Matroska's, as FFmpeg writes it
    try:
        hours, minutes, seconds = map(float, parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds
