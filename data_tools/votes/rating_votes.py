"""Raw ratings, a row per vote, become mean opinions with intervals, and labels."""

import argparse
from dataclasses import dataclass

import numpy as np

from data_tools.label_file import label_path
from data_tools.prepare.images import image_paths
from data_tools.prepare.splits import draw_splits
from data_tools.prepare.task import prepare_task
from data_tools.prepare.write import Prepared, count_by_reason, write_all
from data_tools.votes.outputs import csv_bytes, plot_scale, some
from data_tools.votes.ratings import MeanOpinions, Ratings, differences, mean_opinions
from data_tools.votes.reading import RatedImages, find_missing, read_ratings, read_scenes
from data_tools.votes.screening import Rejection, SubjectModel, reject_observers, subject_model
from public_datasets.table import SPLIT_NAMES, LeftOut, Provenance, RatingTable, make_table
from public_datasets.votes import gather_votes
from utils.errors import ConfigError, DataError

RATER_COLUMNS = (
    *("rater", "votes", "repeats", "repeat_difference", "bias", "inconsistency", "far_above", "far_below"),
    *("far_share", "asymmetry", "counts", "reason"),
)


@dataclass(frozen=True)
class Judged:
    """What the votes of the raters that count say.

    Attributes:
        votes: of these raters.
        opinions: by the method that was asked for.
        dmos: the same of differences from references, or None.
        rejection: of BT.500, of all raters.
        model: of P.910, of the raters that count.
        left_out: (R,) raters whose votes do not count.
        notes: for the user.
    """

    votes: Ratings
    opinions: MeanOpinions
    dmos: MeanOpinions | None
    rejection: Rejection
    model: SubjectModel
    left_out: np.ndarray
    notes: list[str]


def prepare_ratings(args: argparse.Namespace) -> None:
    """Everything for `args.votes`, a table with rater,path,rating.

    Raises:
        ConfigError, DataError: see `prepare_votes`.
    """
    rated = read_ratings(args.votes)
    if args.dmos and rated.reference is None:
        raise ConfigError(
            f"--dmos needs a column reference in {args.votes}: the path of each image's reference"
        )
    _require_range(args, rated.ratings)
    missing = [] if args.no_image_check else find_missing(args.images, rated.ratings.images, args.votes)
    judged = _judge(args, rated)
    table = _table(args, rated, judged, missing)
    splits = draw_splits(table, args.split, args.seed)
    prepared = prepare_task(args, table, splits)
    paths = image_paths(prepared.table, prepared.splits, args.out, args.copy)
    low, high = judged.opinions.interval
    further = {
        "scale.csv": _scale_csv(judged),
        "raters.csv": _raters_csv(judged, rated.ratings),
        "scale.png": plot_scale(rated.ratings.images, judged.opinions.mos, low, high, "MOS"),
    }
    summary = _summary(args, prepared, rated, judged)
    for file in write_all(args.out, prepared, paths, summary, further):
        print(f"{file.parent}: a file that this program did not write is kept as {file.name}")
    _report(args, prepared, rated, judged)


def _require_range(args: argparse.Namespace, ratings: Ratings) -> None:
    if args.num_classes is None or args.rescale is not None:
        return
    outside = (ratings.score < 1) | (ratings.score > args.num_classes)
    if outside.any():
        raise DataError(
            f"{args.votes}: {outside.sum()} ratings, such as {ratings.score[outside][0]:g}, lie outside "
            f"1..{args.num_classes}; correct them or --num_classes"
        )


