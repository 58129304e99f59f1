"""`--list_models`: the names that `--arch` takes."""

from config import Config
from models import list_models
from utils.errors import ArchError


def run(config: Config) -> int:
    """Print the architectures that match the pattern, a line each."""
    pattern = config.list_models or "*"
    names = list_models(None if pattern == "*" else pattern)
    if not names:
        raise ArchError(f"--list_models {pattern}: no architecture matches; try --list_models or 'timm/*'")
    print("\n".join(names))
    if pattern == "*":
        print("and every timm model as timm/NAME: --list_models 'timm/*'")
    return 0
