"""Labels of recipes: full-reference metrics against the clean version at the size at which it is seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_tools.generate.full_reference import qualities
from data_tools.generate.pseudo_mos import HIGH, LOW, Mapping
from data_tools.generate.recipe_types import TONE, PlannedRow
from distortions.stages import clean_image, make_image
from rankiqa.image import read_rgb

STEP = 0.08  # what a label lies below that of the better image by construction, at least
TONE_TOP, TONE_STEP = 4.5, 0.65  # the highest label of a change of tone at level 1, and its fall per level
FIRST_LEVEL = 4.85  # the highest label of any damage


# One row's metrics, higher = better: against the clean version, and against its base where it has one
Values = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Measured:
    """What the metrics say of the rows of one photograph.

    Attributes:
        source: the photograph.
        groups: the planned rows, six per group.
        values: of each row; None for a row that takes another's label.
    """

    source: str
    groups: list[list[PlannedRow]]
    values: list[list[Values | None]]


def measure(source: str, groups: list[list[PlannedRow]], metrics: Sequence[str]) -> Measured:
    """Make every image of `groups` once and compare it with its clean version, and with its base.

    Raises:
        ImageError: the photograph can't be read, or is too small for a metric.
    """
    photograph = np.asarray(read_rgb(source))

    def values_of(row: PlannedRow, group: Sequence[PlannedRow]) -> Values | None:
        if row.equal_to is not None or row.level == 0:
            return None
        made = make_image(photograph, row.stages)
        references = [clean_image(photograph, row.stages)]
        if row.base is not None:
            references.append(make_image(photograph, group[row.base].stages))
        return tuple(qualities(reference, made, metrics) for reference in references)

    return Measured(source, groups, [[values_of(row, group) for row in group] for group in groups])


def fit_recipes(metrics: Sequence[str], measured: Sequence[Measured]) -> Mapping:
    """The map from metrics to a MOS in 1..5 that the damaged rows of `measured` give."""
    values = [each[0] for item in measured for group in item.values for each in group if each is not None]
    return Mapping(metrics, np.array(values))


def labels_of(group: Sequence[PlannedRow], values: Sequence[Values | None], mapping: Mapping) -> list[float]:
    """The label of each row of a group, in [1, 5].

    The metrics' own MOS, lowered where construction says so: below that of the row that it was made worse
    from, below 5 for whatever is damaged, and along the levels for changes of tone. What is added to a
    damaged row takes the share of that row's quality that it would take of a clean one's: noise on a soft
    photograph makes it worse, though it makes its edges steeper. Rows that are as good as
    another get its label.
    """
    labels: list[float] = []
    for row, value in zip(group, values, strict=True):
        if row.equal_to is not None:
            labels.append(labels[row.equal_to])
        elif value is None:
            labels.append(HIGH)
        else:
            label, *added = (_label(row, each, mapping) for each in value)
            if row.base is not None:
                label = min(label, LOW + (labels[row.base] - LOW) * (added[0] - LOW) / (HIGH - LOW))
            if row.parent is not None:
                label = min(label, labels[row.parent] - STEP)
            labels.append(max(LOW, label))
    return labels


def _label(row: PlannedRow, value: tuple[float, ...], mapping: Mapping) -> float:
    """The label of the last damage of `row` alone."""
    label = min(float(mapping.mos(np.array([value]))[0]), FIRST_LEVEL)
    if row.kind in TONE:
        label = min(label, TONE_TOP - TONE_STEP * (row.level - 1))
    return max(LOW, label)
