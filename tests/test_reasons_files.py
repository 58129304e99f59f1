"""Reasons in files and answers: every format carries them, and every door tells them in words."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import rankiqa
from deploy.engines import load_scorer
from deploy.export import export, opened
from main import main
from models.reasons import add_reasons
from rankiqa.batch.results import COLUMNS, read_rows
from rankiqa.cli import main as rankiqa_main
from rankiqa.reasons import FAMILIES, WORDS
from rankiqa.scorer import Scorer
from rankiqa.spec import ModelSpec
from tests.conftest import lively, small_network, texture
from tests.test_export import need
from utils.checkpoint import save_checkpoint

K, SIZE = len(FAMILIES), (32, 40)
FORMATS = {
    "torchscript": "m.pt",
    "pt2": "m.pt2",
    "onnx-half": "h.onnx",
    "openvino": "m.xml",
}


def with_head(network: nn.Module, scale: float = 2.0) -> nn.Module:
    """A second head whose answers differ between images and families."""
    add_reasons(network, K).eval()
    generator = torch.Generator().manual_seed(2)
    for name, parameter in network.named_parameters():
        if ".reasons." in name:
            parameter.data = (scale * torch.randn(parameter.shape, generator=generator)).half().float()
    return network


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, ModelSpec, Path]:
    """A small network of crops with reasons, and its ONNX file."""
    need("onnx")
    spec = ModelSpec("x", image_size=SIZE, view="patches", patches=4, reasons=FAMILIES)
    network = with_head(small_network(1, SIZE))
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    export(network, spec, "onnx", path)
    return network, spec, path


def by_hand(network: nn.Module, spec: ModelSpec, crops: np.ndarray) -> tuple[np.ndarray, ...]:
    """(logits, probabilities, severities) of uint8 (B, 3, H, W) by the network alone."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (spec.mean, spec.std))
    with torch.inference_mode():
        outputs = network((torch.from_numpy(crops) / 255 - mean) / std).double().numpy()
    logits, second = np.split(outputs, [spec.num_classes], axis=1)
    return logits, *np.split(1 / (1 + np.exp(-second)), 2, axis=1)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_carries_them(name: str, tmp_path: Path) -> None:
    need("onnx" if name.startswith("onnx") else name)
    spec = ModelSpec("x", 3, image_size=SIZE, reasons=FAMILIES)
    network = with_head(small_network(3, SIZE))
    path = tmp_path / FORMATS[name]
    export(network, spec, name, path)
    crops = np.random.default_rng(5).integers(0, 256, (3, 3, *SIZE), dtype=np.uint8)
    wanted = by_hand(network, spec, crops)
    tolerance = 0.02 if name == "onnx-half" else 1e-4
    score, *others = opened(path, spec)(crops)
    assert [one.shape for one in others] == [(3, 3), (3, K), (3, K)] and score.shape == (3,)
    for found, expected in zip(others, wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=tolerance)
    assert np.ptp(wanted[1]) > 0.5
    plain = load_scorer(path).engine(crops)  # one array: what a scorer reads
    np.testing.assert_allclose(plain, np.concatenate(wanted, axis=1), atol=tolerance)


