"""Recipes for reasons: every family about as often, readable by training, the same for the same seed."""

import csv
from pathlib import Path

import numpy as np
import pytest

from data_tools.generate import reason_generator
from data_tools.generate.reason_recipes import ReasonPlanner, at_level
from dataloader.labels import load_labels
from dataloader.reasons import reason_labels
from dataloader.recipes import read_image
from distortions import find_distortion
from distortions.reasons import TRACES
from distortions.stages import check_stages, parse_stages, split_recipe
from rankiqa.reasons import FAMILIES
from rankiqa.views import View


def generate(photographs: Path, out: Path, *flags: str) -> None:
    options = ["--refs", str(photographs), "--out", str(out), "--images", "12", "--val", "0.25"]
    assert reason_generator.main([*options, *flags]) == 0


def rows_of(split: Path) -> list[list[str]]:
    with (split / "label.txt").open(encoding="utf-8") as file:
        return [row for row in csv.reader(file) if row and not row[0].startswith("#")]


def test_families_come_about_as_often() -> None:
    """Of 2,000 images of a large photograph; a third of the families' stages may be too weak or covered."""
    planner = ReasonPlanner(np.random.default_rng(1), (768, 1024), perfect=True)
    drawn = [planner.draw() for _ in range(2000)]
    for stages, _ in drawn:
        check_stages(stages)
    visible = np.array([damage.presence == 1 for _, damage in drawn])
    counts = dict(zip(FAMILIES, visible.sum(axis=0).tolist(), strict=True))
    assert min(counts.values()) > 0.4 * max(counts.values()), counts
    clean = np.mean([(damage.presence == 0).all() for _, damage in drawn])
    assert 0.15 < clean < 0.35
    assert np.mean(visible.sum(axis=1) == 2) > 0.1


def test_labels_are_read_back_as_they_were_planned(photographs: Path, tmp_path: Path) -> None:
    generate(photographs, tmp_path)
    view = View("whole", (512, 512))
    for split, scenes in (("train", 3), ("val", 1)):
        labels = load_labels(tmp_path / split / "label.txt", "regress")
        assert len({split_recipe(name)[0] for name in labels.names}) == scenes and len(labels) > 8 * scenes
        found = reason_labels(labels, view, [("reference", 0)] * len(labels.names))
        worst = np.nanmax(found.severity, axis=1, initial=0)
        np.testing.assert_allclose(labels.targets, 5 - 4 * worst, atol=1e-3)
    for path in labels.paths[:4]:
        assert view.evaluate(read_image(view, path)).shape[0] == 1


def test_a_seed_gives_the_same_rows_and_another_one_others(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, flags in (("a", []), ("b", []), ("c", ["--seed", "1"])):
        generate(photographs, tmp_path / name, *flags)
    first, second, other = (rows_of(tmp_path / name / "train") for name in "abc")
    assert first == second != other
    capsys.readouterr()
    generate(photographs, tmp_path / "a")
    assert capsys.readouterr().out.count("already there") == 2


def test_an_imperfect_photograph_is_shrunk_first(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("photo_1.png\n")
    generate(photographs, tmp_path, "--imperfect", str(tmp_path / "names.txt"))
    for split in ("train", "val"):
        for name, _ in rows_of(tmp_path / split):
            source, stages = split_recipe(name)
            first = parse_stages(stages)[0] if stages else None
            assert (str(first) == "size@0.5") == source.endswith("photo_1.png")


@pytest.mark.parametrize("kind", sorted(set(TRACES) - {"heic", "jpeg_xl"}))
def test_levels_below_the_ladder_are_strengths(kind: str) -> None:
    """The level of the stage is the one that was asked for, or that of a tenth of the weakest strength."""
    distortion = find_distortion(kind)
    for level in (0.7, 1.0, 3.3):
        stage = at_level(kind, level, 5)
        assert stage.exact == (level < 1)
        read = distortion.level(stage.value) if stage.exact else stage.value
        first, second = distortion.ladder[:2]
        least = distortion.level(first / 10) if 0 < first < second else level
        assert read == pytest.approx(max(level, least), abs=1e-3)


def test_photographs_that_are_all_left_out(photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--refs", str(photographs), "--out", "x", "--exclude", "*.png"]
    assert reason_generator.main(flags) == 2
    assert "--exclude leaves out every photograph" in capsys.readouterr().err
