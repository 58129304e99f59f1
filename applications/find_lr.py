"""`--train --find_lr`: a learning-rate range test (Smith, WACV 2017).

The rate grows from step to step while the network learns; where the loss is lowest, before it blows up, says
which rate suits. Nothing of what it learns is kept.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from applications.evaluation.plots import rate_plot, save
from applications.setup.auto_batch import with_auto_batch
from applications.setup.continuing import flags_of
from applications.setup.data import split_labels, usable_workers
from applications.setup.model import place_to_train
from applications.setup.scales import new_model_for
from applications.setup.torch_errors import explain_torch_errors
from applications.training.components import Components, build_training, freeze
from applications.training.loop import train_step
from config import Config
from dataloader.datasets import TrainBatch
from rankiqa.files import require_writable, write_text
from rankiqa.machine import keep_freed_memory
from rankiqa.terminal.progress import progress_bar
from rankiqa.terminal.signals import StopSignals
from utils.distributed import Process, choose_device
from utils.errors import TrainingError
from utils.run_log import RunLog, new_run_folder
from utils.seeding import seed_everything

LOWEST, HIGHEST = 1e-6, 1.0
SMOOTHING = 0.9  # of the loss, an exponential mean without its start-up bias
BLOWN_UP = 3.0  # times the fall of the loss so far, above its lowest: the rest says nothing more
WARM_UP = 5  # steps whose mean is too noisy to say where the test began


def run(config: Config) -> int:
    """Try rates in one process; writes find_lr.csv and find_lr.png into logs/<run>/; 0, or 130 if stopped."""
    require_writable(config.logdir, "--logdir")
    if config.auto_batch:
        config = with_auto_batch(config)
    process = Process(device=choose_device(config.cuda, config.gpus)[0])
    seed_everything(config.seed, config.deterministic)
    labels = split_labels(config, "train")
    if process.device == "cpu":
        keep_freed_memory()
    network, spec = new_model_for(config, labels)
    place_to_train(network, process.device, config)
    folder = new_run_folder(config.logdir, "find_lr", spec.arch, config.criterion)
    with (
        RunLog(folder) as log,
        StopSignals() as stop,
        explain_torch_errors(config.batch_size, config.image_size),
    ):
        log.config(flags_of(config))
        config = replace(config, workers=usable_workers(config, process), accumulate=1)
        components = build_training(config, process, network, spec, labels, log, stop)
        freeze(network, config.freeze_backbone > 0, config.reasons and config.resume is not None)
        rates, losses = _sweep(components, config.find_lr or 0)
        if stop.requested:
            return 130
        _report(log, rates, losses)
    return 0


def _sweep(components: Components, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(T,) rates and losses; fewer than `steps` where the loss blows up before."""
    rates = np.geomspace(LOWEST, HIGHEST, max(steps, 2))
    losses: list[float] = []
    batches = _endless(components)
    with progress_bar(total=steps, desc="rates", unit="step") as bar:
        for rate, (number, batch) in zip(rates, batches, strict=False):
            for group in components.optimizer.param_groups:
                group["lr"] = float(rate)
            loss = float(train_step(components, batch, number, last=True))
            losses.append(loss)
            bar.update()
            if components.stopped() or not math.isfinite(loss) or _blown_up(np.array(losses)):
                break
    return rates[: len(losses)], np.array(losses)


def _endless(components: Components) -> Iterator[tuple[int, TrainBatch]]:
    """Each batch of one epoch after another, and its step in that epoch, from 0."""
    epoch = 0
    while True:
        components.batches.set_position(epoch)
        yield from enumerate(components.loader)
        epoch += 1


def _blown_up(losses: np.ndarray) -> bool:
    smooth = smoothed(losses)
    if len(smooth) <= 2 * WARM_UP:
        return False
    start, lowest = smooth[WARM_UP], smooth[WARM_UP:].min()
    return bool(smooth[-1] > start + max(BLOWN_UP * (start - lowest), abs(start)))


def smoothed(losses: np.ndarray) -> np.ndarray:
    """(T,) exponential means of (T,) losses; the first steps weigh as much as there are of them."""
    mean, result = 0.0, np.empty(len(losses))
    for number, loss in enumerate(losses.tolist()):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        result[number] = mean / (1 - SMOOTHING ** (number + 1))
    return result


def suggestion(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """A tenth of the rate at which the smoothed loss is lowest; None where it never falls.

    At the lowest point the loss is about to rise: a tenth is the usual distance to keep.
    """
    finite = np.isfinite(losses)
    smooth = smoothed(losses[finite])
    if len(smooth) <= WARM_UP or not smooth[WARM_UP:].min() < smooth[WARM_UP]:
        return None
    return float(rates[finite][WARM_UP + int(smooth[WARM_UP:].argmin())]) / 10


def _report(log: RunLog, rates: np.ndarray, losses: np.ndarray) -> None:
    smooth, best = smoothed(losses), suggestion(rates, losses)
    lines = [
        f"{rate:.6g},{loss:.6g},{mean:.6g}\n" for rate, loss, mean in zip(rates, losses, smooth, strict=True)
    ]
    write_text(log.folder / "find_lr.csv", "lr,loss,smoothed_loss\n" + "".join(lines))
    save(rate_plot(rates, losses, smooth, best), log.folder / "find_lr.png")
    logging.info("%8s %10s %10s", "lr", "loss", "smoothed")
    for step in np.unique(np.linspace(0, len(rates) - 1, 15).astype(int)):
        logging.info("%8.1e %10.4f %10.4f", rates[step], losses[step], smooth[step])
    log.metrics({"suggestion": best, "lr": rates.tolist(), "loss": losses.tolist()})
    if best is None:
        raise TrainingError(
            f"the loss falls at no rate between {LOWEST:g} and {rates[-1]:.2g}, see "
            f"{log.folder}/find_lr.png: try more steps (--find_lr 300), a larger -b, or --pretrained"
        )
    logging.info("suggestion: --lr %.1e (a tenth of the rate of the lowest loss)", best)
    logging.info("find_lr.csv, find_lr.png: %s", log.folder)
