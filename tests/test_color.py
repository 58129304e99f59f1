"""Colours: oracles are published matrices and curves in numpy (`color_files`); profiles are written there."""

import csv
import struct
import threading
from pathlib import Path

import color_files as cf
import numpy as np
import pytest
import skimage
from PIL import Image, ImageCms

from rankiqa.image import read_rgb, read_sized

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)
SMOOTH = np.stack([np.add.outer(np.arange(64) * k % 256, np.arange(96)) % 256 for k in (1, 2, 3)], -1).astype(
    "u1"
)
SPACES = {
    "p3": (cf.P3_PROFILE, cf.P3, cf.srgb_light),
    "adobe": (cf.ADOBE_PROFILE, cf.ADOBE, cf.adobe_light),
}


def read(path: Path) -> np.ndarray:
    image = read_rgb(path)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.info.clear()
    path.parent.mkdir(exist_ok=True)
    image.save(path, **options)
    return path


def with_jp2_profile(path: Path, profile: bytes) -> None:
    """Replace the colour box by one that holds `profile` (method 2)."""
    data = path.read_bytes()
    at = data.index(b"colr") - 4
    old = struct.unpack(">I", data[at : at + 4])[0]
    box = struct.pack(">I", len(profile) + 11) + b"colr\2\0\0" + profile
    head = data.index(b"jp2h") - 4
    size = struct.unpack(">I", data[head : head + 4])[0] + len(box) - old
    path.write_bytes(data[:head] + struct.pack(">I", size) + data[head + 4 : at] + box + data[at + old :])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "avif", "jp2"])
def test_embedded_profiles_are_converted(tmp_path, suffix, space):
    profile, matrix, curve = SPACES[space]
    options = {"jpg": {"quality": 90}, "webp": {"lossless": True}, "jp2": {"irreversible": False}}.get(
        suffix, {}
    )
    plain = saved(tmp_path / f"plain.{suffix}", Image.fromarray(SMOOTH), **options)
    path = tmp_path / f"a.{suffix}"
    saved(path, Image.fromarray(SMOOTH), **options, **({} if suffix == "jp2" else {"icc_profile": profile}))
    if suffix == "jp2":
        with_jp2_profile(path, profile)
    stored = read(plain)
    found, expected = read(path), cf.to_srgb(stored, matrix, curve)
    assert np.abs(found - expected).max() <= 1.5
    assert np.abs(found - stored).max() > 20


def test_reduced_decoding_is_converted_as_well(tmp_path):
    big = Image.fromarray(SMOOTH).resize((960, 640))
    plain, path = tmp_path / "plain.jpg", tmp_path / "a.jpg"
    big.save(plain)
    big.save(path, icc_profile=cf.P3_PROFILE)
    stored, size = read_sized(plain, (32, 48))
    found, again = read_sized(path, (32, 48))
    assert stored.size == found.size == (240, 160) and size == again == (960, 640)
    expected = cf.to_srgb(np.asarray(stored), cf.P3, cf.srgb_light)
    assert np.abs(np.asarray(found) - expected).max() <= 1.5


@pytest.mark.parametrize(
    "profile",
    {
        "formula": cf.rgb_profile(cf.SRGB_D50, cf.srgb_formula(), 4),
        "1024": cf.rgb_profile(cf.SRGB_D50, cf.table(1024)),
        "26": cf.rgb_profile(cf.SRGB_D50, cf.table(26)),
        "4096": cf.rgb_profile(cf.SRGB_D50, cf.table(4096), wtpt=cf.xyz(cf.D65)),
        "lcms": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }.items(),
    ids=lambda item: item[0],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA"])
def test_spellings_of_srgb_change_no_bit(tmp_path, profile, mode):
    image = Image.fromarray(NOISE).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(NOISE[:, :, 0]))
    plain = saved(tmp_path / "plain.png", image)
    path = saved(tmp_path / "a.png", image, icc_profile=profile[1])
    assert np.array_equal(read(path), read(plain))


def light(x: np.ndarray, exponent: float) -> np.ndarray:
    return 255 * cf.srgb_code(x**exponent)


@pytest.mark.parametrize("exponent", [1.0, 1.8, 2.5])
def test_grey_profiles(tmp_path, exponent):
    profile = cf.grey_profile(cf.gamma(exponent))
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = light(codes / 255, round(exponent * 256) / 256)[:, :, None]
    for suffix in ("png", "tif"):
        path = saved(tmp_path / f"a.{suffix}", Image.fromarray(codes), icc_profile=profile)
        assert np.abs(read(path) - expected).max() <= 1.5
    alpha = RNG.integers(0, 256, (16, 16), dtype=np.uint8)
    image = Image.merge("LA", [Image.fromarray(codes), Image.fromarray(alpha)])
    path = saved(tmp_path / "la.png", image, icc_profile=profile)
    share = alpha[:, :, None] / 255
    assert np.abs(read(path) - (expected * share + 255 * (1 - share))).max() <= 2


