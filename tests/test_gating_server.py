"""/v1/gate of `rankiqa serve --gate` over loopback: the verdicts of `rankiqa gate check`, refusals, keys."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import rankiqa
from rankiqa import cli
from rankiqa.gating.fit import fit_scores
from rankiqa.gating.quality_gate import ModelId, QualityGate, read_gate
from tests.conftest import texture
from tests.rest_client import KEY, ask, bytes_of, form, serve_runtime

for _package in ("fastapi", "uvicorn", "python_multipart"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
SIGMAS = (0.0, 1.0, 2.0, 3.0)


@pytest.fixture(scope="module")
def scores() -> list[float]:
    return rankiqa.load().score([texture(1, sigma) for sigma in SIGMAS]).scores.tolist()


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, scores: list[float]) -> Path:
    """One whose thresholds lie between the scores of the images."""
    path = tmp_path_factory.mktemp("gate") / "gate.json"
    ordered = sorted(scores)
    scorer = rankiqa.load()
    fitted = fit_scores(np.arange(100.0), ModelId.of(rankiqa.DEFAULT_MODEL, scorer.spec), keep_good=0.9)
    values = {**vars(fitted), "reject_below": (ordered[0] + ordered[1]) / 2}
    QualityGate(**{**values, "pass_from": (ordered[2] + ordered[3]) / 2}).write(path)
    return path


@pytest.fixture(scope="module")
def port(gate: Path) -> Iterator[int]:
    flags = ("--gate", str(gate), "--api_only", "--api_key", KEY, "--max_files", "5")
    yield from serve_runtime(gate.parent, *flags)


def test_verdicts_are_those_of_the_scores(port: int, gate: Path, scores: list[float]) -> None:
    images = [(f"{sigma}.png", bytes_of(texture(1, sigma))) for sigma in SIGMAS]
    body, headers = form(*images, ("torn.png", images[0][1][:200]))
    status, answer = ask(port, "POST", "/v1/gate", body, headers)
    rows = answer["results"]
    assert status == 200 and [row["name"] for row in rows] == [*(name for name, _ in images), "torn.png"]
    places = np.argsort(np.argsort(scores))
    wanted = [("reject", "unsure", "unsure", "pass")[place] for place in places]
    assert [row["verdict"] for row in rows] == [*wanted, "reject"]
    assert [row["score"] for row in rows[:4]] == pytest.approx(scores, abs=1e-4)
    assert rows[4]["reason"].startswith("not readable: ") and rows[4]["score"] is None
    assert all(bool(row["reason"]) == (row["verdict"] != "pass") for row in rows)
    status, facts = ask(port, "GET", "/v1/gate")
    assert status == 200 and facts["promise"] == read_gate(gate).promise and facts["good"] == 100
    assert set(ask(port, "GET", "/openapi.json")[1]["paths"]["/v1/gate"]) == {"get", "post"}


def test_requests_are_limited_as_those_for_scores(port: int) -> None:
    body, headers = form(*[(f"{number}.png", b"x") for number in range(6)])
    status, answer = ask(port, "POST", "/v1/gate", body, headers)
    assert (status, answer["detail"]) == (422, "6 files, at most 5 are taken")
    assert ask(port, "POST", "/v1/gate", body, {**headers, "X-API-Key": "wrong"})[0] == 401
    body, headers = form(("a.png", b"x"))
    status, answer = ask(port, "POST", "/v1/gate", body, headers)
    assert status == 200 and answer["results"][0]["verdict"] == "reject"


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_server_without_a_sound_gate_does_not_start(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "g.json"
    if content:
        path.write_text(content)
    assert cli.main(["serve", "--gate", str(path)]) == 2
    assert f"--gate {path}" in capsys.readouterr().err
