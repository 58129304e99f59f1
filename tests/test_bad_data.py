"""Bad images and broken files meet the whole program: a clear message, and no file that is half-written."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from main import main
from models import create_model
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import find_file, load_checkpoint, save_checkpoint
from utils.errors import WeightsError

pytestmark = pytest.mark.usefixtures("without_plots")

SMALL = ["-a", SMALL_ARCH, "--image_size", "32", "32", "-j", "0", "--epochs", "1", "-b", "2"]


def truncate(path: str) -> None:
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_unreadable_image_stops_or_is_skipped(
    split: str, workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=2)
    name = f"data/{split}/scene0_1.png"
    truncate(name)
    assert main(["--train", *SMALL]) == 2
    assert name in capsys.readouterr().err
    assert main(["--train", *SMALL, "--bad_images", "skip"]) == 0
    assert f"skipped {name}" in capsys.readouterr().err


def test_a_skipped_image_is_left_out_of_metrics(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress", scenes=2)
    assert main(["--train", *SMALL, "--criterion", "regress"]) == 0
    truncate("data/test/scene1_2.png")
    best = ["-e", "--resume", "checkpoints/model_best_tests_small.pth", "-j", "0"]
    assert main(best) == 2
    capsys.readouterr()
    assert main([*best, "--bad_images", "skip"]) == 0
    assert "5 rows" in capsys.readouterr().out


def test_labels_of_another_task_are_named(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    assert main(["--train", *SMALL]) == 2
    message = capsys.readouterr().err
    assert "data/train/label.txt:1: " in message
    assert "regress" in message


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    run = ["--train", *SMALL, "--criterion", "regress"]
    assert main(run) == 0
    file = Path("checkpoints/checkpoint_tests_small.pth")
    before = file.read_bytes()
    capsys.readouterr()
    assert main([*run, "--optimizer", "sgd", "--lr", "1e30", "--warmup", "0"]) == 2
    message = capsys.readouterr().err
    assert "not finite" in message
    assert "1e+30" in message
    assert file.read_bytes() == before


@pytest.mark.parametrize(("arch", "status"), [("resnet18", 0), ("timm/skresnet18", 2)])
def test_a_last_step_of_one_image_at_one_value_per_channel(
    arch: str, status: int, workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress", scenes=3)  # 9 rows: steps of 4, 4 and 1
    run = ["--train", "-a", arch, "--image_size", "32", "32", "-j", "0", "--epochs", "1", "-b", "4"]
    assert main([*run, "--criterion", "regress"]) == status
    assert ("no last step of one row" in capsys.readouterr().err) == bool(status)


def test_a_split_without_a_readable_row(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    for level in range(3):
        truncate(f"data/val/scene0_{level}.png")
    assert main(["--train", *SMALL, "--bad_images", "skip"]) == 2
    assert "none of 3 images" in capsys.readouterr().err


def test_a_logdir_that_is_a_file(workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    workplace("rank", scenes=1)
    Path("taken").touch()
    assert main(["--train", *SMALL, "--logdir", "taken"]) == 2
    assert "--logdir taken" in capsys.readouterr().err


def test_checkpoints_are_found_read_and_refused(tmp_path: Path) -> None:
    network = create_model("mobilenet_v3_small")
    file = tmp_path / "checkpoint_mobilenet_v3_small.pth"
    save_checkpoint(file, {"state_dict": network.state_dict()})
    assert find_file(tmp_path / "checkpoint_MobileNet-V3-Small.pth") == file
    with pytest.raises(WeightsError, match="holds checkpoint_mobilenet_v3_small.pth"):
        find_file(tmp_path / "other.pth")
    bare = tmp_path / "bare.pth"
    torch.save({f"module.{name}": value for name, value in network.state_dict().items()}, bare)
    assert set(load_checkpoint(bare)["state_dict"]) == {f"module.{name}" for name in network.state_dict()}
    truncate(str(file))
    with pytest.raises(WeightsError, match="damaged"):
        load_checkpoint(file)


class Bomb:
    """Unpickling this would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("ran",)


def test_a_checkpoint_cannot_run_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bomb.pth"
    torch.save({"state_dict": Bomb()}, file)
    with pytest.raises(WeightsError, match="run code"):
        load_checkpoint(file)
    assert "ran" not in capsys.readouterr().out


def test_a_failed_save_leaves_the_earlier_file(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    save_checkpoint(file, {"state_dict": {"x": torch.ones(1)}})
    before = file.read_bytes()
    with pytest.raises(Exception, match="pickle|Can't"):
        save_checkpoint(file, {"state_dict": {"x": lambda: None}})
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]
