"""Oracles: engines whose verdict is known, counts by hand, and the command line on a small network."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import features
from scipy import ndimage

from applications.behaviour import judge, report
from distortions import list_distortions
from distortions.variants import SEEN, SOURCES, alike, as_source, look_alike, seen
from main import main
from metrics.behaviour import Behaviour
from models import create_model
from rankiqa.image import read_rgb
from rankiqa.scorer import Scorer
from rankiqa.spec import ModelSpec
from tests.conftest import texture
from utils.checkpoint import save_checkpoint


class Darkness:
    """Scores an image the higher, the darker it is: what it must say of each version is plain."""

    name = "darkness"
    device = "cpu"
    chunk, streams = 4, 1

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        return -crops.astype(np.float64).mean(axis=(1, 2, 3), keepdims=True)[:, :, 0, 0].astype(np.float32)


@pytest.fixture
def clean(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"clean/{number}.png" for number in range(2)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        texture(number, 0.7).save(path)
    return paths


def test_a_model_that_prefers_the_dark(clean: list[Path]) -> None:
    scorer = Scorer(Darkness(), ModelSpec("resnet18", image_size=(64, 64)))
    behaviour = judge(scorer, clean, workers=1)
    assert list(behaviour.ladders) == list_distortions()
    assert all(len(own) == 2 and own[0].shape == (6,) for own in behaviour.ladders.values())
    ordered = behaviour.ordered_pairs()
    assert ordered["brighten"] == 1.0 and ordered["darken"] == 0.0
    assert behaviour.falling_means()["brighten"] and not behaviour.falling_means()["darken"]
    assert behaviour.below_clean()["over-exposed by 1.3 stops"] == 1.0
    # none of them changes the brightness, but that grey weighs the channels
    assert {share for name, share in behaviour.within_tolerance().items() if name != "grey"} == {1.0}
    for path, (colour, grey) in zip(clean, behaviour.alike["grey"], strict=True):
        pixels = np.asarray(scorer.view.evaluate(read_rgb(path))[0], float)
        luma = np.tensordot([0.299, 0.587, 0.114], pixels, 1)
        assert colour == pytest.approx(-pixels.mean(), abs=1e-3)
        assert grey == pytest.approx(-luma.mean(), abs=0.6)
    assert ("file type: AVIF of quality 90" in behaviour.alike) == features.check("avif")
    named = {f"{words} on a {one} photograph" for words, many in SEEN.values() for one in many}
    there = {name for name in named if name in behaviour.below_clean()}
    assert {f"{name} on a {one} photograph" for name in ("white noise", "JPEG") for one in SOURCES} <= there
    assert there == named or "sensor_noise" not in list_distortions()
    lines = "\n".join(report(behaviour))
    assert "darken" in lines and "0.000*" in lines


def test_shares_counted_by_hand() -> None:
    behaviour = Behaviour(
        ladders={"blur": [np.array([3.0, 2.0, 1.0]), np.array([3.0, 3.0, 4.0])]},
        worse={"noise": [(2.0, 1.0), (2.0, 2.0), (1.0, 0.0), (0.0, 1.0)]},
        alike={"mirrored": [(1.0, 1.0), (1.0, 1.2), (1.0, 1.5)]},
    )
    # of 3 + 3 pairs the first ladder has 3 in order, the second none (a tie is not right)
    assert behaviour.ordered_pairs() == {"blur": 0.5}
    assert behaviour.falling_means() == {"blur": False}  # means 3, 2.5, 2.5
    assert behaviour.below_clean() == {"noise": 0.5}
    spread = np.percentile([3, 2, 1, 3, 3, 4], 95) - np.percentile([3, 2, 1, 3, 3, 4], 5)
    assert behaviour.spread() == pytest.approx(spread)
    assert behaviour.within_tolerance(0.2 / spread + 1e-9) == {"mirrored": pytest.approx(2 / 3)}
    assert behaviour.differences() == {"mirrored": (pytest.approx(0.7 / 3), 0.5)}


def test_the_command_prints_and_writes(
    workplace: Callable[..., Path], clean: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace()
    spec = ModelSpec("mobilenet_v3_small", image_size=(64, 64))
    save_checkpoint("m.pth", {"state_dict": create_model(spec.arch).state_dict(), "spec": spec.to_dict()})
    command = f"-e --behaviour {clean[0].parent} --resume m.pth -j 0 -g 0 --engine torch --threads 1"
    (clean[0].parent / "broken.png").write_bytes(clean[0].read_bytes()[:200])
    assert main(command.split()) == 2 and "broken.png" in capsys.readouterr().err
    assert main([*command.split(), "--bad_images", "skip"]) == 0
    out = capsys.readouterr().out
    assert "mirrored" in out and "rows pass in 95% of the trials" in out
    content = json.loads(next(Path("logs").rglob("metrics.json")).read_text())
    assert set(content["ordered_pairs"]) == set(list_distortions()) and content["images"] == 2
    assert set(content["mean_falls_at_every_level"]) == set(list_distortions())


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--behaviour x", "--behaviour belongs to -e"),
        ("-e --behaviour nowhere --resume m.pth", "nowhere: no such folder"),
        ("-e --behaviour --resume m.pth", "no refimgs"),
    ],
)
def test_errors(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], argv: str, message: str
) -> None:
    workplace()
    spec = ModelSpec("mobilenet_v3_small", image_size=(64, 64))
    save_checkpoint("m.pth", {"state_dict": create_model(spec.arch).state_dict(), "spec": spec.to_dict()})
    assert main(argv.split()) == 2
    assert message in capsys.readouterr().err


def test_a_look_alike_is_a_little_smaller_or_little_changed_and_holds_a_crop():
    """Oracle: the image itself, scaled by another program's area mean to the size of its look-alike."""
    photo = texture(0, 2.0, (384, 512))
    drawn = [look_alike(photo, np.random.default_rng(seed), 224) for seed in range(40)]
    sizes = {one.size for one in drawn}
    assert photo.size in sizes and len(sizes) > 10
    for one in drawn:
        assert min(one.size) >= 224 and one.width / 512 == pytest.approx(one.height / 384, abs=0.01)
        wanted = cv2.resize(np.asarray(photo), one.size, interpolation=cv2.INTER_AREA)
        assert np.abs(np.asarray(one, float) - wanted).mean() < 6
    again = look_alike(photo, np.random.default_rng(3), 224)
    assert np.array_equal(np.asarray(again), np.asarray(drawn[3]))
    assert look_alike(photo.resize((200, 150)), np.random.default_rng(0), 224).size == (200, 150)


