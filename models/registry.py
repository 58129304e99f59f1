"""Names of architectures, and the sources that they come from; imports no torch."""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rankiqa.spec import Triple
from utils.errors import ArchError

if TYPE_CHECKING:
    from torch import Tensor, nn


class Source(ABC):
    """Collection of architectures whose names share a prefix; its methods take names without that.

    Attributes:
        prefix: such as "timm/"; "" for the project's own.
    """

    prefix: str

    @abstractmethod
    def names(self) -> Iterable[str]:
        """The canonical names; the libraries behind them may be imported."""

    @abstractmethod
    def canonical(self, spelling: str) -> str:
        """The canonical name for a spelling in lower case.

        Raises:
            ArchError: no such architecture; the message lists near names.
        """

    @abstractmethod
    def create(self, name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
        """A randomly initialised network for (height, width) that gives logits (B, num_classes).

        Raises:
            ArchError: the network can't take the size.
        """

    @abstractmethod
    def normalisation(self, name: str, pretrained: bool) -> tuple[Triple, Triple]:
        """(mean, std) of RGB in [0, 1] that the network expects, with or without its pretrained weights."""

    @abstractmethod
    def load_published(
        self, model: nn.Module, name: str, wanted: Path, advprop: bool
    ) -> tuple[str, list[str]]:
        """Download weights into a network of `create`; return their address and notices.

        Raises:
            WeightsError: there are none, or they can't be had; the message asks for a file at `wanted`.
        """

    def has_advprop(self, name: str) -> bool:
        """Whether weights of AdvProp are published."""
        return False

    def installed_file(self, name: str) -> Path | None:
        """The file of weights inside an installed package, if there is one."""
        return None

    def converted(self, model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict of the library's files under the names of the network."""
        return state


SOURCES: dict[str, Source] = {}


def register_source(source: Source) -> None:
    """Make the architectures of `source` known.

    Raises:
        ValueError: its prefix is taken.
    """
    if source.prefix in SOURCES:
        raise ValueError(f"a source with the prefix {source.prefix!r} is registered already")
    SOURCES[source.prefix] = source


def source_of(arch: str) -> tuple[Source, str]:
    """The source of a name in lower case, and the name without its prefix."""
    prefix = max((prefix for prefix in SOURCES if arch.startswith(prefix)), key=len)
    return SOURCES[prefix], arch[len(prefix) :]


def canonical_arch(name: str) -> str:
    """The registered spelling of an architecture's name.

    Case is ignored, - and _ are alike, and separators may be left out where that is clear: "ResNet18" is
    "resnet18", "efficientnet-b0" is "efficientnet_b0", "mobilenetv3_small" is "mobilenet_v3_small".

    Raises:
        ArchError: no such architecture; the message lists near names.
    """
    source, spelling = source_of(name.strip().lower())
    return source.prefix + source.canonical(spelling)


def unknown_arch(name: str, near: list[str]) -> ArchError:
    """The error for a name that stands for no architecture, with `near` names as suggestions."""
    hint = f"did you mean {', '.join(near)}? " if near else ""
    return ArchError(f"unknown architecture {name!r}: {hint}--list_models [PATTERN] lists all names")


def list_models(pattern: str | None = None) -> list[str]:
    """Sorted names that fit a file pattern ("resnet*"), or that contain it if it has no wildcard.

    Case is ignored, and - and _ are alike. The names of a source with a prefix, such as "timm/", are listed
    only for a pattern that starts with it: they cost the import of its library.
    """
    source, pattern = source_of((pattern or "*").strip().lower())
    if "[" not in pattern:
        pattern = pattern.replace("-", "_")
    if not any(sign in pattern for sign in "*?["):
        pattern = f"*{pattern}*"
    return sorted(source.prefix + name for name in source.names() if fnmatch.fnmatchcase(name, pattern))
