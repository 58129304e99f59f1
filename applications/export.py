"""`--export`: --resume in other formats, each compared with the model before it is kept."""

import logging
from pathlib import Path

from torch import nn

from applications.setup.model import described, trained_model
from applications.setup.real_images import CalibrationImages, real_crops
from config import Config
from deploy.formats import FORMATS, parts_of
from rankiqa.files import require_writable
from rankiqa.spec import ModelSpec
from utils.checkpoint import file_arch
from utils.errors import RankIQAError


def run(config: Config) -> int:
    """Write every format that was asked for; 1 when some could not be written and others were, 2 for none."""
    require_writable(config.checkpoint_dir, "--checkpoint_dir")
    network, spec, _ = trained_model(config)
    spec = described(config, spec)
    formats = list(dict.fromkeys(config.export or []))
    errors: list[RankIQAError] = []
    for name in formats:
        path = config.checkpoint_dir / FORMATS[name].file.format(arch=file_arch(spec.arch))
        try:
            _write(config, network, spec, name, path)
        except RankIQAError as error:
            errors.append(error)
            logging.error("%s", error)
    if errors and len(errors) == len(formats):
        return 2
    return 1 if errors else 0


def _write(config: Config, network: nn.Module, spec: ModelSpec, name: str, path: Path) -> None:
    from deploy.export import export

    if FORMATS[name].is_quantised:
        _write_int8(config, network, spec, name, path)
        return
    crops = real_crops(config.data, spec)
    worst = export(network, spec, name, path, crops)
    count = sum(map(len, crops))
    print(
        f"{path}: {_mebibytes(path):.1f} MiB; largest difference from the model {worst:.1e}, "
        f"on {count} real crops and on noise"
    )


def _write_int8(config: Config, network: nn.Module, spec: ModelSpec, name: str, path: Path) -> None:
    from deploy.int8 import export_int8

    assert config.calibration is not None
    images = CalibrationImages(config.calibration, spec)
    report = export_int8(network, spec, name, path, images, config.min_srcc)
    judges = "held-out" if report.held_out else "calibration"
    print(
        f"{path}: {report.size / 2**20:.1f} MiB (float {report.float_size / 2**20:.1f}); on {report.judged} "
        f"{judges} images SRCC with the model {report.srcc:.4f}, "
        f"largest difference {report.difference:.3f}; "
        f"{report.speed:.0f} crops per second (float {report.float_speed:.0f})"
    )


def _mebibytes(path: Path) -> float:
    return sum(part.stat().st_size for part in parts_of(path) if part.is_file()) / 2**20
