"""`rankiqa label` over loopback: answers, undo, images, a kill -9 that loses nothing, bad input, its page."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import tomllib
from PIL import Image

from rankiqa import cli
from rankiqa.image import read_rgb
from rankiqa.votes.table import read_votes
from rankiqa.votes.vote_log import VoteLog
from tests.conftest import ROOT, free_port, texture
from tests.rest_client import answer, ask, until_up

for _package in ("fastapi", "uvicorn"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
PAGE = ROOT / "rankiqa" / "serve" / "label_page"
JSON = {"Content-Type": "application/json"}
BOX = [64, 64]


class Server:
    """`rankiqa label` in a process that can be killed and started again."""

    def __init__(self, folder: Path, votes: Path, *flags: str) -> None:
        self.votes, self.port = votes, free_port()
        self._command = [sys.executable, "-m", "rankiqa", "label", str(folder), "--votes", str(votes)]
        self._command += ["--port", str(self.port), *flags]
        self._log = votes.with_suffix(".log")
        self.start()

    def start(self) -> None:
        with self._log.open("a") as file:
            self.process = subprocess.Popen(self._command, stdout=file, stderr=file, cwd=ROOT)
        until_up(self.port, self.process)
        assert self.process.poll() is None, self._log.read_text()
        self.version = ask(self.port, "GET", "/v1/label/about")[1]["version"]

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert "Traceback" not in self._log.read_text()

    def post(self, path: str, rater: str = "Ann", **sent: object) -> tuple[int, dict]:
        wish = {"rater": rater, "version": self.version, "holding": [], "box": BOX, **sent}
        return ask(self.port, "POST", f"/v1/label/{path}", json.dumps(wish).encode(), JSON)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    (folder / "inner").mkdir()
    for number in range(4):
        texture(number, 0.5 * number).save(folder / "inner" / f"{number}, ü.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    texture(9, 0.5).save(folder / "turned.jpg", exif=exif)
    (folder / "broken.png").write_bytes((folder / "inner" / "0, ü.png").read_bytes()[:300])
    (folder / "notes.txt").write_text("none of the images")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    run = Server(folder, tmp_path_factory.mktemp("votes") / "votes.csv", "--no_prior")
    yield run
    run.end()


def images_of(turn: dict) -> list[dict]:
    return [pair[side] for pair in turn["pairs"] for side in ("left", "right")]


def test_answers_a_kill_and_nothing_lost(server: Server, folder: Path) -> None:
    status, turn = server.post("next")
    assert status == 200 and len(turn["pairs"]) == 3 and turn["count"] == 0 and turn["prior"] is None
    other = server.post("next", rater="Bo")[1]
    mine, theirs = ({pair["pair"] for pair in one["pairs"]} for one in (turn, other))
    assert not {frozenset(name.split("-")[:2]) for name in mine} & {
        frozenset(name.split("-")[:2]) for name in theirs
    }
    sent = []
    for before, choice in enumerate(("left", "right", "tie", "skip")):
        front, *rest = (pair["pair"] for pair in turn["pairs"])
        sent.append({"pair": front, "answer": choice, "seconds": 1.25, "before": before, "holding": rest})
        status, turn = server.post("answers", **sent[-1])
        assert status == 200 and turn["count"] == before + 1
        assert [pair["pair"] for pair in turn["pairs"]][:2] == rest
    server.kill()
    with server.votes.open("a") as file:
        file.write("2026-01-01T00:00:00Z,Ann,inner/0")  # a row that a kill has cut
    server.start()
    status, turn = server.post("answers", **sent[-1])  # the reply was lost, the browser asks again
    assert (status, turn["count"], turn["total"]) == (200, 4, 4)
    votes = read_votes(server.votes)
    assert [(vote.answer, vote.rater, vote.seconds) for vote in votes] == [
        (choice, "Ann", 1.25) for choice in ("left", "right", "tie", "skip")
    ]
    assert all((folder / name).is_file() for vote in votes for name in (vote.left, vote.right))
    status, turn = server.post("undo", seconds=2, before=4)
    assert (status, turn["count"], turn["again"]) == (200, 3, sent[-1]["pair"])
    assert turn["pairs"][0]["pair"] == sent[-1]["pair"]
    assert server.post("undo", seconds=2, before=4)[1]["count"] == 3  # asked again
    assert len(read_votes(server.votes)) == 3
    assert ask(server.port, "GET", "/v1/label/about")[1]["known"] == ["Ann"]


def test_images_are_upright_reduced_and_lossless(server: Server, folder: Path) -> None:
    wanted = {read_rgb(path).tobytes() for path in folder.rglob("*.[pj][np]g") if path.stem != "broken"}
    shown: dict[str, dict] = {}
    for number in range(12):
        for place in images_of(server.post("next", rater=f"Rater {number}")[1]):
            shown[place["full"]] = place
    assert len(shown) == 5  # all but the broken one
    full = set()
    for place in shown.values():
        status, headers, content = answer(server.port, "GET", "/" + place["full"])
        image = Image.open(io.BytesIO(content))
        assert (status, headers["Content-Type"], image.mode) == (200, "image/png", "RGB")
        assert image.size == (place["width"], place["height"])
        full.add(image.tobytes())
        reduced = Image.open(io.BytesIO(answer(server.port, "GET", "/" + place["address"])[2]))
        assert max(reduced.size) == 64
        expected = image.resize(reduced.size, Image.Resampling.LANCZOS)
        assert np.abs(np.asarray(reduced, int) - np.asarray(expected, int)).max() == 0
    assert full == wanted
    assert (96, 128) in {(place["width"], place["height"]) for place in shown.values()}  # the turned one


def test_only_images_of_the_folder_by_their_number(server: Server) -> None:
    for path in ("/v1/label/images/99", "/v1/label/images/-1"):
        assert answer(server.port, "GET", path)[0] == 404
    for path in ("inner%2F0.png", "..%2F..%2Fetc%2Fpasswd", "notes.txt", "0/../1"):
        assert answer(server.port, "GET", f"/v1/label/images/{path}")[0] in (404, 422)
    for path in ("/notes.txt", "/page/../votes.csv", "/page/main.js", "/page/index.html"):
        assert answer(server.port, "GET", path)[0] == 404


@pytest.mark.parametrize(
    ("path", "sent", "status", "words"),
    [
        ("next", {"version": "old"}, 409, "load the page again"),
        ("next", {"rater": "=cmd()"}, 422, "rater"),
        ("next", {"rater": ""}, 422, "rater"),
        ("next", {"holding": ["0-99-chosen"]}, 422, "no pair"),
        ("next", {"box": [1, 10**9]}, 422, "box"),
        ("answers", {"pair": "1-1-chosen", "answer": "left", "seconds": 1, "before": 0}, 422, "no pair"),
        ("answers", {"pair": "../a", "answer": "left", "seconds": 1, "before": 0}, 422, "no pair"),
        ("answers", {"pair": "0-1-chosen", "answer": "best", "seconds": 1, "before": 0}, 422, "answer"),
        ("answers", {"pair": "0-1-chosen", "answer": "left", "seconds": -1, "before": 0}, 422, "seconds"),
    ],
)
def test_refusals(server: Server, path: str, sent: dict, status: int, words: str) -> None:
    before = server.votes.read_bytes()
    found, said = server.post(path, **sent)
    assert found == status and words in said["detail"]
    assert server.votes.read_bytes() == before


def test_pages_of_other_sites_may_not_vote(server: Server) -> None:
    for headers in ({"Origin": "http://elsewhere.example"}, {"Origin": "null"}):
        assert ask(server.port, "POST", "/v1/label/next", b"{}", {**JSON, **headers})[0] == 403
    assert answer(server.port, "POST", "/v1/label/answers", bytes(200_000), JSON)[0] == 413


def test_two_sessions_never_write_one_file(
    server: Server, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["label", str(folder), "--votes", str(server.votes), "--no_prior"]) == 2
    assert "another run writes it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("left,right,answer\na.png,b.png,left\n", "its header is not time,rater,left"),
        ("time,rater,left,right,answer,seconds,purpose\n1,a,x.png,y.png,best,1,chosen\n", "votes.csv:2"),
        ("time,rater,left,right,answer,seconds,purpose\n1,a,x.png,y.png,left,1,chosen\n", "none of its 1"),
    ],
)
def test_files_that_are_no_votes_of_this_folder(
    content: str, words: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    votes = tmp_path / "votes.csv"
    votes.write_text(content)
    assert cli.main(["label", str(folder), "--votes", str(votes), "--no_prior"]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert votes.read_text() == content


def test_folders_without_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    votes = tmp_path / "new" / "votes.csv"
    for name, words in (("missing", "no such folder"), (".", "at least 2")):
        assert cli.main(["label", str(tmp_path / name), "--votes", str(votes)]) == 2
        assert words in capsys.readouterr().err
    assert cli.main(["label", str(tmp_path), "--votes", str(votes), "--raters", "=x"]) == 2
    assert "--raters" in capsys.readouterr().err
    assert not votes.parent.exists()


def test_a_last_row_without_its_end_is_kept_where_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    row = "2026-01-01T00:00:00Z,a,x.png,y.png,left,1.0,chosen"
    for ending, kept in (("", 1), (f"\n{row[:-3]}", 1), (f"\n{row[:30]}", 1), (f"\n{row}", 2)):
        path.write_text(f"time,rater,left,right,answer,seconds,purpose\n{row}{ending}")
        log = VoteLog(path)
        log.append("a", "x.png", "z.png", "right", 2.0, "chosen")
        log.close()
        assert [vote.right for vote in read_votes(path)] == ["y.png"] * kept + ["z.png"]


def test_the_page_its_words_and_its_weight(server: Server) -> None:
    names = {path.name for path in PAGE.iterdir()}
    status, headers, index = answer(server.port, "GET", "/")
    assert status == 200 and index == (PAGE / "index.html").read_bytes()
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    text = index.decode() + "".join((PAGE / name).read_text("utf-8") for name in names if name.endswith("js"))
    linked = set(re.findall(r'page/([a-z_]+\.\w+)"', text)) | set(re.findall(r'from "\./([a-z]+\.js)"', text))
    for name in (names | linked) - {"index.html"}:
        assert answer(server.port, "GET", f"/page/{name}")[0] == 200, name
    assert not re.findall(r"https?://|innerHTML|\beval\(|<style|\sstyle=|\son\w+=\"", text)
    words = {name: json.loads((PAGE / f"{name}.json").read_text("utf-8")) for name in ("en", "zh")}
    assert list(words["en"]) == list(words["zh"])
    zoom = (PAGE.parent / "page" / "zoom.js").read_text("utf-8")
    for key, english in words["en"].items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", words["zh"][key])), (
            key
        )
        assert f'"{key}"' in text + zoom or (key.startswith("answer.") and "`answer.${" in text), key
    named = re.findall(r'say\("([\w.]+)"', text + zoom) + re.findall(r'data-(?:text|label)="([\w.]+)"', text)
    assert named and set(named) <= set(words["en"])
    assert sum(path.stat().st_size for path in PAGE.iterdir()) < 60_000
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert all(any(fnmatch(f"serve/label_page/{name}", one) for one in patterns["rankiqa"]) for name in names)
