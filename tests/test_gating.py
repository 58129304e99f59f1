"""`rankiqa gate`: the promise by SciPy and by simulation, verdicts, exit status, tables and JUnit XML."""

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import rankiqa
from rankiqa import cli
from rankiqa.errors import DataError
from rankiqa.gating.binomial import cumulative, exact_interval, examples_needed, threshold_ranks
from rankiqa.gating.fit import fit_scores
from rankiqa.gating.junit import JUnitFile
from rankiqa.gating.quality_gate import ModelId, QualityGate, Verdict, read_gate
from tests.conftest import texture

MODEL = ModelId("m.onnx", "0" * 64, "resnet18", "fit")
CASES = [
    (299, 0.01, 0.95),
    (1000, 0.01, 0.95),
    (5000, 0.01, 0.99),
    (100, 0.1, 0.9),
    (40, 0.5, 0.95),
    (10**6, 1e-3, 0.95),
]


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (299, 0.01), (1000, 0.4), (100_000, 0.02)])
def test_binomial_tails_are_scipys(count: int, share: float) -> None:
    most = min(count, 3000)
    expected = stats.binom.cdf(np.arange(most + 1), count, share)
    np.testing.assert_allclose(cumulative(count, share, most), expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 10), (1, 1), (950, 1000), (7, 20_000)])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_intervals_of_shares_are_those_of_clopper_and_pearson(
    hits: int, count: int, confidence: float
) -> None:
    expected = stats.binomtest(hits, count).proportion_ci(confidence, method="exact")
    assert exact_interval(hits, count, confidence) == pytest.approx(
        (expected.low, expected.high), rel=1e-7, abs=1e-12
    )


@pytest.mark.parametrize(("count", "refused", "confidence"), CASES)
def test_ranks_are_the_best_that_keep_the_promise(count: int, refused: float, confidence: float) -> None:
    """By the Beta distribution of the share below an order statistic: these hold it, the next don't."""
    ranks = threshold_ranks(count, refused, confidence)
    assert ranks

    def share_is_at_most(rank: int) -> float:
        return stats.beta.cdf(refused, rank, count - rank + 1)

    assert share_is_at_most(ranks.lower) >= confidence > share_is_at_most(ranks.lower + 1)
    assert 1 - share_is_at_most(ranks.upper) >= confidence
    assert ranks.upper == 1 or 1 - share_is_at_most(ranks.upper - 1) < confidence


@pytest.mark.parametrize(
    ("keep_good", "confidence", "needed"),
    [(0.99, 0.95, 299), (0.99, 0.99, 459), (0.95, 0.95, 59), (0.9, 0.9, 22)],
)
def test_too_few_examples_are_refused_with_the_number_needed(
    keep_good: float, confidence: float, needed: int
) -> None:
    """The numbers are those of the tables after Wilks (1941)."""
    assert examples_needed(1 - keep_good, confidence) == needed
    scores = np.arange(needed, dtype=float)
    assert fit_scores(scores, MODEL, None, keep_good, confidence).reject_below == 0
    with pytest.raises(DataError, match=f"{needed - 1} images.* needs at least {needed}"):
        fit_scores(scores[1:], MODEL, None, keep_good, confidence)


@pytest.mark.parametrize("count", [299, 800, 3000])
def test_the_promise_holds_in_a_thousand_fits(count: int) -> None:
    """Scores of known distributions; a fit breaks the promise where the true share of the refused exceeds 1%.

    The number of broken ones is binomial, with the probability that the Beta distribution gives.
    """
    rng = np.random.default_rng(count)
    distributions = [stats.norm(), stats.t(2), stats.expon(scale=3), stats.uniform(-1, 2)]
    broken = late = 0
    for number in range(1000):
        law = distributions[number % len(distributions)]
        gate = fit_scores(law.rvs(count, random_state=rng), MODEL)
        broken += law.cdf(gate.reject_below) > 0.01
        late += law.cdf(gate.pass_from) < 0.01
    ranks = threshold_ranks(count, 0.01, 0.95)
    assert ranks
    expected = stats.beta.sf(0.01, ranks.lower, count - ranks.lower + 1)
    assert expected <= 0.05
    assert stats.binomtest(broken, 1000, expected).pvalue > 1e-3
    assert stats.binom.sf(broken - 1, 1000, 0.05) > 1e-3 and stats.binom.sf(late - 1, 1000, 0.05) > 1e-3


