"""Entry point of the copy of references at two sizes."""

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from data_tools.generate.smaller_copies import main

if __name__ == "__main__":
    sys.exit(main())
