"""Labels of reasons: every type has its families, and recipes and tables say what is visible."""

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import texture

from dataloader.labels import load_labels
from dataloader.reasons import reason_labels, reduction
from distortions import list_distortions
from distortions.reasons import NEVER, TRACES, VISIBLE, damage_of, damage_of_type, size_after
from distortions.stages import make_image, parse_stages
from rankiqa.reasons import FAMILIES, LANGUAGES, WORDS, in_words, strongest
from rankiqa.views import View
from utils.errors import DataError

PLAIN = View("patches", (32, 32))


def visible(stages: str, size: tuple[int, int] = (512, 512), reduced: float = 1.0) -> dict[str, float]:
    """{family: 1, or NaN where nobody can say}."""
    presence = damage_of(parse_stages(stages), size, reduced).presence
    return {name: float(value) for name, value in zip(FAMILIES, presence, strict=True) if value != 0}


def test_every_type_has_families_and_every_family_a_type() -> None:
    assert set(list_distortions()) <= set(TRACES)
    traces = [trace for traces in TRACES.values() for trace in traces]
    assert {trace.family for trace in traces} == set(FAMILIES)
    assert {trace.family for trace in traces if trace.visible != NEVER} == set(FAMILIES)
    for kind, own in TRACES.items():
        assert len({trace.family for trace in own}) == len(own), kind
        assert all(trace.hidden < trace.visible for trace in own), kind


@pytest.mark.parametrize("kind", sorted(TRACES))
def test_the_strongest_level_is_seen_and_severity_rises(kind: str) -> None:
    damage = [damage_of_type(kind, level) for level in np.linspace(0.5, 5, 19)]
    for trace in TRACES[kind]:
        place = FAMILIES.index(trace.family)
        severity = np.array([one.severity[place] for one in damage])
        if trace.visible == NEVER:
            assert math.isnan(damage[-1].presence[place])
            continue
        assert damage[-1].presence[place] == 1 and severity[-1] == pytest.approx(1)
        assert (np.diff(severity) >= 0).all()
        for one in damage:  # seen for certain exactly where the severity is that of what is seen
            assert (one.presence[place] == 1) == (one.severity[place] >= np.float32(VISIBLE))
            assert (one.presence[place] == 0) == (one.severity[place] == 0)


@pytest.mark.parametrize(
    ("stages", "wanted"),
    [
        ("area@262144::jpeg@=95", {}),  # nobody sees it
        ("jpeg@=20", {"blocks": 1}),
        ("mirror::part@3::shift@1", {}),
        ("defocus@4::sensor_noise@3@7", {"defocus": 1, "noise": 1}),
        ("sensor_noise@3@7::defocus@4", {"defocus": 1, "noise": math.nan}),  # blur may have taken it away
        ("low_light@4@3", {"dark": 1, "noise": 1, "smear": math.nan}),
        ("white_balance@5::grey", {}),
        ("grey::white_balance@5", {"colour_cast": 1}),
        ("underexposed@=3::webp@2", {"dark": 1, "smear": 1}),
        ("mean_shift@4", {"dark": math.nan, "bright": math.nan}),  # up or down, as it was drawn
    ],
)
def test_recipes(stages: str, wanted: dict[str, float]) -> None:
    assert visible(stages) == pytest.approx(wanted, nan_ok=True)


def test_what_is_reduced_afterwards_is_seen_less() -> None:
    """At a quarter of the sides level 3 of a blur is as good as none; over-exposure stays."""
    assert visible("gblur@2") == {"defocus": 1}
    assert visible("gblur@2::size@0.25") == visible("gblur@2", reduced=0.25) == {}
    assert visible("size@0.25::gblur@2") == {"defocus": 1}
    assert visible("gblur@2::area@16384", (512, 512)) == {}
    assert visible("gblur@2::area@16384", (128, 128)) == {"defocus": 1}
    assert visible("overexposed@3::size@0.25") == {"bright": 1}