def test_the_promise_holds_where_scores_are_ties() -> None:
    rng = np.random.default_rng(1)
    broken = 0
    for _ in range(1000):
        gate = fit_scores(rng.integers(0, 60, 500).astype(float), MODEL)
        broken += max(gate.reject_below, 0) / 60 > 0.01  # the share of scores strictly below
    assert stats.binom.sf(broken - 1, 1000, 0.05) > 1e-3


def test_shares_of_bad_examples_count_what_the_gate_says() -> None:
    rng = np.random.default_rng(2)
    bad = np.append(rng.normal(-2, 1, 199), np.nan)
    gate = fit_scores(rng.normal(size=1000), MODEL, bad)
    rejected = int((~(bad >= gate.reject_below)).sum())
    assert gate.bad_shares and gate.bad == 200 and 0 < rejected < 200
    share = gate.bad_shares["reject"]
    interval = stats.binomtest(rejected, 200).proportion_ci(0.95, method="exact")
    assert (share.count, share.share) == (rejected, rejected / 200)
    assert (share.low, share.high) == pytest.approx((interval.low, interval.high))
    assert sum(one.count for one in gate.bad_shares.values()) == 200


def test_a_verdict_for_each_score() -> None:
    gate = QualityGate(0.99, 0.95, -1.0, 1.0, 299, MODEL)
    said = [gate.judge(score).verdict for score in (-1.001, -1.0, 0.999, 1.0, float("nan"))]
    assert said == ["reject", "unsure", "unsure", "pass", "reject"]
    assert gate.judge(None, "truncated") == Verdict("reject", "not readable: truncated")
    assert gate.judge(2.0).reason == "" and "at most 1%" in gate.judge(-2.0).reason


