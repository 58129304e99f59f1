"""POST and GET /v1/gate: verdicts by a quality gate (`rankiqa gate fit`), beside the scores of the API.

What stands before all requests, with keys and limits, is `rankiqa.serve.gate`, which is something else.
"""

from typing import Any

from fastapi import FastAPI, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from rankiqa.gating.quality_gate import QualityGate, ReasonLimit
from rankiqa.serve.answers import ImageScore
from rankiqa.serve.service import Service
from rankiqa.serve.uploads import STATUSES, guarded_router, image_files, rows_or_refusal


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
    reasons: list[ReasonLimit] = Field(description="thresholds by kind of damage; none: the score decides")


def add_gate(app: FastAPI, gate: QualityGate, with_key: bool) -> None:
    """Add the addresses to the application of `rankiqa.serve.api.create_app`.

    Args:
        app: with its service in `app.state.service`.
        gate: fitted for the service's model.
        with_key: whether clients must send a key, which the middleware checks; here it is only described.
    """
    service: Service = app.state.service
    router = guarded_router(with_key, _STATUSES)

    @router.get("/v1/gate", summary="What does the gate promise?")
    async def facts() -> GateFacts:
        return GateFacts(promise=gate.promise, **{name: getattr(gate, name) for name in _FACTS})

    images = image_files(service.limits)

    @router.post("/v1/gate", response_model=Verdicts, summary="Are these images good enough?")
    async def verdicts(files: list[UploadFile] = images) -> Any:
        """One verdict for each image; status 200 also where all are rejected, or can't be read."""
        rows = await rows_or_refusal(service, files)
        if isinstance(rows, JSONResponse):
            return rows
        return Verdicts(results=[_verdict(gate, row) for row in rows])

    app.include_router(router)


def _verdict(gate: QualityGate, row: ImageScore) -> ImageVerdict:
    named = "; ".join(reason.words for reason in row.reasons or [])
    said = gate.judge(row.score, row.error, row._strengths, named)
    return ImageVerdict(
        name=row.name,
        verdict=said.verdict,
        reason=said.reason,
        score=row.score,
        width=row.width,
        height=row.height,
    )


_FACTS = [name for name in GateFacts.model_fields if name != "promise"]
_STATUSES = {**STATUSES, 422: "no image at all, or too many"}
