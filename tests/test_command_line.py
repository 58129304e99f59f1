"""The command line's manners: quick help, spelling, YAML, one-line errors with status 2."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from config import Config, parse_config
from main import main
from tests.conftest import ROOT
from utils.flags import flags_of, write_page


def fails(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line on stderr of a command that must end with status 2."""
    capsys.readouterr()
    assert main(list(argv)) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, captured.err
    return errors[0]


def test_help_loads_nothing_heavy_and_names_every_default() -> None:
    code = (
        "import sys; sys.argv = ['main.py', '--help']\n"
        "import main\n"
        "try: main.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'PIL', 'scipy', 'matplotlib', 'timm', 'yaml'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout
    for text in (
        "default: 256",
        "default: 0.0001",
        "default: 85",
        "default: efficientnet_b0",
        "default: 1.0",
    ):
        assert text in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["-a", "resnet18"], "arch", "resnet18"),
        (["--batch-size", "3"], "batch_size", 3),
        (["--batch_size=3"], "batch_size", 3),
        (["--learning-rate", "0.5"], "lr", 0.5),
        (["--learning_rate", "0.5"], "lr", 0.5),
        (["--weight-decay", "0"], "weight_decay", 0.0),
        (["--wd", "0.25"], "weight_decay", 0.25),
        (["--criterion", "ranking_loss"], "criterion", "rank"),
        (["--criterion=emd_loss", "--num-classes", "10"], "criterion", "emd"),
        (["--criterion", "regress_loss"], "criterion", "regress"),
        (["--no-cuda"], "cuda", False),
        (["--no_cuda"], "cuda", False),
        (["--image-size", "540", "320"], "image_size", (540, 320)),
        (["--", "--epochs", "3"], "epochs", 3),
        (["--evaluation", "--resume", "x.pth"], "evaluate", True),
        (["--no-augment"], "augment", False),
    ],
)
def test_spellings(argv: list[str], name: str, value: object) -> None:
    config = parse_config(argv)
    assert getattr(config, name) == value
    assert name in config.given


def test_defaults_follow_the_design() -> None:
    config = parse_config([])
    assert (config.arch, config.num_classes, config.batch_size, config.workers) == (
        "efficientnet_b0",
        1,
        256,
        8,
    )
    assert (config.lr, config.momentum, config.weight_decay) == (1e-4, 0.9, 1e-4)
    assert (config.warmup, config.epochs, config.schedule, config.margin) == (5, 85, "piecewise", 1.0)
    assert (config.view, config.patches, config.image_size) == ("fit", 5, (224, 224))
    assert config.given == frozenset()


