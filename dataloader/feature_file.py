"""Features of images that an earlier run has computed, in a file beside its checkpoints."""

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dataloader.recipes import is_recipe
from rankiqa.files import atomic_write

FEATURES_FILE = "features.npz"  # beside the checkpoints
LARGEST = 2**30  # bytes that are kept
_UNREADABLE = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)


class FeatureFile:
    """File of features by image. A change of an image, or of what computes them, makes them anew.

    Args:
        path: of the file, which need not be there.
        network: digest of all that they depend on beside the images: weights, view, normalisation, device.
        skip_bad: know images that could not be read (NaN), too, instead of trying again.
    """

    def __init__(self, path: Path, network: str, skip_bad: bool = False) -> None:
        self._path, self._network = path, network
        self._held: dict[str, np.ndarray] = {}
        self._changed = False
        if path.is_file():
            try:
                with np.load(path) as held:
                    if str(held["network"]) == network:
                        rows = zip(held["images"].tolist(), held["features"], strict=True)
                        self._held = {image: row for image, row in rows if skip_bad or _is_whole(row)}
            except _UNREADABLE as error:
                logging.warning("%s: can't be read (%s): its features are computed anew", path, error)

    def of(self, paths: Sequence[str], compute: Callable[[Sequence[str]], np.ndarray]) -> np.ndarray:
        """float32 (M, P, F), NaN where an image can't be read.

        Args:
            paths: M paths of images.
            compute: gives the features (K, P, F) of some of them, K > 0.
        """
        images = [_identity(path) for path in paths]
        bad = [
            path for path, image in zip(paths, images, strict=True) if not _is_whole(self._held.get(image))
        ]
        for path in bad:
            logging.warning("skipped %s: an earlier run could not read it", path)
        rows = {number: self._held[image] for number, image in enumerate(images) if image in self._held}
        missing = [number for number in range(len(images)) if number not in rows]
        if missing:
            computed = compute([paths[number] for number in missing])
            rows |= dict(zip(missing, computed, strict=True))
            self._held |= {images[number]: rows[number] for number in missing if images[number]}
            self._changed = True
        return np.stack([rows[number] for number in range(len(images))])

    def write(self) -> None:
        """Keep what was added, if it is not too much; where that can't be, the next run computes it."""
        size = sum(row.nbytes for row in self._held.values())
        if not self._changed or not self._held or size > LARGEST:
            return
        rows = np.stack(list(self._held.values()))
        content: dict[str, Any] = {"images": list(self._held), "features": rows}
        try:
            with atomic_write(self._path) as file:
                np.savez(file, network=self._network, **content)
        except OSError as error:
            logging.warning("%s: features are not kept (%s)", self._path, error.strerror or error)
        self._changed = False


def _is_whole(row: np.ndarray | None) -> bool:
    return row is None or bool(np.isfinite(row).all())


def _identity(path: str) -> str:
    """What tells an image: path, time and size of its file; "" for what is not kept, such as recipes."""
    if is_recipe(path):
        return ""
    try:
        known = os.stat(path)  # noqa: PTH116 - a Path can't ask for names of over 255 bytes
    except OSError:
        return ""  # reading it tells the reason
    text = f"{os.path.abspath(path)}\n{known.st_mtime_ns}\n{known.st_size}"  # noqa: PTH100  # a link keeps its name
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
