"""Videos by the console script: which frames are scored, their colours, the damaged second, broken files.

Oracles: the scores of the same frames as PNG files, colour equations of BT.601, BT.709 and BT.2100, and the
times at which the test has put each frame.
"""

import csv
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import rankiqa
from rankiqa import cli
from rankiqa.video.reading import read_frame
from tests.conftest import texture
from tests.video_files import RATE, flat_planes, write_video

pytest.importorskip("av", reason="av is in requirements-dev.txt")
SCENE = [texture(1, 0.0, (96, 160)).crop((k, 0, k + 128, 96)) for k in range(30)]  # a pan of three seconds
BLURRED = [
    image.filter(ImageFilter.GaussianBlur(4)) if 10 <= k < 20 else image for k, image in enumerate(SCENE)
]


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """The score of each frame of SCENE."""
    return rankiqa.load().score(SCENE).scores


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def score(*argv: str) -> int:
    return cli.main(["score", *argv])


@pytest.mark.parametrize(
    ("step", "taken"),
    [("1s", [0, 10, 20]), ("500ms", [0, 5, 10, 15, 20, 25]), ("7f", [0, 7, 14, 21, 28]), (None, [0, 10, 20])],
)
def test_a_row_per_step_with_the_score_of_that_frame(
    place: Path, expected: np.ndarray, step: str | None, taken: list[int]
) -> None:
    write_video(place / "a.mkv", SCENE)
    assert score("a.mkv", "--output", "s.csv", *(["--every", step] if step else [])) == 0
    rows = rows_of("s.csv")
    assert [float(row["time"]) for row in rows] == pytest.approx([number / RATE for number in taken])
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected[taken], atol=1e-5)
    assert {(row["path"], row["width"], row["height"], row["error"]) for row in rows} == {
        ("a.mkv", "128", "96", "")
    }


def test_a_damaged_second_is_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(place / "<b>.mkv", BLURRED)
    assert score("<b>.mkv", "--every", "0.5s", "--plot", "p.svg", "--report", "r.html") == 0
    said = capsys.readouterr()
    assert len([line for line in said.out.splitlines() if "<b>.mkv at " in line]) == 6
    assert "6 frames, mean" in said.err and "; worst seconds: 1" in said.err
    assert "worst seconds: 1 s" in said.err or "worst seconds: 1.5 s" in said.err
    plot, page = Path("p.svg").read_text(), Path("r.html").read_text()
    assert plot.startswith("<svg") and plot.count("<circle") == 6 + 3 and "&lt;b&gt;.mkv" in plot
    assert "&lt;b&gt;.mkv" in page and "<b>.mkv:" not in page
    assert page.count("data:image/jpeg") == 3 + 6 + 6  # the worst second of each, best and worst frames
    assert "%3Cb%3E.mkv#t=1" in page


def test_videos_and_images_of_folders(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "in").mkdir()
    for name in ("b.mkv", "c.avi"):
        write_video(place / "in" / name, SCENE[:11])
    SCENE[0].save("in/a.png")
    assert score("in", "--output", "images.csv") == 0
    assert "left out: 2 videos" in capsys.readouterr().err
    assert [row["path"] for row in rows_of("images.csv")] == ["in/a.png"]
    assert score("in", "in/b.mkv", "--every", "1s", "--output", "all.csv") == 0
    rows = [(row["path"], row["time"]) for row in rows_of("all.csv")]
    assert rows == [
        ("in/a.png", ""),
        *((f"in/{name}", time) for name in ("b.mkv", "c.avi") for time in ("0.0", "1.0")),
    ]


def test_frames_that_last_as_long_as_they_like(place: Path) -> None:
    times = [0.0, 0.4, 0.9, 1.2, 4.7, 4.9, 5.0, 9.0]
    write_video(place / "a.mkv", SCENE[: len(times)], times=times)
    assert score("a.mkv", "--every", "1s", "--output", "s.csv") == 0
    assert [float(row["time"]) for row in rows_of("s.csv")] == [0.0, 1.2, 4.7, 5.0, 9.0]


