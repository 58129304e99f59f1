"""A file that is no checkpoint is named for what it is, and the message says what to do."""

import gzip
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from main import main
from rankiqa.engines.file_kinds import describe, what_is
from utils.checkpoint import load_checkpoint
from utils.errors import WeightsError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a2146" * 8 + b"\nsize 12345678\n"


def saved(content: object, **how: bool) -> bytes:
    buffer = BytesIO()
    torch.save(content, buffer, **how)
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def tarred(content: bytes) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("plain.pth")
        entry.size = len(content)
        archive.addfile(entry, BytesIO(content))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


def scripted() -> bytes:
    buffer = BytesIO()
    torch.jit.save(torch.jit.trace(nn.ReLU(), torch.zeros(1)), buffer)
    return buffer.getvalue()


def exported() -> bytes:
    buffer = BytesIO()
    torch.export.save(torch.export.export(nn.ReLU(), (torch.zeros(1),)), buffer)
    return buffer.getvalue()


PLAIN = saved({"weight": torch.zeros(100)})
LEGACY = saved({"weight": torch.zeros(100)}, _use_new_zipfile_serialization=False)
FILES: dict[str, tuple[bytes, str]] = {
    "pointer": (POINTER, "a Git LFS pointer, not the file itself: run 'git lfs pull'"),
    "page": (b"\n <!DOCTYPE html>\n<html><title>Sign in</title></html>", "a web page (HTML)"),
    "page in UTF-16": ("<html lang=en>".encode("utf-16"), "a web page (HTML)"),
    "refusal": (b"404: Not Found", "a text file that begins with '404: Not Found'"),
    "empty": (b"", "an empty file"),
    "zeros": (bytes(3000), "nothing but zero bytes"),
    "half": (PLAIN[: len(PLAIN) // 2], "cut short or damaged"),
    "ten bytes missing": (PLAIN[:-10], "cut short or damaged"),
    "half of an old one": (LEGACY[: len(LEGACY) // 2], "cut short"),
    "photographs": (zipped(a__png=b"1", b__png=b"2"), "a ZIP archive of 2 files ('a.png', 'b.png')"),
    "zipped": (zipped(m__pth=PLAIN), "a ZIP archive of 1 files ('m.pth'): unpack it"),
    "keras": (zipped(config__json=b"{}", model__weights__h5=b"\x89HDF"), "a model of Keras"),
    "npz": (zipped(a__npy=b"", b__npy=b""), "arrays of NumPy (.npz)"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file, as Keras writes them"),
    "tar": (tarred(PLAIN), "a tar archive: unpack it"),
    "gzip": (gzip.compress(PLAIN), "compressed by gzip: unpack it"),
    "safetensors": (safetensors(), "a safetensors file: it is read under a name that ends in .safetensors"),
    "TorchScript": (scripted(), "a converted model (TorchScript): --predict takes it under a name that"),
    "pt2": (exported(), "a converted model (torch.export): --predict takes it under a name that"),
    "onnx": (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0" + bytes(9), "a converted model (ONNX): --predict"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(20), "an image (PNG)"),
    "code": (saved({"state_dict": {}, "of": nn.ReLU()}), "could run code when opened"),
    "objects": (pickle.dumps({"w": np.zeros(3)}), "could run code when opened"),
    "noise": (np.random.default_rng(3).bytes(3000), "damaged, or not a file of weights"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_error_says_what_the_file_is(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    content, told = FILES[name]
    path = tmp_path / "model_best_resnet18.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: {told}")
    assert ("could run code" in str(caught.value)) == (name in ("code", "objects"))
    assert "\n" not in str(caught.value) and not list(recwarn)


@pytest.mark.parametrize("content", [PLAIN, LEGACY], ids=["zip", "legacy"])  # the bytes differ by process
def test_both_forms_of_torch_are_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    path.write_bytes(content)
    assert torch.equal(load_checkpoint(path)["state_dict"]["weight"], torch.zeros(100))
    assert what_is(path) is None


@pytest.mark.parametrize(
    "argv",
    [
        ["-e", "--resume", "m.pth"],
        ["--train", "--resume", "m.pth"],
        ["--train", "--continue", "m.pth"],
        ["--calibrate", "--resume", "m.pth"],
        ["--jit", "--resume", "m.pth"],
        ["-e", "--compare", "m.pth", "m.pth"],
        *(["--predict", "x.png", "--resume", f"m.{suffix}"] for suffix in ("pth", "pt", "pt2", "onnx")),
    ],
)
def test_every_action_names_a_pointer(
    argv: list[str], workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    file = next(item for item in argv if item.startswith("m."))
    Path(file).write_bytes(POINTER)
    assert main([*argv, "-g", "0"]) == 2
    error = capsys.readouterr().err
    assert f"{file}: a Git LFS pointer, not the file itself: run 'git lfs pull'" in error
    assert error.count("\n") == 1


def test_a_folder_and_a_checkpoint_under_another_name(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    Path("m.pt").write_bytes(PLAIN)
    assert main(["--predict", "x.png", "--resume", "m.pt"]) == 2
    assert (
        "m.pt: PyTorch's own file (checkpoint): give it a name that ends in .pth" in capsys.readouterr().err
    )
    assert main(["-e", "--resume", "data"]) == 2
    assert "data: a folder: name a file in it" in capsys.readouterr().err


def test_what_a_converted_file_is_does_not_answer_its_own_opener(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(scripted())
    assert what_is(path, "TorchScript") is None
    assert "(TorchScript)" in str(what_is(path, "torch.export"))
    assert describe(np.random.default_rng(5).bytes(1024)) is None
