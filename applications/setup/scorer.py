"""The scorer of --predict and of -e --behaviour: the file of --resume, or the default model, by --engine."""

from dataclasses import replace
from pathlib import Path

from applications.setup.model import overridden, refuse_other, trained_model
from config import Config
from deploy import names
from deploy.engines import Scorer, load_scorer
from deploy.engines.loading import choose_engine, engine_of_module
from deploy.exporting import export_module
from utils.checkpoint import find_file
from utils.distributed import choose_device
from utils.errors import WeightsError


def model_file(config: Config) -> Path:
    """The file of --resume, or the default model.

    Raises:
        WeightsError: there is none; the message says how to get one.
    """
    if config.resume is not None:
        return find_file(config.resume)
    if names.DEFAULT_MODEL.is_file():
        return names.DEFAULT_MODEL
    raise WeightsError(names.no_default_model("--predict PATH --resume"))


def open_scorer(config: Config, model: Path, threads: int) -> Scorer:
    """The scorer of --resume by --engine; flags may override the view of the file, with a notice.

    Raises:
        ConfigError: --arch or --num_classes contradicts the file, or --image_size a converted one.
        WeightsError: see `load_scorer`.
    """
    device = choose_device(config.cuda, config.gpus)[0] if config.engine in ("auto", "torch") else "cpu"
    if model.suffix != ".pth":
        scorer = load_scorer(model, device, threads, config.engine, streams=threads)
        asked = replace(config, resume=model)
        refuse_other(asked, scorer.spec, ("arch", "num_classes", "image_size"))
        return Scorer(scorer.engine, overridden(asked, scorer.spec))
    engine = choose_engine(model, device, config.engine)
    network, spec, _ = trained_model(replace(config, resume=model))
    module = export_module(network, spec).to(device)
    if engine == "torch":
        import torch

        torch.set_num_threads(threads)
    return Scorer(engine_of_module(module, spec, device, threads, engine, threads), spec)


def describe(scorer: Scorer, model: Path) -> str:
    """One line on the model, its engine, and what its scores mean."""
    spec = scorer.spec
    if spec.num_classes > 1:
        scale = f"in 1..{spec.num_classes}"
    elif spec.score_range:
        scale = f"{spec.score_range[0]:.3f} to {spec.score_range[1]:.3f} in validation"
    else:
        scale = "no fixed scale"
    return f"{model}: {spec.arch} by {scorer.engine.name}; score: higher is better, {scale}"
