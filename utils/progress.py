"""A progress bar that keeps quiet where nobody watches."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(
    items: Iterable[Any] | None = None, *, total: int, desc: str, unit: str, start: int = 0
) -> tqdm:
    """A tqdm bar on stderr, switched off when stderr is not a terminal.

    Args:
        items: what to iterate over, or None for a bar that is moved by `update`.
        total: of items.
        desc: shown before the bar.
        unit: of an item, such as "image".
        start: items done before.
    """
    return tqdm(
        items,
        total=total,
        desc=desc,
        unit=unit,
        initial=start,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
        leave=False,
    )
