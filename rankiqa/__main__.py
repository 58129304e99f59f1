"""`python -m rankiqa`: the same as the console script."""

import sys

from rankiqa.cli import main

sys.exit(main())
