"""Distributions of ratings from mean and deviation alone: those of maximum entropy."""

import numpy as np

STEPS, TOLERANCE = 200, 1e-9


def max_entropy(mean: np.ndarray, std: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """The distributions over 1..N of largest entropy with these means and deviations.

    They have the form p_i ~ exp(a x_i + b x_i^2) (Jaynes 1957); a and b are found by Newton's method on
    the convex dual, for all rows at once. A deviation that no distribution over 1..N has with its mean is
    moved to the nearest one that has: there only two neighbouring ratings, or only 1 and N, are given.

    Args:
        mean: (R,) in [1, N].
        std: (R,) not negative.
        bins: N, at least 2.

    Returns:
        (R, N) probabilities, and (R,) whether the deviation had to be moved.
    """
    points = np.linspace(-1.0, 1.0, bins)
    scale = 2.0 / (bins - 1)
    centre = (np.clip(mean, 1, bins) - 1) * scale - 1
    variance = (std * scale) ** 2
    narrow, narrow_variance = _neighbours(centre, points)
    wide_variance = 1 - centre**2
    moved = (variance < narrow_variance - 1e-12) | (variance > wide_variance + 1e-12)
    inside = (variance > narrow_variance + 1e-6) & (variance < wide_variance - 1e-6)
    wide = np.zeros_like(narrow)
    wide[:, 0], wide[:, -1] = (1 - centre) / 2, (1 + centre) / 2
    probs = np.where((variance >= wide_variance - 1e-6)[:, None], wide, narrow)
    if inside.any():
        solved, good = _solve(points, centre[inside], (variance + centre**2)[inside])
        # so close to the border that the exponents overflow: a mixture of the two borders has both moments
        spread = np.maximum(wide_variance - narrow_variance, 1e-12)
        share = ((variance - narrow_variance) / spread)[inside, None]
        mixed = share * wide[inside] + (1 - share) * narrow[inside]
        probs[inside] = np.where(good[:, None], solved, mixed)
    return probs, moved


def _neighbours(centre: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The narrowest distributions with these means: all mass on the two ratings around them."""
    step = points[1] - points[0]
    place = np.clip(((centre + 1) / step).astype(int), 0, len(points) - 2)
    upper = np.clip((centre - points[place]) / step, 0, 1)
    probs = np.zeros((len(centre), len(points)))
    rows = np.arange(len(centre))
    probs[rows, place], probs[rows, place + 1] = 1 - upper, upper
    return probs, upper * (1 - upper) * step**2


def _solve(points: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with these two moments, and where Newton's method reached them."""
    features = np.stack([points, points**2])  # (2, N)
    target = np.stack([first, second], axis=1)  # (R, 2)
    weights = np.zeros_like(target)
    value, probs = _dual(weights, features, target)
    for _ in range(STEPS):
        gradient = probs @ features.T - target
        if np.abs(gradient).max() < TOLERANCE:
            break
        centred = features[None] - (probs @ features.T)[:, :, None]
        hessian = np.einsum("rn,rin,rjn->rij", probs, centred, centred) + 1e-14 * np.eye(2)
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        slope, length = (gradient * step).sum(axis=1), np.ones(len(target))
        for _ in range(40):
            trial = weights - length[:, None] * step
            trial_value, trial_probs = _dual(trial, features, target)
            worse = ~(trial_value <= value - 1e-4 * length * slope + 1e-15)
            if not worse.any():
                break
            length[worse] /= 2
        weights, value, probs = trial, trial_value, trial_probs
    return probs, np.abs(probs @ features.T - target).max(axis=1) < 1e-6


def _dual(weights: np.ndarray, features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    exponents = weights @ features
    top = exponents.max(axis=1, keepdims=True)
    raw = np.exp(exponents - top)
    total = raw.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0] - (weights * target).sum(axis=1), raw / total
