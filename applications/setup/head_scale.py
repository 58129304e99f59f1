"""Where the scores of a regress run start: near the labels, not at zero or on the scale of another run."""

import logging

import numpy as np
from torch import nn

from models import head_of
from rankiqa.spec import ModelSpec

ALIKE = 2.0  # times: spreads that differ by less are left to training
TELLS_NOTHING = 0.1  # a deviation of scores that is noise: stretched, it would stay noise, but a large one


def start_at_labels(
    network: nn.Module, stored: ModelSpec | None, targets: np.ndarray, new_head: bool = False
) -> None:
    """Shift and, where it must be, scale the last layer, so that scores start where the labels lie.

    Else many first steps go into one number, and thousands into the spread of MOS of 0 to 100. A new head's
    scores lie around 0; those of weights from a rank or regress run are known from its validation. A regress
    model whose scores fit the labels already is left as it is, and so is a head that nothing is known of.

    Args:
        network: of one output.
        stored: of the weights that it starts from; None: there is none, they are weights alone. Scores of a
            rank model without percentiles are taken to lie around 0, those of such a regress model to fit the
            labels.
        targets: (R,) MOS.
        new_head: the head is not out of the weights, but initialised at random.
    """
    head = head_of(network)[1]
    mean, spread = float(targets.mean()), float(targets.std())
    if new_head:
        head.bias.data += mean
        return
    if stored is None:
        logging.info("nothing is known of the scores of these weights: the head is kept as it is")
        return
    if stored.score_percentiles is None:
        head.bias.data += 0.0 if stored.criterion == "regress" else mean
        return
    scores = stored.score_percentiles
    own_spread = float(np.std(scores))
    stretch = min(own_spread, spread) >= TELLS_NOTHING and not 1 / ALIKE <= spread / own_spread <= ALIKE
    ratio = spread / own_spread if stretch else 1.0
    fits = ratio == 1 and scores[0] <= mean <= scores[-1]
    if stored.criterion == "regress" and fits:
        return
    head.weight.data *= ratio
    head.bias.data = (head.bias.data - float(np.mean(scores))) * ratio + mean
    logging.info(
        "the head's scores, %.3g to %.3g in validation, are brought to the labels: mean %.3g, deviation %.3g",
        scores[0],
        scores[-1],
        mean,
        spread,
    )
