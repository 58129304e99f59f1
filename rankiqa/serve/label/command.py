"""`rankiqa label`: the labelling page as a command."""

import argparse
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from rankiqa.batch.folders import find_images
from rankiqa.errors import ConfigError, DataError
from rankiqa.files import plain_path, require_writable
from rankiqa.optional import require
from rankiqa.scorer import Scorer
from rankiqa.serve.command import add_address, serve
from rankiqa.terminal.printable import one_line

MOST = 1000  # images; a fit takes a time that grows with the cube


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `rankiqa label`, but for those of the model."""
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="folder of the images; those in folders inside it count")
    add("--votes", type=Path, required=True, metavar="FILE",
        help="file of the answers: .csv; a session that was ended, or killed, continues from it")  # fmt: skip
    add("--raters", nargs="+", metavar="NAME", default=[],
        help="the only names that the page takes; if not given, everybody types one")  # fmt: skip
    add("--random", action="store_true", help="choose pairs at random, not by what they tell; to compare")
    add("--order", action="store_true",
        help="choose among all pairs, to put the whole folder in order; if not given, both images of a pair "
        "lie in one split, so that a model learns from, or is judged by, every answer")  # fmt: skip
    add("--no_prior", action="store_true", help="expect nothing before the first answer: no model is asked")
    add_address(parser)
    parser.set_defaults(upload_seconds=30.0)


def run(arguments: argparse.Namespace, load: Callable[[], Scorer]) -> int:
    """Serve the page until interrupted.

    Args:
        arguments: of the parser.
        load: opens the model that they name.

    Raises:
        RankIQAError: bad input.
    """
    require("fastapi", "the page")
    from rankiqa.serve.label.app import Desk, create_app
    from rankiqa.serve.label.images import FolderImages
    from rankiqa.serve.label.messages import plain_rater
    from rankiqa.serve.label.worker import Worker
    from rankiqa.votes.choose import Chooser
    from rankiqa.votes.labelling import Labelling
    from rankiqa.votes.splits import parts_of
    from rankiqa.votes.vote_log import VoteLog

    try:
        raters = list(dict.fromkeys(map(plain_rater, arguments.raters)))
    except ValueError as error:
        raise ConfigError(f"--raters: {error}") from error
    names = names_in(arguments.folder)
    require_writable(arguments.votes.parent, "--votes", arguments.votes.name)
    scorer = None if arguments.no_prior else load()
    log = VoteLog(arguments.votes)
    try:
        names = most_of(names, [name for vote in log.votes for name in (vote.left, vote.right)])
        chooser = Chooser(arguments.random, None if arguments.order else parts_of(names))
        labelling = Labelling(names, log, chooser)
        _tell_unknown(labelling.unknown, len(log.votes), arguments)
        paths = [arguments.folder / name for name in names]
        worker = Worker(labelling, paths, scorer)
        desk = Desk(
            arguments.folder.resolve().name, labelling, FolderImages(arguments.folder, names), worker, raters
        )
        worker.start()
        print(f"{len(names)} images, {labelling.count} answers in {arguments.votes}", flush=True)
        serve(create_app(desk), arguments)
    finally:
        log.close()
    return 0


def names_in(folder: Path) -> list[str]:
    """The images below a folder, as votes.csv spells them: relative, with slashes.

    Raises:
        DataError: there is no such folder, or fewer than two images in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the folder of the images to label")
    found = [path.relative_to(folder).as_posix() for path in find_images(folder)]
    names = [name for name in found if _can_be_kept(name)]
    if len(names) < len(found):
        odd = next(name for name in found if not _can_be_kept(name))
        logging.warning(
            "%s: left out: %d images with names that votes.csv can't hold, such as %r",
            folder,
            len(found) - len(names),
            one_line(odd),
        )
    if len(names) < 2:
        raise DataError(f"{folder}: {len(names)} images there, at least 2 are needed to compare")
    return names


def _can_be_kept(name: str) -> bool:
    """Whether `rankiqa.votes.table.read_votes` gives the name back as it is."""
    return name == plain_path(name.strip()) and not any(sign in name for sign in "\r\n\0")


def most_of(names: list[str], voted: list[str]) -> list[str]:
    """At most MOST of the names, those with votes first, then by a hash: the same ones each time."""
    if len(names) <= MOST:
        return names
    wanted = set(voted)

    def order(name: str) -> tuple[bool, str]:
        return name not in wanted, hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()

    logging.warning("%d images; %d of them, drawn by their names, are labelled", len(names), MOST)
    return sorted(sorted(names, key=order)[:MOST])


def _tell_unknown(unknown: int, count: int, arguments: argparse.Namespace) -> None:
    if count and unknown == count:
        raise DataError(
            f"{arguments.votes}: none of its {count} votes is on images of {arguments.folder}; "
            "give the folder that was labelled, or another file"
        )
    if unknown:
        logging.warning(
            "%s: %d votes on images that are not in %s count for nothing here; they stay in the file",
            arguments.votes,
            unknown,
            arguments.folder,
        )
