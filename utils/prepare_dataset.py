"""Entry point of the preparation of rated datasets."""

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from data_tools.prepare.prepare_dataset import main

if __name__ == "__main__":
    sys.exit(main())
