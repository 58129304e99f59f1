"""Flags -> the scorer of `--predict`, `-e --behaviour` and `-e --pairs`."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import rankiqa
from config import Config
from deploy import names
from rankiqa.engines import RUNS
from rankiqa.machine import usable_cores
from rankiqa.spec import ModelSpec
from rankiqa.views import STEP
from utils.errors import ConfigError, WeightsError

VIEW_FLAGS = {"arch", "num_classes", "image_size", "view", "patches", "criterion"}


def open_scorer(config: Config, count: int) -> tuple[rankiqa.Scorer, Path]:
    """The scorer of --resume, or of the default model, by --engine, --coverage and --scale, and its file.

    Flags may override the view of the file, with a notice. PyTorch is loaded only where it computes.

    Args:
        config: of the command.
        count: of images, which decides for `--engine auto` whether a faster engine is worth its start.

    Raises:
        ConfigError: --arch or --num_classes contradicts the file, --image_size a converted one, or the model
            has no intervals of --coverage, or no such --scale.
        WeightsError: no model, or one that can't be opened; the message says how to get one.
    """
    scorer, model = _open(config, count)
    if config.scale is not None:
        scorer = rankiqa.Scorer(scorer.engine, scorer.spec.on_scale(config.scale))
    if "coverage" in config.given:
        scorer.coverage = config.coverage
    return scorer, model


def _open(config: Config, count: int) -> tuple[rankiqa.Scorer, Path]:
    threads = config.threads or usable_cores()
    model = model_file(config)
    if model.suffix in RUNS and config.engine != "torch" and not _may_use_gpu(config):
        scorer = rankiqa.load(model, engine=config.engine, threads=threads)
    else:
        from deploy.engines import load_scorer
        from utils.distributed import choose_device

        device = choose_device(config.cuda, config.gpus)[0] if config.engine in ("auto", "torch") else "cpu"
        if model.suffix == ".pth":
            return _of_checkpoint(config, model, device, threads, count), model
        scorer = load_scorer(model, device, threads, config.engine)
    if not VIEW_FLAGS & set(config.given):
        return scorer, model
    from applications.setup.model import overridden, refuse_other

    asked = replace(config, resume=model)
    fixed = ("image_size",) if scorer.view.has_one_size else ()
    refuse_other(asked, scorer.spec, ("arch", "num_classes", *fixed))
    spec = overridden(asked, scorer.spec)
    _refuse_other_sizes(scorer.spec, spec, model)
    return rankiqa.Scorer(scorer.engine, spec), model


def _refuse_other_sizes(held: ModelSpec, asked: ModelSpec, model: Path) -> None:
    """Raise ConfigError where the view `asked` gives sizes that a file converted for `held` does not take."""
    again = f"convert the checkpoint again by --export FORMAT --view {asked.view}"
    if held.view != "whole" and asked.view == "whole":
        raise ConfigError(f"--view whole: {model} was converted for images of one size; {again}")
    if held.view == "whole" and asked.view != "whole" and any(side % STEP for side in asked.image_size):
        height, width = asked.image_size
        raise ConfigError(
            f"--view {asked.view}: {model} takes sides that are multiples of {STEP}, "
            f"--image_size is {height} {width}; {again}"
        )


def _of_checkpoint(config: Config, model: Path, device: str, threads: int, count: int) -> rankiqa.Scorer:
    from applications.setup.model import trained_model
    from deploy.engines.loading import choose_engine, engine_of_module
    from deploy.export import export_module

    engine = choose_engine(model, device, config.engine, count)
    network, spec, _ = trained_model(replace(config, resume=model))
    module = export_module(network, spec).to(device)
    return rankiqa.Scorer(engine_of_module(module, spec, device, threads, engine), spec)


def model_file(config: Config) -> Path:
    """The file of --resume, or the default model: for PyTorch the checkpoint, else its conversion.

    Raises:
        WeightsError: there is none; the message says how to get one.
    """
    if config.resume is not None and config.resume.is_file():
        return config.resume
    if config.resume is not None:
        from utils.checkpoint import find_file

        return find_file(config.resume)
    of_torch = config.engine == "torch" or _may_use_gpu(config)
    # the conversion holds for one size of crops, the checkpoint for any
    if not of_torch and ("image_size" not in config.given or config.engine == "onnx"):
        return rankiqa.DEFAULT_MODEL
    if names.DEFAULT_MODEL.is_file():
        return names.DEFAULT_MODEL
    raise WeightsError(names.no_default_model("--predict PATH --resume"))


def _may_use_gpu(config: Config) -> bool:
    """Whether it is worth loading PyTorch, which takes seconds, to ask for a GPU."""
    if config.engine not in ("auto", "torch") or config.gpus == 0:
        return False
    if config.gpus or not config.cuda:
        return bool(config.gpus)  # one that was asked for and is not there is told
    return sys.platform != "linux" or any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")))  # noqa: PTH110
