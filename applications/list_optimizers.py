"""`--list_optimizers`: the names that --optimizer takes."""

from config import Config
from optim.names import LIBRARY, OWN, TORCH


def run(config: Config) -> int:
    """Print one name a line, with where it is from."""
    for origin, names in (("torch", TORCH), ("pytorch-optimizer", LIBRARY), ("made of its parts", OWN)):
        for name in names:
            print(f"{name:<20} {origin}")
    return 0