def test_a_run_continues_behind_the_last_row(place: Path) -> None:
    write_video(place / "a.mp4", SCENE, codec="mpeg4", pix_fmt="yuv420p")  # with few key frames
    write_video(place / "b.mkv", SCENE[:11])
    argv = ("a.mp4", "b.mkv", "--every", "0.5s", "--output", "s.csv")
    assert score(*argv) == 0
    whole = Path("s.csv").read_bytes()
    lines = whole.splitlines(keepends=True)
    for kept in (4, 7, 8, len(lines)):
        Path("s.csv").unlink()
        Path("s.csv.partial").write_bytes(b"".join(lines[:kept]))
        assert score(*argv, "--skip_done") == 0
        assert Path("s.csv").read_bytes() == whole
    Path("s.csv").write_bytes(lines[0].replace(b",low,high", b"").replace(b",time", b""))
    assert score(*argv, "--skip_done") == 0  # a table of an earlier version
    assert Path("s.csv").read_bytes() == whole


def broken_files(place: Path) -> dict[str, str]:
    """A broken file each, and words of its error."""
    write_video(place / "whole.mp4", SCENE, codec="mjpeg", pix_fmt="yuvj420p")
    write_video(place / "whole.mkv", SCENE)
    data = Path("whole.mkv").read_bytes()
    (place / "cut.mkv").write_bytes(data[: len(data) // 2])
    (place / "no_index.mp4").write_bytes(Path("whole.mp4").read_bytes()[:20_000])
    (place / "empty.mp4").write_bytes(b"")
    # FFmpeg opens the files that playlists name, whatever they are called
    (place / "list.mp4").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nwhole.mp4\n#EXT-X-ENDLIST\n"
    )
    (place / "joined.avi").write_text("ffconcat version 1.0\nfile whole.mp4\n")
    (place / "page.webm").write_text("<!doctype html><html></html>")
    write_sound(place / "sound.mp4")
    SCENE[0].save("image.png")
    Path("image.png").rename("image.mov")
    return {
        "cut.mkv": "cut off or damaged: its frames end at ",
        "no_index.mp4": "not a video that can be read",
        "empty.mp4": "an empty file",
        "list.mp4": "not a video that can be read",
        "joined.avi": "not a video that can be read",
        "page.webm": "not a video, but a web page",
        "sound.mp4": "holds no video, only audio",
        "image.mov": "not a video that can be read",
        "none.mp4": "no such",
        "folder.mp4": "is a folder",
    }


def write_sound(path: Path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_broken_video_is_one_row(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = broken_files(place)
    Path("list.txt").write_text("\n".join([*words, "whole.mkv"]))
    (place / "folder.mp4").mkdir()
    assert score("list.txt", "--every", "1s", "--output", "s.csv") == 1
    assert "Traceback" not in capsys.readouterr().err
    rows = rows_of("s.csv")
    faults = {row["path"]: row["error"] for row in rows if row["error"]}
    assert faults.keys() == words.keys() and all(text in faults[name] for name, text in words.items()), faults
    assert [row["time"] for row in rows if row["path"] == "whole.mkv"] == ["0.0", "1.0", "2.0"]
    assert [row["time"] for row in rows if row["path"] == "cut.mkv"][-1] == ""  # its frames, then the error


def test_large_frames_are_refused_by_the_header(place: Path) -> None:
    write_video(place / "a.mkv", SCENE[:2])
    assert score("a.mkv", "--max_pixels", "10000", "--output", "s.csv") == 1
    assert "128 x 96 pixels, at most 10000 are taken" in rows_of("s.csv")[0]["error"]


def test_what_to_install_is_said(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(place / "a.mkv", SCENE[:2])
    SCENE[0].save("a.png")
    monkeypatch.setitem(sys.modules, "av", None)  # what an import of a missing package meets
    assert score("a.mkv", "a.png", "--output", "s.csv") == 1
    assert 'pip install "rankiqa[video]"' in capsys.readouterr().err
    assert [bool(row["error"]) for row in rows_of("s.csv")] == [True, False]


@pytest.mark.parametrize(
    "flags", [["--every", "0s"], ["--every", "1"], ["--every", "2.5f"], ["--plot", "p.png"]]
)
def test_wrong_flags(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        score("a.mkv", *flags)
    assert left.value.code == 2 and flags[1] in capsys.readouterr().err


KR_KB = {5: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}  # ITU-R BT.601, BT.709, BT.2020
COLOR = np.array([200.0, 90.0, 40.0]) / 255


def planes_of(rgb: np.ndarray, matrix: int, is_full: bool, bits: int) -> np.ndarray:
    """Y, Cb, Cr of a colour in 0..1: ITU-R BT.709-6, 3.2 to 3.5; ITU-T H.273, equations 20 to 28."""
    red, blue = KR_KB[matrix]
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    chroma = np.array([(rgb[2] - luma) / (2 * (1 - blue)), (rgb[0] - luma) / (2 * (1 - red))])
    scale = 2 ** (bits - 8)
    if is_full:
        top = 2**bits - 1
        return np.array([top * luma, *(top * chroma + 128 * scale)])
    return np.array([(219 * luma + 16) * scale, *((224 * chroma + 128) * scale)])


@pytest.mark.parametrize(
    ("matrix", "is_full", "size", "stated"),
    [
        (5, False, (96, 128), True),
        (1, False, (96, 128), True),
        (1, True, (96, 128), True),
        (5, True, (720, 1280), True),
        (5, False, (576, 720), False),
        (1, False, (720, 1280), False),
    ],
)
@pytest.mark.parametrize("bits", [8, 10])
def test_colours_are_those_of_matrix_and_range(
    place: Path, matrix: int, is_full: bool, size: tuple[int, int], stated: bool, bits: int
) -> None:
    planes = flat_planes(planes_of(COLOR, matrix, is_full, bits), size, bits)
    tags = {"colorspace": matrix, "color_range": 2 if is_full else 1} if stated else {}
    write_video(place / "a.mkv", [planes], pix_fmt="yuv444p" if bits == 8 else "yuv444p10le", tags=tags)
    pixels = np.asarray(read_frame("a.mkv", 0.0))
    assert pixels.shape == (*size, 3)
    np.testing.assert_allclose(pixels[40, 50], 255 * COLOR, atol=1.6 if bits == 8 or is_full else 0.8)
    assert np.ptp(pixels, axis=(0, 1)).max() == 0


def test_hdr_is_brought_to_srgb(place: Path) -> None:
    """PQ with the primaries of BT.2020, 10 bits: a colour of half the light of the reference white."""
    light = np.array([0.5, 0.3, 0.2])  # linear, BT.709, 1 at 203 cd/m2
    wide = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087
    power = (wide @ light * 203 / 10000) ** 0.1593017578125  # SMPTE ST 2084, equation 5.2
    signal = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    planes = flat_planes(planes_of(signal, 9, False, 10), (96, 128), 10)
    tags = {"colorspace": 9, "color_range": 1, "color_trc": 16, "color_primaries": 9}
    write_video(place / "a.mkv", [planes], pix_fmt="yuv444p10le", tags=tags)
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(np.asarray(read_frame("a.mkv", 0.0))[9, 9], expected, atol=1.0)


@pytest.mark.parametrize(
    ("matrix", "corner"), [((0, 1, -1, 0), "top"), ((-1, 0, 0, -1), "right"), ((0, -1, 1, 0), "bottom")]
)
def test_a_video_is_turned_as_its_header_says(place: Path, matrix: tuple[int, ...], corner: str) -> None:
    """ISO/IEC 14496-12, 8.3.2: (a, b, c, d) of the track's matrix; the left half of the frame is red."""
    stored = Image.new("RGB", (128, 96), "blue")
    stored.paste("red", (0, 0, 64, 96))
    write_video(place / "a.mp4", [stored], codec="mpeg4", pix_fmt="yuv420p")
    data = bytearray(Path("a.mp4").read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    at = data.find(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    Path("a.mp4").write_bytes(data)
    turned = read_frame("a.mp4", 0.0)
    assert turned.size == ((128, 96) if corner == "right" else (96, 128))
    width, height = turned.size
    points = {"top": (width // 2, 9), "right": (width - 9, height // 2), "bottom": (width // 2, height - 9)}
    red, _, blue = turned.getpixel(points[corner])
    assert red > 200 and blue < 60
