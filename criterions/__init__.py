"""From logits to scores, and the losses of the tasks: each a file that registers itself."""

from utils.discovery import import_all

import_all(__name__, __path__)
