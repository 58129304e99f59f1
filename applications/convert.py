"""`--jit`: --resume as a TorchScript file that needs nothing but torch."""

from applications.setup.model import described, trained_model
from applications.setup.real_images import real_crops
from config import Config
from deploy.export import export
from deploy.formats import FORMATS
from rankiqa.files import require_writable
from utils.checkpoint import file_arch


def run(config: Config) -> int:
    """Write CHECKPOINT_DIR/jit_{arch}.pt after comparing it with the model on real images and on noise."""
    require_writable(config.checkpoint_dir, "--checkpoint_dir")
    network, spec, _ = trained_model(config)
    spec = described(config, spec)
    path = config.checkpoint_dir / FORMATS["torchscript"].file.format(arch=file_arch(spec.arch))
    crops = real_crops(config.data, spec)
    worst = export(network, spec, "torchscript", path, crops)
    count = sum(map(len, crops))
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, score and logits of {spec.arch}")
    print(f"largest difference from the model: {worst:.1e}, on {count} real crops and on noise")
    return 0