@pytest.mark.parametrize("stages", ["area@3000", "size@0.7::part@5", "part@2::area@900", "turn@1::jpeg@3"])
def test_the_size_of_a_recipe(stages: str) -> None:
    image = np.asarray(texture(1, 1.0, (96, 128)))
    made = make_image(image, parse_stages(stages)).shape[:2]
    assert size_after(parse_stages(stages), (96, 128)) == pytest.approx(made, abs=1)


@pytest.mark.parametrize("size", [(96, 128), (640, 400), (1000, 1500)])
@pytest.mark.parametrize("name", ["whole", "fit", "patches"])
def test_the_reduction_of_a_view(name: str, size: tuple[int, int]) -> None:
    view = View(name, (256, 256), 1)
    made = view.evaluate(texture(1, 1.0, size)).shape[2:]
    factor = reduction(view, *size)
    if name == "patches":
        assert factor == 1
    elif name == "fit":
        assert factor == pytest.approx(min(1, 256 / min(size)))
    elif size == (96, 128):
        assert factor == 1
    else:
        assert factor == pytest.approx(math.sqrt(made[0] * made[1] / (size[0] * size[1])))


def write(folder: Path, rows: list[str]) -> Path:
    texture(1, 1.0).save(folder / "photo.png")
    texture(2, 1.0).save(folder / "other.png")
    (folder / "label.txt").write_text("".join(f"{folder}/{row},3\n" for row in rows))
    return folder / "label.txt"


def test_rows_and_tables_together(tmp_path: Path) -> None:
    file = write(
        tmp_path, ["photo.png", "photo.png::jpeg@=10::underexposed@4", "other.png", "other.png::size@0.5"]
    )
    found = reason_labels(
        load_labels(file, "regress"), PLAIN, [("WN", 4), ("", -1), ("somebody's", 2), ("", -1)]
    )
    names = [{FAMILIES[place] for place in np.flatnonzero(row == 1)} for row in found.presence]
    assert names == [{"noise"}, {"blocks", "dark"}, set(), set()]
    assert found.known.tolist() == [True, True, False, True]
    assert found.chains.tolist() == [False, True, False, False]
    assert found.severity[0, 0] == pytest.approx(damage_of_type("wn", 4).severity[0])


def test_a_type_without_a_level_is_seen_but_nobody_knows_how_much(tmp_path: Path) -> None:
    file = write(tmp_path, ["photo.png", "other.png"])
    found = reason_labels(load_labels(file, "regress"), PLAIN, [("blur_noise", -1), ("reference", 0)])
    assert [FAMILIES[place] for place in np.flatnonzero(found.presence[0])] == ["noise", "defocus"]
    assert np.isnan(found.severity[0, :2]).all() and (found.presence[1] == 0).all()


def test_nothing_known_is_an_error_that_says_what_would_be_right(tmp_path: Path) -> None:
    file = write(tmp_path, ["photo.png"])
    with pytest.raises(DataError, match=r"label.txt: nothing says .* manifest.csv with known types"):
        reason_labels(load_labels(file, "regress"), PLAIN, [("", -1)])


def test_families_in_words() -> None:
    assert all(len(words) == len(LANGUAGES) and all(words) for words in WORDS.values())
    assert len({words for pair in WORDS.values() for words in pair}) == 2 * len(FAMILIES)
    assert in_words("dark") == "too dark" and in_words("dark", "zh") == "过暗"
    assert in_words("of_a_later_version") == "of a later version"


def test_the_strongest_come_first_and_none_below_a_half() -> None:
    probabilities, severities = np.zeros(13), np.full(13, 0.5)
    assert strongest(FAMILIES, probabilities, severities) == []
    probabilities[:5] = 0.49, 0.6, 0.9, 0.5, 0.7
    severities[1] = 1.0
    found = strongest(FAMILIES, probabilities, severities)
    assert [reason.family for reason in found] == ["defocus", "motion_blur", "smear"]
    assert found[0].probability == 0.6 and found[0].severity == 1.0 and found[0].words("zh") == "失焦模糊"
