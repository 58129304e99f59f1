"""Losses on shares of raters. Oracles: SciPy's optimum of the likelihood, choix, definitions, differences."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import optimize, special, stats

from criterions.factory import create_criterion
from criterions.preference import predicted_log_shares
from criterions.ranking_loss import ranking_loss
from dataloader.preferences import share_targets
from tests.test_losses import draw


def tournament(seed: int, images: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """(R, 2) pairs of a connected tournament, some of them in both orders, and (R, 2) shares and votes."""
    rng = np.random.default_rng(seed)
    ring = [(number, (number + 1) % images) for number in range(images)]
    pairs = np.array([*ring, *(rng.choice(images, 2, replace=False) for _ in range(25))])
    votes = rng.integers(2, 12, len(pairs)).astype(float)
    wins = np.array([rng.integers(1, number) for number in votes.astype(int)]) + rng.choice(
        [0, 0.5], len(pairs)
    )
    return pairs, np.stack([np.minimum(wins, votes - 0.5) / votes, votes], axis=1)


def fitted(rank_loss: str, pairs: np.ndarray, said: np.ndarray, images: int = 9) -> np.ndarray:
    """(M,) scores, of mean 0, that a linear model of one-hot "images" learns by the public loss."""
    criterion = create_criterion("rank", rank_loss=rank_loss)
    targets, index = torch.from_numpy(share_targets(said)).double(), torch.from_numpy(pairs)
    targets[:, :2] = torch.from_numpy(said / [1, said[:, 1].mean()])  # all digits

    def loss_and_gradient(weights: np.ndarray) -> tuple[float, np.ndarray]:
        layer = torch.from_numpy(weights)[:, None].requires_grad_()
        loss = criterion(torch.eye(images, dtype=torch.float64) @ layer, index, targets)
        loss.backward()
        return loss.item(), layer.grad.numpy()[:, 0]

    options = {"gtol": 1e-9}
    scores = optimize.minimize(loss_and_gradient, np.zeros(images), jac=True, options=options).x
    return scores - scores.mean()


@pytest.mark.parametrize("seed", range(5))
def test_logistic_learns_scipys_optimum_of_the_bradley_terry_likelihood(seed: int) -> None:
    pairs, said = tournament(seed)
    (first, second), (shares, votes) = pairs.T, said.T

    def minus_likelihood(scores: np.ndarray) -> float:
        win = special.expit(scores[first] - scores[second])  # Bradley & Terry: e^a / (e^a + e^b)
        return -float(votes @ (shares * np.log(win) + (1 - shares) * np.log(1 - win)))

    found = optimize.minimize(minus_likelihood, np.zeros(9), method="BFGS", options={"gtol": 1e-7})
    expected = found.x - found.x.mean()
    np.testing.assert_allclose(fitted("logistic", pairs, said), expected, atol=2e-5)


@pytest.mark.parametrize("seed", range(3))
def test_logistic_learns_what_choix_does(seed: int) -> None:
    choix = pytest.importorskip("choix")
    pairs, said = tournament(seed)
    wins = np.round(said[:, 0] * said[:, 1])
    said[:, 0] = wins / said[:, 1]
    data = []
    for (first, second), won, votes in zip(pairs.tolist(), wins, said[:, 1], strict=True):
        data += [(first, second)] * int(won) + [(second, first)] * int(votes - won)
    expected = choix.opt_pairwise(9, data)
    np.testing.assert_allclose(fitted("logistic", pairs, said), expected - expected.mean(), atol=1e-4)


def test_votes_weigh_as_if_each_were_a_row() -> None:
    pairs, said = tournament(0)
    votes = said[:, 1].astype(int)
    rows, shares = np.repeat(pairs, votes, axis=0), np.repeat(said[:, 0], votes)
    logits = draw(9, 1)
    for rank_loss in ("hinge", "logistic", "fidelity"):
        criterion = create_criterion("rank", rank_loss=rank_loss)
        single = share_targets(np.stack([shares, np.ones(len(rows))], axis=1))
        one, many = (
            criterion(logits, torch.from_numpy(index), torch.from_numpy(targets)).item()
            for index, targets in ((pairs, share_targets(said)), (rows, single))
        )
        assert one == pytest.approx(many, rel=1e-6)


@pytest.mark.parametrize("classes", [1, 5])
def test_fidelity_by_its_definition(classes: int) -> None:
    pairs, said = tournament(1)
    logits = 3 * draw(9, classes)
    ratings = torch.arange(1.0, classes + 1, dtype=torch.float64)
    scores = (logits[:, 0] if classes == 1 else (logits.softmax(1) * ratings).sum(1)).numpy()
    q = stats.norm.cdf((scores[pairs[:, 0]] - scores[pairs[:, 1]]) / np.sqrt(1 + 1))
    p = said[:, 0]
    losses = 1 - np.sqrt(p * q) - np.sqrt((1 - p) * (1 - q))
    targets = torch.from_numpy(np.stack([p, said[:, 1] / said[:, 1].mean(), np.sign(p - 0.5)], axis=1))
    loss = create_criterion("rank", rank_loss="fidelity")(logits, torch.from_numpy(pairs), targets)
    assert loss.item() == pytest.approx(np.average(losses, weights=said[:, 1]), rel=1e-12)


@pytest.mark.parametrize("rank_loss", ["logistic", "fidelity"])
@pytest.mark.parametrize("classes", [1, 5])
def test_gradients_by_finite_differences(rank_loss: str, classes: int) -> None:
    pairs, said = tournament(2)
    said[:4, 0] = [0, 1, 0.5, 0]
    index, targets = torch.from_numpy(pairs), torch.from_numpy(share_targets(said)).double()
    criterion = create_criterion("rank", rank_loss=rank_loss)
    logits = draw(9, classes).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: criterion(x, index, targets), logits)
    assert torch.autograd.gradcheck(lambda x: criterion(x, index, torch.empty(34, 0)), logits)


@pytest.mark.parametrize("rank_loss", ["logistic", "fidelity"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_far_scores_have_finite_losses_and_gradients_in_float32(rank_loss: str, share: float) -> None:
    gaps = torch.tensor([0, 1e-30, 1, 10, 18, 20, 27, 30, 40, 100, 1e3, 1e5, 1e10, 1e38])
    logits = torch.cat([gaps, -gaps, torch.zeros(1)])[:, None].requires_grad_()
    index = torch.stack([torch.arange(28), torch.full((28,), 28)], dim=1)
    targets = torch.tensor([[share, 1.0, 0.0]]).repeat(28, 1)
    loss = create_criterion("rank", rank_loss=rank_loss)(logits, index, targets)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()
    # never away from the raters: the score rises where fewer prefer it than should, and falls elsewhere
    expected = special.expit if rank_loss == "logistic" else lambda gap: stats.norm.cdf(gap / np.sqrt(2))
    away = np.sign(expected(logits.detach().double().numpy()[:28, 0]) - share)
    assert (np.sign(logits.grad.numpy()[:28, 0]) * away >= 0).all()


def test_a_perfect_prediction_costs_fidelity_nothing() -> None:
    shares = np.array([0.02, 0.3, 0.5, 0.9, 0.999])
    logits = torch.tensor(np.sqrt(2) * stats.norm.ppf([*shares, 0.5]), dtype=torch.float32)[:, None]
    targets = torch.from_numpy(share_targets(np.stack([shares, np.ones(5)], axis=1)))
    index = torch.stack([torch.arange(5), torch.full((5,), 5)], dim=1)
    loss = create_criterion("rank", rank_loss="fidelity")(logits.requires_grad_(), index, targets)
    loss.backward()
    assert 0 <= loss.item() < 1e-12 and logits.grad.abs().max() < 1e-6


@pytest.mark.parametrize("tie", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("activation", ["none", "sigmoid"])
def test_hinge_takes_the_order_of_shares_and_leaves_ties_out(activation: str, tie: float) -> None:
    pairs, said = tournament(3)
    said[:5, 0] = [0.5, 0.6, 0.4, 0.7, 0.3]  # at the edges of --tie
    logits = draw(9, 1)
    scores = logits.numpy()[:, 0] if activation == "none" else special.expit(logits.numpy()[:, 0])
    total = 0.0
    for (first, second), (share, votes) in zip(pairs, said, strict=True):
        if abs(share - 0.5) > tie + 1e-9:
            better, worse = (first, second) if share > 0.5 else (second, first)
            total += votes * max(0.0, 0.4 - (scores[better] - scores[worse]))
    criterion = create_criterion("rank", margin=0.4, rank_activation=activation)
    loss = criterion(logits, torch.from_numpy(pairs), torch.from_numpy(share_targets(said, tie)))
    assert loss.item() == pytest.approx(total / said[:, 1].sum(), rel=1e-6)


def test_hinge_without_shares_keeps_its_bits() -> None:
    """The loss of RankIQA as it stands in the paper, in float32; shares of 1 give the same bits."""
    logits, pairs = draw(40, 1).float(), torch.from_numpy(np.random.default_rng(0).integers(0, 40, (300, 2)))
    better, worse = logits[pairs[:, 0], 0], logits[pairs[:, 1], 0]
    wanted = F.relu(1.0 - (better - worse)).mean()
    found = create_criterion("rank")(logits, pairs, torch.empty(300, 0))
    assert torch.equal(found, wanted) and torch.equal(found, ranking_loss(better, worse, 1.0))
    ones = torch.from_numpy(share_targets(np.ones((300, 2))))
    assert torch.equal(create_criterion("rank")(logits, pairs, ones), wanted)


def test_predicted_shares_have_the_units_of_their_models() -> None:
    gap = torch.tensor([-50.0, -1, 0, 1, 800])
    assert predicted_log_shares(create_criterion("rank"), gap) is None
    for rank_loss, log_share in (
        ("logistic", lambda x: special.log_expit(x)),
        ("fidelity", lambda x: stats.norm.logcdf(x / np.sqrt(2))),
    ):
        found = predicted_log_shares(create_criterion("rank", rank_loss=rank_loss), gap)
        assert found is not None and found.dtype == torch.float64
        expected = np.stack([log_share(gap.double().numpy()), log_share(-gap.double().numpy())], axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"\(3, 1\), expected \(3, 3\)"):
        create_criterion("rank", rank_loss="logistic")(draw(4, 1), torch.zeros(3, 2).long(), torch.ones(3, 1))
