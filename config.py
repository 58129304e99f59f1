"""The command line of main.py, every flag declared once (docs/architecture.md)."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from config_rules import broken_values, refuse_broken_run
from deploy.formats import FORMATS, format_name
from deploy.names import ENGINES
from optim.names import SCHEDULES, optimizer_name
from rankiqa.batch.results import TABLES
from rankiqa.decoding.limits import MAX_PIXELS, TRAIN_CROP
from rankiqa.intervals import COVERAGE
from rankiqa.spec import HINGE, RANK_LOSSES, VIEWS
from rankiqa.terminal.argument_types import (
    bounded_float,
    byte_count,
    criterion_name,
    crop_side,
    fold_count,
    non_negative_int,
    pixel_count,
    positive_float,
    positive_int,
    share,
)
from utils import flags
from utils.errors import ConfigError

ACTION = flags.Group(
    "action", "one at a time; none of them prints information about the model", True, one_of=True
)
DATA = flags.Group("data", "see docs/your_own_data.md, docs/views.md")
MODEL = flags.Group("model")
OBJECTIVE = flags.Group("objective", "see docs/tasks.md")
OPTIM = flags.Group("optimisation", "schedules: see docs/tasks.md")
SPEED = flags.Group("precision, speed", "see docs/performance.md")
RUN = flags.Group("run", may_change=True)
NODES = flags.Group("distributed", "see docs/distributed.md", may_change=True)
EXPORT = flags.Group("export", "see docs/deployment.md", may_change=True)
PREDICT = flags.Group("predict", "see docs/deployment.md", may_change=True)

_LOCAL = {"cluster": "leave it out, or score without --cluster"}
_HELD = {"cluster": "the workers take it from the file of --resume; leave it out"}
_VIEW = {"cluster": "the workers take it from the file; --export torchscript with this flag writes one"}
_WORKERS = {"cluster": "the workers give intervals of 0.9; leave it out"}
_CORES = {"cluster": "each worker has one core; leave it out"}


# fmt: off
@dataclass(frozen=True)
class Config:
    """Every flag, resolved; `given` names the ones that were on the command line or in the config file."""

    train: bool = ACTION.switch("--train", help="train on DATA/train, validate on DATA/val after every epoch")
    evaluate: bool = ACTION.switch("-e", "--evaluate", "--evaluation",
        help="evaluate the file of --resume on DATA/test, or on DATA/label.txt where there is no test set")
    behaviour: str | None = ACTION.flag("--behaviour", nargs="?", const="", metavar="DIR",
        only_with="evaluate", help="with -e: score images of DIR, clean and distorted (alone: test/refimgs)")
    compare: list[str] | None = ACTION.flag("--compare", nargs=2, metavar=("A", "B"), only_with="evaluate",
        help="with -e: compare two models on DATA/test: intervals of the differences, and significance tests")
    pairs: Path | None = ACTION.flag("--pairs", type=Path, metavar="FILE", only_with="evaluate",
        excludes={"behaviour": "one at a time", "compare": "one model at a time"},
        help="with -e: score the images of a CSV file better,worse,kind; share of right pairs of each kind")
    folds: int | None = ACTION.flag("--folds", type=fold_count, metavar="K", only_with="train",
        excludes={"continue_from": "it skips done folds; leave --continue out", "find_lr": "it runs alone"},
        help="with --train: K-fold cross-validation over the scenes of all splits, in CHECKPOINT_DIR/fold_k")
    find_lr: int | None = ACTION.flag("--find_lr", type=positive_int, nargs="?", const=100, metavar="STEPS",
        only_with="train", excludes={"continue_from": "it starts a run; leave --continue out"},
        help="with --train: learning-rate range test of STEPS steps (alone: 100); suggests a value for --lr")
    learning_curve: bool = ACTION.switch("--learning_curve", only_with="train",
        excludes={"continue_from": "it starts runs; leave --continue out", "find_lr": "it runs alone",
                  "folds": "one at a time"},
        help="with --train: train on quarters of DATA/train, too; agreement with held-out pairs as a curve")
    jit: bool = ACTION.switch("--jit", needs={"resume": "the checkpoint to convert"},
        help="convert the file of --resume to TorchScript: CHECKPOINT_DIR/jit_{arch}.pt")
    calibrate: bool = ACTION.switch("--calibrate", needs={"resume": "the checkpoint to calibrate"},
        help="write the weights of --resume with percentiles, intervals of DATA/val: calibrated_{arch}.pth")
    export: list[str] | None = ACTION.flag("--export", type=format_name, nargs="+", metavar="FORMAT",
        needs={"resume": "the checkpoint to convert"},
        help=f"convert the file of --resume to files in CHECKPOINT_DIR; formats: {', '.join(FORMATS)}")
    predict: list[str] | None = ACTION.flag("--predict", nargs="+", metavar="PATH",
        help="score images: files, folders, quoted patterns, lists of paths (.txt), - for standard input")
    list_models: str | None = ACTION.flag("--list_models", nargs="?", const="*", metavar="PATTERN",
        help="print the names that --arch takes, such as those that match 'timm/*'")
    list_optimizers: bool = ACTION.switch("--list_optimizers", help="print the names that --optimizer takes")

    data: tuple[Path, ...] = DATA.flag("--data", type=Path, nargs="+", default=(Path("data"),), metavar="DIR",
        may_change=True, help="folder with train, val and test, each with a label.txt; "
        "several: data sets of one task, each on a scale of its own, see docs/tasks.md")
    mix: str = DATA.flag("--mix", choices=("proportional", "balanced"), default="proportional",
        help="with several --data: a step holds rows of the sets in proportion, each row once per epoch; "
        "balanced: as many of each set, those of smaller sets several times per epoch")
    image_size: tuple[int, int] = DATA.flag("--image_size", type=positive_int, nargs=2, default=(224, 224),
        metavar=("H", "W"), excludes=_VIEW, help="input height and width in pixels, each at least 32")
    view: str = DATA.flag("--view", choices=VIEWS, default="fit", excludes=_VIEW,
        help="how an image becomes an input: fit crops and resizes; patches are crops at native resolution; "
        "whole keeps the aspect ratio and reduces to the area of --image_size")
    train_crop: int = DATA.flag("--train_crop", type=crop_side, default=TRAIN_CROP, metavar="N",
        help="side in pixels of the crops to train on with --view whole, a multiple of 32")
    patches: int = DATA.flag("--patches", type=positive_int, default=5, metavar="N", excludes=_VIEW,
        help="crops that are averaged per image in evaluation, with --view patches")
    batch_size: int = DATA.flag("-b", "--batch_size", type=positive_int, default=256, metavar="ROWS",
        help="label rows per step and process: pairs for rank, images otherwise")
    group_size: int = DATA.flag("--group_size", "--rows_together", type=positive_int, default=1, metavar="N",
        help="regress, emd: consecutive label rows that stay in one step, such as the versions of an image")
    auto_batch: bool = DATA.switch("--auto_batch", only_with="train", may_change=True,
        help="with --train: take the largest -b that fits in memory, at most a tenth of the rows")
    workers: int = DATA.flag("-j", "--workers", type=non_negative_int, default=8, metavar="N",
        may_change=True, help="number of processes that read and decode images; 0: the main process does")
    pairing: str = DATA.flag("--pairing", choices=("dedup", "siamese"), default="dedup",
        help="rank: dedup computes each image of a step once; siamese both images of every row, to compare")
    augment: bool = DATA.switch("--no_augment", help="train without horizontal flips and random crops")
    bad_images: str = DATA.flag("--bad_images", choices=("error", "skip"), default="error",
        help="whether an unreadable image ends the run, or its rows are left out with a notice")
    cache: str = DATA.flag("--cache", choices=("no", "ram", "disk", "features"), default="ram",
        may_change=True, help="keep decoded images between epochs, in memory or in a nameless file in "
        "TMPDIR; or the features of layers that stay frozen, of images as validation sees them")
    cache_size: int | None = DATA.flag("--cache_size", type=byte_count, metavar="BYTES", shown="8G",
        may_change=True, help="room for --cache, such as 500M; in memory at most a quarter of what is free")
    full_decode: bool = DATA.switch("--full_decode",
        help="never decode large JPEGs at a reduced scale, as --view fit and whole do where they resize")
    max_pixels: int = DATA.flag("--max_pixels", type=pixel_count, default=MAX_PIXELS, metavar="N",
        help="number of pixels above which an image is an error and is not decoded, such as 500M")

    arch: str = MODEL.flag("-a", "--arch", default="efficientnet_b0", excludes=_HELD,
        help="name of the backbone, see --list_models; case does not matter, - and _ are alike")
    num_classes: int = MODEL.flag("--num_classes", type=positive_int, default=1, metavar="N", excludes=_HELD,
        help="width of the output: 1 is the score itself, more are shares of the ratings 1..N")
    pretrained: bool = MODEL.switch("--pretrained",
        help="start from ImageNet weights: pretrained/{arch}.pth, an installed package, or a download")
    advprop: bool = MODEL.switch("--advprop",
        help="use AdvProp weights and their normalisation, of efficientnet_b0 to efficientnet_b8")
    resume: Path | None = MODEL.flag("--resume", type=Path, metavar="FILE",
        help="weights to start from, evaluate, convert or predict with; --predict takes converted files too")

    criterion: str = OBJECTIVE.flag("--criterion", type=criterion_name, default="rank",
        metavar="{rank,emd,regress}",
        help="task, and with it the label format: rank: pairs better,worse; emd: distributions of ratings; "
        "regress: mean opinion scores; also spelled ranking_loss, emd_loss, regress_loss")
    margin: float = OBJECTIVE.flag("--margin", type=positive_float, default=1.0,
        help="rank: score gap at which a pair costs nothing")
    rank_loss: str = OBJECTIVE.flag("--rank_loss", choices=RANK_LOSSES, default=HINGE,
        help="rank: hinge learns the order of a pair; logistic (Bradley-Terry) and fidelity (Thurstone) the "
        "share p of raters who prefer the first image, so that a score gap stands for a share")
    tie: float = OBJECTIVE.flag("--tie", type=bounded_float(0, 0.5), default=0.0, metavar="T",
        help="rank with p: distance of p from 0.5 up to which a pair has no order: hinge and pair accuracy "
        "leave it out, logistic and fidelity learn its p")
    use_margin: bool = OBJECTIVE.switch("--use_margin", may_change=True,
        help="accepted for older command lines; a margin is always used")
    rank_activation: str = OBJECTIVE.flag("--rank_activation", choices=("none", "sigmoid"), default="none",
        help="rank: function of the scores before they are compared; sigmoid needs --margin below 1")
    rank_weight: float = OBJECTIVE.flag("--rank_weight", type=bounded_float(0), default=0.0, metavar="W",
        help="regress: weight of an added ranking loss over all pairs of a batch; label gaps are its margins")
    reasons: bool = OBJECTIVE.switch("--reasons", only_with="train",
        help="train a second head that tells what damage is visible, see docs/reasons.md")
    reasons_weight: float = OBJECTIVE.flag("--reasons_weight", type=positive_float, default=1.0, metavar="W",
        help="weight of the loss of --reasons beside that of the score")

    optimizer: str = OPTIM.flag("--optimizer", type=optimizer_name, default="adam", metavar="NAME",
        help="optimiser of PyTorch or of the package pytorch-optimizer, see --list_optimizers")
    lookahead: bool = OPTIM.switch("--lookahead",
        help="put Lookahead over the optimiser: every 5 steps go half-way back to the weights before them")
    no_decay_norm: bool = OPTIM.flag("--no_decay_norm", default=False, action="store_true",
        shown="", help="apply no weight decay to biases and to the scales of normalisation layers")
    lr: float = OPTIM.flag("--lr", "--learning_rate", type=positive_float, default=1e-4,
        help="highest learning rate of the schedule; not scaled with batch size or number of processes")
    momentum: float = OPTIM.flag("--momentum", type=bounded_float(0, 1), default=0.9,
        help="momentum of sgd and rmsprop, and first beta of PyTorch's Adam family")
    weight_decay: float = OPTIM.flag("--wd", "--weight_decay", type=bounded_float(0), default=1e-4,
        help="weight decay of the optimiser")
    warmup: int = OPTIM.flag("--warmup", type=non_negative_int, default=5, metavar="EPOCHS",
        help="number of first epochs at a low learning rate")
    epochs: int = OPTIM.flag("--epochs", type=positive_int, default=85, may_change=True,
        help="number of passes over the label rows, warm-up included")
    schedule: str = OPTIM.flag("--schedule", choices=SCHEDULES, default="piecewise",
        help="course of the learning rate over the epochs")
    freeze_backbone: int = OPTIM.flag("--freeze_backbone", type=non_negative_int, default=0,
        metavar="EPOCHS", help="first epochs in which the last layer alone learns, of --reasons its head")
    accumulate: int = OPTIM.flag("--accumulate", type=positive_int, default=1, metavar="N",
        help="number of steps whose gradients are added up to one update")
    clip_grad: float | None = OPTIM.flag("--clip_grad", type=positive_float, metavar="NORM", shown="off",
        help="largest norm of the gradient of an update; larger ones are scaled down")
    ema: float | None = OPTIM.flag("--ema", type=share, metavar="DECAY", shown="off",
        excludes={"swa": "both average the same weights; give one of them"},
        help="validate and keep a moving average of the weights: 0.999 looks back about 1,000 steps")
    swa: float | None = OPTIM.flag("--swa", type=share, nargs="?", const=0.75, metavar="FROM", shown="off",
        help="validate and keep the mean of the weights of all epochs after this share of them (alone: 0.75)")

    amp: str = SPEED.flag("--amp", choices=("no", "bf16", "fp16"), default="no",
        help="mixed precision in training, fp16 with a gradient scaler; validation computes in float32")
    compile: bool = SPEED.switch("--compile",
        help="compile the network by torch.compile: pays on long runs; needs a C++ compiler on the CPU")
    channels_last: bool = SPEED.on_off("--channels_last",
        help="memory layout in which convolutions are fastest; adamp, nero, sgdp and swats train without it")

    seed: int = RUN.flag("--seed", type=non_negative_int, default=0, may_change=False,
        help="seed of the first weights, of the order of rows and of augmentation")
    deterministic: bool = RUN.switch("--deterministic", may_change=False,
        help="use only kernels that repeat bit for bit, also on a GPU; slower")
    continue_from: str | None = RUN.flag("--continue", nargs="?", const="", metavar="FILE", only_with="train",
        excludes={"resume": "that starts a run from weights, this continues a run; give one of them"},
        help="with --train: continue an interrupted run (without FILE: CHECKPOINT_DIR/checkpoint_{arch}.pth)")
    save_every: int = RUN.flag("--save_every", type=non_negative_int, default=0, metavar="STEPS",
        help="steps between two checkpoints inside an epoch, a multiple of --accumulate; 0: none")
    checkpoint_dir: Path = RUN.flag("--checkpoint_dir", type=Path, default=Path("checkpoints"), metavar="DIR",
        help="folder for weights and converted files")
    logdir: Path = RUN.flag("--logdir", type=Path, default=Path("logs"), metavar="DIR",
        help="folder in which each run makes its own for logs, metrics and plots")
    print_freq: int = RUN.flag("-p", "--print_freq", type=positive_int, default=50, metavar="STEPS",
        help="steps between two log lines, at which losses are read from the device and checked to be finite")
    profile: int = RUN.flag("--profile", type=non_negative_int, default=0, metavar="STEPS",
        help="number of steps to record with torch's profiler: LOGDIR/<run>/profile.txt and trace.json")
    config: Path | None = RUN.flag("--config", type=Path, metavar="FILE",
        help="YAML file of flags, such as epochs: 10; the command line wins")

    gpus: int | None = NODES.flag("-g", "--gpus", type=non_negative_int, metavar="N", shown="all",
        help="number of GPUs to use on this machine, one process per GPU; 0: the CPU")
    nodes: int = NODES.flag("-n", "--nodes", type=positive_int, default=1, metavar="N",
        help="number of machines that take part")
    rank: int = NODES.flag("--rank", type=non_negative_int, default=0, metavar="K",
        help="number of this machine, from 0")
    init_method: str = NODES.flag("--init_method", default="tcp://127.0.0.1:23456", metavar="URL",
        help="address of machine 0, where the processes meet")
    procs_per_node: int = NODES.flag("--procs_per_node", type=positive_int, default=1, metavar="N",
        help="number of processes on each machine when it computes on the CPU")
    sync_bn: bool = NODES.switch("--sync_bn", may_change=False,
        help="compute batch statistics over all GPUs; no effect on the CPU")
    cuda: bool = NODES.on_off("--cuda", help="use GPUs where there are some")

    calibration: Path | None = EXPORT.flag("--calibration", type=Path, metavar="DIR",
        help="folder of a few hundred images that INT8 ranges are measured on, at least 10")
    min_srcc: float = EXPORT.flag("--min_srcc", type=bounded_float(-1, 1.0001), default=0.98, metavar="SRCC",
        help="least SRCC between scores of an INT8 file and of the float model; below it none is written")
    license: str | None = EXPORT.flag("--license", "--licence", metavar="TEXT",
        help="license of the weights, such as CC-BY-4.0, stored in the file")
    provenance: str | None = EXPORT.flag("--provenance", metavar="TEXT",
        help="where the weights are from, stored in the file")

    output: Path | None = PREDICT.flag("--output", type=Path, metavar="FILE", only_with="predict",
        shown="print",
        help=f"file with a row per image: {', '.join(TABLES)}; with --cluster a folder of Parquet files")
    report: Path | None = PREDICT.flag("--report", type=Path, metavar="HTML", only_with="predict",
        excludes=_LOCAL, help="page with best and worst images, a histogram and a table; opens from disk")
    quality_map: Path | None = PREDICT.flag("--quality_map", type=Path, metavar="DIR", only_with="predict",
        excludes=_LOCAL, help="folder for a PNG per image that shows where quality is lost")
    coverage: float = PREDICT.flag("--coverage", type=share, default=COVERAGE, metavar="SHARE",
        excludes=_WORKERS,
        help="share of images whose label shall lie from low to high (--predict, -e); with --calibrate: "
        "no file without intervals of it")
    engine: str = PREDICT.flag("--engine", choices=ENGINES, default="auto",
        help="library that computes: auto takes OpenVINO on a CPU where it is installed, else the file's own")
    scale: str | None = PREDICT.flag("--scale", metavar="NAME",
        excludes={"cluster": "the workers give the plain score; leave it out"},
        help="with --predict or -e: give scores on the scale of this data set, of a model trained on several")
    skip_done: bool = PREDICT.switch("--skip_done", only_with="predict",
        needs={"output": "whose rows say what is done"},
        help="continue where --output ends: images in it are left out; name the same model again")
    threads: int | None = PREDICT.flag("--threads", type=positive_int, metavar="N", shown="all cores",
        excludes=_CORES, help="number of threads that compute and decode")
    cluster: str | None = PREDICT.flag("--cluster", metavar="ray[://HOST:PORT]", only_with="predict",
        help="score by Ray Data: ray on this machine, ray:auto on its running cluster")

    given: frozenset[str] = frozenset()
# fmt: on


def build_parser() -> argparse.ArgumentParser:
    """The parser of `main.py`; importing nothing heavy, so that --help answers at once."""
    about = "Train, evaluate and convert models that tell how good an image looks."
    spelling = "Long options may be spelled with - or _."
    return flags.build_parser(Config, prog="main.py", description=about, epilog=spelling)


def parse_config(argv: list[str]) -> Config:
    """The Config of a command line.

    Raises:
        ConfigError: an unknown flag, a wrong value, or flags that exclude each other.
    """
    values = flags.parse_flags(argv, build_parser())
    for name in {"image_size", "data"} & set(values):
        values[name] = tuple(values[name])
    config = Config(**values, given=frozenset(values))
    for message in (*flags.broken_rules(config), *broken_values(config)):
        raise ConfigError(message)
    if config.continue_from is None:
        refuse_broken_run(config)
    return config
