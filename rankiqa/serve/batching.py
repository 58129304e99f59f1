"""Requests that arrive together are scored together."""

import queue
import threading
from concurrent.futures import Future

import numpy as np

from rankiqa.scorer import Scorer, Scores

MOST_CROPS = 32  # of one batch, where a forward holds fewer


class Batcher:
    """A thread that takes the crops of all waiting requests and runs the network once.

    Args:
        scorer: runs in that thread alone.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._waiting: queue.SimpleQueue[tuple[np.ndarray, Future[Scores]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, crops: np.ndarray) -> "Future[Scores]":
        """The future scores of one image, uint8 (P, 3, H, W)."""
        future: Future[Scores] = Future()
        self._waiting.put((crops, future))
        return future

    def close(self) -> None:
        """Score what waits, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, end = [first], False
            while len(batch) * len(first[0]) < max(MOST_CROPS, self._scorer.chunk):
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    end = True
                    break
                batch.append(more)
            self._answer([one for one in batch if one[1].set_running_or_notify_cancel()])
            if end:
                return

    def _answer(self, batch: list[tuple[np.ndarray, "Future[Scores]"]]) -> None:
        if not batch:
            return
        try:
            result = self._scorer.score_crops([crops for crops, _ in batch], pad=True)
        except Exception as error:  # whatever it is, those who wait must hear of it
            for _, future in batch:
                future.set_exception(error)
            return
        for number, (_, future) in enumerate(batch):
            future.set_result(result.part(slice(number, number + 1)))
