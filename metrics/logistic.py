"""The monotonic logistic fit from predictions to MOS, after which PLCC and RMSE are reported (VQEG)."""

import warnings
from typing import NamedTuple

import numpy as np

from metrics.correlation import undefined

WEAK = 0.5  # Pearson's r


class LogisticFit(NamedTuple):
    """b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|)); see `fit_logistic`."""

    b1: float
    b2: float
    b3: float
    b4: float

    def __call__(self, predicted: np.ndarray) -> np.ndarray:
        """The fitted MOS of (N,) predictions."""
        return _curve(np.asarray(predicted, np.float64), *self)


def fit_logistic(predicted: np.ndarray, mos: np.ndarray) -> LogisticFit | None:
    """The four-parameter logistic of VQEG's final report (2000, FR-TV phase I, section 6.2), least squares.

    Args:
        predicted: (N,) scores.
        mos: (N,) opinions.

    Returns:
        The fit, or None with a warning when N < 5, an input is constant or not finite, or the search does not
        converge.
    """
    predicted, mos = np.asarray(predicted, np.float64), np.asarray(mos, np.float64)
    few = f"{len(predicted)} images, and five are the least" if len(predicted) < 5 else ""
    reason = few or undefined(predicted, mos)
    if reason:
        warnings.warn(f"no logistic fit: {reason}", stacklevel=2)
        return None
    # Scores of a ranker have no unit: fitting standardised ones spares the search a bad start.
    centre, spread = predicted.mean(), predicted.std()
    x = (predicted - centre) / spread
    r = np.corrcoef(predicted, mos)[0, 1]
    # One far outlier can turn the sign of a weak correlation: then both directions are tried.
    directions = (r >= 0, r < 0) if abs(r) < WEAK else (r >= 0,)
    found = [fit for rising in directions if (fit := _search(x, mos, rising)) is not None]
    if not found:
        warnings.warn("no logistic fit: the search does not converge", stacklevel=2)
        return None
    best = min(found, key=lambda fit: float(((_curve(x, *fit) - mos) ** 2).sum()))
    return LogisticFit(best[0], best[1], best[2] * spread + centre, abs(best[3]) * spread)


def _search(x: np.ndarray, mos: np.ndarray, rising: bool) -> np.ndarray | None:
    from scipy.optimize import OptimizeWarning, curve_fit

    start = (mos.max(), mos.min(), 0.0, 1.0) if rising else (mos.min(), mos.max(), 0.0, 1.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            warnings.simplefilter("ignore", RuntimeWarning)  # overflow on the way to a step
            return curve_fit(_curve, x, mos, p0=start, jac=_slopes, maxfev=5_000)[0]
    except RuntimeError:
        return None


def _curve(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    return b2 + (b1 - b2) * _expit((x - b3) / max(abs(b4), 1e-12))


def _slopes(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    """(N, 4) derivatives of `_curve` by its parameters."""
    width = max(abs(b4), 1e-12)
    place = (x - b3) / width
    rise = _expit(place)
    steep = (b1 - b2) * rise * (1 - rise) / width
    return np.column_stack([rise, 1 - rise, -steep, -steep * place * np.sign(b4)])


def _expit(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 + 0.5 * np.tanh(values / 2)
