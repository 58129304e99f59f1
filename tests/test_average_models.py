"""The mean of models, through its command line; NumPy is the oracle."""

import numpy as np
import pytest
import torch
from conftest import texture
from PIL import Image

from models import create_model
from models.load import open_model
from rankiqa.spec import ModelSpec
from utils import average_models
from utils.checkpoint import load_checkpoint, save_checkpoint


def write(path, seed, **spec):
    torch.manual_seed(seed)
    chosen = ModelSpec(
        **{"arch": "mobilenet_v3_small", "score_range": (0.0, 1.0), "image_size": (64, 64), **spec}
    )
    network = create_model(chosen.arch, chosen.num_classes, chosen.image_size)
    save_checkpoint(path, {"state_dict": network.state_dict(), "spec": chosen.to_dict()})
    return path


def test_every_weight_is_the_mean_and_the_file_scores(tmp_path, capsys):
    paths = [write(tmp_path / f"{seed}.pth", seed) for seed in range(3)]
    out = tmp_path / "mean.pth"
    assert average_models.main([*map(str, paths), "--out", str(out)]) == 0
    states = [load_checkpoint(path)["state_dict"] for path in paths]
    mean = load_checkpoint(out)
    assert mean["state_dict"].keys() == states[0].keys() and mean["spec"]["score_range"] is None
    for name, value in mean["state_dict"].items():
        wanted = np.mean([state[name].numpy() for state in states], axis=0, dtype=np.float64)
        np.testing.assert_allclose(value.numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert "--calibrate" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spec, said",
    [
        ({"arch": "resnet18"}, "second.pth: its arch is resnet18, that of"),
        ({"num_classes": 10, "criterion": "emd"}, "second.pth: its num_classes is 10"),
        ({"view": "patches"}, "second.pth: its view is patches"),
    ],
)
def test_models_that_do_not_match_are_told(tmp_path, capsys, spec, said):
    first, second = write(tmp_path / "first.pth", 0), write(tmp_path / "second.pth", 1, **spec)
    out = tmp_path / "mean.pth"
    assert average_models.main([str(first), str(second), "--out", str(out)]) == 2
    assert said in capsys.readouterr().err and not out.exists()


def test_the_mean_may_take_the_view_of_the_first(tmp_path):
    first = write(tmp_path / "first.pth", 0, view="whole")
    second = write(tmp_path / "second.pth", 1, view="patches", image_size=(96, 96))
    out = tmp_path / "mean.pth"
    assert average_models.main([str(first), str(second), "--view_of_first", "--out", str(out)]) == 0
    spec = load_checkpoint(out)["spec"]
    assert (spec["view"], tuple(spec["image_size"])) == ("whole", (64, 64))


def test_a_weighted_mean(tmp_path, capsys):
    paths = [write(tmp_path / name, seed) for seed, name in enumerate(("first.pth", "second.pth"))]
    out = tmp_path / "mean.pth"
    assert average_models.main([*map(str, paths), "--weights", "3", "1", "--out", str(out)]) == 0
    states = [load_checkpoint(path)["state_dict"] for path in (*paths, out)]
    for name, value in states[2].items():
        if value.is_floating_point():
            first, second = (state[name].double().numpy() for state in states[:2])
            np.testing.assert_allclose(value.numpy(), 0.75 * first + 0.25 * second, rtol=1e-5, atol=1e-6)
    assert average_models.main([*map(str, paths), "--weights", "3", "--out", str(out)]) == 2
    assert "--weights has 1 numbers for 2 models" in capsys.readouterr().err


def test_statistics_are_those_of_the_images(tmp_path):
    """The first batch normalisation sees the first convolution of the crops: mean and variance by NumPy."""
    paths = [
        write(tmp_path / name, seed, criterion="regress") for seed, name in enumerate(("a.pth", "b.pth"))
    ]
    (tmp_path / "train").mkdir()
    rows = []
    for number in range(40):
        texture(number, 1.0, (64, 64)).save(tmp_path / "train" / f"{number}.png")
        rows.append(f"{number}.png,{number}")
    (tmp_path / "train" / "label.txt").write_text("\n".join(rows) + "\n")
    out = tmp_path / "mean.pth"
    data = ["--renew_norm", str(tmp_path), "--images", "32"]
    assert average_models.main([*map(str, paths), *data, "--out", str(out)]) == 0
    network, spec = open_model(out)
    modules = [module for module in network.modules() if not list(module.children())]
    first = next(place for place, module in enumerate(modules) if isinstance(module, torch.nn.BatchNorm2d))
    view, seen = spec.make_view(), []
    for order, number in enumerate(np.linspace(0, 39, 32).round().astype(int)):
        image = Image.open(tmp_path / "train" / f"{number}.png").convert("RGB")
        seen.append(view.vary(view.prepare(image), np.random.default_rng(order)))
    pixels = torch.from_numpy(np.stack(seen)).double() / 255
    pixels = (pixels - torch.tensor(spec.mean).view(-1, 1, 1)) / torch.tensor(spec.std).view(-1, 1, 1)
    with torch.no_grad():
        mapped = modules[first - 1].double()(pixels).transpose(0, 1).flatten(1).numpy()
    np.testing.assert_allclose(modules[first].running_mean.numpy(), mapped.mean(1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(modules[first].running_var.numpy(), mapped.var(1, ddof=1), rtol=1e-3)


def test_data_that_can_not_be_read_leave_no_file(tmp_path, capsys):
    paths = [
        write(tmp_path / name, seed, criterion="regress") for seed, name in enumerate(("a.pth", "b.pth"))
    ]
    out = tmp_path / "mean.pth"
    data = ["--renew_norm", str(tmp_path / "none")]
    assert average_models.main([*map(str, paths), *data, "--out", str(out)]) == 2
    assert "label.txt" in capsys.readouterr().err
    assert not out.exists()


def test_weights_of_other_shapes_are_told(tmp_path, capsys):
    first, second = write(tmp_path / "first.pth", 0), write(tmp_path / "second.pth", 1)
    file = load_checkpoint(second)
    file["state_dict"].popitem()
    save_checkpoint(second, file)
    assert average_models.main([str(first), str(second), "--out", str(tmp_path / "mean.pth")]) == 2
    assert "second.pth: its weights have other names or shapes" in capsys.readouterr().err


def test_what_is_no_model_is_told(tmp_path, capsys):
    first, out = write(tmp_path / "first.pth", 0), tmp_path / "mean.pth"
    assert average_models.main([str(first), "--out", str(out)]) == 2
    assert "needs two models" in capsys.readouterr().err
    torch.save({"weight": torch.zeros(2)}, tmp_path / "bare.pth")
    for other, said in (("bare.pth", "no ModelSpec"), ("none.pth", "no such file")):
        assert average_models.main([str(first), str(tmp_path / other), "--out", str(out)]) == 2
        assert said in capsys.readouterr().err
    assert not out.exists()
