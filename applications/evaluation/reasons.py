"""What a model says of damage beside what is known of it."""

import numpy as np

from applications.evaluation.logits import Outputs
from dataloader.reasons import ReasonLabels
from metrics.reasons import Named


def named(outputs: Outputs, labels: ReasonLabels) -> Named:
    """Both of the images that could be read and of which something is known."""
    rows = np.isfinite(outputs.reasons).all(axis=1) & labels.known
    probabilities, severities = np.split(outputs.reasons[rows], 2, axis=1)
    return Named(probabilities, severities, labels.presence[rows], labels.severity[rows])
