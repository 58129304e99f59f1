"""What a server takes from strangers, of one request and at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Of one request, but for `concurrent`.

    Attributes:
        file_bytes: of one image's file.
        pixels: of one image, judged by its header.
        files: images.
        upload_seconds: until the whole request must have arrived.
        score_seconds: from then to the answer.
        concurrent: requests that are worked on at once; more get 429.
        video_pixels: of a frame of a video: DCI 4K. Decoders hold up to 16 and more of them.
        video_seconds: of a video.
        video_frames: of a video that are scored.
    """

    file_bytes: int = 20 * 2**20
    pixels: int = 50_000_000
    files: int = 16
    upload_seconds: float = 30.0
    score_seconds: float = 60.0
    concurrent: int = 64
    video_pixels: int = 4096 * 2160
    video_seconds: float = 60.0
    video_frames: int = 120


class Refused(Exception):  # noqa: N818  # an answer, not an error
    """A request ends here, with a status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
