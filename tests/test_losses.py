"""Oracles: SciPy's distance, PyTorch's margin loss, finite differences, metrics worked out by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from config import Config
from criterions.emd_loss import EMDLoss, emd
from criterions.factory import create_criterion, objective_flags, register
from criterions.ranking_loss import RankingLoss, ranking_loss
from criterions.regress_loss import RegressLoss, order_loss, regress_loss
from criterions.score import average_patches, score
from rankiqa.spec import RANK_LOSSES
from utils.flags import flags_of


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def each(rows: int) -> torch.Tensor:
    return torch.arange(rows)[:, None]


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_emd_against_scipy(bins):
    probs, hist = draw(20, bins).softmax(1), draw(20, bins, seed=1).softmax(1)
    ratings = np.arange(bins)
    pairs = zip(probs.numpy(), hist.numpy(), strict=True)
    wanted = [stats.wasserstein_distance(ratings, ratings, p, q) / bins for p, q in pairs]
    np.testing.assert_allclose(emd(probs, hist, r=1), wanted, rtol=1e-12)
    loss = EMDLoss(r=1)(probs.log(), each(20), hist)
    assert loss.item() == pytest.approx(np.mean(wanted), rel=1e-12)


@pytest.mark.parametrize("r", [1.0, 2.0, 3.0])
def test_emd_of_mass_moved_by_k_bins(r):
    eye = torch.eye(5, dtype=torch.float64)
    for k in range(5):  # the gap of the cumulative sums is 1 in k of 5 places
        assert emd(eye[:1], eye[k : k + 1], r).item() == pytest.approx((k / 5) ** (1 / r), rel=1e-12)


@pytest.mark.parametrize("r", [1.0, 2.0])
def test_emd_at_distance_zero_is_zero_with_gradient_zero(r):
    logits = draw(3, 5).requires_grad_()
    loss = EMDLoss(r)(logits, each(3), logits.detach().softmax(1))
    loss.backward()
    assert loss.item() == 0 and torch.equal(logits.grad, torch.zeros(3, 5, dtype=torch.float64))


PLACES = torch.tensor([[0, 1], [0, 2], [1, 2], [3, 0], [2, 4], [0, 1]])  # images are shared, a row twice


@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0, 3.0])
def test_rank_against_torch_margin_ranking_loss(classes, margin):
    logits = draw(5, classes)
    ratings = torch.arange(1.0, classes + 1, dtype=torch.float64)
    scores = logits[:, 0] if classes == 1 else (logits.softmax(1) * ratings).sum(1)
    better, worse = scores[PLACES[:, 0]], scores[PLACES[:, 1]]
    wanted = F.margin_ranking_loss(better, worse, torch.ones(6), margin=margin)
    assert RankingLoss(margin)(logits, PLACES, torch.empty(6, 0)).item() == pytest.approx(
        wanted.item(), rel=1e-12
    )
    wanted = F.margin_ranking_loss(better.sigmoid(), worse.sigmoid(), torch.ones(6), margin=margin)
    bounded = RankingLoss(margin, "sigmoid")(logits, PLACES, torch.empty(6, 0))
    assert bounded.item() == pytest.approx(wanted.item(), rel=1e-12)


@pytest.mark.parametrize("activation", ["none", "sigmoid"])
@pytest.mark.parametrize("classes", [1, 5])
def test_a_dead_network_costs_the_margin(activation, classes):
    logits = torch.full((5, classes), 0.3)
    loss = RankingLoss(0.7, activation)(logits, PLACES, torch.empty(6, 0))
    assert loss.item() == pytest.approx(0.7, rel=1e-6)


CASES = [
    ("rank", 1, PLACES, torch.empty(6, 0)),
    ("rank", 5, PLACES, torch.empty(6, 0)),
    ("emd", 5, torch.tensor([[4], [0], [2], [0]]), draw(4, 5, seed=2).softmax(1)),
    ("emd", 1, each(4), torch.ones(4, 1, dtype=torch.float64)),
    ("regress", 1, torch.tensor([[4], [0], [2], [0]]), draw(4, seed=3)),
    ("regress", 5, torch.tensor([[4], [0], [2], [0]]), draw(4, seed=4).sigmoid() * 4 + 1),
]


@pytest.mark.parametrize(("task", "classes", "pair_index", "targets"), CASES)
def test_gradients_by_finite_differences(task, classes, pair_index, targets):
    logits = draw(5, classes, seed=5).requires_grad_()
    criterion = create_criterion(task, margin=0.8)
    assert torch.autograd.gradcheck(lambda x: criterion(x, pair_index, targets), logits)
    one_row = create_criterion(task, margin=0.8)(
        logits, pair_index[:1], targets[:1]
    )  # the last, smaller batch
    assert one_row.ndim == 0 and torch.isfinite(one_row)


def test_gradients_of_the_variants():
    logits = draw(5, 3, seed=6).requires_grad_()
    bounded = RankingLoss(0.4, "sigmoid")
    assert torch.autograd.gradcheck(lambda x: bounded(x, PLACES, torch.empty(6, 0)), logits)
    hist = draw(5, 3, seed=7).softmax(1)
    assert torch.autograd.gradcheck(lambda x: EMDLoss(1.0)(x, each(5), hist), logits)
    assert torch.autograd.gradcheck(score, logits)
    patches = draw(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: score(average_patches(x)), patches)


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_regress_by_hand(classes):
    logits, mos = draw(6, classes), draw(6, seed=1)
    ratings = np.arange(1, classes + 1)
    weights = np.exp(logits.numpy())
    scores = logits.numpy()[:, 0] if classes == 1 else weights @ ratings / weights.sum(1)
    wanted = np.mean((scores[[5, 3, 1]] - mos.numpy()[:3]) ** 2)
    loss = RegressLoss()(logits, torch.tensor([[5], [3], [1]]), mos[:3])
    assert loss.item() == pytest.approx(wanted, rel=1e-12)


def test_regress_with_order_pair_by_pair():
    logits, mos = draw(6, 1), torch.tensor([3.0, 1.0, 1.0, 4.5, 2.0], dtype=torch.float64)
    pair_index = torch.tensor([[5], [0], [2], [1], [5]])
    scores, targets = logits.numpy()[pair_index.numpy()[:, 0], 0], mos.numpy()
    hinges = [
        max(0.0, (targets[i] - targets[j]) - (scores[i] - scores[j]))
        for i in range(5)
        for j in range(5)
        if targets[i] > targets[j]
    ]
    assert len(hinges) == 9  # the tie gives no pair
    squares = np.mean((scores - targets) ** 2)
    loss = create_criterion("regress", rank_weight=0.5)(logits, pair_index, mos)
    assert loss.item() == pytest.approx(squares + 0.5 * np.mean(hinges), rel=1e-12)
    assert order_loss(mos, mos).item() == 0 and order_loss(draw(3), torch.ones(3)).item() == 0
    assert torch.autograd.gradcheck(lambda x: order_loss(x, mos), draw(5).requires_grad_())


@pytest.mark.parametrize(
    ("call", "shapes"),
    [
        (lambda: order_loss(torch.zeros(4, 1), torch.zeros(4)), ("(4, 1)", "(4,)")),
        (lambda: regress_loss(torch.zeros(4, 1), torch.zeros(4)), ("(4, 1)", "(4,)")),
        (lambda: regress_loss(torch.zeros(4), torch.zeros(4, 1)), ("(4, 1)", "(4,)")),
        (lambda: ranking_loss(torch.zeros(4, 1), torch.zeros(4), 1.0), ("(4, 1)", "(4,)")),
        (lambda: RegressLoss()(torch.zeros(4, 1), each(4), torch.zeros(4, 1)), ("(4, 1)", "(4,)")),
        (lambda: EMDLoss()(torch.zeros(4, 3), each(4), torch.zeros(4, 1)), ("(4, 3)", "(4, 1)")),
        (lambda: emd(torch.zeros(4, 3), torch.zeros(3)), ("(4, 3)", "(3,)")),
        (lambda: score(torch.zeros(4)), ("(4,)", "(B, N)")),
    ],
)
def test_shapes_that_would_broadcast_are_refused_with_both_shapes(call, shapes):
    with pytest.raises(ValueError) as caught:
        call()
    assert all(shape in str(caught.value) for shape in shapes)


@pytest.mark.parametrize("classes", [1, 2, 7])
@pytest.mark.parametrize("patches", [1, 5])
def test_score_of_averaged_patches_is_the_mean_of_the_scores(classes, patches):
    logits = 5 * draw(3, patches, classes)
    single = torch.stack([score(logits[:, p]) for p in range(patches)])
    torch.testing.assert_close(score(average_patches(logits)), single.mean(0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("device", ["cpu", "meta", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device"))])  # fmt: skip
@pytest.mark.parametrize(("given", "expected"), [
    (torch.float64, torch.float64), (torch.float32, torch.float32),
    (torch.bfloat16, torch.float32), (torch.float16, torch.float32)])  # fmt: skip
def test_scores_stay_on_the_device_and_in_full_precision(device, given, expected):
    for classes in (1, 10):
        scores = score(torch.zeros(4, classes, device=device, dtype=given))
        assert scores.device.type == device and scores.dtype == expected and scores.shape == (4,)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4, 0.0], [0.0, 0.0, 1e4]], requires_grad=True)
    assert score(logits).tolist() == [1.0, 3.0]
    EMDLoss()(logits, each(2), torch.full((2, 3), 1 / 3)).backward()
    assert torch.isfinite(logits.grad).all()


def test_a_task_has_one_loss_whose_flags_are_those_of_the_command_line():
    flags = {"margin", "rank_activation", "rank_loss", "rank_weight"}
    assert set(objective_flags()) == flags <= set(flags_of(Config))
    assert [create_criterion("rank", rank_loss=name).__class__.__name__ for name in RANK_LOSSES] == [
        "RankingLoss", "LogisticLoss", "FidelityLoss"
    ]  # fmt: skip
    with pytest.raises(ValueError, match="rank has a loss already, RankingLoss"):
        register("rank")(EMDLoss)
    assert isinstance(create_criterion("emd", margin=3.0), EMDLoss)
