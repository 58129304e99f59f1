"""Between which ends a model's scores lie."""

from rankiqa.spec import ModelSpec


def score_ends(spec: ModelSpec) -> tuple[float, float] | None:
    """(worst, best): the ratings 1..N, or for N = 1 what validation has shown; None where it has not."""
    return (1.0, float(spec.num_classes)) if spec.num_classes > 1 else spec.score_range
