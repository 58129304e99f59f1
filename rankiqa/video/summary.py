"""What a video's scores say as a whole: mean, fifth percentile, the worst seconds."""

import heapq
from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from rankiqa.batch.results import Row
from rankiqa.terminal.printable import one_line

WORST = 5  # seconds that are named


class VideoSummary:
    """The scores of one video over time: 16 bytes per frame, and the rows of its worst seconds.

    Args:
        path: of the video.

    Attributes:
        times: seconds of its scored frames.
        scores: of these frames.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.times, self.scores = array("d"), array("d")
        self._worst: list[tuple[float, float, Row]] = []  # a heap; the best of them is its first
        self._second: Row | None = None

    def add(self, row: Row) -> None:
        """Take in the row of a frame; rows come in the order of their times."""
        if row.time is None or row.score is None:  # one whose score is not finite
            return
        self.times.append(row.time)
        self.scores.append(row.score)
        before = self._second
        if before is not None and int(before.time or 0) == int(row.time):
            if row.score < (before.score or 0):
                self._second = row
            return
        self._close_second()
        self._second = row

    def _close_second(self) -> None:
        row, self._second = self._second, None
        if row is not None and row.score is not None and row.time is not None:
            entry = (-row.score, -row.time, row)
            (heapq.heappush if len(self._worst) < WORST else heapq.heappushpop)(self._worst, entry)

    @property
    def worst(self) -> list[Row]:
        """The lowest frame of each of the worst seconds, the worst first."""
        self._close_second()
        return [row for *_, row in sorted(self._worst, reverse=True)]

    @property
    def mean(self) -> float:
        """Of the scores of its frames."""
        return float(np.mean(self.scores))

    @property
    def fifth(self) -> float:
        """See `fifth_percentile`."""
        return fifth_percentile(self.scores)

    @property
    def lowest(self) -> float:
        """The lowest score."""
        return min(self.scores)

    def __str__(self) -> str:
        worst = ", ".join(
            f"{row.time:g} s {row.score:.3f}" + (f" ({row.reasons})" if row.reasons else "")
            for row in self.worst
        )
        return (
            f"{one_line(self.path)}: {len(self.scores)} frames, mean {self.mean:.3f}, "
            f"5th percentile {self.fifth:.3f}, lowest {self.lowest:.3f}; worst seconds: {worst}"
        )


def fifth_percentile(scores: Sequence[float]) -> float:
    """The score that 5% of the frames stay below (linear interpolation)."""
    return float(np.percentile(np.asarray(scores), 5))


def note_rows(videos: dict[str, VideoSummary], rows: Iterable[Row]) -> None:
    """Take rows into the summaries of their videos, by path; those of images belong to none."""
    for row in rows:
        if row.time is not None:
            videos.setdefault(row.path, VideoSummary(row.path)).add(row)
