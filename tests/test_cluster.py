"""Ray Data against the local run: the same rows, on two nodes of which one is killed, and from URLs."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import cluster
from main import main
from rankiqa.batch.results import Row, read_rows
from tests.conftest import free_port, texture
from tests.test_export import write_checkpoint

pytestmark = pytest.mark.slow
IMAGES = 240


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and links to a few images, one of them broken, one with a space in its name."""
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "a.pth", arch="mobilenet_v3_small")
    (tmp_path / "photos").mkdir()
    for number in range(5):
        texture(number, number / 2).save(tmp_path / f"{number}.png")
    for number in range(IMAGES):
        os.link(tmp_path / f"{number % 5}.png", tmp_path / f"photos/{number:03}.png")
    (tmp_path / "photos/broken one.png").write_bytes(b"junk")
    assert main(["--predict", "photos", "--resume", "a.pth", "--output", "local.parquet"]) == 1
    return tmp_path


@pytest.fixture
def two_nodes() -> Iterator[Any]:
    pytest.importorskip("ray", reason="ray[data] is an optional install of requirements-deploy.txt")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "ray_client_server_port": free_port()}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    os.environ["RAY_ADDRESS"] = nodes.address
    try:
        yield nodes
    finally:
        import ray

        ray.shutdown()
        nodes.shutdown()
        os.environ.pop("RAY_ADDRESS", None)


def rows_of(folder: Path) -> dict[str, Row]:
    rows = [row for part in sorted(folder.glob("part-*.parquet")) for row in read_rows(part)]
    found = {Path(row.path).name: row for row in rows}
    assert len(found) == len(rows)  # each once
    return found


def assert_same(found: dict[str, Row], place: Path) -> None:
    expected = {Path(row.path).name: row for row in read_rows(place / "local.parquet")}
    assert found.keys() == expected.keys()
    for name, row in expected.items():
        own = found[name]
        assert (own.width, own.height, own.error) == (row.width, row.height, row.error)
        assert own.score == pytest.approx(row.score, abs=1e-4)


def test_two_nodes_of_which_one_is_killed(
    place: Path, two_nodes: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "PART", 40)
    monkeypatch.setattr(cluster, "PIECE", 5)
    output = place / "scores"

    def kill() -> None:
        while not list(output.glob("part-*")):
            time.sleep(0.05)
        two_nodes.remove_node(two_nodes.list_all_nodes()[-1], allow_graceful=False)
        killed.set()

    killed = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    run = ["--predict", "photos", "--resume", "a.pth", "--cluster", "ray:auto", "--output", "scores"]
    assert main(run) == 1
    killer.join()
    assert killed.is_set()
    assert f"{IMAGES} images scored, 1 could not be read" in capsys.readouterr().out
    assert len(list(output.glob("part-*"))) == 7
    assert_same(rows_of(output), place)
    times = {part: part.stat().st_mtime_ns for part in output.glob("part-*")}
    gone = min(times)
    gone.unlink()
    assert main(run) == 1  # continues: only what is missing is scored
    assert {part: part.stat().st_mtime_ns for part in output.glob("part-*") if part != gone} == {
        part: when for part, when in times.items() if part != gone
    }
    assert_same(rows_of(output), place)


def test_new_images_and_another_model(
    place: Path, two_nodes: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Relative names of a list become absolute; only what is new is scored; models are not mixed."""
    output = place / "scores"
    run = ["--predict", "list.txt", "--resume", "a.pth", "--cluster", "ray:auto", "--output", "scores"]
    names = sorted(path.name for path in (place / "photos").iterdir())
    (place / "list.txt").write_text("".join(f"photos/{name}\n" for name in names[1:]), encoding="utf-8")
    assert main(run) == 1
    before = {part: part.stat().st_mtime_ns for part in output.glob("part-*")}
    assert all(row.path.startswith(f"{place}/photos/") for row in rows_of(output).values())
    (place / "list.txt").write_text("".join(f"photos/{name}\n" for name in names), encoding="utf-8")
    capsys.readouterr()
    assert main(run) == 1
    captured = capsys.readouterr().out
    assert f"{IMAGES} of {IMAGES + 1} images are done" in captured
    assert f"{IMAGES} images scored, 1 could not be read" in captured
    assert {part: part.stat().st_mtime_ns for part in before} == before
    assert_same(rows_of(output), place)
    write_checkpoint(place / "b.pth", num_classes=3, arch="mobilenet_v3_small")
    assert main([*run[:3], "b.pth", *run[4:]]) == 2
    assert "holds scores of a.pth" in capsys.readouterr().err
    (output / "_model.json").unlink()
    assert main(run) == 2
    assert "an unknown model" in capsys.readouterr().err


def test_the_client_port(place: Path, two_nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CLIENT_WAVE", 2)
    monkeypatch.setattr(cluster, "PART", 100)
    monkeypatch.delenv("RAY_ADDRESS")
    port = two_nodes.head_node._ray_params.ray_client_server_port
    run = ["--predict", "photos", "--resume", "a.pth", "--cluster", f"ray://127.0.0.1:{port}"]
    assert main([*run, "--output", "scores"]) == 1
    assert_same(rows_of(place / "scores"), place)


def test_urls_of_a_file_system(place: Path) -> None:
    url = f"file://{place}/photos"
    assert main(["--predict", url, "--resume", "a.pth", "--output", "by_url.jsonl"]) == 1
    found = {row.path: row for row in read_rows(Path("by_url.jsonl"))}
    assert f"{url}/broken%20one.png" in found
    named = {Path(path.replace("%20", " ")).name: row for path, row in found.items()}
    assert_same(named, place)


def test_s3(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip("moto.server", reason="imitates S3: pip install 'moto[server]'")
    from pyarrow import fs

    port = free_port()
    for name, value in {
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    imitation = server.ThreadedMotoServer("127.0.0.1", port)
    imitation.start()
    try:
        host = f"127.0.0.1:{port}"
        store = fs.S3FileSystem(endpoint_override=host, scheme="http", allow_bucket_creation=True)
        store.create_dir("bucket")
        fs.copy_files(str(place / "photos"), "bucket/my photos", destination_filesystem=store)
        url = f"s3://bucket/my%20photos?endpoint_override={host}&scheme=http&region=us-east-1"
        assert main(["--predict", url, "--resume", "a.pth", "--output", "by_s3.jsonl"]) == 1
    finally:
        imitation.stop()
    rows = read_rows(Path("by_s3.jsonl"))
    assert_same({Path(row.path.partition("?")[0].replace("%20", " ")).name: row for row in rows}, place)
