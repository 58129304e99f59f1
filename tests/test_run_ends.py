"""How an epoch and a run end: what is logged, saved, kept, and taken up again by --continue."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from applications import train
from applications.evaluation import logits as scoring
from main import main
from metrics.task import best_key
from tests.test_continue import FILE, RUN, StopAfter, assert_equal, weights
from utils.checkpoint import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")
BEST = "model_best_tests_small.pth"
REGRESS = [*RUN, "--criterion", "regress", "-j", "0"]


def epochs_logged(folder: str = "logs") -> list[dict[str, float]]:
    [path] = Path(folder).glob("train_*/metrics.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("schedule", ["piecewise", "cosine"])
def test_an_epoch_logs_the_rate_of_its_last_step(schedule: str, workplace: Callable[..., Path]) -> None:
    workplace("regress")
    assert main([*REGRESS, "--warmup", "1", "--epochs", "3", "-p", "1", "--schedule", schedule]) == 0
    [log] = Path("logs").glob("train_*/train.log")
    steps = re.findall(r"step (\d+): .*lr (\S+?),", log.read_text(encoding="utf-8"))
    last = [float(rate) for step, rate in steps if int(step) % 3 == 0]
    assert len(last) == 3 and len(set(last)) > 1
    assert [line["lr"] for line in epochs_logged()] == pytest.approx(last, rel=1e-3)


@pytest.mark.parametrize(
    "flags",
    [
        ["--criterion", "regress", "--rank_weight", "2"],
        ["--criterion", "rank", "--margin", "0.3", "--rank_activation", "sigmoid"],
    ],
)
def test_evaluation_reports_the_loss_of_validation(flags: list[str], workplace: Callable[..., Path]) -> None:
    root = workplace(flags[1], scenes=3)
    labels = (root / "data/train/label.txt").read_text()
    (root / "data/val/label.txt").write_text(labels)
    (root / "data/test/label.txt").write_text(labels)
    assert main([*RUN, *flags, "-j", "0", "--epochs", "1", "--warmup", "0"]) == 0
    [validated] = epochs_logged()
    assert main(["-e", "--resume", f"checkpoints/{BEST}", "-j", "0", "-g", "0"]) == 0
    [tested] = Path("logs").glob("test_*/metrics.json")
    assert json.loads(tested.read_text())["figures"]["loss"] == pytest.approx(validated["loss"], abs=1e-6)


class Killed(BaseException):
    """Ends the program where it stands, as kill -9 does."""


@pytest.fixture
def in_validation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[int]]]:
    """Stops or kills the run at a scored batch; the list that it returns counts the batches."""

    def arrange(number: int, kill: bool) -> list[int]:
        scored, signals = [0], StopAfter(10**6)
        add = scoring._Crops.add

        def counted(*arguments: Any) -> None:
            scored[0] += 1
            if scored[0] == number:
                signals.requested = True
                if kill:
                    raise Killed
            add(*arguments)

        monkeypatch.setattr(scoring._Crops, "add", counted)
        monkeypatch.setattr(train, "StopSignals", lambda: signals)
        return scored

    yield arrange
    monkeypatch.undo()


@pytest.fixture(scope="module")
def unbroken() -> Callable[[list[str]], dict[str, Any]]:
    """What a whole run leaves; its data are the same in every test, so it runs once for the same flags."""
    done: dict[str, dict[str, Any]] = {}

    def run(flags: list[str]) -> dict[str, Any]:
        if repr(flags) not in done:
            assert main([*REGRESS, *flags, "--checkpoint_dir", "whole", "--logdir", "whole"]) == 0
            done[repr(flags)] = left_in("whole")
        return done[repr(flags)]

    return run


def left_in(folder: str) -> dict[str, Any]:
    best = load_checkpoint(f"{folder}/{BEST}")["state_dict"]
    lines = [{**line, "seconds": 0} for line in epochs_logged(folder)]
    return {"last": weights(folder), "best": best, "lines": lines}


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("flags", [[], ["--swa", "0.3"]])
def test_validation_is_left_at_once_and_done_again(
    kill: bool,
    flags: list[str],
    unbroken: Callable[[list[str]], dict[str, Any]],
    workplace: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    in_validation: Callable[..., list[int]],
) -> None:
    root = workplace("regress")  # 3 steps per epoch, 3 batches of validation
    whole = unbroken(flags)
    scored = in_validation(5, kill)  # the second batch of the second epoch
    run = [*REGRESS, *flags, "--checkpoint_dir", "parts", "--logdir", "parts"]
    if kill:
        with pytest.raises(Killed):
            main(run)
    else:
        assert main(run) == 130
    assert scored == [5]
    held = load_checkpoint(f"parts/{FILE}")["train_state"]
    assert (held["epoch"], held["step"]) == (1, 3)
    monkeypatch.undo()
    monkeypatch.chdir(root)
    assert main(["--train", "--continue", f"parts/{FILE}"]) == 0
    parts = left_in("parts")
    assert_equal(whole["last"], parts["last"])
    assert_equal(whole["best"], parts["best"])
    assert repr(whole["lines"]) == repr(parts["lines"])


def test_a_run_stopped_in_validation_may_change_its_rows_and_processes(
    workplace: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    in_validation: Callable[..., list[int]],
) -> None:
    """All steps of its epoch are done, whatever they were."""
    root = workplace("regress")
    in_validation(2, False)
    assert main([*REGRESS, "--epochs", "1"]) == 130
    file = Path("checkpoints", FILE)
    held = load_checkpoint(file)
    held["train_state"]["world"] = 2
    save_checkpoint(file, held)
    change(root / "data/train/label.txt", "row")
    monkeypatch.undo()
    monkeypatch.chdir(root)
    assert main(["--train", "--continue", str(file)]) == 0
    assert "data/train/label.txt has changed since the run was stopped" in capsys.readouterr().err
    assert_equal(load_checkpoint(file)["state_dict"], held["state_dict"])


def test_a_stop_after_the_last_validation_batch_trains_no_further_step(
    workplace: Callable[..., Path], in_validation: Callable[..., list[int]]
) -> None:
    workplace("regress")
    in_validation(3, False)
    assert main(REGRESS) == 130
    held = load_checkpoint(f"checkpoints/{FILE}")["train_state"]
    assert (held["epoch"], held["step"]) == (1, 0)


def test_files_of_another_run_are_kept(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("regress")
    assert main([*REGRESS, "--epochs", "2"]) == 0
    first = Path("checkpoints", BEST).read_bytes()
    assert [path.name for path in sorted(Path("checkpoints").iterdir())] == [FILE, BEST]
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(4))
        assert main([*REGRESS, "--seed", "1"]) == 130
    told = capsys.readouterr().err
    assert f"checkpoints/{BEST} is of another run: kept as {BEST[:-4]}.1.pth" in told
    assert Path("checkpoints", f"{BEST[:-4]}.1.pth").read_bytes() == first
    second = Path("checkpoints", FILE).read_bytes()
    assert main(["--train", "--continue", f"checkpoints/{FILE}"]) == 0  # its own files
    assert "is of another run" not in capsys.readouterr().err
    Path("checkpoints", FILE).write_bytes(second)  # a run that was not finished, and is forgotten
    assert main([*REGRESS, "--seed", "2", "--epochs", "1"]) == 0
    kept = {path.name for path in Path("checkpoints").iterdir()}
    assert kept == {FILE, BEST, f"{FILE[:-4]}.1.pth", f"{BEST[:-4]}.1.pth", f"{BEST[:-4]}.2.pth"}
    assert Path("checkpoints", f"{FILE[:-4]}.1.pth").read_bytes() == second


NAN = float("nan")


@pytest.mark.parametrize(
    ("task", "worse", "better"),
    [
        ("regress", {"srcc": 1.0, "loss": 0.03}, {"srcc": 1.0, "loss": 0.0004}),
        ("regress", {"srcc": 1.0, "loss": 0.03}, {"srcc": 1.0 - 2e-16, "loss": 0.0004}),  # rounding
        ("regress", {"srcc": 0.9, "loss": 0.0}, {"srcc": 0.9 + 1e-9, "loss": 5.0}),
        ("regress", {"srcc": NAN, "loss": 0.0}, {"srcc": -1.0, "loss": 5.0}),
        ("regress", {"srcc": NAN, "loss": NAN}, {"srcc": NAN, "loss": 5.0}),
        ("regress", {"srcc": 0.5, "loss": NAN}, {"srcc": 0.5, "loss": 5.0}),
        ("emd", {"emd_r1": 0.1, "loss": 0.2}, {"emd_r1": 0.1, "loss": 0.1}),
        ("emd", {"emd_r1": NAN, "loss": 0.2}, {"emd_r1": 0.9, "loss": 0.9}),
        ("rank", {"pair_accuracy": 1.0, "loss": 0.2}, {"pair_accuracy": 1.0, "loss": 0.1}),
    ],
)
def test_ties_are_broken_by_the_loss(task: str, worse: dict[str, float], better: dict[str, float]) -> None:
    assert best_key(task, better) > best_key(task, worse)


def stopped_run(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(steps))
        assert main(REGRESS) == 130


def change(file: Path, how: str) -> None:
    lines = file.read_text().splitlines()
    if how == "label":
        lines[-1] = lines[-1].split(",")[0] + ",2.25"
    lines = {"label": lines, "row": lines[:-1], "order": lines[::-1]}[how]
    file.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("how", ["label", "row", "order"])
def test_changed_rows_are_noticed(
    how: str,
    workplace: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = workplace("regress")
    file = root / "data/train/label.txt"
    before = file.read_text()
    stopped_run(2, monkeypatch)
    kept = Path("checkpoints", FILE).read_bytes()
    change(file, how)
    capsys.readouterr()
    again = ["--train", "--continue", f"checkpoints/{FILE}"]
    assert main(again) == 2
    error = capsys.readouterr().err
    assert "data/train/label.txt has changed since the run was stopped in the middle of an epoch" in error
    assert error.count("\n") == 1 and Path("checkpoints", FILE).read_bytes() == kept
    file.write_text(f"# the same rows\n\n{before}")
    assert main([*again, "--epochs", "1"]) == 0
    assert "has changed" not in capsys.readouterr().err
    change(file, how)
    assert main([*again, "--epochs", "2"]) == 0  # between two epochs
    assert "data/train/label.txt has changed since the run was stopped" in capsys.readouterr().err
    change(root / "data/val/label.txt", how)
    assert main([*again, "--epochs", "3"]) == 0
    error = capsys.readouterr().err
    assert "data/val/label.txt has changed" in error and "metrics don't compare" in error
    assert "data/train/label.txt" not in error


def test_flags_that_change_nothing_may_differ(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("regress")
    assert main([*REGRESS, "--checkpoint_dir", "whole"]) == 0
    stopped_run(2, monkeypatch)
    free = ["--profile", "1", "--save_every", "2", "--cache", "disk", "--cache_size", "1M", "-p", "1"]
    free += ["--threads", "2", "--use_margin", "--licence", "CC0", "--engine", "torch"]
    assert main(["--train", "--continue", f"checkpoints/{FILE}", *free]) == 0
    assert_equal(weights("whole"), weights("checkpoints"))
    capsys.readouterr()
    for flags in (["-b", "3"], ["--seed", "1"], ["--accumulate", "2"], ["--view", "fit"]):
        assert main(["--train", "--continue", f"checkpoints/{FILE}", *flags]) == 2
        assert "the run in" in capsys.readouterr().err


def test_save_every_must_fit_the_accumulation_of_the_run(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    assert main([*REGRESS, "--accumulate", "2", "--epochs", "1", "--warmup", "0"]) == 0
    capsys.readouterr()
    again = ["--train", "--continue", f"checkpoints/{FILE}", "--epochs", "2"]
    assert main([*again, "--save_every", "3"]) == 2
    assert "--save_every 3 must be a multiple of --accumulate 2" in capsys.readouterr().err
    assert main([*again, "--save_every", "2"]) == 0


def test_the_state_of_an_earlier_version_is_read() -> None:
    state = train.TrainState.from_dict({"epoch": 2, "best": [1.5, 0.0], "run_folder": "logs/x"})
    assert state.best == (1.5, 0.0) and state.rows_of == {}


def test_flags_of_a_run_under_their_earlier_names(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    assert main([*REGRESS, "--epochs", "1", "--warmup", "0", "-b", "2", "--rows_together", "2"]) == 0
    held = load_checkpoint(f"checkpoints/{FILE}")
    held["config"]["rows_together"] = held["config"].pop("group_size")
    held["config"]["licence"] = held["config"].pop("license")
    save_checkpoint(f"checkpoints/{FILE}", held)
    capsys.readouterr()
    again = ["--train", "--continue", f"checkpoints/{FILE}", "--epochs", "2"]
    assert main([*again, "--group_size", "1"]) == 2
    assert "--group_size 1" in (error := capsys.readouterr().err) and "was started with 2" in error
    assert main([*again, "--rows_together", "2"]) == 0
