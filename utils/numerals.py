"""Numbers as tables and label files spell them."""

import math
import re

from utils.errors import DataError

NUMBER_ENDS = frozenset("0123456789.nfNFyY")  # of inf, nan and infinity, too
COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([,.' \u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?")


def parse_number(text: str) -> float | None:
    """The number that `text` is, in ASCII digits with a decimal point, or None; nan and inf are numbers here.

    Python's own float() would take 1_5 for 15 and digits of other scripts, too.
    """
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def why_no_number(text: str) -> str:
    """The words "'4,5' is not a number ...", with the likely cause, for a text that is no finite number."""
    value = parse_number(text)
    if value is not None and not math.isfinite(value):
        return f"{text!r} is not finite"
    said = f"{text[:40]!r} is not a number"
    if COMMA.fullmatch(text) and _GROUPED.fullmatch(text):
        point, plain = text.replace(",", "."), text.replace(",", "")
        return f"{said}: write {point} or, if its digits are in groups, {plain}"
    if COMMA.fullmatch(text):
        return f"{said}: a decimal comma? write {text.replace(',', '.')}"
    if _GROUPED.fullmatch(text):
        return f"{said}: write it without grouping its digits, and with a decimal point"
    if "_" in text or any(letter.isdigit() and not letter.isascii() for letter in text):
        return f"{said}: write it with the digits 0 to 9 alone"
    return said


def decimal_comma(whole: str, part: str) -> str:
    """What to write for two cells that are the halves of a number; "" where they are none."""
    if not (re.fullmatch("[+-]?[0-9]+", whole) and re.fullmatch("[0-9]+", part)):
        return ""
    return f"a decimal comma? write {whole}.{part} instead of {whole},{part}"


def number(text: str, where: str, name: str = "") -> float:
    """A finite number, written with a decimal point.

    Raises:
        DataError: it is none; `where` (file:line) and `name` open the message.
    """
    value = parse_number(text)
    if value is None or not math.isfinite(value):
        said = why_no_number(text) if text.strip() else "is empty, but must be a number"
        raise DataError(f"{where}: {name} {said}" if name else f"{where}: {said}")
    return value
