"""The network and its ModelSpec: new for training, or as a checkpoint describes them."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from applications.setup.head_scale import start_at_labels
from applications.setup.second_head import KEPT, learns_reasons_alone, start_reasons
from config import Config
from models import canonical_arch, create_model, fit_state, load_model, load_pretrained, normalisation
from models.factory import takes_any_size
from models.normalise import place
from models.state import without_reasons
from optim.names import CONTIGUOUS
from rankiqa.spec import HINGE, ModelSpec
from utils.checkpoint import find_file, load_checkpoint
from utils.errors import ConfigError
from utils.versions import package_versions


def new_model(config: Config, targets: np.ndarray | None = None) -> tuple[nn.Module, ModelSpec]:
    """The network that the flags describe, with the weights of --resume or --pretrained in it.

    Args:
        targets: what the labels hold; scores of regress start near them.

    Raises:
        ConfigError: --arch contradicts the file of --resume.
        WeightsError: weights that are not there or do not fit.
    """
    state = load_checkpoint(config.resume) if config.resume else None
    stored = _stored_spec(state, config.resume)
    spec = _spec_of_flags(config, pretrained=config.pretrained and state is None)
    alone = learns_reasons_alone(config)
    if alone:
        spec = _kept_spec(config, stored)
    elif stored is not None:
        refuse_other(config, stored, ("arch",))
        _notice_other(config, stored, ("view", "image_size"))
        spec = spec.with_(arch=canonical_arch(stored.arch), mean=stored.mean, std=stored.std)
    network = create_model(spec.arch, spec.num_classes, spec.image_size)
    _refuse_fixed_size(network, spec)
    new_head = True
    if state is not None:
        where = str(find_file(config.resume or ""))
        notices = fit_state(network, without_reasons(state["state_dict"]), where)
        new_head = bool(notices)  # of nothing else
        logging.info("weights from %s", where)
        for notice in notices:
            logging.warning("%s", notice)
        if config.pretrained:
            logging.warning("--pretrained has no effect beside --resume")
    elif config.pretrained:
        logging.info("%s", load_pretrained(network, spec.arch, advprop=config.advprop))
    if targets is not None and spec.criterion == "regress" and spec.num_classes == 1 and not alone:
        start_at_labels(network, stored, targets, new_head)
    return start_reasons(config, network, spec, stored, {} if state is None else state["state_dict"])


def trained_model(config: Config) -> tuple[nn.Module, ModelSpec, dict[str, Any]]:
    """The network of --resume for evaluation and conversion, as the file describes it.

    --image_size, --view, --patches, --criterion and --rank_loss override the file with a notice.

    Returns:
        The network in evaluation mode, its spec, and the flags it was trained with, where the file has them.

    Raises:
        ConfigError: --arch or --num_classes contradicts the file.
        WeightsError: a file that is not there or does not fit.
    """
    if config.resume is None:
        raise ConfigError("--resume FILE is missing")
    state = load_checkpoint(config.resume)
    where = str(find_file(config.resume))
    spec = _stored_spec(state, config.resume)
    if spec is None:
        logging.warning("%s holds weights alone; the flags say what they are", where)
        spec = _spec_of_flags(config, pretrained=False)
    else:
        refuse_other(config, spec, ("arch", "num_classes"))
        spec = overridden(config, spec)
    network, spec = load_model(state, where, spec, advice="give the --num_classes of the file")
    _refuse_fixed_size(network, spec)
    return network.eval(), spec, state.get("config", {})


def place_to_train(network: nn.Module, device: str, config: Config) -> nn.Module:
    """`network` on `device` in the memory layout of --channels_last, as far as --optimizer can work in it."""
    contiguous = config.optimizer in CONTIGUOUS
    if contiguous and config.channels_last and "channels_last" in config.given:
        logging.warning(
            "--channels_last has no effect: --optimizer %s needs contiguous weights", config.optimizer
        )
    return place(network, device, config.channels_last and not contiguous)


def _spec_of_flags(config: Config, pretrained: bool) -> ModelSpec:
    arch = canonical_arch(config.arch)
    mean, std = normalisation(arch, pretrained=pretrained, advprop=config.advprop)
    return ModelSpec(
        arch=arch,
        num_classes=config.num_classes,
        image_size=config.image_size,
        view=config.view,
        patches=config.patches,
        mean=mean,
        std=std,
        criterion=config.criterion,
        rank_loss=config.rank_loss if config.criterion == "rank" else HINGE,
        versions=package_versions(),
    )


def _stored_spec(state: dict[str, Any] | None, path: Path | None) -> ModelSpec | None:
    if state is None or "spec" not in state:
        return None
    return ModelSpec.from_dict(state["spec"], str(path))


def _kept_spec(config: Config, stored: ModelSpec | None) -> ModelSpec:
    """The spec of --resume, whose scores stay what they are.

    Raises:
        ConfigError: a flag contradicts it, or the file holds none.
    """
    if stored is None:
        raise ConfigError(
            f"--reasons --freeze_backbone {config.freeze_backbone}: {config.resume} holds weights alone, "
            "no model whose scores could stay what they are; give fewer epochs"
        )
    if config.criterion != stored.criterion:
        raise ConfigError(
            f"--criterion {config.criterion}: {config.resume} holds a model of {stored.criterion}"
        )
    refuse_other(config, stored, KEPT)
    return stored


def refuse_other(config: Config, stored: ModelSpec, names: tuple[str, ...]) -> None:
    """Raise ConfigError where a flag of `names` was given and says other than the file of --resume."""
    for name in names:
        if name not in config.given:
            continue
        asked, held = getattr(config, name), getattr(stored, name)
        differ = canonical_arch(asked) != canonical_arch(held) if name == "arch" else asked != held
        if differ:
            raise ConfigError(f"--{name} {asked} was asked for, but {config.resume} holds {held}")


def _refuse_fixed_size(network: nn.Module, spec: ModelSpec) -> None:
    """Raise ConfigError where images keep their sizes and the network is built for one."""
    if spec.view == "whole" and not takes_any_size(network):
        raise ConfigError(
            f"--view whole: {spec.arch} takes images of one size alone; give --view fit, or another --arch"
        )


def _notice_other(config: Config, stored: ModelSpec, names: tuple[str, ...]) -> None:
    """The next stage may see images otherwise, but rarely on purpose."""
    for name in names:
        used, held = getattr(config, name), getattr(stored, name)
        if name not in config.given and used != held:
            logging.warning("%s was trained with --%s %s, this run uses %s", config.resume, name, held, used)


def overridden(config: Config, spec: ModelSpec) -> ModelSpec:
    """The spec of the file of --resume, with what the flags say of its view put in its place, with a notice.

    Percentiles and range of the file hold for its own view alone, so they are left out with it.

    Raises:
        ConfigError: --criterion emd, of a file that gives one number.
    """
    for name in ("image_size", "view", "patches", "criterion", "rank_loss"):
        asked, held = getattr(config, name), getattr(spec, name)
        if name == "rank_loss" and spec.criterion != "rank":
            continue
        if name in config.given and asked != held:
            logging.warning("--%s %s replaces the %s of %s", name, asked, held, config.resume)
            measured = spec.is_measured
            spec = spec.with_(**{name: asked})
            if measured and not spec.is_measured and not config.calibrate:
                logging.warning(
                    "percentiles and range of scores are left out: they were measured with --%s %s "
                    "(--calibrate measures them anew)",
                    *(name, held),
                )
    if spec.criterion == "emd" and spec.num_classes < 2:
        raise ConfigError(f"--criterion emd: {config.resume} gives one number, no distribution of ratings")
    return spec


def described(config: Config, spec: ModelSpec) -> ModelSpec:
    """`spec` with the --license and --provenance that were given; the others stay as the file has them."""
    given = {name: getattr(config, name) for name in ("license", "provenance") if name in config.given}
    return spec.with_(**given)
