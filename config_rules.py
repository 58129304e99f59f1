"""Rules between the values of several flags; those of a single flag stand at its declaration in config.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optim.names import LOOKING_AHEAD, TORCH
from rankiqa.batch.results import TABLES
from rankiqa.decoding.limits import TRAIN_CROP
from rankiqa.spec import HINGE
from utils.errors import ConfigError

if TYPE_CHECKING:
    from config import Config


def learns_reasons_alone(config: Config) -> bool:
    """Whether nothing but the second head learns in the whole run, so that scores stay what they are."""
    return config.reasons and config.resume is not None and config.freeze_backbone >= config.epochs


def refuse_broken_run(config: Config) -> None:
    """Raise ConfigError where a run, new or continued, can't be what its flags say together."""
    if config.save_every % config.accumulate:
        given = f"--save_every {config.save_every} must be a multiple of --accumulate {config.accumulate}"
        raise ConfigError(f"{given}: half an update can't be saved")
    if config.train and config.cache == "features" and config.freeze_backbone < config.epochs:
        raise ConfigError(
            "--cache features needs layers that stay what they are: --freeze_backbone must cover all epochs, "
            f"{config.epochs}, and is {config.freeze_backbone}"
        )


def broken_values(config: Config) -> Iterator[str]:
    """What is wrong with values that do not go together."""
    starts = config.train and config.continue_from is None
    few = config.num_classes < 2 and (config.train or "num_classes" in config.given)
    if config.criterion == "emd" and few:
        yield "--criterion emd needs --num_classes N of at least 2, the number of rating bins"
    hinge = config.rank_loss == HINGE
    if starts and config.criterion == "rank" and not hinge:
        for name in sorted({"margin", "rank_activation"} & config.given):
            yield f"--{name} is for --rank_loss hinge: {config.rank_loss} compares shares of raters"
    if starts and config.rank_activation == "sigmoid" and config.margin >= 1 and config.criterion == "rank":
        yield f"--margin {config.margin:g} can never be met with --rank_activation sigmoid; give one below 1"
    if config.continue_from is None and config.criterion == "rank" and config.group_size > 1:
        yield "--group_size is for regress and emd: rank keeps rows that share images together by itself"
    if starts and config.batch_size % config.group_size and not config.auto_batch:
        given = f"-b {config.batch_size} must be a multiple of --group_size {config.group_size}"
        yield f"{given}: a group that is cut can't be compared within its step"
    if starts and config.train_crop != TRAIN_CROP and config.view != "whole":
        yield "--train_crop is for --view whole: with fit and patches crops have the size --image_size"
    if starts and learns_reasons_alone(config) and len(config.data) > 1 and config.criterion == "regress":
        yield "--reasons on a model that stays as it is learns no MOS: join the label files to one --data"
    if config.cache == "features" and config.auto_batch:
        yield "--cache features: the last layer takes any batch; give -b instead of --auto_batch"
    if config.learning_curve and (config.criterion != "rank" or config.cache != "features"):
        yield "--learning_curve judges pairs by features: it needs --criterion rank and --cache features"
    if config.learning_curve and len(config.data) > 1:
        yield "--learning_curve is of one --data"
    if config.lookahead and config.optimizer in LOOKING_AHEAD:
        yield f"--optimizer {config.optimizer} looks ahead already: leave --lookahead out"
    if "momentum" in config.given and config.optimizer not in TORCH:
        yield f"--optimizer {config.optimizer} has momentum of its own: leave --momentum out"
    if any("int8" in name for name in config.export or ()) and config.calibration is None:
        yield "INT8 needs --calibration DIR, a folder of a few hundred images"
    if config.output is not None and not config.cluster and config.output.suffix.lower() not in TABLES:
        yield f"--output {config.output}: its suffix must be one of {', '.join(TABLES)}"
    one_set = config.evaluate and len(config.data) == 1 and not config.compare
    if config.scale is not None and not (config.predict or one_set):
        yield "--scale belongs to --predict, or to -e with one --data: of several each has its own scale"
    other = config.compare or config.pairs or config.behaviour is not None
    if config.evaluate and not (config.resume or other):
        yield "--evaluate needs --resume FILE, the checkpoint to evaluate"
