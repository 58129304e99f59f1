"""ModelSpec: what makes a weights file usable alone."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from rankiqa.decoding.limits import MAX_PIXELS, TRAIN_CROP
from rankiqa.errors import ConfigError, WeightsError
from rankiqa.intervals import Intervals
from rankiqa.scales import Scores, is_scale, to_scale

if TYPE_CHECKING:
    from rankiqa.views import View

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)  # x * 2 - 1: AdvProp and the EfficientNet-Lite weights

Triple = tuple[float, float, float]
_IN_FILES = {"license": "licence"}  # the keys of version 1, which both versions read and write
VIEWS = ("fit", "patches", "whole")
HINGE = "hinge"  # which gives scores an order, and no unit
RANK_LOSSES = (HINGE, "logistic", "fidelity")
# fields that hold for the view that validation had
MEASURED = ("score_range", "score_percentiles", "interval")


@dataclass(frozen=True)
class ModelSpec:
    """How an image becomes the input of these weights, and what their output means.

    Attributes:
        arch: canonical architecture name, such as "resnet18" or "timm/resnet10t".
        num_classes: N, the width of the logits; the score is the raw logit for N = 1, else it lies in [1, N].
        image_size: (height, width) of the network's input; for "whole" their product is its largest area.
        view: "fit", "patches" or "whole", see `rankiqa.views.View`.
        patches: crops per image in evaluation, for the view "patches".
        mean, std: of RGB in [0, 1].
        criterion: "rank", "emd" or "regress".
        rank_loss: of a rank model. "logistic": sigmoid(s1 - s2) is the share of raters who prefer an image of
            score s1 to one of score s2; "fidelity": Phi((s1 - s2) / sqrt(2)) is; "hinge": neither is.
        score_range: (lowest, highest) score seen in validation.
        score_percentiles: 101 scores, the percentiles 0 to 100 of validation.
        scales: data set -> map from the score to the scale of its ratings, see `rankiqa.scales`; {}: there is
            none, as in a model that was trained on one set.
        scale: the data set on whose scale the scores are given; "": they are the plain ones.
        interval: how far labels of validation lie from their scores; None: nobody has measured it.
        reasons: K families of damage that a second head tells, see `rankiqa.reasons`; (): it has none.
        versions: of the packages that made the weights.
        license, provenance: of the weights, in words, where they were given; files spell the key "licence".
    """

    arch: str
    num_classes: int = 1
    image_size: tuple[int, int] = (224, 224)
    view: str = "fit"
    patches: int = 5
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    criterion: str = "rank"
    rank_loss: str = HINGE
    score_range: tuple[float, float] | None = None
    score_percentiles: tuple[float, ...] | None = None
    scales: dict[str, dict[str, float]] = field(default_factory=dict)
    scale: str = ""
    interval: Intervals | None = None
    reasons: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    license: str | None = None
    provenance: str | None = None

    def make_view(
        self, full_decode: bool = False, max_pixels: int | None = None, train_crop: int | None = None
    ) -> "View":
        """How these weights see an image.

        Args:
            full_decode: never decode at a reduced scale.
            max_pixels: larger images are not decoded; None: the usual limit.
            train_crop: side of the crops to train on, for "whole"; None: the usual one.
        """
        from rankiqa.views import View  # which needs Pillow; a spec alone does not

        return View(
            self.view,
            self.image_size,
            self.patches,
            full_decode,
            max_pixels or MAX_PIXELS,
            train_crop or TRAIN_CROP,
        )

    def with_(self, **changes: Any) -> "ModelSpec":
        """A copy with some fields changed; what validation measured in another view is left out of it."""
        changed = replace(self, **changes)
        lost = {name: changes.get(name) for name in MEASURED} if changed.sees != self.sees else {}
        return replace(changed, **lost)  # type: ignore[arg-type]

    def on_scale(self, name: str) -> "ModelSpec":
        """A copy of which scores, and what validation measured of them, are on the scale of a data set.

        Raises:
            ConfigError: the model has no such scale.
        """
        if name not in self.scales:
            there = f"those of {', '.join(self.scales)}" if self.scales else "none: it learned from one set"
            raise ConfigError(f"--scale {name}: no such scale in the model, which has {there}")
        scaled = replace(self, scale=name)
        values: dict[str, Any] = {key: getattr(self, key) for key in ("score_range", "score_percentiles")}
        values = {key: value and tuple(map(scaled.scaled, value)) for key, value in values.items()}
        return replace(scaled, interval=None, **values)  # which holds for labels on the common scale

    def scaled(self, score: Scores) -> Scores:
        """Plain scores, or one, as this spec gives them: on the scale of a data set if it names one."""
        return to_scale(score, self.scales[self.scale]) if self.scale else score

    @property
    def sees(self) -> tuple[Any, ...]:
        """What decides about the pixels that the network gets; scores are comparable where it is equal."""
        patches = self.patches if self.view == "patches" else None
        return self.image_size, self.view, patches, self.mean, self.std

    @property
    def is_measured(self) -> bool:
        """Whether the spec knows something of the scores of validation."""
        return any(getattr(self, name) is not None for name in MEASURED)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings, fit for JSON and for `torch.load(weights_only=True)`."""
        plain = {
            _IN_FILES.get(key, key): list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }
        return {**plain, "interval": None if self.interval is None else self.interval.to_dict()}

    def to_json(self) -> str:
        """The spec as one line of JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "ModelSpec") -> "ModelSpec":
        """The inverse of `to_dict`; unknown keys, of a later version, are left out.

        Raises:
            WeightsError: `values` names no architecture.
        """
        if not isinstance(values, dict) or "arch" not in values:
            raise WeightsError(f"{where}: holds no ModelSpec with an 'arch'")
        known = {item.name for item in fields(cls)}
        names = {old: new for new, old in _IN_FILES.items()}
        tuples: dict[str, Any] = {
            names.get(key, key): tuple(value) if isinstance(value, list) else value
            for key, value in values.items()
        }
        try:
            if isinstance(tuples.get("interval"), dict):
                tuples["interval"] = Intervals.from_dict(tuples["interval"])
            spec = cls(**{key: value for key, value in tuples.items() if key in known})
        except (ValueError, TypeError, KeyError) as error:
            raise WeightsError(f"{where}: its ModelSpec makes no sense ({error})") from error
        if not spec._is_sound():
            raise WeightsError(f"{where}: its ModelSpec makes no sense ({spec.to_json()[:200]})")
        return spec

    def _is_sound(self) -> bool:
        sizes = self.image_size
        return (
            isinstance(sizes, tuple)
            and len(sizes) == 2
            and all(
                isinstance(number, int) and number > 0 for number in (*sizes, self.num_classes, self.patches)
            )
            and self.view in VIEWS
            and (self.score_range is None or len(self.score_range) == 2)
            and all(len(values) == 3 for values in (self.mean, self.std))
            and isinstance(self.scales, dict)
            and all(map(is_scale, self.scales.values()))
            and isinstance(self.interval, Intervals | None)
            and isinstance(self.reasons, tuple)
            and all(isinstance(name, str) for name in self.reasons)
            and len(set(self.reasons)) == len(self.reasons)
        )

    @classmethod
    def from_json(cls, text: str, where: str = "ModelSpec") -> "ModelSpec":
        """The inverse of `to_json`.

        Raises:
            WeightsError: `text` is not the JSON of a spec.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise WeightsError(f"{where}: its ModelSpec is not JSON ({error})") from error
        return cls.from_dict(values, where)
