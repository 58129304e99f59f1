"""The command line: groups of flags, and the frozen Config that they become (DESIGN section 7)."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from deploy.formats import FORMATS, format_name
from deploy.names import ENGINES, OUTPUTS
from optim.names import LOOKING_AHEAD, SCHEDULES, TORCH, optimizer_name
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.terminal.argument_types import (
    bounded_float,
    byte_count,
    criterion_name,
    non_negative_int,
    pixel_count,
    positive_float,
    positive_int,
    share,
)
from utils.argv import DefaultsFormatter, HelpfulParser, normalise_argv, with_config_file
from utils.errors import ConfigError

_CONVERT = (
    "the workers take it from the file; --export torchscript with this flag writes a file to score with"
)
_HELD = "the workers take it from the file of --resume; leave it out"
_LOCAL = "leave it out, or score without --cluster"
NOT_ON_CLUSTER = {
    "report": _LOCAL,
    "quality_map": _LOCAL,
    "threads": "each worker has one core; leave it out",
    "view": _CONVERT,
    "image_size": _CONVERT,
    "patches": _CONVERT,
    "arch": _HELD,
    "num_classes": _HELD,
}


@dataclass(frozen=True)
class Config:
    """Every flag, resolved; `given` names the ones that were on the command line or in the config file."""

    # action
    train: bool
    evaluate: bool
    behaviour: str | None
    compare: list[str] | None
    folds: int | None
    find_lr: int | None
    jit: bool
    calibrate: bool
    export: list[str] | None
    predict: list[str] | None
    list_models: str | None
    list_optimizers: bool
    # data
    data: Path
    image_size: tuple[int, int]
    view: str
    patches: int
    batch_size: int
    rows_together: int
    auto_batch: bool
    workers: int
    pairing: str
    augment: bool
    bad_images: str
    cache: str
    cache_size: int | None
    full_decode: bool
    max_pixels: int
    # model
    arch: str
    num_classes: int
    pretrained: bool
    advprop: bool
    resume: Path | None
    # objective
    criterion: str
    margin: float
    use_margin: bool
    rank_activation: str
    rank_weight: float
    # optimisation
    optimizer: str
    lookahead: bool
    no_decay_norm: bool
    lr: float
    momentum: float
    weight_decay: float
    warmup: int
    epochs: int
    schedule: str
    freeze_backbone: int
    accumulate: int
    clip_grad: float | None
    ema: float | None
    swa: float | None
    # precision, speed
    amp: str
    compile: bool
    channels_last: bool
    # run
    seed: int
    deterministic: bool
    continue_from: str | None
    save_every: int
    checkpoint_dir: Path
    logdir: Path
    print_freq: int
    profile: int
    config: Path | None
    # distributed
    gpus: int | None
    nodes: int
    rank: int
    init_method: str
    procs_per_node: int
    sync_bn: bool
    cuda: bool
    # export
    calibration: Path | None
    min_srcc: float
    licence: str | None
    provenance: str | None
    # predict
    output: Path | None
    report: Path | None
    quality_map: Path | None
    engine: str
    skip_done: bool
    threads: int | None
    cluster: str | None
    given: frozenset[str] = frozenset()


def build_parser() -> argparse.ArgumentParser:
    """The parser of `main.py`; importing nothing heavy, so that --help answers at once."""
    parser = HelpfulParser(
        prog="main.py",
        description="Train, evaluate and convert models that tell how good an image looks.",
        epilog="Long options may be spelled with - or _.",
        formatter_class=DefaultsFormatter,
        allow_abbrev=False,
    )
    for add in (
        _action,
        _data,
        _model,
        _objective,
        _optimisation,
        _speed,
        _run,
        _distributed,
        _export,
        _predict,
    ):
        add(parser)
    return parser


def parse_config(argv: list[str]) -> Config:
    """The Config of a command line.

    Raises:
        ConfigError: an unknown flag, a wrong value, or flags that exclude each other.
    """
    parser = build_parser()
    tokens = with_config_file(normalise_argv(argv), parser)
    values = vars(parser.parse_args(tokens))
    only_given = build_parser()
    for action in only_given._actions:  # noqa: SLF001  # argparse has no public way to hear what was given
        action.default = argparse.SUPPRESS
    given = frozenset(vars(only_given.parse_args(tokens)))
    values["image_size"] = tuple(values["image_size"])
    config = Config(
        **{item.name: values[item.name] for item in fields(Config) if item.name != "given"}, given=given
    )
    _refuse_conflicts(config)
    return config


def _refuse_conflicts(config: Config) -> None:
    if (
        config.criterion == "emd"
        and config.num_classes < 2
        and (config.train or "num_classes" in config.given)
    ):
        raise ConfigError("--criterion emd needs --num_classes N of at least 2, the number of rating bins")
    starts = config.train and config.continue_from is None
    if starts and config.rank_activation == "sigmoid" and config.margin >= 1 and config.criterion == "rank":
        raise ConfigError(
            f"--margin {config.margin:g} can never be met with --rank_activation sigmoid, "
            "whose scores differ by less than 1; give a margin below 1"
        )
    if config.criterion == "rank" and config.rows_together > 1:
        raise ConfigError(
            "--rows_together is for regress and emd: rank keeps rows that share images together by itself"
        )
    if starts and config.batch_size % config.rows_together and not config.auto_batch:
        raise ConfigError(
            f"-b {config.batch_size} must be a multiple of --rows_together {config.rows_together}: "
            "a group that is cut can't be compared within its step"
        )
    if config.continue_from is not None and not config.train:
        raise ConfigError("--continue goes on with a training run: main.py --train --continue [FILE]")
    if config.train and config.continue_from is not None and config.resume:
        raise ConfigError(
            "--resume starts a run from weights, --continue goes on with a run: give one of them"
        )
    if config.continue_from is None:
        refuse_half_updates(config)
    if config.lookahead and config.optimizer in LOOKING_AHEAD:
        raise ConfigError(f"--optimizer {config.optimizer} looks ahead already: leave --lookahead out")
    if "momentum" in config.given and config.optimizer not in TORCH:
        raise ConfigError(f"--optimizer {config.optimizer} has momentum of its own: leave --momentum out")
    if config.ema is not None and config.swa is not None:
        raise ConfigError("--ema and --swa are two averages of the same weights: give one of them")
    if config.calibrate and config.resume is None:
        raise ConfigError("--calibrate needs --resume FILE, the checkpoint to calibrate")
    if config.jit and config.resume is None:
        raise ConfigError("--jit needs --resume FILE, the checkpoint to convert")
    _refuse_deploy_conflicts(config)
    if config.behaviour is not None and not config.evaluate:
        raise ConfigError("--behaviour belongs to -e")
    if config.compare is not None and not config.evaluate:
        raise ConfigError("--compare belongs to -e")
    for name in ("folds", "find_lr", "auto_batch"):
        if name in config.given and not config.train:
            raise ConfigError(f"--{name} belongs to --train")
    if config.folds is not None and config.folds < 3:
        raise ConfigError(f"--folds {config.folds}: at least 3, one each to train, validate and test on")
    if config.folds is not None and (config.continue_from is not None or config.find_lr is not None):
        raise ConfigError("--folds goes on by itself and runs alone: leave --continue and --find_lr out")
    if config.find_lr is not None and config.continue_from is not None:
        raise ConfigError("--find_lr tries rates from the start of a run: leave --continue out")
    if config.evaluate and not (config.resume or config.compare or config.behaviour is not None):
        raise ConfigError("--evaluate needs --resume FILE, the checkpoint to evaluate")


def refuse_half_updates(config: Config) -> None:
    """Raise ConfigError where --save_every would save between the steps of one update."""
    if config.save_every % config.accumulate:
        raise ConfigError(
            f"--save_every {config.save_every} must be a multiple of --accumulate {config.accumulate}: "
            "half an update can't be saved"
        )


def _refuse_deploy_conflicts(config: Config) -> None:
    if config.export and config.resume is None:
        raise ConfigError("--export needs --resume FILE, the checkpoint to convert")
    if config.export and config.calibration is None and any("int8" in name for name in config.export):
        raise ConfigError("INT8 needs --calibration DIR, a folder of a few hundred images")
    if config.output is not None and not config.cluster and config.output.suffix.lower() not in OUTPUTS:
        raise ConfigError(f"--output {config.output}: its suffix must be one of {', '.join(OUTPUTS)}")
    for name, advice in NOT_ON_CLUSTER.items():
        if config.cluster and name in config.given:
            raise ConfigError(f"--{name} does not go with --cluster: {advice}")
    if config.skip_done and config.output is None:
        raise ConfigError("--skip_done needs --output FILE, whose rows say what is done")
    for name in ("output", "report", "quality_map", "skip_done", "cluster"):
        if name in config.given and not config.predict:
            raise ConfigError(f"--{name} belongs to --predict PATH...")


# fmt: off
def _action(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("action", "one of these; none prints information on the model")
    add = group.add_mutually_exclusive_group().add_argument
    add("--train", action="store_true", help="train on DATA/train, validate on DATA/val")
    add("-e", "--evaluate", "--evaluation", action="store_true", help="evaluate --resume on DATA/test")
    group.add_argument("--behaviour", nargs="?", const="", metavar="DIR",
        help="with -e: try the model on clean images, distorted on the spot (alone: DATA/test/refimgs)")
    group.add_argument("--compare", nargs=2, metavar=("A", "B"),
        help="with -e: two models on DATA/test, and whether their difference could be luck")
    group.add_argument("--folds", type=positive_int, metavar="K",
        help="with --train: K runs over the scenes of all splits, each tested on its own part of them")
    group.add_argument("--find_lr", type=positive_int, nargs="?", const=100, metavar="STEPS",
        help="with --train: try learning rates for so many steps (alone: 100), plot, suggest; keeps nothing")
    add("--jit", action="store_true", help="convert --resume to TorchScript: CHECKPOINT_DIR/jit_{arch}.pt")
    add("--calibrate", action="store_true", help="percentiles of the scores of DATA/val into the weights of "
        "--resume: CHECKPOINT_DIR/calibrated_{arch}.pth")
    add("--export", type=format_name, nargs="+", metavar="FORMAT",
        help="convert --resume, into CHECKPOINT_DIR: "
        f"{', '.join(FORMATS)}")
    add("--predict", nargs="+", metavar="PATH",
        help="score images: files, folders, 'patterns*', lists of paths (.txt), - for standard input")
    add("--list_models", nargs="?", const="*", metavar="PATTERN", help="names for --arch, such as 'timm/*'")
    add("--list_optimizers", action="store_true", help="names for --optimizer")


def _data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--data", type=Path, default=Path("data"), metavar="DIR", help="holds {train,val,test}/label.txt")
    add("--image_size", type=positive_int, nargs=2, default=(224, 224), metavar=("H", "W"), help="input")
    add("--view", choices=("fit", "patches"), default="fit",
        help="fit: crop to the aspect ratio and resize; patches: crops at native resolution")
    add("--patches", type=positive_int, default=5, metavar="N", help="crops per image in evaluation")
    add("-b", "--batch_size", type=positive_int, default=256, metavar="ROWS", help="label rows per step")
    add("--rows_together", type=positive_int, default=1, metavar="N",
        help="regress, emd: N rows of label.txt that follow each other stay in one step: a scene's versions")
    add("--auto_batch", action="store_true", help="with --train: the largest -b that fits in memory")
    add("-j", "--workers", type=non_negative_int, default=8, metavar="N", help="decoding processes; 0: none")
    add("--pairing", choices=("dedup", "siamese"), default="dedup",
        help="dedup: each image of a step once; siamese: both images of every row, slow, to compare with")
    add("--no_augment", dest="augment", action="store_false", help="no flips, no random crops")
    add("--bad_images", choices=("error", "skip"), default="error", help="what an unreadable image does")
    add("--cache", choices=("no", "ram", "disk"), default="ram",
        help="keep decoded images of training and validation between epochs, in memory or in a TMPDIR file")
    add("--cache_size", type=byte_count, metavar="BYTES",
        help="of --cache, such as 500M (default: 8G; of ram at most a quarter of what is free)")
    add("--full_decode", action="store_true", help="--view fit: never decode large JPEGs at a reduced scale")
    add("--max_pixels", type=pixel_count, default=MAX_PIXELS, metavar="N",
        help="images of more pixels are errors, not decoded; such as 500M")


def _model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("model").add_argument
    add("-a", "--arch", default="efficientnet_b0", help="backbone, see --list_models")
    add("--num_classes", type=positive_int, default=1, metavar="N", help="1: a score; more: ratings 1..N")
    add("--pretrained", action="store_true", help="start from ImageNet weights: pretrained/{arch}.pth, "
        "an installed weights package, or the library's download")
    add("--advprop", action="store_true", help="AdvProp weights and normalisation (efficientnet_b0..b8)")
    add("--resume", type=Path, metavar="FILE", help="start from, evaluate, convert or predict with "
        "these weights; --predict takes converted files too")


def _objective(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("objective").add_argument
    add("--criterion", type=criterion_name, default="rank", metavar="{rank,emd,regress}",
        help="rank: pairs better,worse; emd: distributions of ratings; regress: mean opinion scores; "
        "ranking_loss, emd_loss and regress_loss are the same")
    add("--margin", type=positive_float, default=1.0, help="score gap at which a pair costs nothing")
    add("--use_margin", action="store_true", help="accepted for older scripts: a margin is always used")
    add("--rank_activation", choices=("none", "sigmoid"), default="none", help="of scores before the hinge")
    add("--rank_weight", type=bounded_float(0), default=0.0, metavar="W",
        help="with regress: add W times the ranking loss over all pairs of a batch, margin = gap of labels")


def _optimisation(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("optimisation").add_argument
    add("--optimizer", type=optimizer_name, default="adam", metavar="NAME", help="see --list_optimizers")
    add("--lookahead", action="store_true", help="every 5 steps go half-way back to the weights before them")
    add("--no_decay_norm", action="store_true", help="no weight decay of biases and of the scales of norms")
    add("--lr", "--learning_rate", type=positive_float, default=1e-4, help="peak learning rate")
    add("--momentum", type=bounded_float(0, 1), default=0.9, help="of sgd, rmsprop; beta1 of torch's adams")
    add("--wd", "--weight_decay", dest="weight_decay", type=bounded_float(0), default=1e-4, help="decay")
    add("--warmup", type=non_negative_int, default=5, metavar="EPOCHS", help="at a low rate before the peak")
    add("--epochs", type=positive_int, default=85, help="passes over the rows")
    add("--schedule", choices=SCHEDULES, default="piecewise", help="of the learning rate")
    add("--freeze_backbone", type=non_negative_int, default=0, metavar="EPOCHS", help="train the head first")
    add("--accumulate", type=positive_int, default=1, metavar="N", help="steps of gradients to one update")
    add("--clip_grad", type=positive_float, metavar="NORM", help="largest norm of a gradient")
    add("--ema", type=share, metavar="DECAY", help="validate and keep a moving average of the weights: 0.999")
    add("--swa", type=share, nargs="?", const=0.75, metavar="FROM",
        help="validate and keep the mean of the epochs after this share of them (alone: 0.75)")


def _speed(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("precision, speed").add_argument
    add("--amp", choices=("no", "bf16", "fp16"), default="no", help="mixed precision in training")
    add("--compile", action="store_true", help="torch.compile: pays on long runs on GPUs")
    add("--channels_last", action=argparse.BooleanOptionalAction, default=True,
        help="memory layout in which convolutions are fastest; adamp, nero, sgdp and swats train without it")


def _run(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("run").add_argument
    add("--seed", type=non_negative_int, default=0, help="of weights, order and augmentation")
    add("--deterministic", action="store_true", help="kernels that repeat bit for bit, also on a GPU")
    add("--continue", dest="continue_from", nargs="?", const="", metavar="FILE",
        help="go on with an interrupted run (without FILE: CHECKPOINT_DIR/checkpoint_{arch}.pth)")
    add("--save_every", type=non_negative_int, default=0, metavar="STEPS",
        help="save inside an epoch, too; 0: at its end")
    add("--checkpoint_dir", type=Path, default=Path("checkpoints"), metavar="DIR", help="for weights")
    add("--logdir", type=Path, default=Path("logs"), metavar="DIR", help="for logs, metrics and plots")
    add("-p", "--print_freq", type=positive_int, default=50, metavar="STEPS",
        help="between two log lines, at which losses are read from the device")
    add("--profile", type=non_negative_int, default=0, metavar="STEPS",
        help="record so many steps with torch's profiler: LOGDIR/<run>/profile.txt and trace.json; 0: none")
    add("--config", type=Path, metavar="FILE", help="YAML of flags; the command line wins")


def _distributed(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("distributed").add_argument
    add("-g", "--gpus", type=non_negative_int, metavar="N", help="GPUs on this node, 0: CPU (default: all)")
    add("-n", "--nodes", type=positive_int, default=1, metavar="N", help="machines")
    add("--rank", type=non_negative_int, default=0, metavar="K", help="which machine this is, from 0")
    add("--init_method", default="tcp://127.0.0.1:23456", metavar="URL", help="where the processes meet")
    add("--procs_per_node", type=positive_int, default=1, metavar="N", help="processes on a node of CPUs")
    add("--sync_bn", action="store_true", help="batch statistics over all GPUs")
    add("--cuda", action=argparse.BooleanOptionalAction, default=True, help="use GPUs where there are some")


def _export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("export").add_argument
    add("--calibration", type=Path, metavar="DIR", help="images for INT8, a few hundred")
    add("--min_srcc", type=bounded_float(-1, 1.0001), default=0.98, metavar="SRCC",
        help="INT8 that ranks images less like the float model is not written")
    add("--licence", metavar="TEXT", help="of the weights, stored in the file, such as CC-BY-4.0")
    add("--provenance", metavar="TEXT", help="where the weights are from, stored in the file")


def _predict(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("predict").add_argument
    add("--output", type=Path, metavar="FILE", help=f"a row an image: {', '.join(OUTPUTS)} (default: print)")
    add("--report", type=Path, metavar="HTML", help="a page of best, worst, histogram and table")
    add("--quality_map", type=Path, metavar="DIR", help="a PNG an image: where quality is lost")
    add("--engine", choices=ENGINES, default="auto", help="auto: the fastest that is installed")
    add("--skip_done", action="store_true", help="go on where --output ends: images in it are left out")
    add("--threads", type=positive_int, metavar="N", help="that compute and decode (default: all cores)")
    add("--cluster", metavar="ray[://HOST:PORT]", help="score by Ray Data: here, or on a cluster; "
        "--output is then a folder of Parquet files")
