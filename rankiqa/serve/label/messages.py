"""What the labelling page and its server say to each other, as OpenAPI describes it."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from rankiqa.serve.label.images import LONGEST_SIDE
from rankiqa.votes.labelling import Shown
from rankiqa.votes.table import PURPOSES

_RATER = re.compile(r"\w[\w .'-]{0,39}")
_PAIR = re.compile(rf"(\d{{1,9}})-(\d{{1,9}})-({'|'.join(PURPOSES)}|)")


def plain_rater(name: str) -> str:
    """A rater's name in its one spelling.

    Raises:
        ValueError: too long, or of other characters than a name has.
    """
    name = " ".join(name.split())
    if not _RATER.fullmatch(name):
        raise ValueError("a name has 1 to 40 letters, digits, spaces, dots or hyphens; the first is a letter")
    return name


def shown_of(identity: str, count: int) -> Shown:
    """The pair of an identity such as "3-17-chosen", among `count` images.

    Raises:
        ValueError: it is none.
    """
    found = _PAIR.fullmatch(identity)
    if found is None:
        raise ValueError(f"{identity[:40]!r} is no pair")
    left, right = int(found[1]), int(found[2])
    if left == right or max(left, right) >= count:
        raise ValueError(f"{identity[:40]!r} is no pair of {count} images")
    return Shown(left, right, found[3])


def identity_of(shown: Shown) -> str:
    """See `shown_of`. It says all, so that an answer is understood by a server that has just started."""
    return f"{shown.left}-{shown.right}-{shown.purpose}"


Side = Annotated[int, Field(ge=16, le=LONGEST_SIDE)]


class Wish(BaseModel):
    """Who asks, and what that browser has."""

    rater: Annotated[str, AfterValidator(plain_rater)]
    version: str = Field(description="of the list of images, from /v1/label/about")
    holding: list[str] = Field(max_length=8, description="pairs that the browser has, the shown one first")
    box: tuple[Side, Side] = Field(description="width and height in pixels of the place for an image")


class Undo(Wish):
    """The latest answer is to be taken back."""

    before: int = Field(ge=0, description="answers of this rater that stand, by the browser")
    seconds: float = Field(ge=0, le=1e6, description="since the pair in front was shown")


class Answer(Undo):
    """An answer to a pair."""

    pair: str = Field(description="as the server has called it")
    answer: Literal["left", "right", "tie", "skip"]


class ImagePlace(BaseModel):
    """Where an image is, and how large it is."""

    address: str = Field(description="reduced to the box of the request")
    full: str = Field(description="all pixels")
    width: int
    height: int


class ShownPair(BaseModel):
    """A pair to judge."""

    pair: str
    left: ImagePlace
    right: ImagePlace


class Settled(BaseModel):
    """Expected rank correlation (Spearman) of the order so far with the true one."""

    now: float
    after: float = Field(description="after `clicks` more answers")
    clicks: int


class Prior(BaseModel):
    """How far the model's scores are known."""

    done: int
    total: int


class Turn(BaseModel):
    """What comes next."""

    pairs: list[ShownPair] = Field(description="to hold from here on, the next one first")
    again: str | None = Field(default=None, description="the pair whose answer was taken back; the first")
    count: int = Field(description="answers of this rater that stand")
    total: int = Field(description="answers of all raters")
    outlook: Settled | None
    prior: Prior | None


class About(BaseModel):
    """What is labelled."""

    folder: str = Field(description="its last part")
    images: int
    version: str
    raters: list[str] | None = Field(description="the only names that are taken; null: any")
    known: list[str] = Field(description="names that have answers")
