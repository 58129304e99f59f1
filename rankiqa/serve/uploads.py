"""What all addresses that take images share: their router, their form, their rows and their refusals."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, Depends, File, UploadFile
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader

from rankiqa.errors import ImageError
from rankiqa.serve.answers import Fault, ImageScore
from rankiqa.serve.limits import Limits, Refused
from rankiqa.serve.service import Service

STATUSES = {
    400: "not a form",
    401: "the header X-API-Key is missing or wrong",
    408: "the request did not arrive in time",
    413: "too many bytes",
    422: "no image at all, too many, or none that could be read",
    429: "too many requests at once",
    500: "an error of the server",
    503: "not answered in time",
}


def guarded_router(with_key: bool, statuses: dict[int, str] = STATUSES) -> APIRouter:
    """A router behind `rankiqa.serve.gate.Gate`, which checks the key; here it is only described."""
    header = APIKeyHeader(name="X-API-Key", auto_error=False)
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Fault, "description": text} for status, text in statuses.items()
    }
    return APIRouter(responses=refusals, dependencies=[Depends(header)] if with_key else [])


def image_files(limits: Limits) -> Any:
    """The form field `files`, for the default of a parameter."""
    return File(
        description=f"1 to {limits.files} images of at most {limits.file_bytes} bytes "
        f"and {limits.pixels} pixels each",
        json_schema_extra={
            "minItems": 1,
            "maxItems": limits.files,
            "items": {"type": "string", "format": "binary"},  # what makers of clients know as a file
        },
    )


async def rows_or_refusal(service: Service, files: list[UploadFile]) -> list[ImageScore] | JSONResponse:
    """A row for each upload, in their order; a refusal where there are too many, or no time."""
    limits = service.limits
    if len(files) > limits.files:
        return refusal(422, f"{len(files)} files, at most {limits.files} are taken")
    work = asyncio.gather(*(service.row(upload) for upload in files))
    try:
        return list(await asyncio.wait_for(work, limits.score_seconds))
    except asyncio.TimeoutError:
        return refusal(503, "the server is too busy; try again")


async def turn_or_refusal(work: Awaitable[Any], busy: str = "the server is too busy; try again") -> Any:
    """What long work for one upload gives (`rankiqa.serve.turns`), or the refusal that it ends in.

    Args:
        work: the turn.
        busy: what is said where its time did not suffice.
    """
    try:
        return await work
    except ImageError as error:
        return refusal(422, str(error))
    except Refused as refused:
        return JSONResponse({"detail": refused.detail}, refused.status, {"Retry-After": "3"})
    except TimeoutError:
        return refusal(503, busy)


def refusal(status: int, detail: str, **more: Any) -> JSONResponse:
    """An answer of `Fault`."""
    return JSONResponse({"detail": detail, **more}, status)
