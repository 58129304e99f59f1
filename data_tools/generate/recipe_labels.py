"""Labels of recipes: full-reference metrics against the clean version at the size at which it is seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_tools.generate.full_reference import qualities
from data_tools.generate.pseudo_mos import HIGH, LOW, Mapping
from data_tools.generate.recipe_groups import TONE, PlannedRow
from distortions.stages import clean_image, make_image
from rankiqa.image import read_rgb

STEP = 0.08  # what a label lies below that of the better image by construction, at least
TONE_TOP, TONE_STEP = 4.5, 0.65  # the highest label of a change of tone at level 1, and its fall per level
FIRST_LEVEL = 4.85  # the highest label of any damage


@dataclass(frozen=True)
class Measured:
    """What the metrics say of the rows of one photograph.

    Attributes:
        source: the photograph.
        groups: the planned rows, six per group.
        values: metrics of each row, higher = better; None for a row that takes another's label.
    """

    source: str
    groups: list[list[PlannedRow]]
    values: list[list[tuple[float, ...] | None]]


def measure(source: str, groups: list[list[PlannedRow]], metrics: Sequence[str]) -> Measured:
    """Make every image of `groups` once and compare it with its clean version.

    Raises:
        ImageError: the photograph can't be read, or is too small for a metric.
    """
    photograph = np.asarray(read_rgb(source))

    def values_of(row: PlannedRow) -> tuple[float, ...] | None:
        if row.equal_to is not None or row.level == 0:
            return None
        clean, made = clean_image(photograph, row.stages), make_image(photograph, row.stages)
        return qualities(clean, made, metrics)

    return Measured(source, groups, [[values_of(row) for row in group] for group in groups])


def fit_recipes(metrics: Sequence[str], measured: Sequence[Measured]) -> Mapping:
    """The map from metrics to a MOS in 1..5 that the damaged rows of `measured` give."""
    values = [each for item in measured for group in item.values for each in group if each is not None]
    return Mapping(metrics, np.array(values))


def labels_of(
    group: Sequence[PlannedRow], values: Sequence[tuple[float, ...] | None], mapping: Mapping
) -> list[float]:
    """The label of each row of a group, in [1, 5].

    The metrics' own MOS, lowered where construction says so: below that of the row that it was made worse
    from, below 5 for whatever is damaged, and along the levels for changes of tone. Rows that are as good as
    another get its label.
    """
    labels: list[float] = []
    for row, value in zip(group, values, strict=True):
        if row.equal_to is not None:
            labels.append(labels[row.equal_to])
        elif value is None:
            labels.append(HIGH)
        else:
            label = min(float(mapping.mos(np.array([value]))[0]), FIRST_LEVEL)
            if row.kind in TONE:
                label = min(label, TONE_TOP - TONE_STEP * (row.level - 1))
            if row.parent is not None:
                label = min(label, labels[row.parent] - STEP)
            labels.append(max(LOW, label))
    return labels
