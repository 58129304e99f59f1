"""Ranked training data in the 24 types of TID2013; everything else is as with live_generator.

python utils/data_generate/tid2013_generator.py --refs photos --out data --split 0.8 0.1 0.1
"""

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from data_tools.generate import generator


def main(argv: list[str] | None = None) -> int:
    """Exit status of the generator with the types of TID2013."""
    return generator.main(argv, types="tid2013", description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
