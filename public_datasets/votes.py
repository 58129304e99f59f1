"""Several rows for an image: votes become MOS, standard deviation and histogram; other rows must agree."""

from dataclasses import dataclass

import numpy as np

from utils.delimited import Row, Table
from utils.errors import DataError

RATERS = (
    *("rater", "rater_id", "user", "user_id", "worker", "worker_id", "subject", "subject_id"),
    *("observer", "observer_id", "participant", "participant_id", "annotator", "annotator_id"),
)
# Columns of tables in which a row already sums up the votes for an image.
SUMMARIES = ("std", "sd", "stddev", "var", "variance", "votes", "count", "n", "num_votes", "num_ratings")
MOST = 20  # ratings of a histogram, unless --num_classes says otherwise; beyond, it is a slider


@dataclass(frozen=True)
class Votes:
    """What the votes for I images say.

    Attributes:
        mos: (I,) float64 means.
        std: (I,) float64 standard deviations of one vote (n - 1), NaN for a single vote.
        count: (I,) int64 numbers of votes.
        histogram: (I, N) counts of the ratings 1..N, or None where votes are not whole numbers 1..N.
    """

    mos: np.ndarray
    std: np.ndarray
    count: np.ndarray
    histogram: np.ndarray | None


def hold_votes(table: Table, images: np.ndarray, scores: np.ndarray) -> bool:
    """Whether rows look like votes: most images have several, scores differ, no column sums votes up.

    Args:
        table: of R rows.
        images: (R,) the number of the image of each row, 0..I-1.
        scores: (R,).
    """
    if any(name in SUMMARIES for name in table.columns):
        return False
    first = np.unique(images, return_index=True)[1]
    differ = bool((scores != scores[first][images]).any())
    return differ and int((np.bincount(images) > 1).sum()) * 2 > len(first)


def without_repeats(
    table: Table, images: np.ndarray, scores: np.ndarray, rater: str, votes: bool
) -> np.ndarray:
    """(R,) true but for rows that say once more what an earlier one says.

    Args:
        table: of R rows.
        images: (R,) the number of the image of each row.
        scores: (R,).
        rater: the column of raters, "" where there is none.
        votes: whether rows are votes: then a rater has one for each image, and without raters all count.

    Raises:
        DataError: two rows of an image (or of an image and a rater) with different scores.
    """
    kept = np.ones(len(images), dtype=bool)
    seen: dict[tuple[int, str], int] = {}
    wrong = []
    for place, (image, row) in enumerate(zip(images.tolist(), table.rows, strict=True)):
        if votes and not (rater and row[rater]):
            continue
        earlier = seen.setdefault((image, row[rater] if votes else ""), place)
        kept[place] = earlier == place
        if scores[earlier] != scores[place]:
            wrong.append((earlier, place))
    if wrong:
        earlier, place = wrong[0]
        row = table.rows[place]
        who = f" by {rater} {row[rater]!r}" if votes else ""
        right = "a rater has one vote for each image" if votes else "an image has one row"
        hint = "" if votes else "; where each row is a vote, say --votes"
        raise DataError(
            f"{row.where}: {row['path']!r} has the score {scores[place]:g}{who}, but {scores[earlier]:g} in "
            f"line {table.rows[earlier].line}; {right}{hint}"
            + (f" ({len(wrong) - 1} more such rows)" if len(wrong) > 1 else "")
        )
    return kept


def agreeing(rows: list[Row], images: np.ndarray, column: str) -> list[str]:
    """The value of `column` for each image.

    Raises:
        DataError: rows of an image have different ones.
    """
    values: dict[int, Row] = {}
    for image, row in zip(images.tolist(), rows, strict=True):
        first = values.setdefault(image, row)
        if first[column] != row[column]:
            raise DataError(
                f"{row.where}: {row['path']!r} has the {column} {row[column]!r}, but {first[column]!r} in "
                f"line {first.line}; all rows of an image need the same"
            )
    return [values[image][column] for image in sorted(values)]


def gather_votes(scores: np.ndarray, images: np.ndarray, num_classes: int | None) -> Votes:
    """Mean, standard deviation and histogram of the votes (V,) for the images (V,), numbered 0..I-1.

    Args:
        scores: (V,) votes.
        images: (V,) image of each.
        num_classes: N of the histogram; None: the highest vote.
    """
    count = np.bincount(images)
    mos = np.bincount(images, scores) / count
    squares = np.bincount(images, (scores - mos[images]) ** 2)
    std = np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)
    top = num_classes or scores.max()
    whole = bool((scores == np.round(scores)).all() and scores.min() >= 1 and scores.max() <= top)
    if not whole or (num_classes is None and not 2 <= top <= MOST):
        return Votes(mos, std, count, None)
    histogram = np.zeros((len(count), int(top)))
    np.add.at(histogram, (images, scores.astype(int) - 1), 1)
    return Votes(mos, std, count, histogram)


def in_words(votes: Votes, raters: list[str], num_classes: int | None) -> list[str]:
    """What a user should know of how the votes were read; `raters` (V,) holds the rater of each, if known."""
    least, most = int(votes.count.min()), int(votes.count.max())
    each = str(least) if least == most else f"{least} to {most}"
    who = f" of {len(set(raters) - {''})} raters" if raters else ""
    notes = [
        f"each row is a vote: {int(votes.count.sum())} votes{who} on {len(votes.count)} images, {each} per "
        "image; MOS is their mean, std their standard deviation (n - 1)"
    ]
    if votes.histogram is None:
        notes.append(f"no histograms: votes are not whole numbers 1..N ({MOST}, or --num_classes N)")
    elif num_classes is None:
        notes.append(
            f"histograms of the ratings 1..{votes.histogram.shape[1]}, as no vote is higher; "
            "--num_classes N names another end of the scale"
        )
    return notes