def test_half_precision_and_the_checkpoint(tmp_path: Path) -> None:
    spec = ModelSpec("timm/test_resnet", image_size=(48, 64), reasons=FAMILIES)
    network = with_head(lively(spec.arch, 1, spec.image_size), 0.3)
    save_checkpoint(tmp_path / "a.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    export(network, spec, "half", tmp_path / "b.pth")
    images = [texture(seed, 1.0) for seed in range(3)]
    first, second = (load_scorer(tmp_path / name, threads=1).score(images) for name in ("a.pth", "b.pth"))
    np.testing.assert_allclose(first.damage, second.damage, atol=0.02)
    assert first.families == second.families == FAMILIES


def test_a_scorer_averages_over_crops_and_names_the_strongest(
    model: tuple[nn.Module, ModelSpec, Path],
) -> None:
    network, spec, path = model
    scorer = rankiqa.load(path, threads=2)
    images = [texture(seed, 0.5 * seed, (96, 128)) for seed in range(5)]
    found = scorer.score(images)
    assert found.reasons is not None and found.damage is not None
    for number, image in enumerate(images):
        logits, probabilities, severities = by_hand(network, spec, scorer.view.evaluate(image))
        assert found.scores[number] == pytest.approx(logits.mean(), abs=1e-4)
        mean, severity = probabilities.mean(axis=0), severities.mean(axis=0)
        np.testing.assert_allclose(found.damage[number], np.append(mean, severity), atol=1e-4)
        strength = {FAMILIES[k]: mean[k] * severity[k] for k in range(K) if mean[k] >= 0.5}
        best = sorted(strength, key=lambda family: -strength[family])[:3]
        assert [reason.family for reason in found.reasons[number]] == best
    assert any(found.reasons) and len({tuple(named) for named in found.reasons}) > 1
    assert scorer.score([]).reasons == []
    single = found.part(slice(2, 3))
    assert single.reasons == found.reasons[2:3] and single.scores.tolist() == [found.scores[2]]


def test_a_model_without_them_says_so() -> None:
    class Engine:
        name, device, chunk, streams = "x", "cpu", 4, 1

        def __call__(self, crops: np.ndarray) -> np.ndarray:
            return crops.mean(axis=(1, 2, 3), dtype=np.float32)[:, None]

    found = Scorer(Engine(), ModelSpec("x", image_size=SIZE)).score([texture(1, 1.0)])
    assert found.reasons is None and found.damage is None and found.families == ()


@pytest.mark.parametrize("program", ["rankiqa", "main"])
def test_tables_and_lines_have_them_in_words(
    program: str, model: tuple[nn.Module, ModelSpec, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(3):
        texture(seed, 0.5 * seed).save(tmp_path / f"{seed}.png")
    files = [str(tmp_path / f"{seed}.png") for seed in range(3)]
    reasons = rankiqa.load(model[2]).score(files).reasons
    assert reasons is not None
    wanted = ["; ".join(WORDS[reason.family][0] for reason in named) for named in reasons]
    assert any(wanted)

    def run(*flags: str) -> int:
        if program == "main":
            return main(["--predict", *files, "--resume", str(model[2]), *flags])
        return rankiqa_main(["score", *files, "--model", str(model[2]), *flags])

    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    for path, words in zip(files, wanted, strict=True):
        line = next(line for line in lines if path in line)
        assert line.endswith(f"({words})" if words else path)
    for suffix in (".csv", ".jsonl"):
        table, page = tmp_path / f"out{suffix}", tmp_path / "page.html"
        assert run("--output", str(table), "--report", str(page)) == 0
        assert [row.reasons for row in read_rows(table)] == wanted
        assert next(words for words in wanted if words) in page.read_text(encoding="utf-8")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["reasons"] == wanted[0]


def test_a_table_of_an_earlier_version_is_continued(
    model: tuple[nn.Module, ModelSpec, Path], tmp_path: Path
) -> None:
    for seed in range(2):
        texture(seed, 0.5).save(tmp_path / f"{seed}.png")
    table = tmp_path / "out.csv"
    held = f"path,score,percentile,std,width,height,error\n{tmp_path}/0.png,1.5,,,128,96,\n"
    table.write_text(held)
    paths = [str(tmp_path / f"{seed}.png") for seed in range(2)]
    assert (
        rankiqa_main(["score", *paths, "--model", str(model[2]), "--output", str(table), "--skip_done"]) == 0
    )
    rows = list(read_rows(table))
    assert [row.path for row in rows] == paths and rows[0].score == 1.5 and rows[0].reasons == ""
    assert table.read_text().splitlines()[0] == ",".join(COLUMNS)


def test_the_api_answers_with_them(model: tuple[nn.Module, ModelSpec, Path], tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from rankiqa.serve.api import create_app

    texture(1, 0.5).save(tmp_path / "a.png")
    scorer = rankiqa.load(model[2])
    with TestClient(create_app(scorer)) as client, (tmp_path / "a.png").open("rb") as file:
        answer = client.post("/v1/score", files={"files": file}).json()["results"][0]
        about = client.get("/v1/model").json()
    reasons = scorer.score(tmp_path / "a.png").reasons
    assert reasons is not None
    assert [(one["family"], one["words"], one["words_zh"]) for one in answer["reasons"]] == [
        (reason.family, *WORDS[reason.family]) for reason in reasons[0]
    ]
    assert answer["reasons"][0]["severity"] == pytest.approx(reasons[0][0].severity, abs=1e-5)
    assert about["reasons"] == list(FAMILIES)
