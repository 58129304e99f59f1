"""`--train --auto_batch`: the largest -b whose step fits in memory.

On a GPU by trying. On a CPU, where the system would sooner kill the process than refuse memory, by the peak
memory of two steps, each in a process of its own, and a straight line through them.
"""

import logging
import multiprocessing
import os
import sys
from dataclasses import replace

import torch

from applications.setup.data import cache_size, split_labels, view_of
from applications.setup.model import new_model, place_to_train
from applications.setup.objective import new_optimizer
from config import Config
from optim.precision import make_precision
from rankiqa.machine import available_memory, keep_freed_memory
from utils.distributed import choose_device
from utils.errors import ConfigError, TrainingError

STEPS = (4, 32, 128, 512)  # images in the steps that are measured on a CPU
STANDS_OUT = 64 * 2**20  # bytes; what loading the libraries takes at its peak hides less than that
PATIENCE = 300  # seconds for one step on a CPU
KEEP_FREE = 0.2  # of the memory: for validation, and what others will want
LEAST_UPDATES = 10  # per epoch; a batch of all rows would fit, but hardly learn


def with_auto_batch(config: Config) -> Config:
    """`config` with the largest --batch_size that fits, of its rows or fewer, and a notice that says why.

    A step is counted with as many images as it can hold: two per row for rank, though rows share them.

    Raises:
        ConfigError: the run spans several machines.
        TrainingError: not even a step of one row fits.
    """
    if config.nodes > 1 or "WORLD_SIZE" in os.environ:
        raise ConfigError("--auto_batch measures one machine; on several, or under torchrun, give -b")
    labels = split_labels(config, "train")
    device, processes = choose_device(config.cuda, config.gpus)
    share = max(1, config.procs_per_node) if device == "cpu" else 1
    a_row = 2 if config.criterion == "rank" else 1
    most = min(len(labels.paths), a_row * len(labels))
    fitting, why = _on_gpu(config, device, most) if device != "cpu" else _on_cpu(config, share)
    world_size = (processes or 1) * share
    useful = max(1, len(labels) // (LEAST_UPDATES * world_size))
    least = max(a_row, config.group_size)
    if fitting < least:
        group = "one row fits" if least == a_row else f"the {least} rows of --group_size fit"
        raise TrainingError(f"--auto_batch: not even {group} ({why}); lower --image_size")
    rows = max(1, min(fitting // a_row, useful))
    rows = max(rows - rows % config.group_size, config.group_size)  # whole groups
    capped = f"; {fitting // a_row} rows would fit, but leave fewer than {LEAST_UPDATES} steps per epoch"
    logging.warning("--auto_batch: -b %d (%s)%s", rows, why, capped if fitting // a_row > useful else "")
    return replace(config, batch_size=rows)


def _on_gpu(config: Config, device: str, most: int) -> tuple[int, str]:
    """(images that fit, reason): doubled until they do not, then halved steps in between, to a tenth."""
    low, high = 0, 1
    while low < most and _fits(config, device, high):
        low, high = high, min(high * 2, most)
    while 0 < low < most and high - low > max(1, low // 10):
        middle = (low + high) // 2
        low, high = (middle, high) if _fits(config, device, middle) else (low, middle)
    kept = int(low * (1 - KEEP_FREE / 2)) if low < most else most
    return max(kept, min(low, 1)), f"tried on {device}: {low} images of a step fit"


def _fits(config: Config, device: str, images: int) -> bool:
    try:
        trial_step(config, device, images)
    except torch.OutOfMemoryError:
        return False
    finally:
        torch.cuda.empty_cache()
    return True


def _on_cpu(config: Config, share: int) -> tuple[int, str]:
    """(images that fit, reason): small steps first, larger ones until their memory stands out."""
    first, before = STEPS[0], _measured(config, STEPS[0])
    for images in STEPS[1:]:
        peak = _measured(config, images)
        if peak - before > STANDS_OUT:
            break
    each = max(peak - before, 1.0) / (images - first)
    base = before - each * first
    cached = cache_size(config) if config.cache == "ram" else 0
    free = (available_memory() * (1 - KEEP_FREE) - cached) / share
    why = f"{each / 2**20:.1f} MiB per image and {base / 2**20:.0f} MiB besides, of {free / 2**20:.0f} MiB"
    return int((free - base) / each), why


def _measured(config: Config, images: int) -> float:
    """Peak memory in bytes of a process that does one step."""
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    child = context.Process(target=_child, args=(config, images, queue))
    child.start()
    child.join(PATIENCE)
    if child.is_alive():
        child.kill()
        child.join()
    if child.exitcode or queue.empty():
        raise TrainingError(
            f"--auto_batch: a step of {images} images ended with status {child.exitcode}; give -b"
        )
    return float(queue.get())


def _child(config: Config, images: int, queue: "multiprocessing.queues.SimpleQueue[float]") -> None:
    import resource

    keep_freed_memory()  # as training does
    trial_step(config, "cpu", images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    queue.put(peak if sys.platform == "darwin" else peak * 1024)


def trial_step(config: Config, device: str, count: int) -> None:
    """Two updates on `count` images of noise: the first makes the optimiser's own memory."""
    logging.disable(logging.WARNING)  # what the network's maker says belongs to the run itself
    try:
        network, spec = new_model(config)
    finally:
        logging.disable(logging.NOTSET)
    place_to_train(network, device, config)
    network.train()
    precision = make_precision(config.amp, device)
    optimizer = new_optimizer(config, network, lr=1e-9)
    for _ in range(2):
        images = torch.rand(count, 3, *view_of(config, spec).train_size, device=device)
        with precision.cast():
            logits = network(images)
        optimizer.zero_grad(set_to_none=True)
        logits.float().square().mean().backward()
        optimizer.step()
