"""Check of images by a quality gate: a verdict for each, on the terminal, as a table, as JUnit XML."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from rankiqa.batch.inputs import collect
from rankiqa.batch.results import Row, rows_as_csv
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ConfigError
from rankiqa.files import atomic_write, require_writable, writing
from rankiqa.gating.fit import score_queue
from rankiqa.gating.junit import JUnitFile
from rankiqa.gating.quality_gate import PASS, REJECT, UNSURE, QualityGate
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import one_line


@dataclass(frozen=True)
class CheckRequest:
    """What to check and what to write.

    Attributes:
        names: files, folders, patterns, lists, URLs or "-"; see `rankiqa.batch.inputs.collect`.
        output: a table: .csv.
        junit: an XML file for CI systems.
        max_pixels: larger images are rejected.
        threads: that decode and compute; None: all cores.
    """

    names: Sequence[str]
    output: Path | None = None
    junit: Path | None = None
    max_pixels: int = MAX_PIXELS
    threads: int | None = None

    def prepare_outputs(self) -> None:
        """Find out before the work whether the outputs can be written.

        Raises:
            ConfigError: they can't, or the table is of another format.
        """
        if self.output is not None:
            if self.output.suffix.lower() != ".csv":
                raise ConfigError(f"--output {self.output}: the table of verdicts is a .csv file")
            require_writable(self.output.parent, "--output", self.output.name)
        if self.junit is not None:
            require_writable(self.junit.parent, "--junit", self.junit.name)


@dataclass(frozen=True)
class CheckedImage:
    """A row of the table.

    Attributes:
        path: as it was given or found.
        verdict: "pass", "unsure" or "reject".
        score: higher = better; None where there is none.
        reason: why it does not pass, in words; empty where it does.
        width, height: of the upright image in pixels.
    """

    path: str
    verdict: str
    score: float | None = None
    reason: str = ""
    width: int | None = None
    height: int | None = None


def check_request(request: CheckRequest, gate: QualityGate, scorer: Scorer) -> int:
    """Judge what is asked for.

    Returns:
        The exit status: 0; 1 when something is rejected, an unreadable image or folder among it.

    Raises:
        DataError: nothing to check, or a disk that is full.
        KeyboardInterrupt: the user stopped it; no file is left then.
    """
    request.prepare_outputs()
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        queue = stack.enter_context(closing(collect(request.names)))
        writers = [_tell(request)]
        if request.output is not None:
            stack.enter_context(writing(request.output))
            table = stack.enter_context(atomic_write(request.output))
            table.write(_cells([[field.name for field in fields(CheckedImage)]]))
            writers.append(lambda image: table.write(_cells([astuple(image)])))
        if request.junit is not None:
            stack.enter_context(writing(request.junit))
            writers.append(stack.enter_context(JUnitFile(request.junit, gate.promise)).add)
        rows = score_queue(queue, scorer, request.max_pixels, request.threads, "gate")
        for image in _judged(rows, gate, queue.left_out.unread):
            counts[image.verdict] += 1
            for write in writers:
                write(image)
    total = counts.total()
    print(
        f"{total} images: {counts[PASS]} pass, {counts[UNSURE]} unsure, {counts[REJECT]} rejected",
        file=sys.stderr,
    )
    return 1 if counts[REJECT] else 0


def _judged(
    rows: Iterator[Row], gate: QualityGate, unread: Sequence[tuple[str, str]]
) -> Iterator[CheckedImage]:
    for folder, why in unread:
        yield CheckedImage(folder, REJECT, reason=f"folder not readable: {why}")
    for row in rows:
        said = gate.judge(row.score, row.error, row.strengths, row.reasons)
        yield CheckedImage(row.path, said.verdict, row.score, said.reason, row.width, row.height)


def _tell(request: CheckRequest) -> Callable[[CheckedImage], object]:
    """Lines for all images on standard output; beside files, which hold them, only what does not pass."""
    is_alone = request.output is None and request.junit is None

    def tell(image: CheckedImage) -> None:
        if is_alone or image.verdict != PASS:
            score = "        -" if image.score is None else f"{image.score:9.4f}"
            why = f": {image.reason}" if image.reason else ""
            line = one_line(f"{image.verdict:<6} {score}  {image.path}{why}")
            print(line, file=sys.stdout if is_alone else sys.stderr)

    return tell


def _cells(rows: Sequence[Sequence[object]]) -> bytes:
    return rows_as_csv(rows).encode("utf-8", "surrogateescape")
