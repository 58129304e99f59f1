"""Recipes: what they make equals the same steps by hand, and their labels hold what construction says."""

import csv
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import piq
import pytest
import torch
from conftest import texture
from PIL import Image

import main as program
from data_tools.generate import recipe_generator
from data_tools.generate.pseudo_mos import Mapping
from data_tools.generate.recipe_groups import GroupPlanner
from data_tools.generate.recipe_labels import labels_of, measure
from data_tools.generate.recipe_types import PlannedRow
from dataloader.recipes import read_image
from distortions import distort
from distortions.stages import OPERATIONS, check_stages, make_image, parse_stages, recipe_text, split_recipe
from rankiqa.views import View
from utils.errors import ConfigError, ImageError

GROUP = 6


@pytest.fixture(scope="module")
def generated(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated")
    generate(photographs, out)
    return out


def generate(photographs: Path, out: Path, *flags: str) -> None:
    options = ["--refs", str(photographs), "--out", str(out), "--groups", "3", "--val", "0.25", "-j", "1"]
    assert recipe_generator.main([*options, "--metric", "haarpsi", *flags]) == 0


def rows_of(split: Path) -> list[tuple[str, float]]:
    with (split / "label.txt").open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    return [(name, float(mos)) for name, mos in rows]


def test_a_recipe_equals_its_steps_by_hand(photographs: Path) -> None:
    photo = photographs / "photo_1.png"
    image = Image.open(photo).convert("RGB")
    small = image.resize((180, 156), Image.Resampling.LANCZOS)
    noisy = distort(np.asarray(small), "sensor_noise", 2.5, 17)
    grey = Image.fromarray(distort(noisy, "jpeg", 3, 0)).convert("L").convert("RGB")
    expected = np.asarray(grey)[3:, 3:][:, ::-1]
    made = read_image(
        View("patches", (64, 64)), f"{photo}::size@0.75::sensor_noise@2.5@17::jpeg@3::grey::shift@3::mirror"
    )
    assert np.array_equal(np.asarray(made), expected)


def test_a_strength_is_in_the_unit_of_the_ladder() -> None:
    image = np.asarray(texture(3, 1.0))
    saved = make_image(image, parse_stages("jpeg@=80"))
    assert np.array_equal(saved, make_image(image, parse_stages("jpeg@=80@5")))
    assert not np.array_equal(saved, make_image(image, parse_stages("jpeg@=60")))


def test_area_reduces_and_never_enlarges() -> None:
    image = np.asarray(texture(3, 1.0, (96, 128)))
    assert make_image(image, parse_stages("area@3072")).shape[:2] == (48, 64)
    assert np.array_equal(make_image(image, parse_stages("area@99999")), image)


def test_a_part_is_a_ninth_of_the_places_of_half_the_sides() -> None:
    image = np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3)
    assert np.array_equal(make_image(image, parse_stages("part@1")), image[:6, :8])
    assert np.array_equal(make_image(image, parse_stages("part@5")), image[3:9, 4:12])
    assert np.array_equal(make_image(image, parse_stages("part@6")), image[3:9, 8:])
    assert np.array_equal(make_image(image, parse_stages("part@9")), image[6:, 8:])


