"""The server of the labelling page: pairs, answers and images of one folder."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from rankiqa.errors import ImageError
from rankiqa.serve.api import guarded_app
from rankiqa.serve.label.images import FolderImages, is_broken
from rankiqa.serve.label.messages import (
    About,
    Answer,
    ImagePlace,
    Prior,
    Settled,
    ShownPair,
    Side,
    Turn,
    Undo,
    Wish,
    identity_of,
    shown_of,
)
from rankiqa.serve.label.worker import Worker
from rankiqa.serve.limits import Limits, Refused
from rankiqa.serve.static_files import page_files, page_router
from rankiqa.serve.uploads import refusal
from rankiqa.votes.labelling import Labelling, Shown
from rankiqa.votes.outlook import CLICKS

SHARED = ("base.css", "parts.css", "dom.js", "text.js", "theme.js", "zoom.js", "icon.svg")
REQUEST_BYTES = 2**16
KEPT = {"Cache-Control": "private, max-age=86400, immutable"}  # an address changes with its file
IMAGES = "v1/label/images"


class Desk:
    """What answers the page.

    Args:
        title: of the folder.
        labelling: the session.
        images: of the folder.
        worker: fits in the background.
        raters: the only names that are taken; empty: any.
    """

    def __init__(
        self, title: str, labelling: Labelling, images: FolderImages, worker: Worker, raters: Sequence[str]
    ) -> None:
        self.title, self.labelling, self.images, self.worker = title, labelling, images, worker
        self.raters = list(raters)

    def about(self) -> About:
        """What is labelled, and by whom."""
        known = sorted(name for name, rater in self.labelling.raters.items() if name and rater.answered)
        return About(
            folder=self.title,
            images=len(self.images),
            version=self.images.version,
            raters=self.raters or None,
            known=known,
        )

    def next(self, wish: Wish) -> Turn:
        """The pairs that the rater holds from here on."""
        self._check(wish)
        return self._turn(wish, [self._shown(one) for one in wish.holding])

    def answer(self, wish: Answer) -> Turn:
        """Keep an answer, and say what comes next."""
        self._check(wish)
        shown, holding = self._shown(wish.pair), [self._shown(one) for one in wish.holding]
        self.labelling.answer(wish.rater, shown, wish.answer, wish.seconds, wish.before)
        self.worker.wake()
        return self._turn(wish, [one for one in holding if one != shown])

    def undo(self, wish: Undo) -> Turn:
        """Take an answer back; its pair comes first."""
        self._check(wish)
        holding = [self._shown(one) for one in wish.holding]
        again = self.labelling.undo(wish.rater, wish.seconds, wish.before)
        if again is None:
            return self._turn(wish, holding)
        self.worker.wake(at_once=True)
        turn = self._turn(wish, [again, *(one for one in holding if one != again)])
        return turn.model_copy(update={"again": identity_of(again)})

    def _check(self, wish: Wish) -> None:
        if wish.version != self.images.version:
            raise Refused(409, "the folder has changed since the page was opened; load the page again")
        if self.raters and wish.rater not in self.raters:
            raise Refused(422, f"{wish.rater} is not among the raters of this session")

    def _shown(self, identity: str) -> Shown:
        try:
            return shown_of(identity, len(self.images))
        except ValueError as error:
            raise Refused(422, str(error)) from error

    def _turn(self, wish: Wish, holding: list[Shown]) -> Turn:
        while True:
            pairs = self.labelling.upcoming(wish.rater, holding)
            for one in pairs:
                self.images.prepare(one.left, wish.box)
                self.images.prepare(one.right, wish.box)
            numbers = {image for one in pairs for image in (one.left, one.right)}
            broken = [image for image in numbers if is_broken(self.images, image, wish.box)]
            for image in broken:
                self.worker.leave_out(image)
            if not broken:
                break
        outlook = self.labelling.outlook
        return Turn(
            pairs=[self._pair(one, wish.box) for one in pairs],
            count=len(self.labelling.rater(wish.rater).answered),
            total=self.labelling.count,
            outlook=Settled(now=outlook.now, after=outlook.after, clicks=CLICKS) if outlook else None,
            prior=Prior(done=self.worker.scored, total=len(self.images)) if self.worker.has_model else None,
        )

    def _pair(self, shown: Shown, box: tuple[int, int]) -> ShownPair:
        return ShownPair(
            pair=identity_of(shown), left=self._place(shown.left, box), right=self._place(shown.right, box)
        )

    def _place(self, image: int, box: tuple[int, int]) -> ImagePlace:
        width, height = self.images.size(image, box)
        full = f"{IMAGES}/{image}?tag={self.images.tag(image)}"
        small = width <= box[0] and height <= box[1]
        address = full if small else f"{full}&width={box[0]}&height={box[1]}"
        return ImagePlace(address=address, full=full, width=width, height=height)


def create_app(desk: Desk) -> FastAPI:
    """The application of the page."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.worker.close()
        desk.images.close()

    app = guarded_app(lifespan, Limits(files=1, file_bytes=REQUEST_BYTES))
    app.add_exception_handler(Refused, _refused)
    app.include_router(_routes(desk))
    served = page_files("page", SHARED) | page_files("label_page")
    app.include_router(page_router(served))
    return app


def _routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/label", dependencies=[Depends(_of_this_page)])

    # Functions that are not async run in threads: they wait for the disk and for decoding.
    @router.get("/about", summary="What is labelled?")
    def about() -> About:
        return desk.about()

    @router.post("/next", summary="Which pairs come next?")
    def following(wish: Wish) -> Turn:
        return desk.next(wish)

    @router.post("/answers", summary="Keep an answer; it is on the disk when this returns")
    def answers(wish: Answer) -> Turn:
        return desk.answer(wish)

    @router.post("/undo", summary="Take the latest answer back")
    def undo(wish: Undo) -> Turn:
        return desk.undo(wish)

    @router.get("/images/{number}", summary="An image, as PNG", response_class=Response)
    async def image(
        number: int, width: Side | None = None, height: Side | None = None, tag: str = ""
    ) -> Response:
        return await _image(desk.images, number, (width, height) if width and height else None)

    return router


async def _image(images: FolderImages, number: int, box: tuple[int, int] | None) -> Response:
    if not 0 <= number < len(images):
        return refusal(404, f"there is no image {number}")
    try:
        content = await asyncio.wrap_future(images.prepare(number, box))
    except ImageError:
        return refusal(422, f"image {number} can't be read")
    return Response(content, media_type="image/png", headers=KEPT)


def _of_this_page(request: Request) -> None:
    """A page of another site may not vote: browsers tell where a request comes from."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused(403, "only the page of this server may ask")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error.status, error.detail)
