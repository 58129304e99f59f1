"""POST /v1/video: the scores of a short clip over time, by the extra rankiqa[video]."""

from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import IO, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel, Field

from rankiqa.errors import ImageError
from rankiqa.scorer import Scores
from rankiqa.serve.answers import Damage
from rankiqa.serve.limits import Limits
from rankiqa.serve.service import Service, plain_name, without_advice
from rankiqa.serve.turns import Check, Turns
from rankiqa.serve.uploads import turn_or_refusal
from rankiqa.video.reading import Video
from rankiqa.video.sampling import Step
from rankiqa.video.summary import fifth_percentile

AHEAD = 8  # frames whose crops are in memory at once


class FrameScore(BaseModel):
    """What is said of one frame."""

    time: float = Field(description="seconds from the first frame")
    score: float = Field(description="higher = better; /v1/model says on which scale")
    percentile: float | None = Field(default=None, description="as of /v1/score")
    reasons: list[Damage] | None = Field(default=None, description="as of /v1/score")


class VideoScores(BaseModel):
    """The scores of a clip over time."""

    name: str = Field(description="the last part of the file name that was sent")
    width: int = Field(description="pixels of a frame, as shown")
    height: int
    mean: float
    fifth_percentile: float = Field(description="of the frames' scores")
    worst: FrameScore = Field(description="the frame of the lowest score")
    frames: list[FrameScore]


class Clips:
    """Scores clips, one after the other.

    Args:
        service: scores frames, within its limits.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = Turns("videos", service.limits.score_seconds)

    def close(self) -> None:
        """End the thread."""
        self._turns.close()

    async def score(self, file: IO[bytes], name: str, every: Step, gone: Any) -> VideoScores:
        """The scores of the clip in an open file.

        Args:
            file: the upload.
            name: opens the messages.
            every: distance between scored frames.
            gone: see `Turns.run`.

        Raises:
            ImageError: it can't be read, or is too large or too long.
            Refused, TimeoutError: see `Turns.run`.
        """
        return await self._turns.run(partial(self._work, file, name, every), gone)

    def _work(self, file: IO[bytes], name: str, every: Step, check: Check) -> VideoScores:
        check()
        self._service.require_small(file, name)
        view = self._service.scorer.view
        waiting: deque[tuple[float, Future[Scores]]] = deque()
        frames: list[FrameScore] = []
        size = (0, 0)
        # one thread: the cores are for those who want the score of an image
        with without_advice(), Video(file, name, self._service.limits.video_pixels, 1, check) as video:
            self._require_short(video.duration or 0.0, name)
            for time, image in video.frames(every):
                self._require_short(time, name)
                if len(frames) + len(waiting) >= self._service.limits.video_frames:
                    raise ImageError(
                        f"{name}: more than {self._service.limits.video_frames} frames by that step"
                    )
                size = image.size
                waiting.append((time, self._service.submit(view.evaluate(image))))
                if len(waiting) > AHEAD:
                    frames.append(self._frame(*waiting.popleft()))
        frames += [self._frame(*one) for one in waiting]
        scores = [frame.score for frame in frames]
        return VideoScores(
            name=name,
            width=size[0],
            height=size[1],
            mean=sum(scores) / len(scores),
            fifth_percentile=fifth_percentile(scores),
            worst=min(frames, key=lambda frame: frame.score),
            frames=frames,
        )

    def _require_short(self, seconds: float, name: str) -> None:
        most = self._service.limits.video_seconds
        if seconds > most:
            raise ImageError(f"{name}: longer than {most:g} s, which is the longest video that is taken")

    def _frame(self, time: float, future: "Future[Scores]") -> FrameScore:
        result = future.result()
        score = float(result.scores[0])
        return FrameScore(
            time=time,
            score=score,
            percentile=self._service.percentile(score),
            reasons=None if result.reasons is None else [Damage.of(one) for one in result.reasons[0]],
        )


def add_route(router: APIRouter, clips: Clips, limits: Limits) -> None:
    """Add the address to a guarded router."""
    file = File(
        description=f"a video of at most {limits.file_bytes} bytes, {limits.video_seconds:g} seconds "
        f"and {limits.video_pixels} pixels per frame",
        json_schema_extra={"format": "binary"},
    )
    step = Form(
        default=1.0, ge=0.01, le=60, description="seconds between scored frames", json_schema_extra={}
    )

    @router.post("/v1/video", response_model=VideoScores, summary="How good does this video look, over time?")
    async def score_video(request: Request, file: UploadFile = file, every: float = step) -> Any:
        """A row for each scored frame: the first one at or after each multiple of `every`."""
        scored = clips.score(file.file, plain_name(file.filename), Step(every), request.is_disconnected)
        return await turn_or_refusal(
            scored, "the server is too busy, or the video takes too long; try a shorter one"
        )
