"""The one table that every reader gives: an array a column, as AVA has 255,502 rows."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SPLIT_NAMES = ("train", "val", "test")


@dataclass(frozen=True)
class LeftOut:
    """A row of the publisher's that is not in the table: where it stands, its image, and why."""

    row: str
    path: str
    reason: str


@dataclass(frozen=True)
class Provenance:
    """Where the ratings come from, and which way they point.

    Attributes:
        direction: what the publisher's numbers say: "higher" or "lower" is better, "none" without ratings.
        low: the worst rating of the scale after the turn (higher = better).
        high: the best.
        publication: what to cite.
        url: where the publisher offers the set.
        license: the terms as far as they are known.
        within_type: whether scores compare only among images of one scene and one type.
        turned: how a lower-is-better number became a MOS, "" where it was not turned.
    """

    direction: str
    low: float
    high: float
    publication: str
    url: str
    license: str = "not stated in the files; see the publisher's page"
    turned: str = ""
    within_type: bool = False


@dataclass
class RatingTable:
    """R images and what people thought of them; strings are NumPy `U` arrays, "" where unknown.

    Attributes:
        name: of the set.
        root: the folder that `path` is relative to.
        provenance: direction, range and source.
        path: (R,) relative to `root`, with slashes.
        scene: (R,) images of one scene must share a split.
        mos: (R,) float64, higher = better; NaN in a set without ratings.
        std: (R,) float64 deviation of one rating; NaN where unknown.
        votes: (R,) int64 number of ratings, -1 where unknown.
        histogram: (R, N) counts or shares of the ratings from worst to best, or None.
        reference: (R,) the pristine image.
        kind: (R,) type of distortion.
        level: (R,) int64, 1 the mildest, 0 pristine, -1 unknown.
        split: (R,) the publisher's own split, "train", "val", "test" or "".
        left_out: rows that are not here, with reasons.
        notes: what a user should know of the rows that are here.
    """

    name: str
    root: Path
    provenance: Provenance
    path: np.ndarray
    mos: np.ndarray
    scene: np.ndarray
    std: np.ndarray
    votes: np.ndarray
    reference: np.ndarray
    kind: np.ndarray
    level: np.ndarray
    split: np.ndarray
    histogram: np.ndarray | None = None
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.path)

    def keep(self, mask: np.ndarray) -> "RatingTable":
        """The rows where `mask` (R,) is true; left_out and notes are shared with this table."""
        columns = ("path", "mos", "scene", "std", "votes", "reference", "kind", "level", "split")
        values = {name: getattr(self, name)[mask] for name in columns}
        histogram = None if self.histogram is None else self.histogram[mask]
        return RatingTable(
            name=self.name, root=self.root, provenance=self.provenance, histogram=histogram,
            left_out=self.left_out, notes=self.notes, **values,
        )  # fmt: skip


def make_table(name: str, root: Path, provenance: Provenance, path: object, **columns: object) -> RatingTable:
    """A RatingTable from whatever sequences there are; a missing column is filled with its "unknown".

    The scene of a row without one is its own path: no other image shares it.
    """
    paths = _strings(path)
    rows = len(paths)
    given = {key: value for key, value in columns.items() if value is not None}

    def text(key: str) -> np.ndarray:
        return _strings(given[key]) if key in given else np.full(rows, "", dtype="U1")

    def floats(key: str) -> np.ndarray:
        return np.asarray(given.get(key, np.full(rows, np.nan)), dtype=np.float64)

    def whole(key: str) -> np.ndarray:
        return np.asarray(given.get(key, np.full(rows, -1)), dtype=np.int64)

    histogram = given.get("histogram")
    scene, notes = text("scene"), list(given.get("notes", []))  # type: ignore[call-overload]
    unknown = int((scene == "").sum())
    if "scene" in given and unknown:
        notes.append(f"{unknown} of {rows} images have no scene: each of them is a scene of its own")
    return RatingTable(
        name=name, root=root, provenance=provenance, path=paths,
        mos=floats("mos"), std=floats("std"), votes=whole("votes"), level=whole("level"),
        scene=np.where(scene == "", paths, scene),
        reference=text("reference"), kind=text("kind"), split=text("split"),
        histogram=None if histogram is None else np.asarray(histogram, dtype=np.float64),
        left_out=list(given.get("left_out", [])),  # type: ignore[call-overload]
        notes=notes,
    )  # fmt: skip


def moments(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, deviation, number) of the ratings 1..N from counts (R, N) that are not all zero."""
    counts = np.asarray(histogram, dtype=np.float64)
    total = counts.sum(axis=1)
    ratings = np.arange(1, counts.shape[1] + 1)
    mean = counts @ ratings / total
    variance = (counts * (ratings - mean[:, None]) ** 2).sum(axis=1) / total
    return mean, np.sqrt(variance), total


def _strings(values: object) -> np.ndarray:
    array = np.asarray(values)
    return array if array.dtype.kind == "U" else np.asarray(values, dtype=np.str_)
