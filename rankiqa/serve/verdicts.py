"""POST and GET /v1/gate: verdicts by a quality gate (`rankiqa gate fit`), beside the scores of the API.

What stands before all requests, with keys and limits, is `rankiqa.serve.gate`, which is something else.
"""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, File, UploadFile
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field

from rankiqa.gating.quality_gate import QualityGate
from rankiqa.serve.answers import Fault
from rankiqa.serve.service import Service


class ImageVerdict(BaseModel):
    """What the gate says of one image."""

    name: str = Field(description="the last part of the file name that was sent")
    verdict: str = Field(description="pass, unsure or reject; an image that can't be read is rejected")
    reason: str = Field(description="why it does not pass, in words; empty where it does")
    score: float | None = Field(default=None, description="higher = better; null where there is none")
    width: int | None = Field(default=None, description="pixels, as shown: turned by EXIF")
    height: int | None = None


class Verdicts(BaseModel):
    """A row for each image, in the order of the request."""

    results: list[ImageVerdict]


class GateFacts(BaseModel):
    """What the gate promises, and by which thresholds."""

    promise: str
    keep_good: float
    confidence: float
    reject_below: float
    pass_from: float
    good: int = Field(description="good examples that it was fitted to")
    bad: int = Field(description="bad examples")


def add_gate(app: FastAPI, gate: QualityGate, with_key: bool) -> None:
    """Add the addresses to the application of `rankiqa.serve.api.create_app`.

    Args:
        app: with its service in `app.state.service`.
        gate: fitted for the service's model.
        with_key: whether clients must send a key, which the middleware checks; here it is only described.
    """
    service: Service = app.state.service
    limits = service.limits
    key = [Depends(APIKeyHeader(name="X-API-Key", auto_error=False))] if with_key else []
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Fault, "description": text} for status, text in _STATUSES.items()
    }
    router = APIRouter(responses=refusals, dependencies=key)

    @router.get("/v1/gate", summary="What does the gate promise?")
    async def facts() -> GateFacts:
        return GateFacts(promise=gate.promise, **{name: getattr(gate, name) for name in _FACTS})

    images = File(
        description=f"1 to {limits.files} images of at most {limits.file_bytes} bytes "
        f"and {limits.pixels} pixels each",
        json_schema_extra={
            "minItems": 1,
            "maxItems": limits.files,
            "items": {"type": "string", "format": "binary"},
        },
    )

    @router.post("/v1/gate", response_model=Verdicts, summary="Are these images good enough?")
    async def verdicts(files: list[UploadFile] = images) -> Any:
        """One verdict for each image; status 200 also where all are rejected, or can't be read."""
        if len(files) > limits.files:
            detail = f"{len(files)} files, at most {limits.files} are taken"
            return JSONResponse({"detail": detail}, 422)
        work = asyncio.gather(*(_verdict(service, gate, upload) for upload in files))
        try:
            return Verdicts(results=list(await asyncio.wait_for(work, limits.score_seconds)))
        except asyncio.TimeoutError:
            return JSONResponse({"detail": "the server is too busy; try again"}, 503)

    app.include_router(router)


async def _verdict(service: Service, gate: QualityGate, upload: UploadFile) -> ImageVerdict:
    row = await service.row(upload)
    said = gate.judge(row.score, row.error)
    return ImageVerdict(
        name=row.name,
        verdict=said.verdict,
        reason=said.reason,
        score=row.score,
        width=row.width,
        height=row.height,
    )


_FACTS = [name for name in GateFacts.model_fields if name != "promise"]
_STATUSES = {
    400: "not a form",
    401: "the header X-API-Key is missing or wrong",
    408: "the request did not arrive in time",
    413: "too many bytes",
    422: "no image at all, or too many",
    429: "too many requests at once",
    500: "an error of the server",
    503: "not answered in time",
}
