"""/v1/video of `rankiqa serve` over loopback: the scores of frames, refusals of long ones and others."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import rankiqa
from tests.conftest import texture
from tests.rest_client import KEY, ask, bytes_of, form, serve_runtime
from tests.video_files import write_video

for _package in ("fastapi", "uvicorn", "python_multipart", "av"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
FRAMES = [texture(number, 3.0 * (number == 10)) for number in range(21)]
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n/etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    flags = ("--api_only", "--api_key", KEY, "--max_video_seconds", "2.5", "--max_megabytes", "3")
    yield from serve_runtime(tmp_path_factory.mktemp("server"), *flags)


def ask_video(port: int, content: bytes, name: str = "../a.mkv", step: str = "") -> tuple[int, dict]:
    body, headers = form((name, content), field="file")
    if step:
        part = f'--edge\r\nContent-Disposition: form-data; name="every"\r\n\r\n{step}\r\n'
        body = part.encode() + body
    return ask(port, "POST", "/v1/video", body, headers)


def test_a_clip_gets_the_scores_of_its_frames(port: int, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", FRAMES)
    expected = rankiqa.load().score(FRAMES[::5]).scores
    status, answer = ask_video(port, (tmp_path / "a.mkv").read_bytes(), step="0.5")
    assert status == 200, answer
    assert answer["name"] == "a.mkv" and (answer["width"], answer["height"]) == (128, 96)
    assert [frame["time"] for frame in answer["frames"]] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose([frame["score"] for frame in answer["frames"]], expected, atol=1e-4)
    assert answer["worst"] == answer["frames"][int(np.argmin(expected))]
    assert answer["mean"] == pytest.approx(float(expected.mean()), abs=1e-4)
    assert answer["fifth_percentile"] == pytest.approx(float(np.quantile(expected, 0.05)), abs=1e-4)
    status, limits = ask(port, "GET", "/v1/limits")
    assert (status, limits["video_seconds"]) == (200, 2.5)


def test_what_is_refused(port: int, tmp_path: Path) -> None:
    write_video(tmp_path / "long.mkv", [FRAMES[0]] * 40)
    status, answer = ask_video(port, (tmp_path / "long.mkv").read_bytes())
    assert (status, answer["detail"]) == (
        422,
        "a.mkv: longer than 2.5 s, which is the longest video that is taken",
    )
    lying = (tmp_path / "long.mkv").read_bytes().replace(b"00:00:04.000", b"00:00:01.000")
    assert lying != (tmp_path / "long.mkv").read_bytes()
    status, answer = ask_video(port, lying)
    assert status == 422 and "longer than 2.5 s" in answer["detail"]
    for content in (
        b"",
        b"x" * 500,
        PLAYLIST,
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        bytes_of(FRAMES[0]),
    ):
        status, answer = ask_video(port, content)
        assert status == 422 and answer["detail"].startswith("a.mkv: "), answer
        assert "root:" not in str(answer)
    assert ask_video(port, bytes(4 * 2**20))[1]["detail"].endswith("at most 3145728 are taken")
    body, headers = form(("a.mkv", b"x"), field="file")
    assert ask(port, "POST", "/v1/video", body, {**headers, "X-API-Key": "wrong"})[0] == 401
    for step in ("0", "nan", "1e9", "x"):
        assert ask_video(port, (tmp_path / "long.mkv").read_bytes(), step=step)[0] == 422
