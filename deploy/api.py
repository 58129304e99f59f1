"""The REST API: POST /v1/score, GET /v1/health, GET /v1/model, described by OpenAPI at /docs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import PurePath
from typing import IO, Any

from fastapi import FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from PIL import Image
from pydantic import BaseModel

from dataloader.image import decode
from deploy.batching import Batcher
from deploy.engines.scorer import Scorer, Scores
from deploy.limits import Gate, Limits, Refused
from deploy.pipeline import percentile
from utils.cores import usable_cores
from utils.errors import ImageError

HEALTH = "/v1/health"


class Fault(BaseModel):
    """Why a request was refused."""

    detail: str


class PictureScore(BaseModel):
    """What is said of one picture; `error` where it could not be read."""

    name: str
    score: float | None = None
    percentile: float | None = None
    std: float | None = None
    distribution: list[float] | None = None
    width: int | None = None
    height: int | None = None
    error: str | None = None


class Answer(BaseModel):
    """A row for each picture, in the order of the request."""

    results: list[PictureScore]


class Model(BaseModel):
    """What scores, and what its scores mean."""

    arch: str
    engine: str
    num_classes: int
    image_size: list[int]
    view: str
    criterion: str
    score_range: list[float] | None = None
    licence: str | None = None
    provenance: str | None = None


class Service:
    """Decoding threads and one batching thread around a scorer."""

    def __init__(self, scorer: Scorer, limits: Limits) -> None:
        self.scorer, self.limits = scorer, limits
        self.decoders = ThreadPoolExecutor(usable_cores(), "decode")
        self._batcher = Batcher(scorer)

    def close(self) -> None:
        """End the threads."""
        self.decoders.shutdown(cancel_futures=True)
        self._batcher.close()

    def score_upload(self, upload: UploadFile) -> tuple["Future[Scores]", tuple[int, int]]:
        """Decode an upload and have it scored; runs in a decoding thread.

        Raises:
            ImageError: it can't be read, or is too large.
        """
        return self.score_file(upload.file, plain_name(upload.filename))

    def score_file(self, file: IO[bytes], name: str) -> tuple["Future[Scores]", tuple[int, int]]:
        """The future scores of the picture in an open file, and its (width, height).

        Raises:
            ImageError: it can't be read, or is too large.
        """
        view = self.scorer.view
        image, size = self.decode(file, name, view.size if view.name == "fit" else None)
        return self._batcher.submit(view.evaluate(image).numpy()), size

    def decode(
        self, file: IO[bytes], name: str, fit: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """`dataloader.image.decode` within the limits; raises as that does."""
        size = file.seek(0, 2)
        file.seek(0)
        if size > self.limits.file_bytes:
            raise ImageError(f"{name}: {size} bytes, at most {self.limits.file_bytes} are taken")
        return decode(file, name, fit, self.limits.pixels)

    def percentile(self, score: float) -> float | None:
        """See `deploy.pipeline.percentile`."""
        return percentile(score, self.scorer.spec)

    async def row(self, upload: UploadFile) -> PictureScore:
        """The row of one upload."""
        name = plain_name(upload.filename)
        loop = asyncio.get_running_loop()
        try:
            future, (width, height) = await loop.run_in_executor(self.decoders, self.score_upload, upload)
        except ImageError as error:
            return PictureScore(name=name, error=str(error).removeprefix(f"{name}: "))
        result = await asyncio.wrap_future(future)
        score = float(result.scores[0])
        return PictureScore(
            name=name,
            score=score,
            percentile=percentile(score, self.scorer.spec),
            std=None if result.deviations is None else float(result.deviations[0]),
            distribution=None if result.probs is None else result.probs[0].tolist(),
            width=width,
            height=height,
        )


def plain_name(name: str | None) -> str:
    """The last part of what a client calls its file; it is shown and never opened."""
    return PurePath((name or "").replace("\\", "/")).name[:200] or "unnamed"


def create_app(scorer: Scorer, limits: Limits | None = None, key: str | None = None) -> FastAPI:
    """The application.

    Args:
        scorer: what answers.
        limits: of requests.
        key: that clients must send as X-API-Key; None: none.
    """
    limits = limits or Limits()
    service = Service(scorer, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        lifespan=lifespan,
        title="RankIQA",
        version="1",
        summary="How good do pictures look? Higher is better.",
    )
    app.state.service = service
    app.add_middleware(Gate, limits=limits, key=key, unguarded=(HEALTH,))
    app.add_exception_handler(Exception, _hidden)
    app.add_exception_handler(RequestValidationError, _short)
    statuses = (400, 401, 408, 413, 422, 429, 500, 503)
    faults: dict[int | str, dict[str, Any]] = {status: {"model": Fault} for status in statuses}

    @app.get(HEALTH)
    async def health() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok"}

    @app.get("/v1/model", responses=faults)
    async def model() -> Model:
        """What scores."""
        spec = scorer.spec
        return Model(
            arch=spec.arch,
            engine=scorer.engine.name,
            num_classes=spec.num_classes,
            image_size=list(spec.image_size),
            view=spec.view,
            criterion=spec.criterion,
            score_range=list(spec.score_range) if spec.score_range else None,
            licence=spec.licence,
            provenance=spec.provenance,
        )

    @app.post("/v1/score", responses=faults)
    async def score(files: list[UploadFile] = File(description="pictures")) -> Answer:  # noqa: B008
        """Scores of up to 16 pictures. One that can't be read has an error in its row; all: status 422."""
        if len(files) > limits.files:
            return _refusal(413, f"{len(files)} files, at most {limits.files} are taken")  # type: ignore[return-value]
        try:
            rows = await asyncio.wait_for(
                asyncio.gather(*(service.row(upload) for upload in files)), limits.score_seconds
            )
        except asyncio.TimeoutError:
            return _refusal(503, "the server is too busy; try again")  # type: ignore[return-value]
        if all(row.error for row in rows):
            reasons = "; ".join(f"{row.name}: {row.error}" for row in rows)
            return _refusal(422, reasons)  # type: ignore[return-value]
        return Answer(results=list(rows))

    return app


def _refusal(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


async def _hidden(request: Request, error: Exception) -> JSONResponse:
    """A client never sees a stack trace; the log does."""
    if isinstance(error, Refused):
        return _refusal(error.status, error.detail)
    logging.error("%s %s", request.method, request.url.path, exc_info=error)
    return _refusal(500, "the server failed; its log says why")


async def _short(request: Request, error: Exception) -> JSONResponse:
    """A request that is not as OpenAPI says, in one line."""
    assert isinstance(error, RequestValidationError)
    parts = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3]]
    return _refusal(422, "; ".join(parts))