def test_a_profile_of_deep_grey_keeps_the_shadows(tmp_path):
    codes = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)  # all below 16 of 255 in linear light
    path = saved(tmp_path / "a.png", Image.fromarray(codes), icc_profile=cf.grey_profile(cf.gamma(1.0)))
    assert np.abs(read(path) - light(codes / 65535, 1.0)[:, :, None]).max() <= 1.5


def test_grey_with_a_profile_of_colours_has_equal_channels(tmp_path):
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = saved(tmp_path / "a.jpg", Image.fromarray(codes), icc_profile=cf.ADOBE_PROFILE, quality=100)
    plain = read(saved(tmp_path / "plain.jpg", Image.fromarray(codes), quality=100))
    assert np.abs(read(path) - light(plain / 255, cf.ADOBE_GAMMA)).max() <= 1.5


@pytest.mark.parametrize("mode", ["RGBA", "P", "RGB with one transparent colour"])
def test_alpha_is_laid_over_white_after_the_conversion(tmp_path, mode):
    codes, alpha = NOISE.copy(), RNG.integers(0, 256, NOISE.shape[:2], dtype=np.uint8)
    options = {}
    if mode == "RGBA":
        image = Image.fromarray(np.dstack([codes, alpha]))
    elif mode == "P":
        image = Image.fromarray(codes).quantize(16)
        alpha[:] = 255
    else:
        codes[0, 0], alpha[:], options = (1, 2, 3), 255, {"transparency": (1, 2, 3)}
        alpha[(codes == (1, 2, 3)).all(2)] = 0
        image = Image.fromarray(codes)
    codes = np.asarray(image.convert("RGB"))
    path = saved(tmp_path / "a.png", image, icc_profile=cf.P3_PROFILE, **options)
    share = alpha[:, :, None] / 255
    expected = cf.to_srgb(codes, cf.P3, cf.srgb_light) * share + 255 * (1 - share)
    assert np.abs(read(path) - expected).max() <= 2


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_with_a_profile(tmp_path, suffix):
    lab = np.zeros((2, 2, 2, 2, 3))
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1)
    lab[..., 0] = (100 - 20 * inks[..., :3].sum(-1)) * (1 - inks[..., 3])  # black ink is black
    lab[..., 1] = 30.0 * (inks[..., 1] - inks[..., 0]) * (1 - inks[..., 3])
    lab[..., 2] = 30.0 * (inks[..., 2] - inks[..., 0]) * (1 - inks[..., 3])
    blocks = np.kron(inks.reshape(4, 4, 4), np.ones((16, 16, 1))).astype(np.uint8) * 255
    image = Image.frombytes("CMYK", (64, 64), blocks.tobytes())
    options = {"quality": 100} if suffix == "jpg" else {}
    path = saved(tmp_path / f"a.{suffix}", image, icc_profile=cf.cmyk_profile(lab), **options)
    f = (lab.reshape(16, 3)[:, :1] + 16) / 116 + lab.reshape(16, 3)[:, [1, 0, 2]] * (1 / 500, 0, -1 / 200)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * cf.D50  # CIE 15, 8.2.1
    expected = 255 * cf.srgb_code(xyz @ np.linalg.inv(np.array(cf.SRGB_D50).T).T)
    found = read(path)[8::16, 8::16].reshape(16, 3)
    assert np.abs(found - expected).max() <= 4
    assert np.abs(found - np.asarray(image.convert("RGB"))[8::16, 8::16].reshape(16, 3)).max() > 50


