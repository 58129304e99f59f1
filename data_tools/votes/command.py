"""Votes of people become scales with intervals, a table of the raters, and {train,val,test}/label.txt.

    python utils/prepare_dataset.py votes --votes votes.csv --out data/mine
    python utils/prepare_dataset.py votes --votes votes.csv --out data/mine --task regress --model logistic
    python utils/prepare_dataset.py votes --votes ratings.csv --out data/mine --task emd --num_classes 5

The header says which kind of votes it is: left,right,answer are answers to "which one is better?", such as
those of `rankiqa label`; rater,path,rating are ratings of single images, a row per vote. The same options
give the same bytes. docs/votes.md has the formats and the formulas.
"""

import argparse

from data_tools.prepare.options import SHARES
from data_tools.votes.options import SCREENINGS, parse_options
from data_tools.votes.pair_votes import prepare_pairs
from data_tools.votes.rating_votes import prepare_ratings
from data_tools.votes.reading import holds_pairs
from rankiqa.votes.links import LINKS
from rankiqa.votes.splits import SHARES as SHARES_OF_PAIRS
from utils.errors import ConfigError

# options that go with one kind of votes alone, and what they are unless they are given
OF_PAIRS = {"model": LINKS[0], "error_rate": 0.05}
OF_RATINGS = {
    "screening": SCREENINGS[0],
    "dmos": False,
    "min_gap": None,
    "random_pairs": None,
    "probabilities": False,
}


def prepare_votes(argv: list[str]) -> None:
    """Prepare what `argv` asks for.

    Raises:
        ConfigError: options that do not go with the votes.
        DataError: votes that can't be read or used.
    """
    args = parse_options(argv, __doc__)
    pairs = holds_pairs(args.votes)
    _settle_options(args, pairs)
    args.whole_folder = args.images is not None  # then it is told which of its images were not voted on
    if args.images is None:
        args.images = args.votes.parent
    elif not args.images.is_dir():
        raise ConfigError(f"--images {args.images}: no such folder; it should hold the images of the votes")
    if pairs:
        prepare_pairs(args)
    else:
        prepare_ratings(args)


def _settle_options(args: argparse.Namespace, pairs: bool) -> None:
    """Refuse options of the other kind of votes, fill in the defaults of this one."""
    own, others = (OF_PAIRS, OF_RATINGS) if pairs else (OF_RATINGS, OF_PAIRS)
    kind = "pairs" if pairs else "ratings of single images"
    for name in others:
        if getattr(args, name) not in (None, False):
            raise ConfigError(f"--{name} does not go with {args.votes}, which holds votes on {kind}")
    for name, default in own.items():
        if getattr(args, name) is None:
            setattr(args, name, default)
    args.split = args.split or (SHARES_OF_PAIRS if pairs else SHARES)
    args.task = args.task or ("rank" if pairs else "regress")
    if pairs and args.task == "emd":
        raise ConfigError(f"--task emd needs histograms of ratings, but {args.votes} holds votes on {kind}")
