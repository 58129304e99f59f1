"""JUnit XML, as Jenkins, GitLab and the reporters of GitHub read it: a test case for each image.

The format is that of the XML schema of Jenkins' xUnit plug-in (junit-10.xsd): a rejected image is a failure,
an unsure one is skipped, each with its reason. The counts stand before the cases, so these wait in a
temporary file: the space that is needed does not grow with the number of images.
"""

import re
import shutil
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

from rankiqa.files import atomic_write
from rankiqa.gating.quality_gate import PASS, REJECT, UNSURE
from rankiqa.terminal.printable import printable

SUITE = "rankiqa gate"
_OUTSIDE_XML = re.compile("[\ufffe\uffff]")  # beside control characters, which `printable` escapes
_SPOOL = 2**20  # bytes that stay in memory


class Judged(Protocol):
    """What a test case is made of."""

    @property
    def path(self) -> str:
        """Of the image."""

    @property
    def verdict(self) -> str:
        """See `rankiqa.gating.quality_gate.Verdict`."""

    @property
    def reason(self) -> str:
        """In words; empty where it passes."""


class JUnitFile:
    """A file that is there, whole, when the block ends well.

    Args:
        path: of the file.
        promise: of the gate; stands in the report.
    """

    def __init__(self, path: Path, promise: str) -> None:
        self._path, self._promise = path, promise
        self._counts: Counter[str] = Counter()
        self._stack = ExitStack()
        self._began = time.monotonic()

    def __enter__(self) -> "JUnitFile":
        self._cases = self._stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL))
        return self

    def add(self, image: Judged) -> None:
        """Append the case of an image."""
        self._counts[image.verdict] += 1
        head = f"<testcase classname={_attribute(SUITE)} name={_attribute(image.path)}"
        inner = {
            PASS: "",
            UNSURE: f"<skipped message={_attribute('unsure: ' + image.reason)}/>",
            REJECT: f"<failure type={_attribute(REJECT)} message={_attribute(image.reason)}/>",
        }[image.verdict]
        case = f"{head}>{inner}</testcase>" if inner else f"{head}/>"
        self._cases.write(f"    {case}\n".encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                self._write()

    def _write(self) -> None:
        numbers = (
            f'tests="{self._counts.total()}" failures="{self._counts[REJECT]}" errors="0" '
            f'skipped="{self._counts[UNSURE]}" time="{time.monotonic() - self._began:.3f}"'
        )
        # <testsuites> has no `skipped` in that schema
        outer = re.sub(r' skipped="\d+"', "", numbers)
        self._cases.seek(0)
        with atomic_write(self._path) as file:
            file.write(
                f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name={_attribute(SUITE)} {outer}>\n'
                f"  <testsuite name={_attribute(SUITE)} {numbers}>\n".encode()
            )
            shutil.copyfileobj(self._cases, file)
            file.write(
                f"    <system-out>{escape(_text(self._promise))}</system-out>\n"
                "  </testsuite>\n</testsuites>\n".encode()
            )


def _attribute(text: str) -> str:
    return quoteattr(_text(text))


def _text(text: str) -> str:
    """`text` as XML 1.0 can hold it."""
    return _OUTSIDE_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text))
