"""Why a row of label.txt does not fit its task, in words that say what would be right."""

import re
from collections.abc import Sequence

from rankiqa.batch.folders import has_image_suffix
from utils.delimited import DELIMITERS
from utils.numerals import COMMA, decimal_comma, parse_number, why_no_number

_DELIMITERS = {mark: name for mark, name in DELIMITERS.items() if mark != ","}
_WHOLE = re.compile("[+-]?[0-9]+")


def form(task: str, bins: int) -> str:
    """How a row of `task` looks, N = `bins`."""
    rank = "'better,worse' or 'first,second,p'"
    return {"rank": rank, "emd": f"'path,p1,...,p{bins}'", "regress": "'path,mos'"}[task]


def is_image(text: str) -> bool:
    """Whether `text` ends as the name of an image does."""
    return has_image_suffix(text.replace("\\", "/"))


def wrong_delimiter(fields: Sequence[str]) -> str:
    """Says what parts a path from what follows where a comma should; "" where nothing else does."""
    text = ",".join(fields)
    for mark, name in _DELIMITERS.items():
        for cells in (text.split(mark), text.replace(mark, ",").split(",")):
            first, *rest = (cell.strip(' "') for cell in cells)
            if mark in text and is_image(first) and all(map(_is_value, rest)):
                return f"the row is separated by {name}, but label.txt has commas"
    words = text.split()
    if len(words) == 2 and parse_number(words[0]) is not None and is_image(words[1]):
        return "the row is separated by spaces and its number stands first, but label.txt has path,mos"
    while len(words) > 1 and _is_value(words[-1]):
        words.pop()
        if is_image(words[-1]):
            return "the row is separated by spaces, but label.txt has commas"
    return ""


def why_wrong(fields: list[str], task: str, bins: int) -> str:
    """What is wrong with a row that is not of the form of `task`, N = `bins`."""
    wanted = f"{task} needs {form(task, bins)}"
    cause = wrong_delimiter(fields) or _of_another_task(fields, task) or _misshapen(fields, task, bins)
    return f"{cause}; {wanted}"


def _of_another_task(fields: list[str], task: str) -> str:
    rest = [parse_number(field) for field in fields[1:]]
    numbers = bool(rest) and None not in rest
    pair = len(fields) > 1 and is_image(fields[1]) and rest[0] is None
    if pair and parse_number(fields[0]) is not None:
        return f"the number {fields[0]} stands before the path"
    if pair and len(fields) > 2 and None not in rest[1:] and is_image(fields[0]):
        third = ",".join(fields[2:])
        where = "that the first row does not have" if task == "rank" else "in a row of the rank task"
        return f"a third column {third!r}, {where}"
    if task != "rank" and pair and len(fields) == 2:
        return "this is a row of the rank task ('better,worse')"
    if task != "regress" and numbers and len(rest) == 1:
        return "this is a row of the regress task ('path,mos')"
    if task != "emd" and numbers and len(rest) > 2:
        return f"this is a row of the emd task ('path,p1,...,p{len(rest)}')"
    if task != "emd" and numbers and len(rest) == 2:
        return decimal_comma(*fields[1:]) or f"a third column {fields[2]!r}"
    return ""


def _misshapen(fields: list[str], task: str, bins: int) -> str:
    expected = {"rank": 2, "emd": bins + 1, "regress": 2}[task]
    if len(fields) == expected:
        bad = next((field for field in fields[1:] if parse_number(field) is None), "")
        return why_no_number(bad) if bad else "an empty field"
    said = f"{len(fields)} columns"
    if len(fields) == expected + 1 and not fields[-1]:
        return f"{said}, as the row ends in a comma"
    if task == "emd" and len(fields) == 2 * bins + 1 and all(map(_WHOLE.fullmatch, fields[1:])):
        return f"{said}, {decimal_comma(*fields[1:3])}"
    return (
        said if task == "emd" or len(fields) < expected else f"{said}; a path that holds a comma needs quotes"
    )


def _is_value(text: str) -> bool:
    return parse_number(text) is not None or COMMA.fullmatch(text) is not None or is_image(text)
