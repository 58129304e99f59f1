"""Names of architectures, and what stands behind each; imports no torch."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rankiqa.spec import IMAGENET_MEAN, IMAGENET_STD, Triple
from utils.errors import ArchError

if TYPE_CHECKING:
    from torch import nn

Builder = Callable[[str, int, tuple[int, int]], "nn.Module"]
TIMM = "timm/"


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
        mean, std: what the family's pretrained weights expect, of RGB in [0, 1].
    """

    build: Builder
    url: Callable[[str], str | None] = _nowhere
    advprop_url: Callable[[str], str | None] = _nowhere
    installed: Callable[[str], Path | None] = _nowhere
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD


ENTRIES: dict[str, Entry] = {}


def register(
    *archs: str,
    url: Callable[[str], str | None] = _nowhere,
    advprop_url: Callable[[str], str | None] = _nowhere,
    installed: Callable[[str], Path | None] = _nowhere,
    mean: Triple = IMAGENET_MEAN,
    std: Triple = IMAGENET_STD,
) -> Callable[[Builder], Builder]:
    """Put a builder into the registry under the names `archs`; the other arguments are those of `Entry`.

    Raises:
        ValueError: a name is taken already.
    """

    def add(build: Builder) -> Builder:
        for arch in archs:
            if arch in ENTRIES:
                raise ValueError(f"{arch} is registered twice")
            ENTRIES[arch] = Entry(build, url, advprop_url, installed, mean, std)
        return build

    return add


def canonical_arch(name: str) -> str:
    """The registered spelling of an architecture's name.

    Case is ignored, - and _ are alike, and separators may be left out where that is clear: "ResNet18" is
    "resnet18", "efficientnet-b0" is "efficientnet_b0", "mobilenetv3_small" is "mobilenet_v3_small".

    Raises:
        ArchError: no such architecture; the message lists near names.
    """
    spelling = name.strip().lower()
    if spelling.startswith(TIMM):
        from models.timm_models import canonical_timm

        return TIMM + canonical_timm(spelling[len(TIMM) :])
    spelling = spelling.replace("-", "_")
    if spelling in ENTRIES:
        return spelling
    alike = [arch for arch in ENTRIES if _bare(arch) == _bare(spelling)]
    if len(alike) == 1:
        return alike[0]
    raise unknown_arch(name, alike or difflib.get_close_matches(spelling, ENTRIES, n=4, cutoff=0.6))


def unknown_arch(name: str, near: list[str]) -> ArchError:
    """The error for a name that stands for no architecture, with `near` names as suggestions."""
    hint = f"did you mean {', '.join(near)}? " if near else ""
    return ArchError(f"unknown architecture {name!r}: {hint}--list_models [PATTERN] lists all names")


def entry_of(arch: str) -> Entry:
    """What the registry holds under a canonical name; for "timm/NAME" the entry that serves all of timm."""
    return ENTRIES[TIMM] if arch.startswith(TIMM) else ENTRIES[arch]


def list_models(pattern: str | None = None) -> list[str]:
    """Sorted names that fit a file pattern ("resnet*"), or that contain it if it has no wildcard.

    Case is ignored, and - and _ are alike. timm's names, with the prefix "timm/", are listed only for a
    pattern that starts with it: they cost the import of timm.
    """
    pattern = (pattern or "*").strip().lower()
    names = [arch for arch in ENTRIES if arch != TIMM]
    prefix = ""
    if pattern.startswith(TIMM):
        from models.timm_models import timm_names

        prefix, pattern, names = TIMM, pattern[len(TIMM) :], timm_names()
    if "[" not in pattern:
        pattern = pattern.replace("-", "_")
    if not any(sign in pattern for sign in "*?["):
        pattern = f"*{pattern}*"
    return sorted(prefix + name for name in names if fnmatch.fnmatchcase(name, pattern))


def _bare(name: str) -> str:
    return name.replace("_", "").replace(".", "")
