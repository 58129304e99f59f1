"""Scorers: a model file and images in, scores out, with nothing else to be known."""

from deploy.engines.loading import load_engine, load_scorer
from rankiqa.scorer import Engine, Scorer, Scores

__all__ = ["Engine", "Scorer", "Scores", "load_engine", "load_scorer"]
