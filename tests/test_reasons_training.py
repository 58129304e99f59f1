"""The second head: it leaves scores as they are, learns beside them or alone, and is carried by every run."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from applications import train
from applications.setup.second_head import ReasonsTraining
from criterions.reasons_loss import ReasonsLoss, reasons_loss
from main import main
from models import create_model, head_of, open_model
from models.load import create_network
from models.reasons import add_reasons, reasons_head, split_outputs
from rankiqa.reasons import FAMILIES
from rankiqa.spec import ModelSpec
from tests.conftest import lively, texture
from tests.small_arch import SMALL_ARCH
from tests.test_continue import StopAfter, assert_equal
from utils import average_models
from utils.checkpoint import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")
ARCH, SIZE, K = SMALL_ARCH, (64, 64), len(FAMILIES)
DAMAGE = ["", "::gblur@5", "::gauss@5@3", "::underexposed@5", "::jpeg@5", "::overexposed@5"]
RUN = [
    *("--train", "-a", ARCH, "--criterion", "regress", "--group_size", "6", "-b", "12", "-j", "0", "-g", "0"),
    *(
        "--warmup",
        "0",
        "--lr",
        "1e-3",
        "--image_size",
        "64",
        "64",
        "--view",
        "patches",
        "--schedule",
        "cosine",
    ),
]
LATEST, BEST = "checkpoint_tests_small.pth", "model_best_tests_small.pth"


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/{train,val}/label.txt with six recipes of each photograph."""
    monkeypatch.chdir(tmp_path)
    for split, scenes in (("train", 4), ("val", 1)):
        folder = Path("data") / split
        folder.mkdir(parents=True)
        rows = []
        for scene in range(scenes):
            texture(scene + 10 * (split == "val"), 1.5, (96, 128)).save(folder / f"{scene}.png")
            rows += [f"{folder}/{scene}.png{text},{5 - 0.5 * bool(text)}" for text in DAMAGE]
        (folder / "label.txt").write_text("\n".join(rows) + "\n")
        clean = [f"{folder}/{scene}.png,scene{scene},reference,0" for scene in range(scenes)]
        (folder / "manifest.csv").write_text("\n".join(["path,scene,type,level", *clean]) + "\n")
    return tmp_path


def trained(folder: str, file: str = BEST) -> dict[str, Any]:
    return load_checkpoint(Path(folder) / file)