GOOD = cf.ADOBE_PROFILE
BROKEN = {
    "empty": b"",
    "noise": bytes(RNG.integers(0, 256, 3000, dtype=np.uint8)),
    "header": GOOD[:128],
    "truncated": GOOD[:200],
    "zeros": GOOD[:128] + bytes(len(GOOD) - 128),
    "huge count": GOOD[:128] + b"\xff" * 4 + GOOD[132:],
    "no signature": GOOD.replace(b"acsp", b"xxxx"),
    "black": cf.rgb_profile([(0, 0, 0)] * 3, cf.gamma(2.2)),
    "one colour": cf.rgb_profile([tuple(v / 3 for v in cf.D50)] * 3, cf.gamma(2.2)),
    "negative": cf.rgb_profile(cf.ADOBE_D50, cf.table(256, lambda x: 1 - x)),
    "gamma 100": cf.rgb_profile(cf.ADOBE_D50, cf.gamma(100)),
    "gamma 0": cf.rgb_profile(cf.ADOBE_D50, cf.gamma(0.02)),
    "grey": cf.grey_profile(cf.gamma(1.0)),
    "cmyk": cf.cmyk_profile(np.zeros((2, 2, 2, 2, 3))),
    "link": GOOD.replace(b"mntr", b"link"),
    "named": GOOD.replace(b"mntr", b"nmcl"),
    "17 MB": GOOD + bytes(17 << 20),
}


def test_cmyk_with_an_unfit_profile_is_converted_without(tmp_path):
    image = Image.frombytes("CMYK", (64, 64), RNG.integers(0, 256, 64 * 64 * 4, dtype=np.uint8).tobytes())
    plain = read(saved(tmp_path / "plain.tif", image))
    for number, unfit in enumerate((GOOD, BROKEN["noise"], BROKEN["grey"], BROKEN["cmyk"])):
        path = saved(tmp_path / f"{number}.tif", image, icc_profile=unfit)
        assert np.array_equal(read(path), plain)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("broken", BROKEN)
def test_profiles_that_are_broken_or_absurd_are_ignored(tmp_path, capfd, broken, suffix):
    if suffix == "png" and broken == "17 MB":
        return  # Pillow takes no such chunk
    plain = saved(tmp_path / f"plain.{suffix}", Image.fromarray(SMOOTH))
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(SMOOTH), icc_profile=BROKEN[broken])
    assert np.array_equal(read(path), read(plain))
    assert capfd.readouterr().err == ""


def test_lab_tiff(tmp_path):
    lab = np.array([[[100, 0, 0], [50, 0, 0], [0, 0, 0], [60, 40, -30], [60, -30, 40]]])
    codes = np.rint(lab * (2.55, 1, 1)).astype(np.int16).astype(np.uint8)  # TIFF 6.0, section 23: a, b signed
    Image.frombytes("LAB", (5, 1), codes.tobytes()).save(tmp_path / "a.tif")
    f = (lab[0, :, :1] + 16) / 116 + lab[0][:, [1, 0, 2]] * (1 / 500, 0, -1 / 200)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * cf.D50
    expected = 255 * cf.srgb_code(xyz @ np.linalg.inv(np.array(cf.SRGB_D50).T).T)
    assert np.abs(read(tmp_path / "a.tif")[0] - expected).max() <= 2


def test_scores_of_photographs_stay_those_of_their_srgb_originals(tmp_path, monkeypatch):
    from main import main

    for name in ("astronaut.png", "coffee.png", "chelsea.png"):
        photo = np.asarray(Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB"))[
            :256, :320
        ]
        stem = name.removesuffix(".png")
        wide = {"srgb": (photo, cf.rgb_profile(cf.SRGB_D50, cf.table(1024)))}
        wide["p3"] = (cf.from_srgb(photo, cf.P3, cf.srgb_code), cf.P3_PROFILE)
        wide["adobe"] = (cf.from_srgb(photo, cf.ADOBE, lambda x: x ** (1 / cf.ADOBE_GAMMA)), cf.ADOBE_PROFILE)
        for space, (codes, profile) in {"plain": (photo, b""), **wide}.items():
            saved(tmp_path / "photos" / f"{stem}_{space}.png", Image.fromarray(codes), icc_profile=profile)
    out = tmp_path / "scores.csv"
    assert main(["--predict", str(tmp_path / "photos"), "--engine", "torch", "--output", str(out)]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        scores = {Path(row["path"]).stem: float(row["score"]) for row in csv.DictReader(file)}
    assert len(scores) == 12
    for name, score in scores.items():
        original = scores[name.split("_")[0] + "_plain"]
        assert abs(score - original) <= (0.07 if name.endswith(("p3", "adobe")) else 0), name


def test_threads_share_the_transforms(tmp_path):
    paths = []
    for i in range(8):
        profile = (cf.P3_PROFILE, cf.ADOBE_PROFILE)[i % 2]
        paths.append(saved(tmp_path / f"{i}.png", Image.fromarray(np.roll(NOISE, i)), icc_profile=profile))
    expected, wrong = [read(path) for path in paths], []

    def work(number: int) -> None:
        wrong.extend(number for _ in range(20) if not np.array_equal(read(paths[number]), expected[number]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
