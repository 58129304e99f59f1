"""Which files of a folder are images: one rule for scoring, checks, data generation and demos.

Images are the regular files below the folder whose suffix is one that Pillow reads. A link to a file counts
as a file under its own name, so an image with two links is found three times. Left out, counted and told:
what is hidden (a leading dot), links to folders or to nowhere, pipes, sockets, devices, other suffixes.
"""

import errno
import logging
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import Image, ImageFile

from rankiqa.terminal.printable import one_line

# Of Pillow's formats those that hold no pixels of their own: programs for Ghostscript, and films.
_NO_IMAGES = ("EPS", "MPEG")
# Images that Pillow reads by a plug-in, or only if it was built with a library: their rows will say so.
_BY_PLUGIN = frozenset(".heic .heif .hif .avif .webp .jp2 .j2k .mpo".split())
# Known without asking Pillow, which would import all of its formats.
_COMMON = _BY_PLUGIN.union(".jpg .jpeg .png .gif .tif .tiff .bmp".split())
VIDEOS = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .wmv .flv .3gp .3g2 .ogv .mxf".split()
)
_KINDS = {
    "dangling": ("dangling link", "dangling links"),
    "folder link": ("link to a folder", "links to folders"),
    "hidden file": ("hidden file", "hidden files"),
    "hidden folder": ("hidden folder", "hidden folders"),
    "special": ("pipe, socket or device", "pipes, sockets or devices"),
    "folder": ("folder", "folders"),
    "video": ("video", "videos"),
    "other": ("other file", "other files"),
}


@cache
def image_suffixes() -> frozenset[str]:
    """The suffixes, in lower case with their dot, of the image formats that Pillow reads."""
    Image.preinit()  # first, so that the order in which Pillow tries its formats stays what it is
    known = Image.registered_extensions()
    readers = {name: opening[0] for name, opening in Image.OPEN.items()}
    return _BY_PLUGIN.union(
        suffix
        for suffix, name in known.items()
        if name in readers and name not in _NO_IMAGES and not _is_stub(readers[name])
    )


def _is_stub(reader: object) -> bool:
    """Whether a format is only recognised, for a library that is to be registered (HDF5, WMF)."""
    return isinstance(reader, type) and issubclass(reader, ImageFile.StubImageFile)


def has_image_suffix(name: str) -> bool:
    """Whether the name of a file ends as that of an image."""
    suffix = _suffix(name)
    return suffix in _COMMON or suffix in image_suffixes()


def has_video_suffix(name: str) -> bool:
    """Whether the name of a file ends as that of a video."""
    return _suffix(name) in VIDEOS


def _suffix(name: str) -> str:
    # os.path answers faster than pathlib, and folders may hold a million
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def is_hidden(name: str) -> bool:
    """Whether the name of a file or folder, without its folder, says that it is hidden."""
    return name.startswith(".")


class LeftOut:
    """What a search has left out.

    Args:
        videos: take videos, too.

    Attributes:
        counts: how many, by kind.
        unread: folders that can't be read, and why.
    """

    def __init__(self, videos: bool = False) -> None:
        self.videos = videos
        self.counts: Counter[str] = Counter()
        self.unread: list[tuple[str, str]] = []

    def add(self, other: "LeftOut") -> None:
        """Count what another search has left out, too."""
        self.counts += other.counts
        self.unread += other.unread

    def __str__(self) -> str:
        """As in "3 dangling links, 1 other file"; empty if nothing was left out."""
        found = ((self.counts[kind], words) for kind, words in _KINDS.items() if self.counts[kind])
        return ", ".join(f"{count} {words[count > 1]}" for count, words in found)

    def tell(self, where: str) -> None:
        """A notice of what was left out of `where`, if anything was, and one for each folder not read."""
        for folder, why in self.unread:
            logging.warning("%s: left out, the folder can't be read (%s)", one_line(folder), why)
        if self.counts:
            logging.warning("%s: left out: %s", one_line(where), self)


def walk_images(folder: str, left_out: LeftOut, deep: bool = True) -> Iterator[str]:
    """The paths of the images below `folder`, in no order.

    Args:
        folder: where to start; it may be a link.
        left_out: takes the rest.
        deep: look into the folders inside, too.
    """
    for entry in walk_files(folder, left_out, deep):
        if takes_image(entry, left_out):
            yield entry.path


def walk_files(folder: str, left_out: LeftOut, deep: bool = True) -> "Iterator[os.DirEntry[str]]":
    """What is below `folder` beside folders and what is hidden, in no order; see `walk_images`."""
    todo = [folder]
    while todo:
        for entry in entries_of(todo.pop(), left_out):
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_hidden(entry.name):
                left_out.counts["hidden folder" if is_folder else "hidden file"] += 1
            elif not is_folder:
                yield entry
            elif deep:
                todo.append(entry.path)
            else:
                left_out.counts["folder"] += 1


def entries_of(folder: str, left_out: LeftOut) -> "Iterator[os.DirEntry[str]]":
    """The entries of one folder; one that can't be read has none, and is noted in `left_out`."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        left_out.unread.append((folder, error.strerror or str(error)))


def takes_image(entry: "os.DirEntry[str]", left_out: LeftOut) -> bool:
    """Whether an entry that is no folder is an image; one that is not is counted in `left_out`.

    A video counts as one where `left_out.videos` says so.
    """
    kind = _why_not(entry, left_out.videos)
    if kind:
        left_out.counts[kind] += 1
    return not kind


def _why_not(entry: "os.DirEntry[str]", videos: bool) -> str:
    """A key of _KINDS, or an empty string for an image."""
    is_video = has_video_suffix(entry.name)
    named = has_image_suffix(entry.name) or (videos and is_video)
    try:
        if entry.is_symlink():
            if entry.is_dir():
                return "folder link"
            entry.stat()  # raises where the link leads nowhere
        if not named:
            return "video" if is_video else "other"
        return "" if entry.is_file() else "special"
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return "dangling"
        return "" if named else "other"  # a link to where nobody may look: its row will say so


def find_images(folder: str | Path, told: bool = True, deep: bool = True) -> list[Path]:
    """The images below `folder`, sorted; see above for what counts as one.

    Args:
        folder: where to look.
        told: give a notice of what is left out.
        deep: look into the folders inside, too.
    """
    left_out = LeftOut()
    found = sorted(map(Path, walk_images(str(folder), left_out, deep)))
    if told:
        left_out.tell(str(folder))
    return found
