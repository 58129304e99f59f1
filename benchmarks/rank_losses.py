"""What each --rank_loss learns of simulated votes on pairs: order, shares, and how random votes harm it.

    python benchmarks/rank_losses.py [--pairs 300] [--seeds 10]

Images are points with 16 features, and their true quality is linear in these. A rater prefers the image whose
quality is higher after normal noise of one unit on each (Thurstone, case V). A linear head learns from votes
on random pairs by the loss under test. Judged on 2,000 other pairs: how often it orders them as their true
qualities do, how far the log-likelihood of a vote lies below the best possible, and the calibration error.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from scipy import special

from criterions.factory import create_criterion
from criterions.preference import predicted_log_shares
from dataloader.preferences import share_targets
from metrics.preferences import calibration, log_likelihood
from rankiqa.spec import RANK_LOSSES
from rankiqa.terminal.argument_types import positive_int

FEATURES, JUDGED, STEPS = 16, 2000, 150
VOTES, RANDOM = (1, 5, 20), (0.0, 0.2)  # votes per pair; share of them that is drawn by a coin


def main() -> None:
    """Print a table: means over the seeds, standard deviations in brackets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--pairs", type=positive_int, default=300, help="pairs to learn from")
    parser.add_argument("--seeds", type=positive_int, default=10, help="repetitions")
    args = parser.parse_args()
    columns = (
        "votes per pair",
        "random votes",
        "loss",
        "right order",
        "likelihood lacks",
        "calibration error",
    )
    print(f"| {' | '.join(columns)} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for votes in VOTES:
        for random in RANDOM:
            for rank_loss in RANK_LOSSES:
                runs = [[*judge(rank_loss, args.pairs, votes, random, seed)] for seed in range(args.seeds)]
                cells = [cell(mean, std) for mean, std in zip(np.mean(runs, 0), np.std(runs, 0), strict=True)]
                print(f"| {votes} | {random:.0%} | {rank_loss} | {' | '.join(cells)} |", flush=True)


def cell(mean: float, std: float) -> str:
    """Both; empty where they are undefined."""
    return f"{mean:.3f} ({std:.3f})" if math.isfinite(mean) else ""


def judge(rank_loss: str, pairs: int, votes: int, random: float, seed: int) -> Iterator[float]:
    """Right order, lack of log-likelihood and calibration error of one head; the last two NaN of a hinge."""
    rng = np.random.default_rng([seed, votes])
    truth = rng.normal(size=FEATURES) / np.sqrt(FEATURES) * 1.5
    gaps = rng.normal(size=(pairs + JUDGED, FEATURES)) - rng.normal(size=(pairs + JUDGED, FEATURES))
    shares = special.ndtr(gaps @ truth / np.sqrt(2))
    wins = rng.binomial(votes, (1 - random) * shares[:pairs] + random / 2)
    said = np.stack([wins / votes, np.full(pairs, float(votes))], axis=1)
    criterion = create_criterion("rank", rank_loss=rank_loss)
    learned = gaps[pairs:] @ learn(criterion, gaps[:pairs], said)
    yield float(np.mean(np.sign(learned) == np.sign(gaps[pairs:] @ truth)))
    found = predicted_log_shares(criterion, torch.from_numpy(learned))
    if found is None:
        yield from (float("nan"), float("nan"))
        return
    known = shares[pairs:]
    entropy = special.entr(known) + special.entr(1 - known)
    yield float(np.mean(-entropy - log_likelihood(found.numpy(), known)))
    yield calibration(found.numpy(), known, np.ones(JUDGED)).error


def learn(criterion: torch.nn.Module, gaps: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(F,) weights of a linear head, which sees the two images of a pair as its gap (R, F) and nothing."""
    torch.manual_seed(0)
    weights = torch.zeros(FEATURES, requires_grad=True)
    inputs, targets = torch.from_numpy(gaps).float(), torch.from_numpy(share_targets(said))
    index = torch.stack([torch.arange(len(gaps)), torch.full((len(gaps),), len(gaps))], dim=1)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(STEPS):
        scores = torch.cat([inputs @ weights, torch.zeros(1)])[:, None]
        optimizer.zero_grad()
        criterion(scores, index, targets).backward()
        optimizer.step()
    return weights.detach().double().numpy()


if __name__ == "__main__":
    main()
