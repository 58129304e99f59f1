"""How good predictions are: correlations, errors, distances, pair accuracy, each with its direction."""
