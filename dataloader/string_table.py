"""Many strings in one array, so that loader workers share the pages instead of copying a list of objects."""

from collections.abc import Iterator, Sequence

import numpy as np


class StringTable(Sequence[str]):
    """An immutable sequence of strings, kept as UTF-8 in two arrays.

    A Python list of strings is copied page by page into every forked worker, because reading an object writes
    its reference count; arrays are not.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        encoded = [text.encode("utf-8", "surrogateescape") for text in strings]
        self._ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        self._bytes = np.frombuffer(b"".join(encoded), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # the two overloads of Sequence
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        start = self._ends[index - 1] if index else 0
        return self._bytes[start : self._ends[index]].tobytes().decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))
