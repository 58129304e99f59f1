"""Images by a pattern in the manner of a shell: `*`, `?`, `[...]`, and `**` for any number of folders.

The rule is that of `rankiqa.batch.folders`: what is hidden and links to folders are left out where a wildcard
meets them, so that links in a ring end; written out by name in the pattern, they are taken.
"""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from itertools import groupby

from rankiqa.batch.folders import LeftOut, entries_of, is_hidden, takes_image, walk_images

ANY_DEPTH = "**"


def match_images(pattern: str, left_out: LeftOut) -> Iterator[str]:
    """The images that `pattern` matches, and those below the folders that it matches, in no order.

    Args:
        pattern: a name that is there is meant as it is, also with a wildcard in it.
        left_out: takes what matches and is no image.
    """
    parts = pattern.replace(os.sep, "/").split("/")
    if not parts[-1]:  # "photos/*/" stands for folders
        parts[-1] = ANY_DEPTH
    root = "" if parts[0] else "/"
    kept = [part for part, group in groupby(parts[1:] if root else parts) for part in _once(part, group)]
    yield from _Search(left_out).below(root, kept)


def _once(part: str, repeated: Iterable[str]) -> Iterable[str]:
    """`repeated` times the same part of a pattern; "**/**" is "**"."""
    return [part] if part == ANY_DEPTH else repeated


class _Search:
    """One search.

    Attributes:
        walked: matched folders, of which everything has been given.
    """

    def __init__(self, left_out: LeftOut) -> None:
        self.left_out = left_out
        self.walked: set[str] = set()

    def below(self, folder: str, parts: list[str]) -> Iterator[str]:
        """The images that the pattern's `parts` match in `folder`."""
        part, rest = parts[0], parts[1:]
        named = _join(folder, part)
        if part == ANY_DEPTH:
            yield from self._any_depth(folder, rest)
        elif not glob.has_magic(part) or os.path.lexists(named):
            yield from self._named(named, rest)
        else:
            yield from self._matching(folder, part, rest)

    def _named(self, path: str, rest: list[str]) -> Iterator[str]:
        if os.path.isdir(path):  # noqa: PTH112  # a name too long for the disk is False, not OSError
            yield from self.below(path, rest or [ANY_DEPTH])
        elif not rest and os.path.lexists(path):
            head, name = os.path.split(path)
            entries = (entry for entry in entries_of(head or ".", self.left_out) if entry.name == name)
            yield from (path for entry in entries if takes_image(entry, self.left_out))

    def _matching(self, folder: str, part: str, rest: list[str]) -> Iterator[str]:
        for entry in entries_of(folder or ".", self.left_out):
            if not fnmatch.fnmatch(entry.name, part):
                continue
            path = _join(folder, entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_hidden(entry.name) and not is_hidden(part):
                self._leave_hidden(is_folder)
            elif is_folder:
                if not rest:
                    self.walked.add(path)
                yield from self.below(path, rest or [ANY_DEPTH])
            elif not rest:
                if takes_image(entry, self.left_out):
                    yield path
            else:
                self._leave_link(entry)

    def _any_depth(self, folder: str, rest: list[str]) -> Iterator[str]:
        if not rest:
            for path in walk_images(folder or ".", self.left_out):
                yield path if folder else path.removeprefix("./")
            return
        todo = [folder]
        while todo:
            place = todo.pop()
            yield from self.below(place, rest)
            for entry in entries_of(place or ".", LeftOut()):  # what can't be read, `below` has told
                path = _join(place, entry.name)
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and not is_hidden(entry.name):
                    if path not in self.walked:
                        todo.append(path)
                elif not fnmatch.fnmatch(entry.name, rest[0]):  # else `below` has counted it
                    if is_folder:
                        self._leave_hidden(is_folder)
                    else:
                        self._leave_link(entry)

    def _leave_hidden(self, is_folder: bool) -> None:
        self.left_out.counts["hidden folder" if is_folder else "hidden file"] += 1

    def _leave_link(self, entry: "os.DirEntry[str]") -> None:
        """Count a link to a folder, through which no wildcard looks; a file does not concern this part."""
        if entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112
            self.left_out.counts["folder link"] += 1


def _join(folder: str, name: str) -> str:
    """`name` in `folder`, spelt as in the pattern."""
    return name if not folder else f"{folder.removesuffix('/')}/{name}"
