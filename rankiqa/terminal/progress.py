"""A progress bar that keeps quiet where nobody watches."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


class SilentBar:
    """What nobody watches: counts, and spares the 0.1 s that importing tqdm takes.

    Attributes:
        n: items done.
    """

    def __init__(self, start: int) -> None:
        self.n: float = start

    def __enter__(self) -> "SilentBar":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, count: float = 1) -> None:
        """Count items."""
        self.n += count

    def set_postfix(self, **_: Any) -> None:
        """Nothing to show."""


def progress_bar(*, total: int, desc: str, unit: str, start: int = 0) -> "tqdm | SilentBar":
    """A tqdm bar on stderr, moved by `update`; a silent one when stderr is not a terminal.

    Args:
        total: of items.
        desc: shown before the bar.
        unit: of an item, such as "image".
        start: items done before.
    """
    if not sys.stderr.isatty():
        return SilentBar(start)
    from tqdm import tqdm

    return tqdm(total=total, desc=desc, unit=unit, initial=start, dynamic_ncols=True, leave=False)