def test_yaml_gives_flags_and_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("epochs: 7\nlr: 1e-3\nimage_size: [64, 96]\ntrain: true\ncuda: false\n", encoding="utf-8")
    config = parse_config(["--config", str(file), "--epochs", "9"])
    assert (config.epochs, config.lr, config.image_size, config.cuda) == (9, 1e-3, (64, 96), False)
    assert config.train


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epohcs: 7", ["epohcs", "epochs"]),
        ("epochs: many", ["epochs", "many"]),
        ("- epochs", ["run.yaml", "epochs: 10"]),
        ("a: [", ["run.yaml", "YAML"]),
    ],
)
def test_yaml_faults(text: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text, encoding="utf-8")
    message = fails(capsys, "--config", str(file))
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--margn", "1"], ["--margn", "--margin"]),
        (["--epochs", "0"], ["--epochs", "0 is below 1"]),
        (["--lr", "-1"], ["--lr", "above 0"]),
        (["--lr", "nan"], ["--lr", "nan"]),
        (["--criterion", "mse"], ["mse", "rank, emd, regress"]),
        (["--arch", "resnet81"], ["resnet81", "resnet18"]),
        (["--train", "--criterion", "emd"], ["--num_classes"]),
        (["--train", "--rank_activation", "sigmoid", "--margin", "1"], ["--margin 1", "sigmoid"]),
        (["--train", "-e"], ["not allowed with"]),
        (["-e"], ["--resume"]),
        (["--jit"], ["--resume"]),
        (["--train", "--resume", "a.pth", "--continue"], ["--resume", "--continue"]),
        (["--jit", "--resume", "nothing.pth"], ["nothing.pth", "no such file"]),
        (["--advprop", "--arch", "resnet18"], ["advprop", "resnet18"]),
        (["--train", "--data", "nowhere"], ["nowhere", "label.txt"]),
        (["--list_models", "xyz*"], ["xyz*"]),
    ],
)
def test_faults_are_one_line(
    argv: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    message = fails(capsys, *argv)
    assert all(word in message for word in words), message
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_and_flags_that_disagree(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    small = ["-a", "mobilenet_v3_small", "--image_size", "32", "32", "-j", "0", "--epochs", "1"]
    assert main(["--train", *small]) == 0
    best = "checkpoints/model_best_mobilenet_v3_small.pth"
    message = fails(capsys, "-e", "--resume", best, "--arch", "resnet18")
    assert "resnet18" in message
    assert "mobilenet_v3_small" in message
    message = fails(capsys, "-e", "--resume", best, "--num_classes", "5")
    assert "num_classes 5" in message
    assert "holds 1" in message
    assert main(["-e", "--resume", best, "--image_size", "64", "64", "-j", "0"]) == 0
    assert "--image_size (64, 64) replaces" in capsys.readouterr().err


def test_list_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list_models", "resnet*"]) == 0
    assert "resnet18" in capsys.readouterr().out.split()
    assert main(["--list_models"]) == 0
    names = capsys.readouterr().out.split()
    families = (
        "vgg16_bn densenet121 mnasnet1_0 shufflenet_v2_x1_0 convnext_tiny swin_t vit_b_16 regnet_y_400mf"
    )
    for name in [
        *families.split(),
        "efficientnet_b8",
        "efficientnet_lite0",
        "resnest269",
        "efficientnet_v2_s",
    ]:
        assert name in names


def test_the_config_of_a_run_gives_the_same_run(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    small = [
        "-a",
        "mobilenet_v3_small",
        "--image_size",
        "32",
        "32",
        "-j",
        "0",
        "--epochs",
        "1",
        "--no_augment",
    ]
    assert main(["--train", *small, "--no-cuda", "--lr", "0.002"]) == 0
    file = next(Path("logs").glob("train_*/config.yaml"))
    config = parse_config(["--config", str(file)])
    assert config.train
    assert (config.augment, config.cuda, config.lr, config.arch) == (
        False,
        False,
        0.002,
        "mobilenet_v3_small",
    )
    again = parse_config(["--train", *small, "--no-cuda", "--lr", "0.002"])
    assert replace(config, config=None, given=frozenset()) == replace(again, given=frozenset())


def test_the_page_of_flags_is_that_of_today(tmp_path: Path) -> None:
    page = tmp_path / "flags.md"
    page.write_text((ROOT / "docs/flags.md").read_text(encoding="utf-8"), encoding="utf-8")
    write_page(page, Config)
    assert page.read_text(encoding="utf-8") == (ROOT / "docs/flags.md").read_text(encoding="utf-8"), (
        "run: bash z_task_shell/write_flags.sh"
    )
    for flag in flags_of(Config).values():
        assert all(f"`{name}`" in page.read_text(encoding="utf-8") for name in flag.names)


def test_every_flag_has_a_phrase_and_a_default_of_its_type() -> None:
    """A phrase that can be understood alone: several words, and no genitive such as "of weights"."""
    for name, flag in flags_of(Config).items():
        assert len(flag.help.split()) >= 3 and not flag.help.startswith(("of ", "for ", "that ")), name
    assert Config() == parse_config([])


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [("--rows_together", "--group_size", "group_size"), ("--licence", "--license", "license")],
)
def test_earlier_spellings(old: str, new: str, name: str, tmp_path: Path) -> None:
    more = ["--criterion", "regress", "-b", "6"]
    assert getattr(parse_config([*more, old, "2"]), name) == getattr(parse_config([*more, new, "2"]), name)
    file = tmp_path / "run.yaml"
    file.write_text(f"{old[2:]}: 2\n", encoding="utf-8")
    assert name in parse_config([*more, "--config", str(file)]).given
