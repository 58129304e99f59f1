"""A weights file from a stranger can be opened: what could write a file is refused before anything runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models import swin_transformer as torchvision_swin

from deploy.engines import load_scorer
from deploy.export import export
from deploy.formats.operators import is_known
from deploy.formats.torchscript import SPEC_ENTRY
from main import main
from models import create_model
from models.vit_any_size import AnySizeViT
from rankiqa.spec import ModelSpec
from tests.conftest import small_network, texture
from tests.test_export import FILES, rewritten

SPEC = ModelSpec("resnet18", image_size=(32, 32))


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good TorchScript file."""
    path = tmp_path_factory.mktemp("traced") / "good.pt"
    export(create_model("resnet18", 1, (32, 32)), SPEC, "torchscript", path)
    return path


class WritesWhenOpened(torch.nn.Module):
    """Scripted, its __setstate__ runs within torch.jit.load."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        score = images.mean(dim=[1, 2, 3])
        return score, score[:, None]

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return (self.w, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.w = state[0] + torch.from_file("mark", True, 12, dtype=torch.uint8).float().sum()
        self.training = state[1]


class WritesWhenCalled(torch.nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        torch.ops.aten.save(images, "mark")
        score = images.mean(dim=[1, 2, 3])
        return score, score[:, None]


@pytest.mark.parametrize("module", [WritesWhenOpened, WritesWhenCalled])
def test_a_scripted_file_that_writes_is_refused(
    module: type[torch.nn.Module], workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    torch.jit.save(torch.jit.script(module()), "evil.pt", _extra_files={SPEC_ENTRY: SPEC.to_json()})
    assert_refused("evil.pt", capsys)


def test_an_exported_file_that_writes_is_refused(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    export(small_network(1), SPEC, "pt2", Path("good.pt2"))

    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return content
        value = json.loads(content)
        node = value["graph_module"]["graph"]["nodes"][-1]
        argument = node["inputs"][0]
        node["target"] = "torch.ops.aten.from_file.default"
        node["inputs"] = [
            {**argument, "name": "filename", "arg": {"as_string": "mark"}},
            {**argument, "name": "shared", "arg": {"as_bool": True}},
            {**argument, "name": "size", "arg": {"as_int": 12}},
        ]
        return json.dumps(value).encode()

    rewritten(Path("good.pt2"), Path("evil.pt2"), change)
    assert_refused("evil.pt2", capsys)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.relu_(", "torch.save("),
        ("torch.relu_(", "ops.aten.save("),
        ("torch.relu_(", "(torch.relu_).save("),
        ("torch.relu_(", "__torch__.torch.classes.some.Thing("),
        ("torch.relu_(", "# \r torch.relu_("),
        ("torch.relu_(", "int = torch.save\n    int("),
        ("def forward(", "def __setstate__("),
        ("  def forward", "  with a:\n    pass\n  def forward"),
    ],
)
def test_a_traced_file_with_another_program_is_refused(
    before: str, after: str, traced: Path, workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)

    def change(name: str, content: bytes) -> bytes:
        return content.replace(before.encode(), after.encode()) if name.endswith(".py") else content

    rewritten(traced, Path("evil.pt"), change)
    assert_refused("evil.pt", capsys)


@pytest.mark.parametrize("name", [b"__torch__.torch.classes.", b"__torch__.torch\nclasses."])
def test_a_traced_file_with_a_class_of_torch_is_refused(
    name: bytes, traced: Path, workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Such classes are written in C++, and make themselves from what the file holds."""
    workplace("rank", scenes=1)

    def change(record: str, content: bytes) -> bytes:
        return content.replace(b"__torch__.", name) if record.endswith("data.pkl") else content

    rewritten(traced, Path("evil.pt"), change)
    assert_refused("evil.pt", capsys)


def test_a_file_in_a_new_archive_opens(traced: Path, tmp_path: Path) -> None:
    """So the refusals above are not of the archive."""
    assert load_scorer(rewritten(traced, tmp_path / "same.pt", lambda _, content: content)).spec == SPEC


def assert_refused(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    texture(5, 1.0).save("a.png")
    assert main(["--predict", "a.png", "--resume", file, "--engine", "torch", "-g", "0"]) == 2
    err = capsys.readouterr().err
    assert "not opened" in err
    assert file in err
    assert not Path("mark").exists()


def small_swin(version: int) -> torch.nn.Module:
    block, merging = [
        (None, torchvision_swin.PatchMerging),
        (torchvision_swin.SwinTransformerBlockV2, torchvision_swin.PatchMergingV2),
    ][version - 1]
    return torchvision_swin.SwinTransformer(
        [4, 4], 16, [2, 1], [2, 2], [4, 4], num_classes=5, block=block, downsample_layer=merging
    )


NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "shufflenet_v2_x0_5": lambda: create_model("shufflenet_v2_x0_5", 5, (64, 64)),
    "swin_t": lambda: small_swin(1),
    "swin_v2_t": lambda: small_swin(2),
    "vit_b_16": lambda: AnySizeViT((64, 64), 16, 1, 2, 16, 16, num_classes=5),
}


@pytest.mark.parametrize("name", ["torchscript", "pt2"])
@pytest.mark.parametrize("arch", NETWORKS)
def test_files_of_this_project_open(arch: str, name: str, tmp_path: Path) -> None:
    """The transformers have few layers here; benchmarks/parity.py opens one network of each family."""
    spec = ModelSpec(arch, 5, image_size=(64, 64))
    path = tmp_path / FILES[name].format(arch)
    assert export(NETWORKS[arch](), spec, name, path) <= 1e-4
    assert path.is_file()


def test_no_operator_of_the_list_takes_the_name_of_a_file() -> None:
    arguments = {
        argument.name
        for schema in torch._C._jit_get_all_schemas()
        if schema.name.startswith("aten::") and is_known(schema.name.removeprefix("aten::"))
        for argument in schema.arguments
    }
    assert "approximate" in arguments
    assert not [name for name in arguments if "file" in name]
    assert not any(is_known(name) for name in ("save", "load", "from_file", "set_", "as_strided", "warn"))