def write_examples(folder: Path, count: int, size: tuple[int, int]) -> None:
    """good/ with so many images, bad/ with six blurred ones and one that can't be read."""
    for name, sigma, number_of in (("good", 0.0, count), ("bad", 3.0, 6)):
        (folder / name).mkdir()
        for number in range(number_of):
            texture(number, sigma, size).save(folder / name / f"{number:02}.png")
    (folder / "bad" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """good/ and bad/ with small images, and gate.json that was fitted to them."""
    folder = tmp_path_factory.mktemp("gate")
    write_examples(folder, 24, (64, 64))
    fit = ["gate", "fit", "--good", str(folder / "good"), "--bad", str(folder / "bad"), "--keep_good", "0.9"]
    assert cli.main([*fit, "--confidence", "0.9", "--out", str(folder / "gate.json")]) == 0
    return folder


def test_a_fit_of_folders_is_that_of_their_scores(place: Path) -> None:
    scores = rankiqa.load().score(sorted((place / "good").iterdir())).scores
    gate = read_gate(place / "gate.json")
    assert gate.reject_below == pytest.approx(np.sort(scores)[0], abs=1e-5)
    assert gate.pass_from == pytest.approx(np.sort(scores)[int(stats.binom.ppf(0.9, 24, 0.1))], abs=1e-5)
    assert gate.bad == 7 and gate.bad_shares and gate.bad_shares["reject"].count >= 1
    assert json.loads((place / "gate.json").read_text())["promise"] == gate.promise


def test_a_check_writes_table_and_junit(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(place / "good"), str(place / "bad"), str(place / "no\x01 <such> &.png")]
    files = ["--output", str(place / "v.csv"), "--junit", str(place / "v.xml")]
    assert cli.main(["gate", "check", *names, "--gate", str(place / "gate.json"), *files]) == 1
    captured = capsys.readouterr()
    rows = list(csv.DictReader((place / "v.csv").open(newline="")))
    gate = read_gate(place / "gate.json")
    assert len(rows) == 32 and captured.out == ""
    for row in rows:
        score = float(row["score"]) if row["score"] else -np.inf
        wanted = "reject" if score < gate.reject_below else "unsure" if score < gate.pass_from else "pass"
        assert row["verdict"] == wanted and bool(row["reason"]) == (wanted != "pass")
    assert rows[-1]["reason"].startswith("not readable: ") and rows[-2]["reason"].startswith("not readable: ")
    root = ET.parse(place / "v.xml").getroot()
    (suite,) = root
    cases = suite.findall("testcase")
    assert (root.tag, suite.tag, len(cases)) == ("testsuites", "testsuite", 32)
    for tag, name, verdict in (("failure", "failures", "reject"), ("skipped", "skipped", "unsure")):
        found = [case for case in cases if case.find(tag) is not None]
        assert len(found) == int(suite.get(name, "")) == sum(row["verdict"] == verdict for row in rows)
        reasons = [row["reason"] for row in rows if row["verdict"] == verdict]
        messages = [case.find(tag).get("message") for case in found]  # type: ignore[union-attr]
        assert all(reason in str(message) for message, reason in zip(messages, reasons, strict=True))
    assert suite.get("tests") == "32" and suite.get("errors") == "0"
    assert cases[-1].get("name") == str(place / "no\\x01 <such> &.png")
    assert suite.findtext("system-out") == gate.promise


def test_names_that_xml_cannot_hold(tmp_path: Path) -> None:
    from rankiqa.gating.check import CheckedImage

    names = ["a\udcff.png", "\ufffe\uffff\x00\r\n\t]]>", "\"'<&>", "\U0001f600"]
    with JUnitFile(tmp_path / "v.xml", "<&>") as file:
        for name in names:
            file.add(CheckedImage(name, "reject", reason=name))
    cases = ET.parse(tmp_path / "v.xml").getroot().findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == [
        "a\\udcff.png", "\\ufffe\\uffff\\x00\\r\\n\\t]]>", names[2], names[3]
    ]  # fmt: skip


def test_all_that_passes_gives_status_0_and_lines(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = sorted((place / "good").iterdir())
    best = paths[int(rankiqa.load().score(paths).scores.argmax())]
    assert cli.main(["gate", "check", str(best), "--gate", str(place / "gate.json")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("pass") and captured.out.rstrip().endswith(str(best))
    assert captured.err == "1 images: 1 pass, 0 unsure, 0 rejected\n"


def test_a_gate_of_another_model_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = json.loads((place / "gate.json").read_text())
    values["model"]["sha256"] = "1" * 64
    (place / "other.json").write_text(json.dumps(values))
    assert cli.main(["gate", "check", str(place / "good"), "--gate", str(place / "other.json")]) == 2
    assert "fitted for default.onnx" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "its format is None"),
        ('{"format": "rankiqa gate 9"}', "its format is 'rankiqa gate 9'"),
        ('{"format": "rankiqa gate 1", "model": {}}', "not the values of a gate"),
        (None, "No such file"),
    ],
)
def test_other_files_are_no_gates(
    content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = tmp_path / "g.json"
    if content is not None:
        gate.write_text(content)
    assert cli.main(["gate", "check", str(tmp_path), "--gate", str(gate)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(gate) in said and message in said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--good", "bad"], "7 images, but --keep_good 0.99 with --confidence 0.95 needs at least 299"),
        (["--good", "bad", "--keep_good", "0.5", "--confidence", "0.5"], "1 of 7 images have no score"),
        (["--good", "good", "--by_reason"], "--by_reason: "),
    ],
)
def test_what_can_not_be_fitted_is_said_in_one_line(
    flags: list[str],
    message: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    assert cli.main(["gate", "fit", *flags, "--out", "new.json"]) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 1 and message in said and not (place / "new.json").exists()


def test_copies_among_the_good_are_told(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes((place / "good" / "00.png").read_bytes())
    flags = ["--keep_good", "0.5", "--confidence", "0.5", "--out", str(tmp_path / "g.json")]
    assert cli.main(["gate", "fit", "--good", str(tmp_path), *flags]) == 0
    assert "2 of 3 images have score and size of another one" in capsys.readouterr().err
