"""Features of frozen layers in the place of images: computed once, they are all that a head learns from."""

import numpy as np

from dataloader.string_table import StringTable
from utils.errors import ImageError


class FeatureView:
    """Stands in for a `View`: how the features of an image become what a head is fed with.

    Args:
        features: float32 (M, P, F) of M images with P crops each; NaN where an image could not be read.
        paths: of the images.
    """

    has_one_size = True

    def __init__(self, features: np.ndarray, paths: StringTable) -> None:
        self._features, self._paths = features, paths

    def of(self, number: int) -> np.ndarray:
        """(P, F) of the image `number`.

        Raises:
            ImageError: it could not be read.
        """
        features: np.ndarray = self._features[number]
        if np.isnan(features).any():
            raise ImageError(f"{self._paths[number]}: could not be read")
        return features

    def cut(self, features: np.ndarray) -> np.ndarray:
        """(P, F), all crops, to evaluate."""
        return features

    def vary(self, features: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """(F,), one crop to learn from: any, or without a generator the first; nothing is mirrored."""
        crop: np.ndarray = features[0 if rng is None else int(rng.integers(len(features)))]
        return crop

    def none_to_train(self) -> np.ndarray:
        """(0, F)."""
        return np.empty((0, self._features.shape[2]), np.float32)

    def none_to_evaluate(self) -> np.ndarray:
        """(0, P, F)."""
        return np.empty((0, *self._features.shape[1:]), np.float32)
