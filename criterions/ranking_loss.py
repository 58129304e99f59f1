"""Pairwise hinge on scores (Liu, van de Weijer & Bagdanov, RankIQA, ICCV 2017, eq. 3).

Of pairs with the share of raters who prefer the first image it takes the order alone.
"""

from torch import Tensor, nn

from criterions.checks import require_shape
from criterions.factory import register
from criterions.preference import preferences
from criterions.score import score


def ranking_loss(better: Tensor, worse: Tensor, margin: float) -> Tensor:
    """Mean over pairs of max(0, margin - (s_better - s_worse)).

    Args:
        better, worse: (R,) scores, or sigmoids of scores.
        margin: what a pair must be apart to cost nothing, in units of the score.
    """
    require_shape(tuple(better.shape), worse=worse)
    return (margin - (better - worse)).clamp_min(0).mean()


@register("rank", "margin", "rank_activation")
class RankingLoss(nn.Module):
    """`ranking_loss` on the rows of a batch that holds each distinct image once.

    Args:
        margin: see `ranking_loss`.
        rank_activation: "none": hinge on raw scores; "sigmoid": on sigmoids, the bounded variant of the
            earlier PyTorch code, in which a margin of 1 or more can never be met.
    """

    def __init__(self, margin: float = 1.0, rank_activation: str = "none") -> None:
        super().__init__()
        self.margin, self.activation = margin, rank_activation

    def forward(self, logits: Tensor, pair_index: Tensor, targets: Tensor) -> Tensor:
        """The loss of (M, N) logits at the (R, 2) index pairs.

        The pairs are (better, worse) where `targets` holds nothing, (R, 0). With shares it holds the weights
        and orders of `Preferences`, and a tie costs nothing.
        """
        scores = score(logits)
        if self.activation == "sigmoid":
            scores = scores.sigmoid()
        if targets.shape[1]:
            rows = preferences(scores, pair_index, targets)
            hinges = (self.margin - rows.order * rows.gap).clamp_min(0)
            return (rows.weight * rows.order.abs() * hinges).mean()
        return ranking_loss(scores[pair_index[:, 0]], scores[pair_index[:, 1]], self.margin)
