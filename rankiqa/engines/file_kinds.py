"""What a file is, by its content, where it is not what was asked for, and what to do."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

FIRST = 1024  # bytes that `describe` needs
_CHECKPOINT = "PyTorch's own file (checkpoint): give it a name that ends in .pth"
_UNPACK = "unpack it and name the file inside"
_STARTS = {
    b"version https://git-lfs.github.com/spec/": (
        "a Git LFS pointer, not the file itself: run 'git lfs pull' where it was cloned"
    ),
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes them, not weights of PyTorch",
    b"GGUF": "a GGUF file of a language model",
    b"\x93NUMPY": "an array of NumPy, not weights of PyTorch",
    b"\x1f\x8b": f"compressed by gzip: {_UNPACK}",
    b"BZh": f"compressed by bzip2: {_UNPACK}",
    b"\xfd7zXZ\0": f"compressed by xz: {_UNPACK}",
    b"\x28\xb5\x2f\xfd": f"compressed by zstd: {_UNPACK}",
    b"7z\xbc\xaf\x27\x1c": f"a 7z archive: {_UNPACK}",
    b"Rar!": f"a RAR archive: {_UNPACK}",
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"GIF8": "an image (GIF)",
    b"%PDF": "a PDF document",
}
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number of torch.save before version 1.6


def describe(first_bytes: bytes) -> str | None:
    """What a file is that begins with these bytes (FIRST or fewer), and what to do; None: not known."""
    if not first_bytes:
        return "an empty file: copy or download it again"
    if len(first_bytes) == first_bytes.count(0):
        return "nothing but zero bytes, as a copy that broke off leaves: copy or download it again"
    for start, what in _STARTS.items():
        if first_bytes.startswith(start):
            return what
    if first_bytes[257:262] == b"ustar":
        return f"a tar archive: {_UNPACK}"
    if first_bytes[4:8] == b"TFL3":
        return "a model of TensorFlow Lite, not weights of PyTorch"
    if first_bytes[8:10] == b'{"' and int.from_bytes(first_bytes[:8], "little") < 2**32:
        return "a safetensors file: it is read under a name that ends in .safetensors"
    if first_bytes[0] == 8 and first_bytes[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x3a", b"\x42"):
        return _converted("ONNX", ".onnx")
    return _describe_text(first_bytes)


def _describe_text(first_bytes: bytes) -> str | None:
    encoding = "utf-16" if first_bytes[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    # what was cut in the middle of a letter is dropped
    text = first_bytes.decode(encoding, "ignore").lstrip("\ufeff").strip()
    if not text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        return None
    if encoding == "utf-8" and len(text.encode()) < 0.9 * len(first_bytes.strip()):
        return None
    if text[:14].lower() == "<!doctype html" or text[:5].lower() == "<html":
        return "a web page (HTML), as a link to a page in place of the file gives: download the file itself"
    if "<net " in text:
        return _converted("OpenVINO", ".xml")
    return f"a text file that begins with {text[:40]!r}: copy or download the file itself"


def what_is(path: Path, expected: str = "checkpoint") -> str | None:
    """What a file that could not be opened is, and what to do; None: not known, or what was expected.

    Args:
        path: it is looked into if it is a ZIP archive, as those of torch are.
        expected: "checkpoint", "TorchScript", "torch.export", "ONNX" or "OpenVINO".
    """
    if path.is_dir():
        return "a folder: name a file in it"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        first = file.read(FIRST)
    what = _describe_archive(path) if first.startswith(b"PK") else describe(first)
    if first.startswith(_LEGACY):
        what = _CHECKPOINT
    return None if what is None or f"({expected})" in what else what


def _describe_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, OSError):
        return "cut short or damaged (a ZIP archive without its end): copy or download it again"
    inner = {name.partition("/")[2] for name in names}
    if any(name.startswith("code/") for name in inner):
        return _converted("TorchScript", ".pt")
    if inner & {"models/model.json", "archive_format"}:
        return _converted("torch.export", ".pt2")
    if "data.pkl" in inner:
        return _CHECKPOINT
    if "model.weights.h5" in names:
        return "a model of Keras, not weights of PyTorch"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays of NumPy (.npz), not weights of PyTorch"
    return f"a ZIP archive of {_listed(names)}: {_UNPACK}"


def _converted(form: str, suffix: str) -> str:
    return (
        f"a converted model ({form}): --predict takes it under a name that ends in {suffix}, "
        "for the rest give the checkpoint (.pth) that it was made from"
    )


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(repr(name) for name in names[:3])
    return f"{len(names)} files" + (f" ({shown}{', ...' if len(names) > 3 else ''})" if names else "")
