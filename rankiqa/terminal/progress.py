"""A progress bar that keeps quiet where nobody watches."""

import sys

from tqdm import tqdm


def progress_bar(*, total: int, desc: str, unit: str, start: int = 0) -> tqdm:
    """A tqdm bar on stderr, moved by `update`, switched off when stderr is not a terminal.

    Args:
        total: of items.
        desc: shown before the bar.
        unit: of an item, such as "image".
        start: items done before.
    """
    return tqdm(
        total=total,
        desc=desc,
        unit=unit,
        initial=start,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
        leave=False,
    )
