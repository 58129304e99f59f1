"""Public datasets: one reader per set, all giving the same `RatingTable`; each registers itself."""

from utils.discovery import import_all

import_all(__name__, __path__)
