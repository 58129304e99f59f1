"""The REST API: POST /v1/score, /v1/map, /v1/video, GET /v1/health, model and limits; OpenAPI at /docs."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from rankiqa.errors import ImageError
from rankiqa.optional import installed
from rankiqa.scorer import Scorer
from rankiqa.serve.answers import Answer, Health, Model, RequestLimits, about, limits_of
from rankiqa.serve.clips import Clips, add_route
from rankiqa.serve.gate import Gate
from rankiqa.serve.limits import Limits, Refused
from rankiqa.serve.maps import ImageMap, Mapper
from rankiqa.serve.service import Service, plain_name
from rankiqa.serve.static_files import SecurityHeaders, page_router
from rankiqa.serve.uploads import guarded_router, image_files, refusal, rows_or_refusal

HEALTH = "/v1/health"


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
    mapper, clips = Mapper(service), Clips(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        mapper.close()
        clips.close()
        service.close()

    # It writes a line for each wrong byte, so that a bad client could fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    app = guarded_app(lifespan, limits, key)
    app.state.service = service
    router = _guarded(service, mapper, key is not None)
    if installed("av"):
        add_route(router, clips, limits)
    app.include_router(router)
    if page:
        app.include_router(page_router())
    return app


def guarded_app(lifespan: Any, limits: Limits, key: str | None = None) -> FastAPI:
    """An application without routes but for its health: limits, headers of security, refusals in one line.

    Args:
        lifespan: context of the application.
        limits: of requests.
        key: see `create_app`.
    """
    app = _described(lifespan)
    app.add_middleware(Gate, limits=limits, key=key, unguarded=(HEALTH,))
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(Exception, _hidden)
    app.add_exception_handler(RequestValidationError, _short)
    app.add_api_route(HEALTH, _health, response_model=Health, summary="Is the server there?")
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
    """What stands behind `Gate`."""
    router = guarded_router(with_key)
    limits = service.limits

    @router.get("/v1/model", summary="What scores, and on which scale?")
    async def model() -> Model:
        return about(service.scorer)

    @router.get("/v1/limits", summary="What may a request hold?")
    async def request_limits() -> RequestLimits:
        return limits_of(limits)

    images = image_files(limits)
    image = File(
        description=f"an image of at most {limits.file_bytes} bytes and {limits.pixels} pixels",
        json_schema_extra={"format": "binary"},
    )

    @router.post("/v1/score", response_model=Answer, summary="How good do these images look?")
    async def score(files: list[UploadFile] = images) -> Any:
        """One row for each image. One that can't be read has an error in its row; when all have: 422."""
        return await _answer(service, files)

    @router.post("/v1/map", response_model=ImageMap, summary="Where is quality lost in this image?")
    async def quality_map(request: Request, file: UploadFile = image) -> Any:
        """A grid of values; costs as much as some 64 scores, or one of each patch. One after the other."""
        return await _map(mapper, file, request)

    return router


async def _answer(service: Service, files: list[UploadFile]) -> Any:
    rows = await rows_or_refusal(service, files)
    if isinstance(rows, JSONResponse):
        return rows
    if all(row.error for row in rows):
        detail = "; ".join(f"{row.name}: {row.error}" for row in rows)
        return refusal(422, detail, results=[row.model_dump() for row in rows])
    return Answer(results=rows)


async def _map(mapper: Mapper, upload: UploadFile, request: Request) -> Any:
    name = plain_name(upload.filename)
    try:
        return await mapper.map(upload.file, name, request.is_disconnected)
    except ImageError as error:
        return refusal(422, str(error))
    except Refused as refused:
        return JSONResponse({"detail": refused.detail}, refused.status, {"Retry-After": "3"})
    except TimeoutError:
        return refusal(503, "the server is too busy; try again")


async def _hidden(request: Request, error: Exception) -> JSONResponse:
    """A client never sees a stack trace; the log does."""
    if isinstance(error, Refused):
        return refusal(error.status, error.detail)
    logging.error("%s %s", request.method, request.url.path, exc_info=error)
    return refusal(500, "the server failed; its log says why")


async def _short(request: Request, error: Exception) -> JSONResponse:
    """A request that is not as OpenAPI says, in one line."""
    assert isinstance(error, RequestValidationError)
    parts = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3]]
    return refusal(422, "; ".join(parts))
