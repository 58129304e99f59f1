"""Text that a terminal can show: names of files may hold anything but a slash and a NUL."""

import codecs

# Control characters (C0, DEL, C1), line and paragraph separators, and marks that reorder their neighbours
_HARMFUL = [*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {code: chr(code).encode("unicode_escape").decode("ascii") for code in _HARMFUL}
_BUT_LINES = {code: text for code, text in _ESCAPES.items() if chr(code) not in "\n\t"}
_OUTPUT_ERRORS = "rankiqa-output"


def one_line(text: str) -> str:
    r"""`text` with its control characters escaped (\n, \r, \x1b): one line that changes no terminal."""
    return text.translate(_ESCAPES)


def plain_lines(text: str) -> str:
    """As `one_line`, for text that is made of lines: line feeds and tabs stay."""
    return text.translate(_BUT_LINES)


def printable(text: str) -> str:
    """As `one_line`, for UTF-8: bytes of a file name that are not UTF-8 are shown by their numbers, too."""
    return one_line(text).encode("utf-8", "backslashreplace").decode("utf-8")


def output_errors() -> str:
    """The `errors` of a stream that can print any name: bytes that are no text pass, the rest is escaped."""
    codecs.register_error(_OUTPUT_ERRORS, _bytes_or_escape)
    return _OUTPUT_ERRORS


def _bytes_or_escape(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""Bytes of a name that are no text stay as they are; what the encoding lacks becomes \uXXXX."""
    if not isinstance(error, UnicodeEncodeError):  # a stream in a test is read back
        return codecs.lookup_error("surrogateescape")(error)
    bad = error.object[error.start : error.end]
    parts = (
        bytes([ord(one) - 0xDC00]) if "\udc80" <= one <= "\udcff" else _number(one).encode("ascii")
        for one in bad
    )
    return b"".join(parts), error.end


def _number(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")