def scores(network: nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return network.eval()(torch.rand(5, 3, *SIZE, generator=torch.Generator().manual_seed(1)))[:, :1]


def randomise_reasons(network: torch.nn.Module) -> None:
    """Weights for the second head, which starts with none."""
    head = reasons_head(network)
    assert isinstance(head, torch.nn.Linear)
    torch.nn.init.normal_(head.weight)


@pytest.mark.parametrize(
    "arch", ["mobilenet_v3_small", "efficientnet_lite0_multi_level", "timm/test_resnet", "timm/test_vit"]
    + [pytest.param(arch, marks=pytest.mark.slow) for arch in ("resnet18", "vit_b_32", "swin_t", "vgg11")],
)  # fmt: skip
def test_a_second_head_leaves_the_logits_as_they_are(arch: str) -> None:
    """Bit for bit, in both modes; what it adds is its own layers on the features of the score's."""
    network = create_model(arch, 3, SIZE)
    images = torch.rand(4, 3, *SIZE)
    name, head = head_of(network)
    seen: list[torch.Tensor] = []
    for training in (False, True):
        torch.manual_seed(0)
        plain = create_model(arch, 3, SIZE)
        plain.load_state_dict(network.state_dict())
        torch.manual_seed(5)
        wanted = plain.train(training)(images)
        both = add_reasons(create_model(arch, 3, SIZE), K)
        both.load_state_dict(network.state_dict(), strict=False)
        randomise_reasons(both)
        head_of(both)[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        torch.manual_seed(5)
        outputs = both.train(training)(images)
        assert outputs.shape == (4, 3 + 2 * K)
        logits, second = split_outputs(outputs, 3)
        assert torch.equal(logits, wanted)
    own = reasons_head(both)
    assert isinstance(own, torch.nn.Linear) and head_of(both)[0] == name and reasons_head(network) is None
    features = seen[-1].detach().double()
    scaled = (features - features.mean(0)) / (features.var(0, unbiased=False) + 1e-5).sqrt()
    by_hand = (scaled / np.sqrt(head.in_features)) @ own.weight.double().T + own.bias.double()
    torch.testing.assert_close(second.double(), by_hand, rtol=1e-3, atol=1e-3)


def test_the_loss_by_hand_and_its_gradient() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    nan = float("nan")
    presence = torch.tensor([[1, 0, nan], [0, 0, 0], [nan, nan, nan], [1, 1, 0], [1, nan, 0]]).double()
    severity = torch.tensor([[0.6, 0, 0.1], [0, 0, 0], [nan] * 3, [1, 0.2, 0], [nan, nan, 0]]).double()
    entropy, error = [], []
    for row in range(5):
        for family in range(3):
            p = 1 / (1 + np.exp(-outputs[row, family].item()))
            if presence[row, family] in (0, 1):
                entropy.append(-np.log(p if presence[row, family] else 1 - p))
            if severity[row, family] > 0:
                s = 1 / (1 + np.exp(-outputs[row, 3 + family].item()))
                error.append((s - severity[row, family].item()) ** 2)
    assert len(entropy) == 10 and len(error) == 4
    found = reasons_loss(outputs[:, :3], outputs[:, 3:], presence, severity)
    np.testing.assert_allclose(
        [value.item() for value in found], [np.mean(entropy), np.mean(error)], rtol=1e-12
    )
    loss = ReasonsLoss(2.5)
    assert loss(outputs, presence, severity).item() == pytest.approx(
        2.5 * (np.mean(entropy) + np.mean(error))
    )
    assert torch.autograd.gradcheck(lambda x: loss(x, presence, severity), outputs)
    unknown = torch.full((5, 3), nan, dtype=torch.float64)
    nothing = loss(outputs, unknown, unknown)
    nothing.backward()
    assert nothing.item() == 0 and not outputs.grad.any()
    with pytest.raises(ValueError, match=r"severity has shape \(5, 2\)"):
        reasons_loss(outputs[:, :3], outputs[:, 3:], presence, severity[:, :2])


def test_the_head_alone_learns_and_scores_stay_to_the_bit(recipes: Path) -> None:
    """The model's own scale, view and batch statistics stay, too; only the averaged counters may move."""
    network = lively(ARCH, 1, SIZE, seed=3)
    spec = ModelSpec(
        ARCH, image_size=SIZE, view="patches", criterion="regress", score_range=(1.0, 4.0), license="mine",
        score_percentiles=tuple(np.linspace(1, 4, 101).tolist()),
    )  # fmt: skip
    held = {name: value for name, value in spec.to_dict().items() if name != "reasons"}
    save_checkpoint(Path("model.pth"), {"state_dict": network.state_dict(), "spec": held})
    flags = ["--resume", "model.pth", "--reasons", "--freeze_backbone", "6", "--epochs", "6", "--ema", "0.5"]
    assert main([*RUN, *flags, "--lr", "2e-1"]) == 0
    new, found = open_model(Path("checkpoints") / BEST)
    assert found == spec.with_(reasons=FAMILIES)
    assert torch.equal(scores(new), scores(network))
    state, before = new.state_dict(), network.state_dict()
    assert all(torch.equal(state[name], before[name]) for name in before if "num_batches" not in name)
    figures = trained("checkpoints")["figures"]
    assert figures["reasons_auc"] > 0.8 and figures["reasons_loss"] < 0.35
    # a second stage takes the head up again, and --reasons is what keeps it
    again = ["--resume", f"checkpoints/{BEST}", "--epochs", "1", "--lr", "1e-9", "--checkpoint_dir", "again"]
    assert main([*RUN, *again, "--reasons", "--freeze_backbone", "1"]) == 0
    assert trained("again")["figures"]["reasons_loss"] == pytest.approx(figures["reasons_loss"], rel=0.1)
    assert main([*RUN, *again, "--checkpoint_dir", "without"]) == 0
    assert trained("without")["spec"]["reasons"] == []
    assert not any("reasons" in name for name in trained("without")["state_dict"])


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--criterion", "emd", "--num_classes", "5"], "holds a model of regress"),
        (["--image_size", "96", "96"], "--image_size .* was asked for, but model.pth holds"),
    ],
)
def test_what_would_change_the_scores_is_refused(
    flags: list[str], reason: str, recipes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = create_model(ARCH, 1, SIZE)
    spec = ModelSpec(ARCH, image_size=SIZE, view="patches", criterion="regress")
    save_checkpoint(Path("model.pth"), {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    if "emd" in flags:
        for split in ("train", "val"):
            Path(f"data/{split}/label.txt").write_text(f"data/{split}/0.png,1,2,3,4,5\n")
    run = [*RUN, "--resume", "model.pth", "--reasons", "--freeze_backbone", "9", "--epochs", "9", *flags]
    assert main(run) == 2
    assert re.search(reason, capsys.readouterr().err)


@pytest.mark.parametrize("averaged", [["--ema", "0.9"], ["--swa", "0.3"]])
def test_a_run_with_reasons_continues_bit_for_bit(
    averaged: list[str], recipes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = [*RUN, "--reasons", "--epochs", "2", "--reasons_weight", "0.5", *averaged]
    assert main([*run, "--checkpoint_dir", "whole"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(3))
        assert main([*run, "--checkpoint_dir", "parts"]) == 130
    assert main(["--train", "--continue", f"parts/{LATEST}"]) == 0
    for file in (LATEST, BEST):
        assert_equal(trained("whole", file)["state_dict"], trained("parts", file)["state_dict"])
    np.testing.assert_equal(trained("parts")["figures"], trained("whole")["figures"])
    assert trained("parts")["spec"]["reasons"] == list(FAMILIES)


def test_training_without_reasons_is_what_it_was(recipes: Path) -> None:
    """The score's first weights are those of a run without a second head."""
    flags = ["--epochs", "1", "--lr", "1e-9", "--wd", "0"]
    assert main([*RUN, *flags, "--checkpoint_dir", "plain"]) == 0
    assert main([*RUN, *flags, "--reasons", "--checkpoint_dir", "both"]) == 0
    plain, both = trained("plain", LATEST)["state_dict"], trained("both", LATEST)["state_dict"]
    for name in plain:
        torch.testing.assert_close(both[name].float(), plain[name].float(), rtol=0, atol=1e-6)


def test_data_without_known_damage_is_refused(recipes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "val"):
        Path(f"data/{split}/label.txt").write_text(f"data/{split}/0.png,3\n")
        Path(f"data/{split}/manifest.csv").unlink()
    assert main([*RUN, "--reasons", "--group_size", "1"]) == 2
    assert "manifest.csv with known types" in capsys.readouterr().err


def test_models_with_reasons_are_averaged_with_their_like_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, reasons in enumerate((FAMILIES, FAMILIES, ())):
        spec = ModelSpec(ARCH, image_size=SIZE, reasons=reasons)
        torch.manual_seed(seed)
        network = create_network(spec)
        if reasons:
            randomise_reasons(network)
        state = network.state_dict()
        save_checkpoint(tmp_path / f"{seed}.pth", {"state_dict": state, "spec": spec.to_dict()})
    paths = [str(tmp_path / f"{seed}.pth") for seed in range(3)]
    out = tmp_path / "mean.pth"
    assert average_models.main([*paths[:2], "--out", str(out)]) == 0
    states = [load_checkpoint(Path(path))["state_dict"] for path in paths[:2]]
    name = next(name for name in states[0] if name.endswith("reasons.weight"))
    mean = open_model(out)[0].state_dict()[name]
    torch.testing.assert_close(mean, (states[0][name] + states[1][name]) / 2)
    assert average_models.main([*paths[1:], "--out", str(out)]) == 2
    assert "its reasons" in capsys.readouterr().err


def test_labels_meet_their_images(recipes: Path) -> None:
    """One training step's loss, from the images and labels of the files by hand."""
    presence = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    own = ReasonsTraining(ReasonsLoss(), presence, presence)
    outputs = torch.randn(2, 4)
    wanted = F.binary_cross_entropy_with_logits(outputs[:, :2], presence[[2, 0]])
    error = (outputs[:, 2:].sigmoid() - 1)[presence[[2, 0]] == 1].square().mean()
    assert own.loss(outputs, torch.tensor([2, 0])).item() == pytest.approx((wanted + error).item(), rel=1e-5)
    assert own.loss(outputs, torch.empty(0, dtype=torch.int64)).item() == 0


def test_the_spec_of_an_earlier_version_has_no_reasons(recipes: Path) -> None:
    values = ModelSpec(ARCH).to_dict()
    del values["reasons"]
    assert ModelSpec.from_dict(values).reasons == ()
    held = ModelSpec(ARCH, reasons=("noise", "dark"))
    assert ModelSpec.from_json(held.to_json()) == held
