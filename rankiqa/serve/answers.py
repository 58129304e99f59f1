"""What the REST API answers, as OpenAPI describes it."""

from pydantic import BaseModel, Field, PrivateAttr

from rankiqa.reasons import Reason
from rankiqa.scorer import Scorer
from rankiqa.serve.limits import Limits


class Fault(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="one sentence", examples=["4 files, at most 3 are taken"])
    results: list["ImageScore"] | None = Field(
        default=None, description="a row for each image, each with its error, where none could be read"
    )


class Health(BaseModel):
    """The server answers."""

    status: str = Field(examples=["ok"])


class Damage(BaseModel):
    """A family of damage that is visible."""

    family: str = Field(description="its key, as /v1/model lists them", examples=["noise"])
    words: str = Field(description="in English", examples=["too dark"])
    words_zh: str = Field(description="in Chinese", examples=["过暗"])
    probability: float = Field(description="that it is visible, 0.5 to 1")
    severity: float = Field(description="0 to 1")

    @classmethod
    def of(cls, reason: Reason) -> "Damage":
        """What the scorer said."""
        return cls(
            family=reason.family,
            words=reason.words("en"),
            words_zh=reason.words("zh"),
            probability=reason.probability,
            severity=reason.severity,
        )


class ImageScore(BaseModel):
    """What is said of one image; `error` where it could not be read."""

    name: str = Field(description="the last part of the file name that was sent")
    score: float | None = Field(default=None, description="higher = better; /v1/model says on which scale")
    percentile: float | None = Field(
        default=None,
        description="of the score among those of the images the model was validated with, 0 to 100",
    )
    low: float | None = Field(
        default=None,
        description="lower end of the interval in which the label of such an image lies, see /v1/model, "
        "coverage; null for a model without intervals",
    )
    high: float | None = Field(default=None, description="its upper end")
    std: float | None = Field(default=None, description="standard deviation of the distribution, in ratings")
    distribution: list[float] | None = Field(
        default=None, description="share of each rating, 1 first; null for a model that gives one number"
    )
    reasons: list[Damage] | None = Field(
        default=None,
        description="what is wrong, at most three, the strongest first; null for a model that can't say",
    )
    width: int | None = Field(default=None, description="pixels, as shown: turned by EXIF")
    height: int | None = None
    error: str | None = Field(default=None, description="why there is no score")
    _strengths: list[float] = PrivateAttr(default_factory=list)  # of all families, for the gate


class Answer(BaseModel):
    """A row for each image, in the order of the request."""

    results: list[ImageScore]


class RequestLimits(BaseModel):
    """What a request may hold; the page sends images by it."""

    files: int = Field(description="most images of a request")
    file_bytes: int = Field(description="of an image's file, at most")
    request_bytes: int = Field(description="of all files of a request, at most")
    pixels: int = Field(description="of an image, at most")
    concurrent: int = Field(description="most requests at once; further ones get 429")
    upload_seconds: float = Field(description="longest arrival of a request")
    video_seconds: float = Field(description="of a video, at most")
    video_pixels: int = Field(description="of a frame of a video, at most")


class Model(BaseModel):
    """What scores, and what its scores mean."""

    arch: str
    engine: str
    num_classes: int = Field(description="1: one number; more: a distribution over the ratings 1..N")
    image_size: list[int] = Field(
        description="height, width of what the network sees; whole: of the largest area"
    )
    view: str = Field(
        description="fit: the middle of the image, resized; patches: crops at native resolution; "
        "whole: the whole image in its own aspect ratio"
    )
    criterion: str = Field(description="what it was trained by: rank, emd or regress")
    score_range: list[float] | None = Field(
        default=None, description="lowest and highest score in validation"
    )
    coverage: float | None = Field(
        default=None,
        description="share of images whose label lies from low to high; null for a model without intervals",
    )
    reasons: list[str] = Field(
        default=[], description="families of damage that it can name; none for a model of scores alone"
    )
    licence: str | None = None
    provenance: str | None = None


def about(scorer: Scorer) -> Model:
    """What stands in the model's file."""
    spec = scorer.spec
    return Model(
        arch=spec.arch,
        engine=scorer.engine.name,
        num_classes=spec.num_classes,
        image_size=list(spec.image_size),
        view=spec.view,
        criterion=spec.criterion,
        score_range=list(spec.score_range) if spec.score_range else None,
        coverage=scorer.coverage if spec.interval else None,
        reasons=list(spec.reasons),
        licence=spec.license,
        provenance=spec.provenance,
    )


def limits_of(limits: Limits) -> RequestLimits:
    """What clients need to know of the limits."""
    return RequestLimits(
        files=limits.files,
        file_bytes=limits.file_bytes,
        request_bytes=limits.files * limits.file_bytes,
        pixels=limits.pixels,
        concurrent=limits.concurrent,
        upload_seconds=limits.upload_seconds,
        video_seconds=limits.video_seconds,
        video_pixels=limits.video_pixels,
    )
