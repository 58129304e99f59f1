"""The names of the faults, which ones cost a row, and one finding."""

from dataclasses import dataclass

FAULTS = {
    "absent": "a label file names it, and it is not there",
    "empty": "a file of no bytes",
    "truncated": "the file ends before the image does",
    "broken": "not an image, or damaged",
    "oversized": "claims more pixels than --max_pixels, or than its bytes can hold; not decoded",
    "unreadable": "can't be opened here: no permission, a disk's fault, a package that is not installed",
    "misnamed": "the ending of its name says another format than the content",
    "tiny": "a side is shorter than 16 pixels",
    "duplicate": "the same pixels as another labelled image",
    "leakage": "in two splits: named by both, or the same pixels as an image of another split",
    "unlabelled": "lies below a label file's folder, and no label file names it",
}
# Their rows can't be used by anybody. An unreadable image may be whole, and be read elsewhere.
ROW_GOES = frozenset({"absent", "empty", "truncated", "broken", "oversized"})
NOT_READ = ROW_GOES | {"unreadable"}


@dataclass(frozen=True)
class Finding:
    """One fault of one image.

    Attributes:
        key: the absolute path, by which label files and images are matched.
        path: the path as the label file or the folder spells it.
        fault: a key of `FAULTS`.
        detail: one line of reason.
    """

    key: str
    path: str
    fault: str
    detail: str
