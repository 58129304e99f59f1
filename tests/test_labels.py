"""Oracles: faults put into the file here, one by one; a plain Python parse of random rows."""

import os
import random

import numpy as np
import pytest

from dataloader.labels import load_labels
from dataloader.string_table import StringTable
from utils.errors import LabelError


@pytest.fixture
def label(tmp_path, monkeypatch):
    """A function that writes label.txt beside a.png .. d.png, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "c.png", "d.png", "sub/a.png", "with, comma.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def write(text: str | bytes):
        file = tmp_path / "label.txt"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def messages(file, task, bins=1) -> list[str]:
    with pytest.raises(LabelError) as caught:
        load_labels(file, task, bins)
    return str(caught.value).splitlines()


GOOD = {"rank": "c.png,d.png", "emd": "c.png,1,2,3", "regress": "c.png,2"}
ERRORS = [
    ("rank", "a.png;b.png", ["separated by ';'", "commas", "'better,worse'"]),
    ("rank", "a.png\tb.png", ["separated by TAB"]),
    ("rank", "sub/a.png|b.png", ["separated by '|'"]),
    ("rank", "a.png  b.png", ["separated by spaces"]),
    ("rank", "a.png,b.png,0.7", ["a third column '0.7'", "'better,worse'"]),
    ("rank", "a.png,b.png,0,7", ["a third column '0,7'"]),
    ("rank", "a.png;b.png,0.7", ["separated by ';'"]),
    ("rank", "a.png,3,5", ["a decimal comma? write 3.5"]),
    ("rank", "a.png,b.png,", ["3 columns", "ends in a comma"]),
    ("regress", "a.png;2.5", ["separated by ';'", "'path,mos'"]),
    ("regress", "a.png;2,5", ["separated by ';'"]),
    ("regress", "a.png\t2.5", ["separated by TAB"]),
    ("regress", "a.png\t2,5", ["separated by TAB"]),
    ("regress", "sub/a.png   2.5", ["separated by spaces"]),
    ("regress", "a.png 2,5", ["separated by spaces"]),
    ("regress", "2.5 a.png", ["separated by spaces", "its number stands first"]),
    ("regress", "2.5,a.png", ["2.5 stands before the path"]),
    ("regress", "a.png,2,5", ["a decimal comma? write 2.5 instead of 2,5", "'path,mos'"]),
    ("regress", "a.png,-2,5", ["write -2.5 instead of -2,5"]),
    ("regress", 'a.png,"2,5"', ["'2,5' is not a number: a decimal comma? write 2.5"]),
    (
        "regress",
        'a.png,"1,050"',
        ["write 1.050 or, if its digits are in groups, 1050"],
    ),
    ("regress", "a,b.png,3", ["3 columns; a path that holds a comma needs quotes"]),
    ("regress", "a.png,2.5,0.7", ["a third column '0.7'"]),
    ("regress", "a.png,b.png,0.7", ["a third column '0.7', in a row of the rank task"]),
    ("regress", "a.png,2.5,", ["3 columns", "ends in a comma"]),
    ("regress", "a.png,", ["an empty field"]),
    ("regress", "a.png,٣3", ["'٣3' is not a number"]),
    ("regress", "a.png,0x1f", ["'0x1f' is not a number"]),
    ("emd", "a.png;1;2;3", ["separated by ';'", "'path,p1,...,p3'"]),
    ("emd", "a.png;0,1;0,2;0,7", ["separated by ';'"]),
    ("emd", "a.png\t1\t2\t3", ["separated by TAB"]),
    ("emd", "a.png 1 2 3", ["separated by spaces"]),
    ("emd", "a.png,0,1,0,2,0,7", ["7 columns", "a decimal comma? write 0.1"]),
    ("emd", "a.png,1,2,3,", ["5 columns", "ends in a comma"]),
    ("emd", "a.png,b.png,0.5", ["a third column '0.5', in a row of the rank task"]),
    ("emd", "a.png,1,2_0,3", ["'2_0' is not a number"]),
    ("emd", "a.png,1,٣3,3", ["'٣3' is not a number"]),
    ("rank", "a.png", ["1 columns", "'better,worse'"]),
    ("rank", "a.png,b.png,c.png", ["3 columns", "'better,worse'"]),
    ("rank", "with, comma.png,b.png", ["3 columns", "quotes"]),
    ("rank", "a.png,gone.png", ["no such image 'gone.png'"]),
    ("rank", "a.png,", ["an empty path"]),
    ("rank", "a.png,a.png", ["paired with itself", "'a.png'"]),
    ("rank", "sub\\a.png,sub/a.png", ["paired with itself", "'sub/a.png'"]),
    ("rank", "d.png,c.png", ["contradicts line 1", "'d.png'", "'c.png'"]),
    ("rank", '"a.png,b.png', ["broken quotes", '"a.png,b.png']),
    ("rank", "a.png,3.5", ["row of the regress task", "rank needs 'better,worse'"]),
    ("rank", "a.png,1,2,3", ["row of the emd task", "'path,p1,...,p3'", "rank needs"]),
    ("emd", "a.png,b.png", ["row of the rank task", "emd needs 'path,p1,...,p3'"]),
    ("emd", "a.png,sub/a.png", ["row of the rank task"]),
    ("emd", "a.png,3.5", ["row of the regress task", "emd needs 'path,p1,...,p3'"]),
    ("emd", "a.png,1,2", ["3 columns", "'path,p1,...,p3'"]),
    ("emd", "a.png,1,2,3,4", ["5 columns", "'path,p1,...,p3'"]),
    ("emd", "a.png,1,many,3", ["'many' is not a number"]),
    ("emd", "a.png,1,nan,3", ["finite", "1,nan,3"]),
    ("emd", "a.png,1,inf,3", ["finite", "1,inf,3"]),
    ("emd", "a.png,1e308,1e308,0", ["finite", "1e308"]),
    ("emd", "a.png,1,-2,3", ["not negative", "1,-2,3"]),
    ("emd", "a.png,0,0,0.0", ["all ratings are zero"]),
    ("emd", "gone.png,1,2,3", ["no such image 'gone.png'"]),
    ("regress", "a.png,b.png", ["row of the rank task", "regress needs 'path,mos'"]),
    ("regress", "a.png,1,2,3", ["row of the emd task", "'path,p1,...,p3'", "regress needs"]),
    ("regress", "a.png", ["1 columns", "'path,mos'"]),
    ("regress", "a.png,fine", ["'fine' is not a number"]),
    ("regress", "a.png,1_0", ["'1_0' is not a number"]),
    ("regress", "a.png,nan", ["finite", "nan"]),
    ("regress", "a.png,-inf", ["finite", "-inf"]),
    ("regress", "a.png,1e39", ["finite", "1e39"]),
    ("regress", "a.png,0.5", ["MOS 0.5", "1..3"]),
    ("regress", "a.png,3.01", ["MOS 3.01", "1..3"]),
]


@pytest.mark.parametrize(("task", "row", "parts"), ERRORS)
def test_fault_is_named_with_its_line(label, task, row, parts):
    file = label(f"{GOOD[task]}\n# a comment\n\n{row}\n")
    (message,) = messages(file, task, 3)
    assert message.startswith(f"{file}:4: "), message
    assert all(part in message for part in parts), message


def test_faults_come_all_at_once_in_line_order_and_twenty_of_them(label):
    rows = [
        ("a.png,b.png", "b.png,a.png", "gone%d.png,c.png", "a.png,1", "d.png,d.png")[i % 5] for i in range(60)
    ]
    rows = [row % i if "%" in row else row for i, row in enumerate(rows)]
    *shown, count = messages(label("\n".join(rows)), "rank")
    lines = [int(message.split(":")[1]) for message in shown]
    faulty = [i + 1 for i in range(60) if i]  # row 1 alone is right: every later a,b stands against a b,a
    assert len(shown) == 20 and lines == faulty[:20]
    assert f"{len(faulty) - 20} more errors of {len(faulty)}" in count


@pytest.mark.parametrize("task", ["rank", "emd", "regress"])
@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "\ufeff"])
def test_empty_file(label, task, text):
    file = label(text)
    (message,) = messages(file, task, 3)
    assert str(file) in message and "no rows" in message and "'" in message


def test_label_file_that_cannot_be_read(label, tmp_path):
    (message,) = messages(tmp_path / "absent.txt", "rank")
    assert "absent.txt" in message and "No such file" in message
    (message,) = messages(tmp_path / "sub", "rank")
    assert "directory" in message


@pytest.mark.parametrize("before", [0, 3000])  # 3000: beyond the first block that a decoder sees
def test_not_utf8_names_line_and_byte(label, before):
    file = label(b"a.png,b.png\n" * before + b"gr\xe4y.png,a.png\n")
    (message,) = messages(file, "rank")
    assert message.startswith(f"{file}:{before + 1}: ") and "0xe4" in message and "UTF-8" in message


def test_utf_16_and_nul_bytes_are_named(label):
    for content in ("a.png,b.png\n".encode("utf-16"), b"a.png,b.png\nb.png\0,c.png\n"):
        file = label(content)
        (message,) = messages(file, "rank")
        assert f"{file}:{1 + (content[0] == 97)}: " in message and "UTF-8" in message
        assert ("UTF-16" if content[0] == 255 else "a NUL byte") in message
    (message,) = messages(label(b"a.png,b.png\rgr\xe4y.png,a.png\r"), "rank")
    assert "label.txt:2: byte 0xe4" in message


@pytest.mark.parametrize(
    "text",
    [
        "a.png,b.png\rb.png,c.png\r",
        "a.png,b.png\nb.png,c.png\n",
        "\ufeffa.png,b.png\r\nb.png,c.png\r\n",
        "# head\n\n  a.png ,\tb.png  \n   \n  # more\nb.png,c.png",
        '"a.png","b.png"\n"b.png",c.png\n',
    ],
)
def test_accepted_spellings(label, text):
    labels = load_labels(label(text), "rank")
    assert list(labels.names) == ["a.png", "b.png", "c.png"] and len(labels) == 2
    assert labels.images.tolist() == [[0, 1], [1, 2]] and labels.targets.shape == (2, 0)


def test_quoted_comma_backslash_and_absolute_paths(label, tmp_path):
    text = f'"with, comma.png",1\nsub\\a.png,2\nsub/a.png,3\n{tmp_path / "a.png"},4\n'
    labels = load_labels(label(text), "regress")
    assert list(labels.names) == ["with, comma.png", "sub/a.png", str(tmp_path / "a.png")]
    assert labels.images.ravel().tolist() == [0, 1, 1, 2] and labels.targets.tolist() == [1, 2, 3, 4]


def test_folders_in_which_a_path_is_looked_for(tmp_path, monkeypatch):
    work, beside, data = (tmp_path / name for name in ("work", "beside", "data"))
    for folder, names in ((work, "w"), (beside, "wl"), (data, "wld")):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.png").touch()
    monkeypatch.chdir(work)
    file = beside / "label.txt"
    file.write_text("w.png,1\nl.png,2\nd.png,3\n")
    labels = load_labels(file, "regress", root=data)
    assert [os.path.realpath(path) for path in labels.paths] == [
        str(work / "w.png"), str(beside / "l.png"), str(data / "d.png")
    ]  # fmt: skip
    (message,) = messages(file, "regress")  # without the root, d.png is nowhere
    assert ":3: no such image 'd.png'" in message and str(beside) in message


def test_counts_are_normalised_and_mos_may_touch_the_ends(label):
    emd = load_labels(label("a.png,1,0,3\nb.png,0.25,0.25,0.5\n"), "emd", 3)
    np.testing.assert_array_equal(emd.targets, np.float32([[0.25, 0, 0.75], [0.25, 0.25, 0.5]]))
    assert emd.targets.dtype == np.float32 and emd.images.dtype == np.int32
    assert load_labels(label("a.png,1\nb.png,3\n"), "regress", 3).targets.tolist() == [1, 3]
    assert load_labels(label("a.png,-7.5\nb.png,1e2\n"), "regress", 1).targets.tolist() == [-7.5, 100]


def test_repeated_rows_are_kept_and_told(label, caplog):
    assert len(load_labels(label("a.png,b.png\nc.png,b.png\na.png,b.png\n"), "rank")) == 3
    assert "1 rows repeat" in caplog.text


@pytest.mark.parametrize("task", ["rank", "emd", "regress"])
def test_five_thousand_random_rows_against_a_plain_parse(label, tmp_path, task):
    rng = random.Random(task)
    names = [f"sub/{i}é.png" for i in range(300)]
    for name in names:
        (tmp_path / name).touch()
    rows = []
    for _ in range(5000):
        i, j = sorted(rng.sample(range(300), 2))  # sorted: no pair stands in both orders
        tail = {"rank": [names[j]], "emd": [str(rng.randint(0, 9)) for _ in "1234"] + ["1"]}
        rows.append([names[i], *tail.get(task, [repr(rng.uniform(1, 5))])])
    labels = load_labels(label("\n".join(",".join(row) for row in rows)), task, 5)
    assert len(labels) == 5000 and len(set(labels.paths)) == len(labels.paths)
    columns = 2 if task == "rank" else 1
    assert [[labels.names[i] for i in row] for row in labels.images] == [row[:columns] for row in rows]
    if task == "emd":
        counts = [[int(value) for value in row[1:]] for row in rows]
        np.testing.assert_allclose(labels.targets, [[c / sum(row) for c in row] for row in counts], rtol=1e-6)
    if task == "regress":
        np.testing.assert_array_equal(labels.targets, np.float32([float(row[1]) for row in rows]))


def test_string_table_is_the_list_it_was_made_from():
    strings = ["", "a", "größe/日本.png", "a", "\udce4broken", "x" * 1000, ""]
    table = StringTable(strings)
    assert list(table) == strings and len(table) == 7 and table[-2] == strings[-2]
    assert table[1:6:2] == strings[1:6:2] and table[::-1] == strings[::-1] and "größe/日本.png" in table
    for index in (7, -8):
        with pytest.raises(IndexError):
            table[index]
    assert list(StringTable([])) == []


def test_two_spellings_of_a_path_are_one_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    (tmp_path / "label.txt").write_text("./a.png,b.png\n.//b.png,a.png\n", encoding="utf-8")
    with pytest.raises(LabelError, match=r"label\.txt:2: contradicts line 1"):
        load_labels("label.txt", "rank")
