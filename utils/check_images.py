"""Find the pictures that can't be read, before a training run does.

    python utils/check_images.py             # everything below data/
    python utils/check_images.py data/train --list bad.txt

Exit status: 0 all are good, 1 some are bad, 2 nothing could be checked.
"""

import argparse
import multiprocessing
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from dataloader.image import find_pictures, read_rgb
from utils.cores import usable_cores
from utils.errors import DataError, ImageError, RankIQAError
from utils.files import write_text

CHUNK = 32  # pictures handed to a process at once


def main(argv: list[str] | None = None) -> int:
    """Check what `argv` names, print a line for each bad picture and the counts; the exit status."""
    args = _parser().parse_args(argv)
    try:
        paths = collect(args.paths)
        bad = dict(_checked(paths, args.workers))
        if args.list is not None:
            write_text(args.list, "".join(f"{path}\n" for path in bad))
    except RankIQAError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"{len(paths)} pictures checked: {len(paths) - len(bad)} good, {len(bad)} bad")
    return 1 if bad else 0


def collect(paths: Iterable[Path]) -> list[Path]:
    """The pictures among and below `paths`, each once.

    Raises:
        DataError: a path is not there, or none leads to a picture.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise DataError(
                f"{path}: no such file or folder; name the pictures, or the folder that holds them"
            )
        found.update(dict.fromkeys(find_pictures(path) if path.is_dir() else [path]))
    if not found:
        raise DataError(f"{', '.join(map(str, paths))}: no pictures there")
    return list(found)


def fault_of(path: Path) -> str | None:
    """Why the picture can't be fully decoded, in one line; None for a good one."""
    try:
        read_rgb(path)
    except ImageError as error:
        return " ".join(str(error).split())
    return None


def find_faults(paths: Sequence[Path], workers: int) -> Iterator[str | None]:
    """`fault_of` each of `paths`, in their order, in several processes where that pays.

    Raises:
        DataError: a worker process was killed.
    """
    if workers <= 1 or len(paths) <= CHUNK:
        yield from map(fault_of, paths)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _leave_interrupts_to_parent) as pool:
        try:
            yield from pool.map(fault_of, paths, chunksize=CHUNK)
        except BrokenProcessPool as error:
            raise DataError("a worker process was killed; -j 1 shows at which picture") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _checked(paths: Sequence[Path], workers: int) -> Iterator[tuple[Path, str]]:
    from tqdm import tqdm

    with tqdm(total=len(paths), unit="images", disable=None) as bar:
        for path, fault in zip(paths, find_faults(paths, workers), strict=True):
            bar.update()
            if fault is not None:
                tqdm.write(fault, file=sys.stdout)
                yield path, fault


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="check_images.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add, cores = parser.add_argument, usable_cores()
    add("paths", type=Path, nargs="*", default=[Path("data")], metavar="PATH", help="default: data")
    add("--list", type=Path, metavar="FILE", help="write the paths of bad pictures there, one a line")
    add("-j", "--workers", type=int, default=cores, metavar="N", help="processes (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
