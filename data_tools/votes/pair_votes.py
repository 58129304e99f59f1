"""Votes on pairs become a scale and labels."""

import argparse
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_tools.label_file import label_path
from data_tools.prepare.images import image_paths
from data_tools.prepare.label_text import regress_targets
from data_tools.prepare.splits import splits_of_votes
from data_tools.prepare.write import Prepared, count_by_reason, write_all
from data_tools.votes.ballots import Ballots, Opinions, to_ballots, to_opinions
from data_tools.votes.outputs import csv_bytes, plot_scale, some
from data_tools.votes.raters import Rater, judge_raters
from data_tools.votes.reading import find_missing, read_scenes, require_raters
from data_tools.votes.scaling import RANGE, Scaled, scale_images
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table
from rankiqa.batch.folders import find_images
from rankiqa.votes.table import read_votes
from utils.errors import ConfigError, DataError

UNITS = {"probit": "standard deviations of a difference", "logistic": "log odds"}
SAMPLE = 8  # images whose mean score is known to a third of the deviation between images
RATER_COLUMNS = (
    *("rater", "votes", "ties", "skips", "repeats", "repeated_alike", "mirrors", "mirrored_alike"),
    *("agreement", "gain_bits", "honest_p", "own_odds", "left_share", "left_p", "median_seconds"),
    *("counts", "reason"),
)


class Judged(NamedTuple):
    """What the votes of the raters that count say.

    Attributes:
        ballots: of all raters.
        raters: all of them, with the reason where one is left out.
        scaled: scores of the images.
        cut: pairs that lie across two splits.
        linked: (n,) whether the score of an image can be compared with those of the others.
    """

    ballots: Ballots
    raters: list[Rater]
    scaled: Scaled
    cut: int
    linked: np.ndarray


def prepare_pairs(args: argparse.Namespace) -> None:
    """Everything for `args.votes`, a file with left,right,answer.

    Raises:
        ConfigError, DataError: see `prepare_votes`.
    """
    ballots = to_ballots(read_votes(args.votes))
    if not len(ballots):
        raise DataError(f"{args.votes}: holds no vote, or nothing but skips")
    missing = [] if args.no_image_check else find_missing(args.images, ballots.images, args.votes)
    raters = _raters(args, ballots)
    kept = [number for number, rater in enumerate(raters) if rater.votes and not rater.reason]
    if not kept:
        reason = next(rater.reason for rater in raters if rater.votes)
        raise DataError(f"{args.votes}: no rater is left: {reason}; --keep NAME counts one nevertheless")
    opinions = to_opinions(ballots.of_raters(kept))
    scaled = scale_images(len(ballots.images), opinions, args.model)
    table, rows = _table(args, ballots, scaled, missing)
    pairs = rows[np.stack([opinions.first, opinions.second], axis=1)]
    splits = splits_of_votes(table, pairs[(pairs >= 0).all(axis=1)], args.split, args.seed)
    linked = _linked(scaled.component[rows >= 0], splits)
    table, splits = _with_linked(args.task, table, splits, linked)
    prepared, cut = _prepared(args, table, splits, rows, opinions)
    paths = image_paths(table, splits, args.out, args.copy)
    told = np.zeros(len(rows), dtype=bool)
    told[rows >= 0] = linked
    judged = Judged(ballots, raters, scaled, cut, told)
    summary = _summary(args, prepared, judged)
    label = f"score ({UNITS[args.model]})"
    further = {
        "scale.csv": _scale_csv(ballots, scaled),
        "raters.csv": csv_bytes(RATER_COLUMNS, map(_rater_row, raters)),
        "scale.png": plot_scale(ballots.images, scaled.score, scaled.low, scaled.high, label),
    }
    write_all(args.out, prepared, paths, summary, further)
    _report(args, prepared, judged)


def _raters(args: argparse.Namespace, ballots: Ballots) -> list[Rater]:
    require_raters(args.keep, ballots.raters)
    return judge_raters(ballots, args.model, args.error_rate, frozenset(args.keep))


