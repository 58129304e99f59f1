"""A folder of clean drawings with one of each problem in it, and a model whose scores anybody can compute."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from rankiqa.spec import ModelSpec

SIZE = (160, 120)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A colourful drawing of sharp shapes over a soft sky, another one for every seed."""
    rng = np.random.default_rng(seed)
    large = (size[0] * 2, size[1] * 2)
    corners = rng.integers(60, 200, (2, 2, 3)).astype(np.uint8)
    image = Image.fromarray(corners).resize(large, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for number in range(14):
        x, y = rng.integers(0, large[0]), rng.integers(0, large[1])
        width, height = (
            rng.integers(large[0] // 12, large[0] // 3),
            rng.integers(large[1] // 12, large[1] // 3),
        )
        colour = tuple(int(value) for value in rng.integers(20, 235, 3))
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape(
            (int(x - width // 2), int(y - height // 2), int(x + width // 2), int(y + height // 2)),
            fill=colour,
        )
    return image.resize(size, Image.Resampling.BOX)


def plant(folder: Path, clean: int = 24) -> dict[str, set[str]]:
    """Fill `folder`; the findings of each file, by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[str, set[str]] = {}
    for seed in range(clean):
        scene(seed).save(folder / f"scene{seed:02}.png")
        expected[f"scene{seed:02}.png"] = set()
    for name, (image, findings) in _damaged().items():
        image.save(folder / name)
        expected[name] = findings
    expected |= _copies(folder) | _unread(folder)
    return expected


def _damaged() -> dict[str, tuple[Image.Image, set[str]]]:
    rng = np.random.default_rng(0)
    pixels = {name: np.asarray(scene(100 + number)).astype(np.float64) for number, name in enumerate("abcde")}
    noise = rng.normal(0, 25, pixels["d"].shape)
    return {
        "dark.png": (_image(0.3 * pixels["a"]), {"dark"}),
        "bright.png": (_image(1.6 * pixels["b"] + 90), {"bright"}),
        "blurred.png": (_image(ndimage.gaussian_filter(pixels["c"], (3, 3, 0))), {"blurred"}),
        "noisy.png": (_image(pixels["d"] + noise), {"noisy"}),
        "flat.png": (Image.new("RGB", SIZE, (120, 140, 160)), {"flat"}),
        "grey.png": (scene(105).convert("L"), {"grey"}),
        "large.png": (scene(106, (800, 600)), {"odd_size"}),
        "long.png": (scene(107, (256, 75)), {"odd_aspect_ratio"}),
        "no_red.png": (_image(pixels["e"] * (0.02, 1, 1)), {"score_outlier"}),
    }


def _copies(folder: Path) -> dict[str, set[str]]:
    """Copies of the first scenes: the better one is redder, of equal ones larger or shorter-named."""
    shutil.copy(folder / "scene00.png", folder / "scene00 copy.png")
    Image.open(folder / "scene01.png").save(folder / "z_same_pixels.bmp")
    Image.open(folder / "scene02.png").resize((120, 90), Image.Resampling.LANCZOS).save(
        folder / "smaller.png"
    )
    for seed, (name, factor) in enumerate([("less_red.jpg", 0.6), ("more_red.jpg", 1.3)], start=3):
        _image(np.asarray(scene(seed)) * np.array((factor, 1, 1))).save(folder / name, quality=80)
    exact, near = {"exact_duplicate"}, {"near_duplicate"}
    found = {"scene00 copy.png": exact, "z_same_pixels.bmp": exact, "smaller.png": near, "less_red.jpg": near}
    return {**found, "more_red.jpg": set(), "scene04.png": near}


BETTER = {
    "scene00 copy.png": "scene00.png",
    "z_same_pixels.bmp": "scene01.png",
    "smaller.png": "scene02.png",
    "less_red.jpg": "scene03.png",
    "scene04.png": "more_red.jpg",
}  # of each that could go


def _unread(folder: Path) -> dict[str, set[str]]:
    scene(108).save(folder / "whole.jpg", quality=90)
    content = (folder / "whole.jpg").read_bytes()
    (folder / "whole.jpg").unlink()
    (folder / "cut.jpg").write_bytes(content[: len(content) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not an image")
    return {"cut.jpg": {"truncated"}, "empty.png": {"empty"}, "text.jpg": {"broken"}}


def write_model(path: Path) -> Path:
    """An ONNX file whose score is the mean of red in 0..1, of a view that shows the whole of a 4:3 image."""
    onnx = pytest.importorskip("onnx")
    spec = ModelSpec(
        "red", image_size=(96, 128), score_percentiles=tuple(np.linspace(0.2, 0.8, 101).tolist())
    )
    shape = ["N", 3, "H", "W"]
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["means"]),
            helper.make_node("Flatten", ["means"], ["colours"]),
            helper.make_node("MatMul", ["colours", "red"], ["logits"]),
            helper.make_node("Flatten", ["logits"], ["flat"], axis=0),
            helper.make_node("Squeeze", ["flat"], ["score"]),
        ],
        "red",
        [helper.make_tensor_value_info("images", number, shape)],
        [
            helper.make_tensor_value_info("score", number, ["N"]),
            helper.make_tensor_value_info("logits", number, ["N", 1]),
        ],
        [helper.make_tensor("red", number, (3, 1), [1.0, 0.0, 0.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    helper.set_model_props(model, {"model_spec": spec.to_json()})
    onnx.save(model, str(path))
    return path


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))
