"""Rows of rank labels with a share of raters: `first,second,p` or `first,second,p,votes`."""

from array import array
from collections.abc import Sequence

import numpy as np

from dataloader.label_rows import ErrorList, Interner, Rows
from dataloader.wrong_rows import is_image, wrong_delimiter
from utils.numerals import NUMBER_ENDS, decimal_comma, parse_number, why_no_number

FORMS = {3: "'first,second,p'", 4: "'first,second,p,votes'"}
MOST_VOTES = 1e9
MOST_PARSED = 10_000
ROUNDING = 1e-6  # a p of 0.6 lies within 0.1 of 0.5, whatever the last digit says


def has_share(fields: Sequence[str]) -> bool:
    """Whether a row is meant as one with a share: behind two paths stands something that is no path."""
    return (
        len(fields) in FORMS
        and bool(fields[2])
        and not is_image(fields[2])
        and parse_number(fields[1]) is None
    )


def share_rows(
    rows: Rows, width: int, interner: Interner, errors: ErrorList
) -> tuple[np.ndarray, np.ndarray, array]:
    """The rows of a file whose first row has `width` fields: which images, and what people said.

    A pair may stand in many rows and in both orders: votes contradict one another.

    Returns:
        int32 (R, 2) images, float64 (R, 2) shares and votes (1 without that column), and the line numbers.
    """
    images, said, lines = array("i"), array("d"), array("i")
    known, add = interner.known, interner.add
    parsed: dict[tuple[str, str], tuple[float, float]] = {}  # few raters give few shares: most rows repeat
    zeros = 0  # rows that are the halves of a decimal comma, if all are
    for line, fields in rows:
        numbers = parsed.get((fields[2], fields[-1])) if len(fields) == width else None
        if numbers is None or fields[1] not in known:
            found = _numbers(fields, width)
            if isinstance(found, str):
                errors.add(line, f"{found}; this file's rows are {FORMS[width]}")
                continue
            numbers = found
            if len(parsed) < MOST_PARSED:
                parsed[fields[2], fields[-1]] = numbers
        for name in fields[:2]:
            images.append(known[name] if name in known else add(name, line))
        said.extend(numbers)
        lines.append(line)
        zeros += width == 4 and fields[2] == "0"
    if zeros and zeros == len(lines):
        why = "p is 0 in all rows: decimal commas? write 0.7 for 0,7; where nobody preferred the first image"
        errors.add(lines[0], f"{why}, name the other one first and write 1")
    return np.array(images, np.int32).reshape(-1, 2), np.array(said).reshape(-1, 2), lines


def _numbers(fields: Sequence[str], width: int) -> tuple[float, float] | str:
    """Share and votes of a row, or what is wrong with it."""
    if len(fields) != width:
        comma = decimal_comma(*fields[2:]) if len(fields) == 4 else ""
        if cause := wrong_delimiter(fields):
            return cause
        return f"{len(fields)} columns, but the first row has {width}" + (f": {comma}" if comma else "")
    if fields[1][-1:] in NUMBER_ENDS and parse_number(fields[1]) is not None:
        return f"the number {fields[1]} stands where the second path should"
    share = parse_number(fields[2])
    if share is None:
        return f"p: {why_no_number(fields[2])}"
    if not 0 <= share <= 1:
        return (
            f"p is the share of raters who prefer the first image, from 0 to 1, but here stands {fields[2]}"
        )
    if width == 3:
        return share, 1.0
    votes = parse_number(fields[3])
    if votes is None:
        return f"votes: {why_no_number(fields[3])}"
    if fields[3][0] == "0" and (comma := decimal_comma(*fields[2:])):
        return comma
    if not 0 < votes <= MOST_VOTES:
        return f"votes must be above 0, but here stands {fields[3]}; leave a pair that nobody judged out"
    return share, votes


def share_targets(said: np.ndarray, tie: float = 0.0) -> np.ndarray:
    """What losses on pairs get: float32 (R, 3) shares, weights and orders.

    A weight is the number of votes over its mean, so that the mean over rows is that over votes. The order is
    1 where the first image is the better one, -1 the second, 0 where p lies within `tie` of 0.5: a tie.

    Args:
        said: (R, 2) shares and votes.
        tie: in [0, 0.5).
    """
    shares, votes = said.T
    order = np.where(np.abs(shares - 0.5) <= tie + ROUNDING, 0, np.sign(shares - 0.5))
    mean = votes.mean() if len(votes) else 1.0
    return np.stack([shares, votes / mean, order], axis=1).astype(np.float32)
