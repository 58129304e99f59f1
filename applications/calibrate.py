"""`--calibrate`: percentiles of the scores of DATA/val and intervals by its labels, in the view of the file.

Training takes percentiles after every epoch, but perhaps with fewer crops per image. `--predict` tells by
them where a score lies, and by the intervals how far it may be off.
"""

import logging

import numpy as np
import torch

from applications.evaluation.coverage import describe, fit_intervals
from applications.evaluation.logits import Outputs, label_outputs
from applications.evaluation.predictions import with_percentiles
from applications.setup.data import split_labels
from applications.setup.model import trained_model
from applications.setup.torch_errors import explain_torch_errors
from config import Config
from criterions.score import score
from dataloader.labels import Labels
from rankiqa.files import require_writable
from rankiqa.intervals import Intervals
from rankiqa.terminal.log import setup_console
from utils.checkpoint import file_arch, save_checkpoint
from utils.distributed import Process, choose_device
from utils.errors import DataError


def run(config: Config) -> int:
    """Write CHECKPOINT_DIR/calibrated_{arch}.pth: the weights of --resume, percentiles, intervals; 0.

    Raises:
        DataError: no image of DATA/val could be read, or its labels give no intervals of a --coverage that
            was asked for.
    """
    setup_console()
    require_writable(config.checkpoint_dir, "--checkpoint_dir")
    network, spec, flags = trained_model(config)
    process = Process(device=choose_device(config.cuda, config.gpus)[0])
    labels = split_labels(config, "val", spec.criterion, spec.num_classes)
    with explain_torch_errors(config.batch_size, spec.image_size):
        outputs = label_outputs(config, process, network, spec, labels)
    scores = score(torch.from_numpy(outputs.logits)).numpy()
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        raise DataError(f"{labels.where}: none of its images could be read; there is nothing to calibrate by")
    spec = with_percentiles(spec, scores).with_(interval=_intervals(config, labels, outputs))
    path = config.checkpoint_dir / f"calibrated_{file_arch(spec.arch)}.pth"
    state = {"state_dict": network.state_dict(), "spec": spec.to_dict()}
    save_checkpoint(path, {**state, "config": flags} if flags else state)
    logging.info(
        "%s: scores of %d images lie in %.3f to %.3f, median %.3f",
        *(path, len(scores), scores.min(), scores.max(), np.median(scores)),
    )
    return 0


def _intervals(config: Config, labels: Labels, outputs: Outputs) -> Intervals | None:
    """What the labels give; None, with the reason, where they give none and nobody asked for --coverage."""
    try:
        calibration = fit_intervals(labels, outputs, config.coverage)
    except DataError as error:
        if "coverage" in config.given:
            raise
        logging.warning("no intervals: %s", error)
        return None
    logging.info("%s", describe(calibration, config.coverage))
    return calibration.intervals
