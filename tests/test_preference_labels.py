"""Rank labels with shares of raters. Oracles: faults put in one by one, a plain parse, counts by hand."""

import random
from pathlib import Path

import numpy as np
import pytest

from dataloader.labels import load_labels
from main import main
from tests.test_labels import label, messages  # noqa: F401

ERRORS = [
    ("c.png,d.png,0.5", "a.png,b.png", ["2 columns, but the first row has 3", "'first,second,p'"]),
    ("c.png,d.png,0.5", "a.png,b.png,0.5,3", ["4 columns, but the first row has 3"]),
    ("c.png,d.png,0.5", "a.png,b.png,0,7", ["4 columns", "a decimal comma? write 0.7"]),
    (
        "c.png,d.png,0.5,3",
        "a.png,b.png,0.5",
        ["3 columns, but the first row has 4", "'first,second,p,votes'"],
    ),
    ("c.png,d.png", "a.png,b.png,0.7", ["a third column '0.7', that the first row does not have"]),
    ("c.png,d.png,0.5", "a.png,b.png,7", ["from 0 to 1, but here stands 7"]),
    ("c.png,d.png,0.5", "a.png,b.png,70%", ["p: '70%' is not a number"]),
    ("c.png,d.png,0.5", 'a.png,b.png,"0,7"', ["a decimal comma? write 0.7"]),
    ("c.png,d.png,0.5", "a.png,b.png,nan", ["here stands nan"]),
    ("c.png,d.png,0.5", "a.png,b.png,-0.1", ["here stands -0.1"]),
    ("c.png,d.png,0.5", "a.png,b.png,", ["p: '' is not a number"]),
    ("c.png,d.png,0.5", "a.png,3,0.5", ["the number 3 stands where the second path should"]),
    ("c.png,d.png,0.5", "a.png,gone.png,0.5", ["no such image 'gone.png'"]),
    ("c.png,d.png,0.5", "a.png,a.png,0.5", ["paired with itself", "'a.png'"]),
    ("c.png,d.png,0.5", "a.png;b.png;0.5", ["separated by ';'", "'first,second,p'"]),
    ("c.png,d.png,0.5,3", "a.png,b.png,0.5,0", ["votes must be above 0", "leave a pair"]),
    ("c.png,d.png,0.5,3", "a.png,b.png,0.5,-2", ["votes must be above 0"]),
    ("c.png,d.png,0.5,3", "a.png,b.png,0.5,inf", ["votes must be above 0", "inf"]),
    ("c.png,d.png,0.5,3", "a.png,b.png,0.5,many", ["votes: 'many' is not a number"]),
    ("c.png,d.png,0.5,3", "a.png,b.png,0,05", ["a decimal comma? write 0.05"]),
]


@pytest.mark.parametrize(("first", "row", "parts"), ERRORS)
def test_fault_is_named_with_its_line(label, first, row, parts):  # noqa: F811
    file = label(f"{first}\n# a comment\n\n{row}\n")
    (message,) = messages(file, "rank")
    assert message.startswith(f"{file}:4: "), message
    assert all(part in message for part in parts), message


@pytest.mark.parametrize("text", ["a.png,b.png,0,7\nb.png,c.png,0,25\n", "a.png,b.png,0,7\n"])
def test_decimal_commas_are_not_taken_for_votes(label, text):  # noqa: F811
    (message,) = messages(label(text), "rank")
    assert "label.txt:1: p is 0 in all rows: decimal commas? write 0.7 for 0,7" in message


def test_contradictions_and_repeats_are_data(label, caplog):  # noqa: F811
    labels = load_labels(label("a.png,b.png,1\na.png,b.png,0\nb.png,a.png,0.7\n\ufeffa.png,b.png,1\n"[:-1]
                               .replace("\ufeff", "")), "rank")  # fmt: skip
    assert labels.images.tolist() == [[0, 1], [0, 1], [1, 0], [0, 1]] and not caplog.text
    assert labels.opinions.tolist() == [[1, 1], [0, 1], [0.7, 1], [1, 1]]
    assert labels.order.tolist() == [1, -1, 1, 1]
    assert labels.ordered(np.array([1, 2]))[0].tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize("votes", [False, True])
def test_random_rows_against_a_plain_parse(label, tmp_path, votes):  # noqa: F811
    rng = random.Random(votes)
    names = [f"sub/{i}é.png" for i in range(60)]
    for name in names:
        (tmp_path / name).touch()
    rows = []
    for _ in range(3000):
        share = f"{rng.choice([0, 1, 0.5, rng.random(), 0.61, 0.39]):.{rng.randint(1, 9)}g}"
        tail = [rng.choice(["1", "12", "0.5", "1e2", "7.25"])] if votes else []
        rows.append([*rng.sample(names, 2), share, *tail])
    labels = load_labels(label("\n".join(" , ".join(row) for row in rows)), "rank", tie=0.11)
    assert [[labels.names[i] for i in pair] for pair in labels.images] == [row[:2] for row in rows]
    said = np.array([[float(row[2]), float(row[3]) if votes else 1.0] for row in rows])
    np.testing.assert_array_equal(labels.opinions, said)
    np.testing.assert_allclose(labels.targets[:, 0], said[:, 0], rtol=1e-7)
    np.testing.assert_allclose(labels.targets[:, 1], said[:, 1] / said[:, 1].mean(), rtol=1e-6)
    order = [0 if abs(share - 0.5) <= 0.1100001 else 1 if share > 0.5 else -1 for share in said[:, 0]]
    assert labels.order.tolist() == order and {-1, 0, 1} == set(order)


def test_check_images_keeps_shares_when_it_drops_rows(tmp_path, monkeypatch):
    from data_tools.check.check_images import main as check_images
    from tests.conftest import texture

    monkeypatch.chdir(tmp_path)
    for name in "abc":
        texture(ord(name), 0.5, (40, 40)).save(f"{name}.png")
    rows = ["a.png,b.png,0.7,10", "a.png,broken.png,0.2,5", "b.png, c.png ,1,3"]
    Path("label.txt").write_text("# mine\n" + "\n".join(rows) + "\n")
    Path("broken.png").write_bytes(Path("a.png").read_bytes()[:200])
    assert check_images([".", "--fix", "-j", "1"]) == 1
    assert Path("label.txt").read_text() == f"# mine\n{rows[0]}\n{rows[2]}\n"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--rank_loss logistic --margin 0.5", "--margin is for --rank_loss hinge"),
        ("--rank_loss fidelity --rank_activation sigmoid", "--rank_activation is for --rank_loss hinge"),
        ("--tie 0.5", "0.5 does not lie in [0, 0.5)"),
        ("--rank_loss bt", "invalid choice: 'bt'"),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags, said, capsys):
    assert main(["--train", *flags.split()]) == 2
    assert said in capsys.readouterr().err
