"""The loss of each task by name."""

from torch import nn

from criterions.emd_loss import EMDLoss
from criterions.ranking_loss import RankingLoss
from criterions.regress_loss import RegressLoss

OBJECTIVE = ("margin", "rank_activation", "rank_weight")  # flags that `create_criterion` takes by these names


def create_criterion(
    task: str, margin: float = 1.0, rank_activation: str = "none", rank_weight: float = 0.0
) -> nn.Module:
    """A module called as `criterion(logits (M, N), pair_index (R, 2 or 1), targets)` -> scalar.

    Args:
        task: "rank", "emd" or "regress".
        margin, rank_activation: of `RankingLoss`; the other tasks ignore them.
        rank_weight: of `RegressLoss`.
    """
    if task == "rank":
        return RankingLoss(margin, rank_activation)
    return EMDLoss() if task == "emd" else RegressLoss(rank_weight)