def _table(
    args: argparse.Namespace, ballots: Ballots, scaled: Scaled, missing: list[LeftOut]
) -> tuple[RatingTable, np.ndarray]:
    """The images that labels may name, and (n,) their rows in the table, -1 for others."""
    left_out = list(missing)
    absent = {row.path for row in missing}
    kept = []
    for image, (path, component) in enumerate(zip(ballots.images, scaled.component, strict=True)):
        if path in absent:
            continue
        if component < 0:
            left_out.append(LeftOut("", path, "no vote that counts"))
        else:
            kept.append(image)
    if not kept:
        raise DataError(f"{args.votes}: no image is left that is there and has votes that count")
    rows = np.full(len(ballots.images), -1)
    rows[kept] = np.arange(len(kept))
    scenes = None
    if args.scenes is not None:
        scenes = read_scenes(args.scenes, [ballots.images[image] for image in kept])
    table = make_table(
        args.votes.stem,
        args.images,
        Provenance("higher", *RANGE, "votes of your raters", "", "as you say"),
        [ballots.images[image] for image in kept],
        mos=scaled.mos[kept],
        votes=scaled.opinions[kept],
        scene=scenes,
        left_out=left_out,
    )
    return table, rows


def _linked(component: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """(R,) whether the score of an image can be compared with those of the others.

    It can in the largest component, and in that of most images of a split, if they are SAMPLE or more: splits
    are drawn by chance, so that scores of mean 0 in each of them mean the same.
    """
    linked = component == 0
    for split in np.unique(splits):
        own = splits == split
        most = np.bincount(component[own])
        if 2 * most.max() > own.sum() and most.max() >= SAMPLE:
            linked |= own & (component == most.argmax())
    return linked


def _with_linked(
    task: str, table: RatingTable, splits: np.ndarray, linked: np.ndarray
) -> tuple[RatingTable, np.ndarray]:
    """The table and its splits; images that are not linked have no MOS, and no row where that is needed."""
    if task != "regress":
        table.mos[~linked] = np.nan
        return table, splits
    if not linked.any():
        raise DataError(f"{table.name}: no image is left that is there and is linked to others by votes")
    table.left_out += [
        LeftOut("", str(path), "not linked to the others by votes") for path in table.path[~linked]
    ]
    return table.keep(linked), splits[linked]


def _prepared(
    args: argparse.Namespace, table: RatingTable, splits: np.ndarray, rows: np.ndarray, opinions: Opinions
) -> tuple[Prepared, int]:
    """What is written, and how many pairs lie across two splits."""
    if args.task == "regress":
        targets = regress_targets(table, args.rescale, args.num_classes)
        return Prepared(table, splits, None, targets, False, "regress"), 0
    keys, pair = np.unique(opinions.first * len(rows) + opinions.second, return_inverse=True)
    raters = np.bincount(pair)
    share = np.bincount(pair, opinions.share) / raters
    pairs = rows[np.stack([keys // len(rows), keys % len(rows)], axis=1)]
    pairs = np.where((share < 0.5)[:, None], pairs[:, ::-1], pairs)  # the better one first
    shares = np.stack([np.maximum(share, 1 - share), raters], axis=1)
    there = (pairs >= 0).all(axis=1)
    pairs, shares = pairs[there], shares[there]
    together = splits[pairs[:, 0]] == splits[pairs[:, 1]]
    if not together.any():
        raise ConfigError(
            f"{args.votes}: none of {len(pairs)} pairs has both images in one split; give --split 1 0 0, or "
            "more votes"
        )
    return Prepared(table, splits, pairs[together], None, False, "rank", shares[together]), int(
        (~together).sum()
    )


def _scale_csv(ballots: Ballots, scaled: Scaled) -> bytes:
    columns = (scaled.score, scaled.low, scaled.high, scaled.opinions, scaled.mos, scaled.component)
    values = zip(*(column.tolist() for column in columns), strict=True)
    rows = [[path, *row] for path, row in zip(ballots.images, values, strict=True)]
    return csv_bytes(("path", "score", "low", "high", "votes", "mos", "component"), rows)


def _rater_row(rater: Rater) -> Sequence[object]:
    return [
        rater.name, rater.votes, rater.ties, rater.skips, rater.repeats, float(rater.repeated_alike),
        rater.mirrors, float(rater.mirrored_alike), rater.agreement, rater.gain, rater.honest_p,
        rater.own_odds, rater.left_share, rater.left_p, rater.seconds,
        "no" if rater.reason else "yes", rater.reason,
    ]  # fmt: skip


def _summary(args: argparse.Namespace, prepared: Prepared, judged: Judged) -> dict[str, object]:
    ballots, raters, scaled, cut, _ = judged
    return {
        "name": prepared.table.name,
        "task": prepared.task,
        "votes": len(ballots),
        "skips": int(ballots.skips.sum()),
        "raters": len(raters),
        "raters_left_out": {rater.name: rater.reason for rater in raters if rater.reason},
        "error_rate": args.error_rate,
        "model": args.model,
        "prior_std": scaled.spread,
        "dispersion": scaled.dispersion,
        "mos": "1 + 4 * mean probability of being preferred to another image",
        "rescaled_to": args.rescale,
        "rows": len(prepared.table),
        "scenes": len(np.unique(prepared.table.scene)),
        "images_by_split": prepared.images_by_split,
        "pairs": None if prepared.pairs is None else len(prepared.pairs),
        "pairs_across_splits": cut,
        "split_shares": list(args.split),
        "seed": args.seed,
        "left_out": count_by_reason(prepared.table),
        "read_from": {
            "votes": label_path(args.votes), "images": label_path(args.images), "scenes": args.scenes,
        },
    }  # fmt: skip


def _report(args: argparse.Namespace, prepared: Prepared, judged: Judged) -> None:
    ballots, raters, scaled, cut, linked = judged
    images = len(ballots.images)
    print(f"{args.votes}: {len(ballots)} votes of {len(raters)} raters on {images} images")
    for rater in raters:
        print(_rater_line(rater))
    width = np.nanmedian(scaled.high - scaled.low) / 2
    print(
        f"scale ({args.model}): {np.nanmin(scaled.score):.2f} to {np.nanmax(scaled.score):.2f} "
        f"{UNITS[args.model]}, 95% intervals +-{width:.2f} (median)"
    )
    for text, apart in (
        ("have no vote that counts", scaled.component < 0),
        ("are not linked to the others by votes", (scaled.component > 0) & ~linked),
    ):
        if apart.any():
            print(f"{apart.sum()} images {text}: {some([ballots.images[i] for i in np.flatnonzero(apart)])}")
    if args.whole_folder:
        unseen = [path.relative_to(args.images).as_posix() for path in find_images(args.images, told=False)]
        unseen = sorted({*unseen} - {*ballots.images})
        if unseen:
            print(f"{len(unseen)} images of {args.images} were never voted on: {some(unseen)}")
    print(f"labels for {prepared.task}: {len(prepared.table)} images ({prepared.splits_in_words})", end="")
    if prepared.pairs is not None:
        print(f", {len(prepared.pairs)} pairs; {cut} pairs across two splits are left out", end="")
    print()
    for reason, count in count_by_reason(prepared.table).items():
        print(f"left out: {count} {reason}")
    for note in prepared.table.notes:
        print(f"note: {note}")


def _rater_line(rater: Rater) -> str:
    parts = [f"{rater.name or '(no name)'}: {rater.votes} votes"]
    if not math.isnan(rater.agreement):
        parts.append(f"{100 * rater.agreement:.0f}% as the others")
    again = rater.repeats + rater.mirrors
    if again:
        alike = rater.repeated_alike + rater.mirrored_alike
        parts.append(f"{100 * alike / again:.0f}% of {again} repeats alike")
    if rater.left_p < 0.01:
        parts.append(f"{100 * rater.left_share:.0f}% left (p = {rater.left_p:.2g})")
    if not math.isnan(rater.seconds):
        parts.append(f"{rater.seconds:.1f} s")
    line = ", ".join(parts)
    return f"{line}: LEFT OUT, {rater.reason}" if rater.reason else line
