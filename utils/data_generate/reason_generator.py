"""Entry point of the generator of recipes for reasons: each family of damage about as often."""

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from data_tools.generate.reason_generator import main

if __name__ == "__main__":
    sys.exit(main())
