"""The REST API: POST /v1/score and /v1/map, GET /v1/health, /v1/model and /v1/limits; OpenAPI at /docs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader

from rankiqa.errors import ImageError
from rankiqa.optional import installed
from rankiqa.scorer import Scorer
from rankiqa.serve.answers import Answer, Fault, Health, Model, RequestLimits, about, limits_of
from rankiqa.serve.gate import Gate
from rankiqa.serve.limits import Limits, Refused
from rankiqa.serve.maps import ImageMap, Mapper
from rankiqa.serve.service import Service, plain_name
from rankiqa.serve.static_files import SecurityHeaders, page_router

HEALTH = "/v1/health"
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


def create_app(
    scorer: Scorer, limits: Limits | None = None, key: str | None = None, page: bool = False
) -> FastAPI:
    """The application.

    Args:
        scorer: what answers.
        limits: of requests.
        key: that clients must send as X-API-Key; None: none.
        page: whether the page stands at /.
    """
    limits = limits or Limits()
    service = Service(scorer, limits)
    mapper = Mapper(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        mapper.close()
        service.close()

    # It writes a line for each wrong byte, so that a bad client could fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    app = _described(lifespan)
    app.state.service = service
    app.add_middleware(Gate, limits=limits, key=key, unguarded=(HEALTH,))
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(Exception, _hidden)
    app.add_exception_handler(RequestValidationError, _short)
    app.add_api_route(HEALTH, _health, response_model=Health, summary="Is the server there?")
    app.include_router(_guarded(service, mapper, key is not None))
    if page:
        app.include_router(page_router())
    return app


def _described(lifespan: Any) -> FastAPI:
    """Its /docs need no network where fastapi-offline is installed; those of FastAPI alone ask a CDN."""
    make: Any = FastAPI
    if installed("fastapi_offline"):
        from fastapi_offline import FastAPIOffline

        make = FastAPIOffline
    summary = "How good do images look? Higher is better."
    # A redirect from a/ to a would go to whatever host the client names.
    return make(lifespan=lifespan, title="RankIQA", version="1", summary=summary, redirect_slashes=False)


async def _health() -> Health:
    """Needs no key, and is answered however busy the server is."""
    return Health(status="ok")


def _guarded(service: Service, mapper: Mapper, with_key: bool) -> APIRouter:
    """What stands behind `Gate`, which checks the key; here it is only described."""
    header = APIKeyHeader(name="X-API-Key", auto_error=False)
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Fault, "description": text} for status, text in STATUSES.items()
    }
    router = APIRouter(responses=refusals, dependencies=[Depends(header)] if with_key else [])
    limits = service.limits

    @router.get("/v1/model", summary="What scores, and on which scale?")
    async def model() -> Model:
        return about(service.scorer)

    @router.get("/v1/limits", summary="What may a request hold?")
    async def request_limits() -> RequestLimits:
        return limits_of(limits)

    images = File(
        description=f"1 to {limits.files} images of at most {limits.file_bytes} bytes "
        f"and {limits.pixels} pixels each",
        json_schema_extra={
            "minItems": 1,
            "maxItems": limits.files,
            "items": {"type": "string", "format": "binary"},  # what makers of clients know as a file
        },
    )

    @router.post("/v1/score", response_model=Answer, summary="How good do these images look?")
    async def score(files: list[UploadFile] = images) -> Any:
        """One row for each image. One that can't be read has an error in its row; when all have: 422."""
        return await _answer(service, files)

    @router.post("/v1/map", response_model=ImageMap, summary="Where is quality lost in this image?")
    async def quality_map(request: Request, file: UploadFile) -> Any:
        """A grid of values; costs as much as some 64 scores, or one of each patch. One after the other."""
        return await _map(mapper, file, request)

    return router


async def _answer(service: Service, files: list[UploadFile]) -> Any:
    limits = service.limits
    if len(files) > limits.files:
        return _refusal(422, f"{len(files)} files, at most {limits.files} are taken")
    work = asyncio.gather(*(service.row(upload) for upload in files))
    try:
        rows = await asyncio.wait_for(work, limits.score_seconds)
    except asyncio.TimeoutError:
        return _refusal(503, "the server is too busy; try again")
    if all(row.error for row in rows):
        detail = "; ".join(f"{row.name}: {row.error}" for row in rows)
        return _refusal(422, detail, results=[row.model_dump() for row in rows])
    return Answer(results=list(rows))


async def _map(mapper: Mapper, upload: UploadFile, request: Request) -> Any:
    name = plain_name(upload.filename)
    try:
        return await mapper.map(upload.file, name, request.is_disconnected)
    except ImageError as error:
        return _refusal(422, str(error))
    except TimeoutError:
        return _refusal(503, "the server is too busy; try again")


def _refusal(status: int, detail: str, **more: Any) -> JSONResponse:
    return JSONResponse({"detail": detail, **more}, status)


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
