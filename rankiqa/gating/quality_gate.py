"""QualityGate: thresholds of the score and of reasons, what they promise, and the file that holds them."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rankiqa import __version__
from rankiqa.errors import ConfigError, DataError
from rankiqa.files import write_text
from rankiqa.reasons import in_words
from rankiqa.spec import ModelSpec

FORMAT = "rankiqa gate 1"
BY_REASON = "rankiqa gate 2"  # which programs that would ignore the reasons refuse
PASS, UNSURE, REJECT = "pass", "unsure", "reject"
VERDICTS = (PASS, UNSURE, REJECT)


@dataclass(frozen=True)
class ModelId:
    """Which model gave the scores; another one's mean something else.

    Attributes:
        file: its name, without a folder.
        sha256: of its content; of an .xml with its .bin.
        arch, view: of its ModelSpec, for people.
    """

    file: str
    sha256: str
    arch: str
    view: str

    @classmethod
    def of(cls, path: Path, spec: ModelSpec) -> "ModelId":
        """The identity of a model file that can be read."""
        digest = hashlib.sha256(path.read_bytes())
        weights = path.with_suffix(".bin")
        if path.suffix == ".xml" and weights.is_file():
            digest.update(weights.read_bytes())
        return cls(path.name, digest.hexdigest(), spec.arch, spec.view)


@dataclass(frozen=True)
class Share:
    """How many of the bad examples got a verdict, with the Clopper-Pearson interval of the share."""

    count: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class ReasonLimit:
    """Thresholds for the strength of a family of damage, its probability times its severity.

    Attributes:
        family: see `rankiqa.reasons`.
        reject_above: stronger damage is rejected.
        pass_to: damage up to here passes; what lies between is "unsure".
        bad: bad examples that are rejected for it.
    """

    family: str
    reject_above: float
    pass_to: float
    bad: int = 0


@dataclass(frozen=True)
class Verdict:
    """What a gate says of one image: "pass", "unsure" or "reject", and why; no reason where it passes."""

    verdict: str
    reason: str = ""


@dataclass(frozen=True)
class QualityGate:
    """Thresholds for the scores of one model.

    Attributes:
        keep_good: share of good images that the gate shall not reject.
        confidence: of the promise, and of each interval.
        reject_below: lower scores are rejected.
        pass_from: scores from here on pass; those between are "unsure".
        good: good examples, which are all that the thresholds come from.
        bad: bad examples; 0 where none were given.
        bad_shares: verdict -> share of the bad examples that get it; None where none were given.
        model: whose scores these are.
        version: of rankiqa.
        reasons: thresholds for each of the model's families of damage; (): the score alone decides.
    """

    keep_good: float
    confidence: float
    reject_below: float
    pass_from: float
    good: int
    model: ModelId
    bad: int = 0
    bad_shares: dict[str, Share] | None = None
    version: str = __version__
    reasons: tuple[ReasonLimit, ...] = ()

    @property
    def promise(self) -> str:
        """What holds of the images of the same kind as the good examples, in one sentence."""
        start = (
            f"With confidence {self.confidence:.6g} at most {100 * (1 - self.keep_good):.6g}% of images like "
            f"the {self.good} good examples "
        )
        if self.reasons:
            kinds = f"any of {len(self.reasons)} kinds of damage"
            return f"{start}are rejected, for their score or for {kinds}, all together."
        return f"{start}score below {self.reject_below:.4f} and are rejected."

    @property
    def _share(self) -> str:
        return f"{100 * (1 - self.keep_good):.6g}%"

    def judge(
        self,
        score: float | None,
        error: str | None = None,
        strengths: Sequence[float] = (),
        named: str = "",
    ) -> Verdict:
        """The verdict on an image.

        Args:
            score: None where it has none.
            error: that kept it from getting one.
            strengths: of the families of `reasons`, in their order.
            named: the reasons that the model names, in words; a verdict by the score alone repeats them.
        """
        if error or score is None or not math.isfinite(score):
            return Verdict(REJECT, f"not readable: {error}" if error else "no score")
        if self.reasons:
            return self._judge_reasons(score, strengths)
        said = self._judge_score(score)
        return Verdict(said.verdict, f"{said.reason}; visible: {named}") if said.reason and named else said

    def above(self, strengths: Sequence[float]) -> list[str]:
        """The families for which an image of these strengths is rejected, the most excessive one first."""
        pairs = zip(self.reasons, strengths, strict=True)
        excess = {limit.family: found - limit.reject_above for limit, found in pairs}
        return sorted((name for name, value in excess.items() if value > 0), key=lambda name: -excess[name])

    def _judge_reasons(self, score: float, strengths: Sequence[float]) -> Verdict:
        found = dict(zip((limit.family for limit in self.reasons), strengths, strict=True))
        limits = {limit.family: limit for limit in self.reasons}
        rejected = [
            f"{_named(name, found)}, above {limits[name].reject_above:.2f}" for name in self.above(strengths)
        ]
        if score < self.reject_below:
            rejected.append(f"score {score:.4f}, below {self.reject_below:.4f}")
        if rejected:
            return Verdict(
                REJECT, f"{'; '.join(rejected)}: at most {self._share} of good images are rejected"
            )
        unsure = [
            f"{_named(limit.family, found)}, above {limit.pass_to:.2f}"
            for limit in self.reasons
            if found[limit.family] > limit.pass_to
        ]
        if score < self.pass_from:
            unsure.append(f"score {score:.4f}, below {self.pass_from:.4f}")
        if unsure:
            return Verdict(
                UNSURE,
                f"{'; '.join(unsure)}: the examples do not settle whether it is among the worst "
                f"{self._share} of good images",
            )
        return Verdict(PASS)

    def _judge_score(self, score: float) -> Verdict:
        share = self._share
        if score < self.reject_below:
            return Verdict(
                REJECT,
                f"score {score:.4f} is below {self.reject_below:.4f}: "
                f"at most {share} of good images score so low",
            )
        if score < self.pass_from:
            return Verdict(
                UNSURE,
                f"score {score:.4f} lies between {self.reject_below:.4f} and {self.pass_from:.4f}: "
                f"the examples do not settle whether it is among the lowest {share} of good images",
            )
        return Verdict(PASS)

    def require_model(self, model: Path, spec: ModelSpec, where: Path) -> None:
        """Find out whether scores of this model file may be judged.

        Args:
            model: the file.
            spec: from it.
            where: the gate's own file, for the message.

        Raises:
            ConfigError: the gate was fitted for another one.
        """
        mine = ModelId.of(model, spec)
        if mine.sha256 != self.model.sha256:
            raise ConfigError(
                f"--gate {where}: fitted for {self.model.file} ({self.model.arch}, sha256 "
                f"{self.model.sha256[:12]}), not for {model} (sha256 {mine.sha256[:12]}); "
                "give that model by --model, or fit a gate for this one"
            )

    def to_dict(self) -> dict[str, Any]:
        """What stands in the file."""
        values = {"format": BY_REASON if self.reasons else FORMAT, "promise": self.promise, **asdict(self)}
        if not self.reasons:
            del values["reasons"]  # which the first version of the format does not know
        return values

    def write(self, path: Path) -> None:
        """Write the file, atomically."""
        write_text(path, json.dumps(self.to_dict(), indent=2) + "\n")


def _named(family: str, strengths: Mapping[str, float]) -> str:
    return f"{in_words(family)} ({strengths[family]:.2f})"


def read_gate(path: Path) -> QualityGate:
    """The gate of a file of `QualityGate.write`.

    Raises:
        DataError: the file can't be read, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise DataError(f"--gate {path}: {reason}; rankiqa gate fit writes such a file") from error
    found = values.pop("format", None) if isinstance(values, dict) else None
    if found not in (FORMAT, BY_REASON):
        raise DataError(f"--gate {path}: its format is {found!r}, not {FORMAT!r}, as rankiqa gate fit writes")
    try:
        values.pop("promise", None)
        values["model"] = ModelId(**values["model"])
        if values.get("bad_shares") is not None:
            values["bad_shares"] = {name: Share(**share) for name, share in values["bad_shares"].items()}
        values["reasons"] = tuple(ReasonLimit(**limit) for limit in values.get("reasons", ()))
        gate = QualityGate(**values)
        sound = 0 < gate.keep_good < 1 and 0 < gate.confidence < 1 and gate.good > 0
        sound = sound and math.isfinite(gate.pass_from) and gate.reject_below <= gate.pass_from
        sound = sound and all(0 <= limit.pass_to <= limit.reject_above for limit in gate.reasons)
        sound = sound and bool(gate.reasons) == (found == BY_REASON)
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"--gate {path}: not the values of a gate ({error}); fit it again") from error
    if not sound:
        raise DataError(f"--gate {path}: its values make no sense (reject_below, pass_from, keep_good)")
    return gate
