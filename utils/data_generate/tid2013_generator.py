"""Ranked training data in the 24 types of TID2013; everything else is as with live_generator.

python utils/data_generate/tid2013_generator.py --refs photos --out data --split 0.8 0.1 0.1
"""

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from utils.data_generate import live_generator


def main(argv: list[str] | None = None) -> int:
    """Generate what `argv` asks for; 0, or 2 after a fault that the user can mend (told in one line)."""
    return live_generator.main(argv, types="tid2013", prog="tid2013_generator.py", description=__doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
