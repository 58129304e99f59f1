"""Public datasets: one reader a set, all giving the same `RatingTable`."""