def test_photographs_that_are_not_sharp_daylight_by_definition():
    """Oracles: SciPy's Gaussian, and the weights of ITU-R BT.601 by hand."""
    photo = texture(1, 0.5, (96, 128))
    pixels = np.asarray(photo).astype(float)
    soft = ndimage.gaussian_filter(pixels, (1.5, 1.5, 0))
    assert np.abs(np.asarray(as_source(photo, "soft")) - soft)[8:-8, 8:-8].mean() < 1.5
    assert np.abs(np.asarray(as_source(photo, "dark")) - 0.4 * pixels).max() <= 0.5
    grey = np.asarray(as_source(photo, "grey"))
    assert np.abs(grey - (pixels @ [0.299, 0.587, 0.114])[..., None]).max() <= 1


def test_damage_is_made_of_the_photograph_that_it_is_judged_by():
    """Each version is the level of the type that its name says, of all that are registered."""
    asked = []
    for source in SOURCES:
        names = [name for name, _ in seen(source, lambda kind, level: asked.append((kind, level)))]
        assert names and all(name.endswith(f" on a {source} photograph") for name in names)
    assert {level for _, level in asked} == {4}
    assert {kind for kind, _ in asked} == {key for key in SEEN if key in list_distortions()}


def test_high_quality_copies_differ_little():
    photo = texture(0, 2.0, (96, 128))
    copies = dict(alike(photo))
    for name, copy in copies.items():
        if name.startswith("file type"):
            assert np.abs(np.asarray(copy, float) - np.asarray(photo)).mean() < 3, name
    assert ("file type: HEIC of quality 90" in copies) == (find_spec("pillow_heif") is not None)
