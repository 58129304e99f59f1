"""From records on disk to findings: first what is usual in the folder, then each image by itself."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from rankiqa.clean.duplicates import find_duplicates
from rankiqa.clean.findings import DUPLICATE, FLAT, Folder, findings_of, spread_of
from rankiqa.clean.records import Record
from rankiqa.spec import ModelSpec

_FLOATS = ("score", "width", "height", "colour", "content")


@dataclass(frozen=True)
class Judged:
    """An image with its findings.

    Attributes:
        record: what was measured.
        findings: names, in the order of FINDINGS.
        group: number of its group of duplicates; 0 where it is alone.
        better: path of the best image of the group, or "".
    """

    record: Record
    findings: list[str]
    group: int = 0
    better: str = ""


class Judge:
    """Judges the records of a folder, of which it holds some hundred bytes each.

    Args:
        records: can be iterated over any number of times.
        spec: of the model that scored.
        ignored: findings that are left out.

    Attributes:
        total: records.
        duplicates: the groups.
        counts: images by finding, of those that `judge` has given so far.
        clean: images without a finding, likewise.
    """

    def __init__(self, records: Iterable[Record], spec: ModelSpec, ignored: Collection[str] = ()) -> None:
        self.records, self.spec, self.ignored = records, spec, ignored
        self.counts: Counter[str] = Counter()
        self.clean = 0
        numbers = _numbers_of(records)
        self.total = len(numbers["pixels"])
        spread = spread_of(spec)
        self._folder = Folder.of(numbers, spread)
        self.duplicates = find_duplicates(numbers, spread)
        best = set(self.duplicates.better[self.duplicates.group > 0].tolist())
        self._best = {place: record.path for place, record in enumerate(records) if place in best}

    def judge(self) -> Iterator[Judged]:
        """Each image once, in the order of the records."""
        found = self.duplicates
        grouped = not set(DUPLICATE) <= set(self.ignored)
        for place, record in enumerate(self.records):
            names = findings_of(record, self._folder, str(found.names[place]))
            names = [name for name in names if name not in self.ignored]
            self.counts.update(names)
            self.clean += not names
            group = int(found.group[place]) if grouped else 0
            yield Judged(record, names, group, self._best[int(found.better[place])] if group else "")


def _numbers_of(records: Iterable[Record]) -> dict[str, np.ndarray]:
    floats = {name: array("d") for name in _FLOATS}
    hashes = {name: array("Q") for name in ("pixels", "look")}
    is_read, length = array("b"), array("l")
    for record in records:
        for name, values in floats.items():
            value = getattr(record, name)
            values.append(np.nan if value is None else value)
        for name, numbers in hashes.items():
            numbers.append(int(getattr(record, name) or "0", 16))
        is_read.append(record.is_read)
        length.append(len(record.path))
    found = {name: np.array(values, np.float64) for name, values in floats.items()}
    found |= {name: np.array(values, np.uint64) for name, values in hashes.items()}
    found |= {"is_read": np.array(is_read, bool), "length": np.array(length, np.int64)}
    return found | {"is_flat": found["content"] < FLAT}