def _judge(args: argparse.Namespace, rated: RatedImages) -> Judged:
    votes = rated.ratings
    unknown = next((name for name in args.keep if name not in votes.raters), None)
    if unknown is not None:
        raise ConfigError(f"--keep {unknown}: no such rater; there are {some(votes.raters)}")
    rejection = reject_observers(votes)
    left_out = np.zeros(len(votes.raters), dtype=bool)
    if "bt500" in args.screening:
        left_out = rejection.rejected & ~np.isin(votes.raters, args.keep)
    kept = votes.where(~left_out[votes.rater])
    notes: list[str] = []
    dmos = None
    if rated.reference is not None:
        best = args.num_classes or float(votes.score.max())
        differential, missing = differences(kept, rated.reference, best)
        if not len(differential.score):
            raise DataError(
                f"{args.votes}: no rater rated both an image and its reference, so there is no DMOS"
            )
        dmos = _estimate(differential, args.screening, notes)
        if missing:
            notes.append(f"DMOS: {missing} votes are left out, as their raters did not rate the reference")
    opinions = dmos if args.dmos and dmos is not None else _estimate(kept, args.screening, notes)
    return Judged(kept, opinions, dmos, rejection, subject_model(kept), left_out, notes)


def _estimate(ratings: Ratings, screening: str, notes: list[str]) -> MeanOpinions:
    if "p910" not in screening:
        return mean_opinions(ratings)
    model = subject_model(ratings)
    rater = model.collapsed(float(ratings.score.std()))
    if rater is None:
        return model.opinions
    notes.append(
        f"plain means in place of P.910's model, which would believe {ratings.raters[rater]} alone: there "
        "are too few votes per rater to tell their inconsistencies"
    )
    return mean_opinions(ratings)


def _table(
    args: argparse.Namespace, rated: RatedImages, judged: Judged, missing: list[LeftOut]
) -> RatingTable:
    votes = judged.votes
    low, high = float(rated.ratings.score.min()), float(rated.ratings.score.max())
    if args.num_classes:
        low, high = 1.0, float(args.num_classes)
    absent = {row.path for row in missing}
    known = np.isfinite(judged.opinions.mos)
    left_out = missing + [
        LeftOut("", votes.images[image], f"no {'DMOS' if args.dmos else 'vote that counts'}")
        for image in np.flatnonzero(~known).tolist()
        if votes.images[image] not in absent
    ]
    known &= ~np.isin(votes.images, [*absent])
    if not known.any():
        raise DataError(f"{args.votes}: no image is left that is there and has votes that count")
    mos = judged.opinions.mos[known]
    notes = list(judged.notes)
    beyond = ((mos < low) | (mos > high)).sum()
    if beyond:
        notes.append(f"{beyond} MOS lay beyond the scale {low:g}..{high:g} and are moved to its ends")
    number = np.cumsum(known) - 1
    own = votes.where(known[votes.image])
    gathered = gather_votes(own.score, number[own.image], args.num_classes)
    scene = rated.scene
    if args.scenes is not None:
        scene = read_scenes(args.scenes, list(votes.images))
    return make_table(
        args.votes.stem,
        args.images,
        Provenance("higher", low, high, "ratings of your raters", "", "as you say"),
        [votes.images[image] for image in np.flatnonzero(known).tolist()],
        left_out=left_out,
        mos=np.clip(mos, low, high),
        std=judged.opinions.std[known],
        votes=judged.opinions.votes[known],
        histogram=None if args.dmos else gathered.histogram,
        scene=None if scene is None else [name for name, use in zip(scene, known, strict=True) if use],
        notes=notes,
    )


def _scale_csv(judged: Judged) -> bytes:
    header: list[str] = ["path"]
    columns: list[np.ndarray] = []
    given = (
        [("", judged.opinions)] if judged.dmos is None else [("", judged.opinions), ("dmos_", judged.dmos)]
    )
    for name, opinions in given:
        header += [name + "score" if name else "score", f"{name}low", f"{name}high", f"{name}votes"]
        columns += [opinions.mos, *opinions.interval, opinions.votes]
    values = zip(*(column.tolist() for column in columns), strict=True)
    return csv_bytes(header, [[p, *row] for p, row in zip(judged.votes.images, values, strict=True)])


