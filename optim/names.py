"""The names that the command line offers, importable without torch."""

OPTIMIZERS = ("adam", "adamw", "nadam", "radam", "rmsprop", "sgd")
SCHEDULES = ("piecewise", "cosine", "constant")
