"""The pixels and the answers of the page without a server, by node. Oracle: those of Python and Pillow."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rankiqa.intervals import Intervals
from rankiqa.reasons import strongest
from rankiqa.score import average_crops, crop_deviation, deviation, distribution, percentile, score
from rankiqa.spec import ModelSpec
from rankiqa.views import View, patch_grid, whole_size
from rankiqa.web.export import page_files

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no node on this machine")
WHOLE, FIT = View("whole", (96, 128)), View("fit", (48, 64))
CASES = [  # view, width, height of the image
    *[(WHOLE, *size) for size in ((300, 200), (200, 301), (128, 96), (97, 131), (31, 7), (1, 1), (33, 700))],
    *[(WHOLE, *size) for size in ((20, 2000), (3000, 17), (640, 480), (257, 40), (90, 400))],
    *[(FIT, *size) for size in ((200, 100), (100, 200), (64, 48), (20, 10), (1, 3))],
    *[(View("patches", (32, 40), count), 90, 75) for count in (1, 5, 7, 9)],
    *[(View("patches", (32, 40)), *size) for size in ((30, 20), (40, 32))],
]
STRIP = 4000  # pixels that are read at a time
SIZES = [
    (4000, 3000),
    (512, 512),
    (513, 300),
    (255, 2000),
    (16, 16),
    (1, 90),
    (9000, 20),
    (1008, 48),
    (80, 784),
]


def run(folder: Path, script: str, given: Any) -> Any:
    """What a module that can import the page's says of `given`."""
    for name, content in page_files().items():
        if name.endswith(".js"):
            (folder / Path(name).name).write_bytes(content)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "given.json").write_text(json.dumps(given))
    head = 'import { readFileSync, writeFileSync } from "node:fs";\n'
    read = 'const given = JSON.parse(readFileSync("given.json"));\n'
    (folder / "test.js").write_text(f"{head}{script.replace('//given', read)}")
    subprocess.run([str(NODE), "test.js"], cwd=folder, check=True, timeout=60)
    return json.loads((folder / "found.json").read_text())


def test_crops_are_those_of_python(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (height, width, 3), np.uint8) for _, width, height in CASES]
    for number, image in enumerate(images):
        opaque = np.full((*image.shape[:2], 1), 255, np.uint8)
        (tmp_path / f"{number}.rgba").write_bytes(np.concatenate([image, opaque], axis=2).tobytes())
    given = [
        {"view": view.name, "image_size": view.size, "patches": view.patches, "width": wide, "height": tall}
        for view, wide, tall in CASES
    ]
    sizes = run(
        tmp_path,
        """import { cropsOf } from "./views.js";
//given
const found = given.images.map(({ width, height, ...spec }, number) => {
  const pixels = new Uint8ClampedArray(readFileSync(`${number}.rgba`));
  const rows = (top, count) => {
    if (top < 0 || count < 1 || top + count > height) throw new Error(`${top} ${count} ${height}`);
    return pixels.subarray(4 * width * top, 4 * width * (top + count));
  };
  const crops = cropsOf({ width, height, rows }, spec, given.strip);
  writeFileSync(`${number}.planes`, crops.pixels);
  return [crops.count, 3, crops.height, crops.width];
});
writeFileSync("found.json", JSON.stringify(found));
""",
        {"images": given, "strip": STRIP},
    )
    for number, ((view, _, _), image) in enumerate(zip(CASES, images, strict=True)):
        wanted = view.evaluate(Image.fromarray(image))
        found = np.frombuffer((tmp_path / f"{number}.planes").read_bytes(), np.uint8).reshape(sizes[number])
        assert found.shape == wanted.shape, CASES[number]
        np.testing.assert_array_equal(found, wanted, str(CASES[number]))


def test_sizes_and_places_are_those_of_python(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    sizes = SIZES + random.integers(1, 3000, (400, 2)).tolist()
    found = run(
        tmp_path,
        """import { patchGrid, wholeSize } from "./views.js";
//given
writeFileSync("found.json", JSON.stringify({
  sizes: given.map(([width, height]) => wholeSize(width, height, 512 * 512)),
  places: Array.from({ length: 40 }, (_, count) => patchGrid(count + 1)),
}));
""",
        sizes,
    )
    for (width, height), one in zip(sizes, found["sizes"], strict=True):
        assert (tuple(one["size"]), one["scaled"]) == whole_size(width, height, 512 * 512), (width, height)
    for count, places in enumerate(found["places"], 1):
        assert [tuple(place) for place in places] == patch_grid(count)


INTERVALS = {
    "coverages": [0.8, 0.9, 0.95],
    "bounds": [-0.5, 0.5],
    "quantiles": [[0.5, 1, 2], [0.4, 0.8, 1.6], [0.7, 0.9, 1.1]],
    "ends": [-1, 1.5],
    "images": 100,
    "scenes": 9,
}


@pytest.mark.parametrize(
    ("classes", "spread"), [(1, "none"), (1, "score"), (1, "crops"), (5, "crops"), (5, "ratings")]
)
def test_answers_are_those_of_python(tmp_path: Path, classes: int, spread: str) -> None:
    random = np.random.default_rng(classes)
    families = ("noise", "dark", "blocks", "haze", "a_new_one")
    known = tuple(sorted(np.round(random.normal(size=101), 2).tolist()))  # with equal neighbours
    knots = [] if spread == "none" else [[-0.5, 0.5], [0.5, 1.0], [1.5, 0.2]]
    intervals = Intervals.from_dict({**INTERVALS, "spread": spread, "knots": knots})
    spec = ModelSpec("a", classes, score_percentiles=known, reasons=families, interval=intervals)
    logits = random.normal(size=(30, 3, classes)).astype(np.float32)
    logits[0], logits[1], logits[2] = -99, 99, known[50]
    damage = random.random((30, 3, 2 * len(families))).astype(np.float32)
    given = [
        [
            {"logits": one, "reasons": two[: len(families)], "severities": two[len(families) :]}
            for one, two in zip(crops.tolist(), damaged.tolist(), strict=True)
        ]
        for crops, damaged in zip(logits, damage, strict=True)
    ]  # fmt: skip
    script = """import { rowOf } from "./answers.js";
//given
writeFileSync("found.json", JSON.stringify(given.images.map((image) => rowOf(image, given.spec))));
"""
    rows = run(tmp_path, script, {"spec": {**spec.to_dict(), "coverage": 0.9}, "images": given})
    means = average_crops(logits)
    scores, shares = score(means), distribution(means)
    signals = {"score": scores, "crops": crop_deviation(logits)}
    if shares is not None:
        signals["ratings"] = deviation(shares)
    ends = np.stack(intervals.around(signals, 0.9), axis=1)
    for number, row in enumerate(rows):
        assert row["score"] == pytest.approx(float(scores[number]), abs=1e-5)
        assert row["percentile"] == pytest.approx(percentile(row["score"], spec), abs=1e-9)
        assert [row["low"], row["high"]] == pytest.approx(ends[number].tolist(), abs=1e-5)
        if shares is None:
            assert row["std"] is row["distribution"] is None
        else:
            assert row["distribution"] == pytest.approx(shares[number], abs=1e-5)
            assert row["std"] == pytest.approx(deviation(shares)[number], abs=1e-5)
        mean = damage[number].mean(axis=0)
        wanted = strongest(families, mean[: len(families)], mean[len(families) :])
        assert [one["family"] for one in row["reasons"]] == [one.family for one in wanted]