def _raters_csv(judged: Judged, votes: Ratings) -> bytes:
    rejection, model = judged.rejection, judged.model
    rows: list[list[object]] = []
    for number, name in enumerate(votes.raters):
        repeats, difference = _repeats(votes, number)
        rows.append([
            name, int((votes.rater == number).sum()), repeats, difference, float(model.bias[number]),
            float(model.inconsistency[number]), int(rejection.above[number]), int(rejection.below[number]),
            float(rejection.share[number]), float(rejection.asymmetry[number]),
            "no" if judged.left_out[number] else "yes", _reason(judged, number),
        ])  # fmt: skip
    return csv_bytes(RATER_COLUMNS, rows)


def _repeats(votes: Ratings, rater: int) -> tuple[int, float]:
    """How many votes a rater gave again, and the root mean square of their differences from his mean."""
    own = votes.rater == rater
    _, image, counts = np.unique(votes.image[own], return_inverse=True, return_counts=True)
    again = int((counts - 1).sum())
    if not again:
        return 0, float("nan")
    mean = np.bincount(image, votes.score[own]) / counts
    squares = (votes.score[own] - mean[image]) ** 2
    return again, float(np.sqrt(squares.sum() / again))


def _reason(judged: Judged, rater: int) -> str:
    if not judged.left_out[rater]:
        return ""
    rejection = judged.rejection
    return (
        f"ITU-R BT.500: {100 * rejection.share[rater]:.0f}% of the votes lie far from the others', "
        f"{rejection.above[rater]} above and {rejection.below[rater]} below"
    )


def _summary(
    args: argparse.Namespace, prepared: Prepared, rated: RatedImages, judged: Judged
) -> dict[str, object]:
    table, raters = prepared.table, rated.ratings.raters
    return {
        "name": table.name,
        "task": prepared.task,
        "votes": len(judged.votes.score),
        "raters": len(raters),
        "raters_left_out": {raters[i]: _reason(judged, i) for i in np.flatnonzero(judged.left_out).tolist()},
        "screening": args.screening,
        "dmos": args.dmos,
        "range": [table.provenance.low, table.provenance.high],
        "rescaled_to": args.rescale,
        "rows": len(table),
        "scenes": len(np.unique(table.scene)),
        "images_by_split": {split: int((prepared.splits == split).sum()) for split in SPLIT_NAMES},
        "pairs": None if prepared.pairs is None else len(prepared.pairs),
        "split_shares": list(args.split),
        "seed": args.seed,
        "left_out": count_by_reason(table),
        "notes": table.notes,
        "read_from": {
            "votes": label_path(args.votes), "images": label_path(args.images), "scenes": args.scenes,
        },
    }  # fmt: skip


def _report(args: argparse.Namespace, prepared: Prepared, rated: RatedImages, judged: Judged) -> None:
    votes, table = rated.ratings, prepared.table
    print(
        f"{args.votes}: {len(votes.score)} votes of {len(votes.raters)} raters on {len(votes.images)} images"
    )
    for rater in np.flatnonzero(judged.left_out).tolist():
        print(f"{votes.raters[rater]}: LEFT OUT, {_reason(judged, rater)}")
    bias, noise = judged.model.bias, judged.model.inconsistency
    counts = ~judged.left_out
    print(
        f"raters that count: biases {np.nanmin(bias[counts]):+.2f} to {np.nanmax(bias[counts]):+.2f}, "
        f"inconsistency {np.nanmin(noise[counts]):.2f} to {np.nanmax(noise[counts]):.2f}"
    )
    kind = "DMOS" if args.dmos else "MOS"
    width = np.nanmedian(judged.opinions.interval[1] - judged.opinions.interval[0]) / 2
    print(
        f"{kind} ({args.screening}): {table.mos.min():.2f} to {table.mos.max():.2f}, "
        f"95% intervals +-{width:.2f} (median)"
    )
    by_split = ", ".join(f"{split} {int((prepared.splits == split).sum())}" for split in SPLIT_NAMES)
    pairs = "" if prepared.pairs is None else f", {len(prepared.pairs)} pairs"
    print(f"labels for {prepared.task}: {len(table)} images ({by_split}){pairs}")
    for reason, count in count_by_reason(table).items():
        print(f"left out: {count} {reason}")
    for note in table.notes:
        print(f"note: {note}")
