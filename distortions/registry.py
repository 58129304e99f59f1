"""The table of distortion types, and the one function that applies them."""

import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from utils.errors import ConfigError

LEVELS = 5
MIN_SIDE = 16

# (image uint8 (H, W, 3), strength as on the type's ladder, generator) -> uint8 (H, W, 3)
Apply = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Distortion:
    """One type of distortion.

    Attributes:
        key: its name on the command line, in lower case.
        folder: its name in the folder tree, as the original RankIQA spells it.
        ladder: the strength at levels 1 to 5, in the unit that `apply` takes.
        apply: the function that distorts.
        ordered_by: "energy" where PSNR and SSIM fall from level to level; "magnitude" where the size of the
            change orders the levels and SSIM need not follow, as for a shift of the mean, or of colours,
            which SSIM of the luminance does not see.
        needs: the distribution of PyPI that the type cannot do without and that is optional, or "".
    """

    key: str
    folder: str
    ladder: tuple[float, ...]
    apply: Apply
    ordered_by: str = "energy"
    needs: str = ""

    def is_available(self) -> bool:
        """Whether what it needs is installed."""
        try:
            return not self.needs or bool(version(self.needs))
        except PackageNotFoundError:
            return False

    def strength(self, level: float) -> float:
        """The strength at `level` in [1, 5]; between two levels the ladder is interpolated linearly."""
        return float(np.interp(level, np.arange(1, LEVELS + 1), self.ladder))

    def level(self, strength: float) -> float:
        """The level of `strength`; the ladder is continued in a straight line below 1 and above 5."""
        first, second, *_, fourth, fifth = self.ladder
        direction = 1 if second > first else -1
        below = (strength - first) / (second - first)
        beyond = (strength - fifth) / (fifth - fourth)
        inside = np.interp(
            direction * strength, np.multiply(direction, self.ladder), np.arange(1, LEVELS + 1)
        )
        return float(inside) + min(0.0, below) + max(0.0, beyond)


_TABLE: dict[str, Distortion] = {}


def register(
    key: str, folder: str, ladder: tuple[float, ...], ordered_by: str = "energy", needs: str = ""
) -> Callable[[Apply], Apply]:
    """Enter the decorated function as distortion `key`; a key or folder that is taken is a ValueError."""
    if len(ladder) != LEVELS:
        raise ValueError(f"{key}: a ladder needs {LEVELS} levels, got {len(ladder)}")
    if key in _TABLE or any(folder == known.folder for known in _TABLE.values()):
        raise ValueError(f"distortion {key!r} (folder {folder}) is already registered")

    def enter(apply: Apply) -> Apply:
        _TABLE[key] = Distortion(key, folder, ladder, apply, ordered_by, needs)
        return apply

    return enter


def list_distortions() -> list[str]:
    """The keys of all types, sorted, without those that need a package which is not installed."""
    return sorted(key for key, known in _TABLE.items() if known.is_available())


def find_distortion(key: str) -> Distortion:
    """The type called `key`, upper or lower case; ConfigError with the near names if there is none.

    A type whose package is not installed is a ConfigError too, which names the package.
    """
    known = _TABLE.get(key.lower())
    if known is None:
        near = difflib.get_close_matches(key.lower(), _TABLE, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"unknown distortion {key!r}; {hint}there are: {', '.join(list_distortions())}")
    if not known.is_available():
        raise ConfigError(
            f"distortion {known.key!r} needs the package {known.needs}: pip install {known.needs}"
        )
    return known


def distort(
    image: np.ndarray, distortion_type: str, level: float, seed: int | np.random.Generator | None = 0
) -> np.ndarray:
    """A distorted copy of `image`.

    Args:
        image: uint8 RGB, (H, W, 3), at least 16 pixels high and wide. It is left as it is.
        distortion_type: one of `list_distortions()`.
        level: 1 (mildest) to 5 (strongest); fractions lie in between.
        seed: what the random types draw from. The same seed gives the same bytes.

    Returns:
        uint8 RGB of the same shape.

    Raises:
        ConfigError: an unknown type, or a level outside [1, 5].
        ValueError: an array of another shape or type.
    """
    found = find_distortion(distortion_type)
    if not 1 <= level <= LEVELS:
        raise ConfigError(f"{found.key}: level {level} is outside 1 to {LEVELS}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 RGB of shape (H, W, 3), got {image.dtype} {image.shape}")
    if min(image.shape[:2]) < MIN_SIDE:
        raise ValueError(f"an image needs {MIN_SIDE} x {MIN_SIDE} pixels or more, got {image.shape[:2]}")
    return found.apply(image, found.strength(level), np.random.default_rng(seed))


def steady_generator(image: np.ndarray) -> np.random.Generator:
    """A generator that depends on the image alone, for choices that all its levels must share.

    Where a stronger level drew its direction or places anew, it could come out milder than a weaker one.
    """
    return np.random.default_rng(int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8], "big"))


def level_of(step: int, steps: int) -> float:
    """The level in [1, 5] of step 1..`steps` when a ladder of five is cut into `steps` even parts.

    Five steps are the levels themselves; a single step is the middle level.
    """
    if not 1 <= step <= steps:
        raise ValueError(f"step {step} is outside 1 to {steps}")
    return (1 + LEVELS) / 2 if steps == 1 else 1 + (LEVELS - 1) * (step - 1) / (steps - 1)


def seed_of(name: str, distortion_type: str, level: int, seed: int) -> int:
    """A 48-bit seed (exact in a float64 too) from these four alone: not from order, process or machine."""
    text = "\0".join((name, distortion_type, str(level), str(seed)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Floats on the 0..255 scale as uint8, rounded and clipped (truncation would darken by half a step)."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
