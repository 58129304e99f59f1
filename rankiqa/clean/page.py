"""The page of `rankiqa clean`: one file that opens from disk, thumbnails grouped by finding."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rankiqa.clean.duplicates import Duplicates
from rankiqa.clean.findings import DUPLICATE, FINDINGS, UNREAD, detail_of
from rankiqa.clean.judge import Judge, Judged
from rankiqa.files import write_text
from rankiqa.page_parts import link_to, open_template, thumbnail
from rankiqa.terminal.printable import one_line

SHOWN = 24  # images of a finding
LISTED = 100  # images of those that can't be read, which take a line each
GROUPS, MEMBERS = 40, 6  # groups of duplicates, the largest, and images of each


class Examples:
    """Keeps of any number of images those that the page shows.

    Attributes:
        findings: by name: images, those of the lowest scores first.
        groups: groups of duplicates, the largest first; of each the better image first.
    """

    def __init__(self, duplicates: Duplicates) -> None:
        sizes = np.bincount(duplicates.group)[1:]
        largest = np.argsort(-sizes, kind="stable")[:GROUPS] + 1
        self._groups: dict[int, list[Judged]] = {int(group): [] for group in largest}
        self._sizes = {int(group): int(sizes[group - 1]) for group in largest}
        self._worst: dict[str, list[tuple[float, int, Judged]]] = defaultdict(list)

    def watch(self, judged: Iterable[Judged]) -> Iterator[Judged]:
        """The images as they come, seen."""
        for place, one in enumerate(judged):
            for name in one.findings:
                if name not in DUPLICATE:
                    self._keep(name, place, one)
            members = self._groups.get(one.group)
            if members is not None and (len(members) < MEMBERS - 1 or one.record.path == one.better):
                members.append(one)
            yield one

    def _keep(self, name: str, place: int, one: Judged) -> None:
        heap = self._worst[name]
        entry = (-(one.record.score or 0.0), -place, one)  # of equal scores the first ones are kept
        most = LISTED if name in UNREAD else SHOWN
        (heapq.heappush if len(heap) < most else heapq.heappushpop)(heap, entry)

    @property
    def findings(self) -> dict[str, list[Judged]]:
        """See the class."""
        kept = {
            name: sorted(heap, reverse=True, key=lambda entry: entry[:2])
            for name, heap in self._worst.items()
        }
        return {name: [one for *_, one in kept[name]] for name in FINDINGS if name in kept}

    @property
    def groups(self) -> list[tuple[int, list[Judged]]]:
        """(images, those that are shown) of each group; see the class."""
        return [
            (self._sizes[group], sorted(members, key=lambda one: one.record.path != one.better)[:MEMBERS])
            for group, members in self._groups.items()
            if members
        ]


def write_page(path: Path, judge: Judge, examples: Examples) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        judge: has given all images.
        examples: of them.

    Raises:
        ConfigError: jinja2 is not installed.
    """
    parent = path.resolve().parent
    sections = [
        {
            "name": name,
            "meaning": FINDINGS[name],
            "count": judge.counts[name],
            "is_unread": name in UNREAD,
            "cards": [_card(one, name, parent) for one in found],
        }
        for name, found in examples.findings.items()
    ]
    groups = [(size, [_card(one, "", parent) for one in members]) for size, members in examples.groups]
    text = open_template("clean.html").render(
        judge=judge,
        sections=sections,
        groups=groups,
        group_count=int(judge.duplicates.group.max(initial=0)) if groups else 0,
        duplicates=[(name, judge.counts[name], FINDINGS[name]) for name in DUPLICATE if judge.counts[name]],
    )
    write_text(path, text.encode(errors="replace").decode())


def _card(one: Judged, name: str, parent: Path) -> dict[str, Any]:
    record = one.record
    pixels = (record.width or 0) * (record.height or 0)
    return {
        "title": one_line(record.path),
        "name": one_line(Path(record.path).name),
        "link": link_to(record.path, parent),
        "score": "no score" if record.score is None else f"{record.score:.3f}",
        "size": f"{record.width} x {record.height}",
        "detail": one_line(detail_of(name, record)) if name else "",
        "data": None if record.problem else thumbnail(record.path, pixels),
        "keep": record.path == one.better,
        "others": [finding for finding in one.findings if finding != name],
    }
