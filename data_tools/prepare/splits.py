"""Which row goes to train, val or test."""

from collections.abc import Sequence

import numpy as np

from data_tools.splits import require_shares, split_scenes
from public_datasets.table import SPLIT_NAMES, LeftOut, RatingTable
from rankiqa.votes.splits import FEWEST, split_of
from utils.errors import ConfigError


def draw_splits(table: RatingTable, ratios: Sequence[float], seed: int) -> np.ndarray:
    """(R,) names of splits; all rows of a scene get the same, and seed and scene names alone decide.

    Raises:
        ConfigError: `ratios` can't be used.
    """
    scenes, rows = np.unique(table.scene, return_inverse=True)
    of_scene = {
        scene: split
        for split, names in split_scenes([str(scene) for scene in scenes], ratios, seed).items()
        for scene in names
    }
    return np.array([of_scene[str(scene)] for scene in scenes], dtype=np.str_)[rows]


def splits_of_votes(table: RatingTable, pairs: np.ndarray, ratios: Sequence[float], seed: int) -> np.ndarray:
    """(R,) names of splits, by the name of each scene alone (`split_of`) where pairs were chosen so.

    It is what `rankiqa label` knows when it asks, so that both images of a pair lie in one split. Fewer than
    FEWEST scenes, with pairs across such splits, are counted out (`draw_splits`): chance might empty a split.

    Args:
        table: R images.
        pairs: (P, 2) rows of the images that were compared.
        ratios: shares of the splits.
        seed: of the draw.

    Raises:
        ConfigError: `ratios` can't be used.
    """
    require_shares(ratios)
    scenes, rows = np.unique(table.scene, return_inverse=True)
    places = np.array([split_of(str(scene), ratios, seed) for scene in scenes])[rows]
    cut = places[pairs[:, 0]] != places[pairs[:, 1]]
    if len(scenes) < FEWEST and cut.any():
        return draw_splits(table, ratios, seed)
    return np.array(SPLIT_NAMES, dtype=np.str_)[places]


def official_splits(
    table: RatingTable, ratios: Sequence[float], seed: int, source: str
) -> tuple[RatingTable, np.ndarray]:
    """The table without rows that the publisher puts nowhere, and its (R,) splits.

    Where the publisher has a test part but no validation, validation is drawn by scene from its training
    part, in the proportion of the first two `ratios`.

    Args:
        table: with `split` as the publisher has it.
        ratios: shares of train, val and test.
        seed: of the draw.
        source: what gives the split, for the message; "" where nothing does.

    Raises:
        ConfigError: the publisher gives no split, or its file is not there.
    """
    splits = table.split
    if not (splits != "").any():
        why = f"; it is in {source}, which is not there" if source else ": its publisher has none"
        raise ConfigError(f"no official split of {table.name}{why}; leave out --official_split")
    nowhere = splits == ""
    table.left_out += [
        LeftOut(f"row {row + 1}", str(table.path[row]), "not in the official split")
        for row in np.flatnonzero(nowhere)
    ]
    table = table.keep(~nowhere)
    splits = table.split.astype("U5")
    if not (splits == "val").any() and (splits == "train").any() and ratios[1] > 0:
        training = splits == "train"
        share = (ratios[0], ratios[1], 0.0)
        splits[training] = draw_splits(table.keep(training), share, seed)
    _scenes_stay_whole(table, splits)
    return table, splits


def _scenes_stay_whole(table: RatingTable, splits: np.ndarray) -> None:
    _, scene = np.unique(table.scene, return_inverse=True)
    counts = [len(np.unique(scene[splits == split])) for split in SPLIT_NAMES]
    cut = sum(counts) - len(np.unique(scene))
    if cut:
        table.notes.append(f"the official split puts {cut} scenes into more than one part")
