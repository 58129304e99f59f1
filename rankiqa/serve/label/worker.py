"""What runs beside the answers: fits of the scale, and the model's scores of all images."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankiqa.batch.pipeline import score_paths
from rankiqa.machine import usable_cores
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import one_line
from rankiqa.votes.labelling import Labelling

EVERY = 5  # answers between two fits


class Worker:
    """Two threads, which end with the program.

    Args:
        labelling: the session.
        paths: of its images.
        scorer: whose scores are expected before any answer; None: nothing is.

    Attributes:
        scored: images whose score is known, or that can't be read.
    """

    def __init__(self, labelling: Labelling, paths: Sequence[Path], scorer: Scorer | None) -> None:
        self._labelling, self._paths, self._scorer = labelling, paths, scorer
        self._wake, self._closed = threading.Event(), False
        self._fitted = labelling.count
        self.scored = 0

    @property
    def has_model(self) -> bool:
        """Whether a model is asked."""
        return self._scorer is not None

    def start(self) -> None:
        """Begin."""
        self._wake.set()
        threading.Thread(target=self._fit, name="fit", daemon=True).start()
        if self._scorer is not None:
            threading.Thread(target=self._score, args=(self._scorer,), name="prior", daemon=True).start()

    def close(self) -> None:
        """Let both come to an end."""
        self._closed = True
        self._wake.set()

    def wake(self, at_once: bool = False) -> None:
        """There is an answer more; `at_once`: or something else that the next choice depends on."""
        if at_once or abs(self._labelling.count - self._fitted) >= EVERY:
            self._wake.set()

    def leave_out(self, image: int) -> None:
        """An image can't be read; told once."""
        if image in self._labelling.images:
            self._labelling.leave_out(image)
            logging.warning("left out, it can't be read: %s", one_line(str(self._paths[image])))

    def _fit(self) -> None:
        while self._wake.wait() and not self._closed:
            self._wake.clear()
            self._fitted = self._labelling.count
            self._labelling.refit()
            self._labelling.look_ahead()

    def _score(self, scorer: Scorer) -> None:
        scores = np.full(len(self._paths), np.nan)
        decoders = max(1, usable_cores() // 2)
        for rows in score_paths(map(str, self._paths), scorer, decoders):
            if self._closed:
                return
            for row in rows:
                if row.score is None:
                    self.leave_out(self.scored)
                else:
                    scores[self.scored] = row.score
                self.scored += 1
        self._labelling.set_prior(scores)
        self.wake(at_once=True)