def test_turns_are_quarters_counter_clockwise() -> None:
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    for quarters in (1, 2, 3):
        assert np.array_equal(make_image(image, parse_stages(f"turn@{quarters}")), np.rot90(image, quarters))


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ("jpeg@x", "NAME@LEVEL"),
        ("jpeg@3@4@5", "NAME@LEVEL"),
        ("jpeg@nan", "NAME@LEVEL"),
        ("jpeg@3@-1", "NAME@LEVEL"),
        ("jpg@3", "unknown distortion 'jpg'"),
    ],
)
def test_a_wrong_stage_is_named(stages: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse_stages(f"mirror::{stages}")


def test_a_wrong_stage_in_a_label_file_is_named_by_its_line(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "label.txt").write_text(
            f"{photographs}/photo_1.png,5\n{photographs}/photo_1.png::jpeg@9,1\n{photographs}/no.png::jpeg@1,1\n"
        )
    assert (
        program.main(["--train", "-a", "timm/test_resnet", "--criterion", "regress", "--data", str(tmp_path)])
        == 2
    )
    said = capsys.readouterr().err
    assert "label.txt:2: jpeg" in said
    assert "level 9 is outside 1 to 5" in said
    assert "label.txt:3: no such image" in said


def test_labels_hold_what_construction_says(generated: Path) -> None:
    """Equals have one label; a longer chain or a stronger level of the same is worse; damage is below 5."""
    compared = 0
    for split in ("train", "val"):
        rows = rows_of(generated / split)
        assert len(rows) % GROUP == 0
        for start in range(0, len(rows), GROUP):
            group = [(parse(name), mos) for name, mos in rows[start : start + GROUP]]
            assert len({name.split("::")[0] for name, _ in rows[start : start + GROUP]}) == 1
            for one, mos in group:
                for other, other_mos in group:
                    if one == other:
                        assert mos == other_mos
                    elif is_worse(other, one):
                        assert other_mos < mos
                        compared += 1
                assert 1 <= mos <= 5
                if not one:
                    assert mos == 5
    assert compared > 100


def test_plans_hold_together() -> None:
    """Bases are the same recipe without its last damage; nothing undoes what came before."""
    repairs = {("gblur", "sharpen"), ("sensor_noise", "noise_reduction"), ("underexposed", "overexposed")}
    planner, chains = GroupPlanner(np.random.default_rng(3), 1024.0 * 768, perfect=True), 0
    for _ in range(400):
        group = planner.draw()
        assert len(group) == GROUP
        for number, row in enumerate(group):
            names = [stage.name for stage in row.stages if not stage.keeps_quality]
            assert not repairs & set(pairwise(names))
            check_stages(row.stages)
            assert all(other is None or other < number for other in (row.parent, row.equal_to, row.base))
            if row.base is not None:
                base = group[row.base]
                assert len(base.stages) == len(row.stages) - 1
                assert set(base.stages) < set(row.stages)
                chains += 1
    assert chains > 400


def test_noise_on_a_soft_photograph_makes_it_worse_by_its_share(photographs: Path) -> None:
    """Added damage takes the share of what is left that its own metrics take from a clean image."""
    soft, noisy = "gblur@=2.5", "gblur@=2.5::sensor_noise@=0.001@7"
    group = [
        PlannedRow(parse_stages(soft), "gblur", 1.0),
        PlannedRow(parse_stages(noisy), "sensor_noise", 2.5, 0, base=0),
    ]
    source = photographs / "photo_1.png"
    measured = measure(str(source), [group], ["haarpsi"])
    mapping = Mapping(["haarpsi"], np.linspace(0.2, 1.0, 50)[:, None])
    one, two = labels_of(group, measured.values[0], mapping)
    photo = np.asarray(Image.open(source).convert("RGB"))
    pair = [
        torch.tensor(make_image(photo, parse_stages(text))).permute(2, 0, 1)[None] / 255
        for text in (noisy, soft)
    ]
    alone = 1 + 4 * (float(piq.haarpsi(*pair)) - 0.2) / 0.8
    assert two == pytest.approx(min(1 + (one - 1) * (alone - 1) / 4, one - 0.08), abs=0.02)
    assert 1 < two < one - 0.2


def parse(name: str) -> tuple[tuple[str, float, int], ...]:
    """The damage of a recipe: what is neither an operation nor re-encoding that nobody sees."""
    stages = parse_stages(split_recipe(name)[1]) if "::" in name else ()
    seen = [stage for stage in stages if stage.name not in OPERATIONS]
    least = {"jpeg": 94, "webp": 95, "avif": 90}
    return tuple(
        (stage.name, stage.value, stage.seed)
        for stage in seen
        if not (stage.exact and stage.value >= least.get(stage.name, math.inf))
    )


def is_worse(one: tuple[tuple[str, float, int], ...], other: tuple[tuple[str, float, int], ...]) -> bool:
    """Whether `one` is `other` with a stage more at its end, or with one level raised."""
    if len(one) == len(other) + 1:
        return one[:-1] == other
    changed = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
    return (
        len(one) == len(other)
        and len(changed) == 1
        and changed[0][0][::2] == changed[0][1][::2]
        and changed[0][0][2] > 0
        and changed[0][0][1] > changed[0][1][1]
    )


def test_metrics_are_against_the_clean_version_at_its_size(generated: Path) -> None:
    with (generated / "train" / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["haarpsi"] not in ("", "nan")]
    for row in rows[::7]:
        source, text = split_recipe(row["path"])
        stages = parse_stages(text)
        photo = np.asarray(Image.open(source).convert("RGB"))
        made = make_image(photo, stages)
        clean = make_image(photo, tuple(stage for stage in stages if stage.name in OPERATIONS))
        pair = [torch.tensor(each).permute(2, 0, 1)[None] / 255 for each in (made, clean)]
        assert float(row["haarpsi"]) == pytest.approx(float(piq.haarpsi(*pair)), abs=1e-5)


def test_an_interrupted_run_resumes_to_the_same_labels(
    generated: Path, photographs: Path, tmp_path: Path
) -> None:
    log = (generated / "measured.jsonl").read_bytes().splitlines(keepends=True)
    out = tmp_path / "again"
    out.mkdir()
    changed = json.loads(log[1])
    (out / "measured.jsonl").write_bytes(b"".join(log[:2]) + log[2][:40])
    generate(photographs, out)
    for split in ("train", "val"):
        assert (out / split / "label.txt").read_text() == (generated / split / "label.txt").read_text()
    assert json.loads((out / "measured.jsonl").read_bytes().splitlines()[1]) == changed


def test_training_by_recipes(generated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--criterion", "regress", "--rank_weight", "1", "--group_size", "6", "-b", "12", "--epochs", "1"]
    run = [
        "--train",
        "-a",
        "timm/test_resnet",
        "--data",
        str(generated),
        *flags,
        "-j",
        "0",
        "--view",
        "patches",
    ]
    saved = [
        "--image_size",
        "64",
        "64",
        "--checkpoint_dir",
        str(tmp_path),
        "--logdir",
        str(tmp_path / "logs"),
    ]
    assert program.main([*run, *saved]) == 0
    best = next(tmp_path.glob("model_best_*.pth"))
    assert (
        program.main(
            [
                "-e",
                "--resume",
                str(best),
                "--data",
                str(generated / "val"),
                "--logdir",
                str(tmp_path / "e"),
                "-j",
                "0",
            ]
        )
        == 0
    )
    assert "srcc" in capsys.readouterr().out.lower()


def test_names_and_stages_are_inverse(generated: Path) -> None:
    for name, _ in rows_of(generated / "train"):
        source, stages = split_recipe(name)
        assert recipe_text(source, parse_stages(stages) if stages else ()) == name


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        ("area@-5", "above 0"),
        ("part@0", "1 to 9"),
        ("part@2.5", "1 to 9"),
        ("turn@4", "1 to 3"),
        ("size@0", "at most 1"),
        ("jpeg@6", "level 6"),
    ],
)
def test_numbers_out_of_range_are_refused(stage: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        check_stages(parse_stages(stage))


@pytest.mark.parametrize("stages", ["shift@400", "webp@=500", "size@0.05::jpeg@3"])
def test_what_can_not_be_made_is_an_image_error(photographs: Path, stages: str) -> None:
    with pytest.raises(ImageError, match="can't be made"):
        read_image(View(), f"{photographs}/photo_1.png::{stages}")


def test_a_second_run_finds_the_work_done(
    generated: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (generated / "train" / "label.txt").stat().st_mtime_ns
    generate(photographs, generated)
    assert "already there" in capsys.readouterr().out
    assert (generated / "train" / "label.txt").stat().st_mtime_ns == before


def test_a_name_of_an_imperfect_photograph_that_is_not_there(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("photo_1.png\nphoto 9.png\n")
    refs = ["--refs", str(photographs), "--out", str(tmp_path / "out")]
    assert recipe_generator.main([*refs, "--imperfect", str(names)]) == 2
    assert "photo 9.png" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
