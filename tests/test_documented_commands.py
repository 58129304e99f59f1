"""Every command that the project documents, run as it is written, with small data and appended overrides."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from main import main
from models import canonical_arch, create_model
from rankiqa.spec import ModelSpec
from tests.conftest import ROOT, write_split
from utils.checkpoint import save_checkpoint

# The list of the issue "The whole path, end to end, on real images", word for word.
COMMANDS = """
python main.py --arch efficientnet_b0 --num_classes 6 --image_size 244 224
python main.py --data data/ --train --arch efficientnet_b0 --num_classes 1 --criterion=rank --margin 0.1 -- --use_margin --image_size 244 224 --pretrained --warmup 5 --epochs 65 -b 384 -j 16 --gpus 1 --nodes 1
python main.py --data data/ --train --arch efficientnet_b0 --num_classes 1 --criterion=rank --margin 0.1 --image_size 224 224 --warmup 5 --epochs 65 -b 1 -j 16 --gpus 1 --nodes 1
python main.py --data data/ --train --arch efficientnet_b4 --num_classes 1 --criterion=rank --margin 1.0 --image_size 540 540 --warmup 5 --epochs 5 -b 4 -j 16 --gpus 1 --nodes 1
python main.py --data data/ --train --arch ResNet18 --num_classes 1 --criterion=rank --margin 1.0 --image_size 540 540 --warmup 5 --epochs 1 -b 20 -j 16 --gpus 1 --nodes 1 --resume checkpoints/ResNet18_Margin1.0_Epoch4/checkpoint_ResNet18.pth
python main.py --data data/ --train --arch Vgg16 --num_classes 1 --criterion=rank --margin 1.0 --image_size 540 540 --warmup 5 --epochs 1 -b 20 -j 16 --gpus 1 --nodes 1 --resume checkpoints/VGG16_Margin1.0_Epoch4/checkpoint_Vgg16.pth
python main.py --data data/ --train --arch efficientnet_b0 --num_classes 1 --criterion=rank --margin 10 --image_size 224 224 --warmup 5 --epochs 65 -b 1 -j 16 --gpus 1 --nodes 1 --resume checkpoints/rank_sr_540_20210624/model_best_efficientnet_b0.pth
python main.py --data data/ --train --arch efficientnet_b0 --num_classes 1 --criterion=regress --margin 0.1 --image_size 244 224 --warmup 5 --epochs 65 -b 1 -j 16 --gpus 1 --nodes 1 --resume checkpoints/Rank/model_best_efficientnet_b0.pth
python main.py --data data/ --train --arch efficientnet_b2 --num_classes 1 --criterion=regress --margin 1.0 --image_size 540 540 --warmup 5 --epochs 200 -b 20 -j 16 --gpus 1 --nodes 1 --resume checkpoints/EfficientB2_Margin1.0_Epoch6/model_best_efficientnet_b2.pth
python main.py --data data -e --arch efficientnet_b0 --num_classes 1 --criterion=rank --margin 10 --image_size 540 540 --batch_size 12 --workers 0 --resume checkpoints/SR4K_540_Epoch65/checkpoint_efficientnet_b0.pth -g 1 -n 1
python main.py --data data -e --arch efficientnet_b0 --num_classes 1 --criterion=regress --margin 0.1 --image_size 224 224 --batch_size 1 --workers 0 --resume checkpoints/checkpoint_efficientnet_b0.pth -g 1 -n 1
python main.py --jit --arch efficientnet_b0 --num_classes 1 --resume checkpoints/model_best_efficientnet-b0.pth -g 0
cd demos && python image_assessment.py
python utils/data_generate/live_generator.py --data data/train/refimgs
python utils/check_images.py
""".strip().splitlines()  # noqa: E501

IN_PROCESS = [command for command in COMMANDS if command.startswith("python main.py")]
IN_SHELL = [command for command in COMMANDS if command not in IN_PROCESS]


def test_the_list_is_whole() -> None:
    assert (len(IN_PROCESS), len(IN_SHELL)) == (12, 3)


# The same command as ResNet18's, with two gigabytes of optimizer state.
LARGE = [command for command in IN_PROCESS if "--arch Vgg16" in command]


@pytest.mark.parametrize(
    "command",
    [pytest.param(command, marks=pytest.mark.slow if command in LARGE else ()) for command in IN_PROCESS],
)
def test_main_runs(command: str, workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    argv = shlex.split(command)[2:]
    workplace("regress" if "--criterion=regress" in argv else "rank", scenes=1)
    for flag, name in zip(argv, argv[1:], strict=False):
        if flag == "--resume":
            write_checkpoint(Path(name), argv)
    if "--pretrained" in argv:  # no network here: the file that the documents tell the user to put there
        write_checkpoint(Path("pretrained/efficientnet_b0.pth"), argv)
    overrides = ["--epochs", "1", "-b", "4", "-j", "0"] if "--train" in argv else []
    if "-b" in argv and argv[argv.index("-b") + 1] == "1":
        overrides = ["--epochs", "1", "-j", "0"]
    if "--train" in argv and "540" in argv:
        overrides += ["--image_size", "96", "96"]
    assert main(argv + overrides) == 0
    arch = canonical_arch(argv[argv.index("--arch") + 1])
    out = capsys.readouterr().out
    if "--train" in argv:
        assert Path(f"checkpoints/checkpoint_{arch}.pth").is_file()
        assert Path(f"checkpoints/model_best_{arch}.pth").is_file()
        assert "epoch 1/1" in out
    elif "-e" in argv:
        assert ("SRCC" if "--criterion=regress" in argv else "pair accuracy") in out
    elif "--jit" in argv:
        assert Path("checkpoints/jit_efficientnet_b0.pt").is_file()
    else:
        assert "(1, 3, 244, 224)" in out
        assert "(1, 6) logits" in out


def write_checkpoint(path: Path, argv: list[str]) -> None:
    """A file as an earlier run, with its own spelling of the architecture, would have left it."""
    arch = canonical_arch(argv[argv.index("--arch") + 1])
    spelled = path.with_name(path.name.replace("efficientnet-b0", "efficientnet_b0"))
    spelled.parent.mkdir(parents=True, exist_ok=True)
    criterion = "regress" if "--criterion=regress" in argv else "rank"
    spec = ModelSpec(arch, criterion=criterion).to_dict()
    save_checkpoint(spelled, {"state_dict": create_model(arch).state_dict(), "spec": spec})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the code, in which commands with paths relative to the project's root can be run."""
    rooms = ("demos", "data_tools", "deploy", "dataloader", "models", "metrics", "criterions", "distortions")
    for name in (*rooms, "public_datasets", "utils", "rankiqa"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    write_split(tmp_path, "train", "rank", 1)
    return tmp_path


@pytest.mark.parametrize("command", IN_SHELL)
def test_shell_runs(command: str, project: Path) -> None:
    if "image_assessment" in command:
        write_jit(project / "checkpoints")
    if "live_generator" in command:
        refimgs = project / "data" / "train" / "refimgs"
        refimgs.mkdir()
        (project / "data/train/scene0_0.png").rename(refimgs / "a scene.png")
    done = subprocess.run(
        command.replace("python", shlex.quote(sys.executable)),
        shell=True,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "live_generator" in command:
        labels = (project / "data/train/label.txt").read_text(encoding="utf-8")
        assert sum(not line.startswith("#") for line in labels.splitlines()) == 4 * 15
    elif "check_images" in command:
        assert "3" in done.stdout
    else:
        assert sum("cat" in line for line in done.stdout.splitlines()) == 5


def write_jit(folder: Path) -> None:
    """A small TorchScript model under the name that the demo looks for."""
    from deploy.export import export

    spec = ModelSpec("mobilenet_v3_small", image_size=(64, 64))
    export(create_model(spec.arch), spec, "torchscript", folder / "jit_efficientnet_b0.pt")
