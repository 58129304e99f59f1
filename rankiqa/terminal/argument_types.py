"""Validators for argparse: each says what it wanted."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection


def positive_int(text: str) -> int:
    """An integer of at least 1."""
    return _integer(text, 1)


def fold_count(text: str) -> int:
    """An integer of at least 3."""
    if positive_int(text) < 3:
        raise ArgumentTypeError(f"{text}, but at least 3: one each to train, validate and test on")
    return int(text)


def non_negative_int(text: str) -> int:
    """An integer of at least 0."""
    return _integer(text, 0)


def positive_float(text: str) -> float:
    """A finite number above 0."""
    value = _number(text)
    if value <= 0:
        raise ArgumentTypeError(f"{text} is not above 0")
    return value


def bounded_float(low: float, high: float = math.inf) -> Callable[[str], float]:
    """A type for finite numbers in [low, high)."""

    def number(text: str) -> float:
        value = _number(text)
        if not low <= value < high:
            raise ArgumentTypeError(f"{text} does not lie in [{low:g}, {high:g})")
        return value

    return number


def share(text: str) -> float:
    """A share between 0 and 1, both excluded."""
    value = _number(text)
    if not 0 < value < 1:
        raise ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def names_of(known: Collection[str]) -> Callable[[str], frozenset[str]]:
    """A type for names out of `known`, separated by commas."""

    def names(text: str) -> frozenset[str]:
        given = frozenset(name.strip() for name in text.split(",") if name.strip())
        unknown = ", ".join(sorted(given.difference(known)))
        if unknown:
            raise ArgumentTypeError(f"{unknown}: not among {', '.join(known)}")
        return given

    return names


def byte_count(text: str) -> int:
    """A size above 0, such as 500M, 8G or 1e9; K, M, G, T count in powers of 1024."""
    digits, unit = text.strip().upper().removesuffix("B").removesuffix("I"), 1
    if digits and digits[-1] in "KMGT":
        digits, unit = digits[:-1], 1024 ** ("KMGT".index(digits[-1]) + 1)
    return max(1, int(positive_float(digits) * unit))


def pixel_count(text: str) -> int:
    """A number of pixels above 0, such as 200M or 2e8; K, M, G count in powers of 1000."""
    digits, unit = text.strip().upper(), 1
    if digits and digits[-1] in "KMG":
        digits, unit = digits[:-1], 1000 ** ("KMG".index(digits[-1]) + 1)
    return max(1, int(positive_float(digits) * unit))


def criterion_name(text: str) -> str:
    """rank, emd or regress, from that or from rank_loss, ranking_loss, emd_loss, regress_loss."""
    name = text.strip().lower().replace("-", "_").removesuffix("_loss")
    name = "rank" if name == "ranking" else name
    if name not in ("rank", "emd", "regress"):
        raise ArgumentTypeError(f"{text!r} is none of rank, emd, regress")
    return name


def _integer(text: str, low: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < low:
        raise ArgumentTypeError(f"{text} is below {low}")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise ArgumentTypeError(f"{text} is not finite")
    return value


def crop_side(text: str) -> int:
    """Pixels of a side: a multiple of 32, by which the networks reduce an image."""
    side = positive_int(text)
    if side % 32:
        raise ArgumentTypeError(f"must be a multiple of 32, not {side}")
    return side
