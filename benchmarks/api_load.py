"""The REST API under load, then under abuse: requests per second, waiting times, memory, bad clients.

    python benchmarks/api_load.py --photos DIR [--model FILE] [--clients 50] [--seconds 60] [--rounds 20]

Starts `demos/web_app.py` on loopback. Each client sends one photo after the other over a
connection that stays open. Abuse: every kind of bad request, --rounds times, with a good one after each.
Memory is the resident set of the server.
"""

import argparse
import http.client
import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from benchmarks.measure import resident
from rankiqa.batch.folders import find_images
from tests.conftest import free_port
from tests.rest_client import ask, begun, bomb, form, until_up

ROOT = Path(__file__).resolve().parents[1]
UPLOAD_SECONDS = 2  # so that slow clients don't take half a minute each


def main() -> None:
    args = _options()
    photos = [path.read_bytes() for path in itertools.islice(find_images(args.photos), args.images)]
    port = free_port()
    command = [sys.executable, str(ROOT / "demos/web_app.py"), "--port", str(port)]
    command += ["--upload_seconds", str(UPLOAD_SECONDS)]
    command += ["--model", str(args.model)] if args.model else []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            until_up(port, server)
            load(port, server.pid, photos, args.clients, 5.0)  # warms up
            print("| | requests per second | p50, ms | p99, ms | statuses | MB before | MB after |")
            print("|" + " --- |" * 7)
            name = f"{args.clients} clients, {args.seconds:.0f} s"
            print(f"| {name} | {load(port, server.pid, photos, args.clients, args.seconds)} |", flush=True)
            abuse(port, server.pid, photos[0], args.rounds)
        finally:
            server.terminate()


def load(port: int, pid: int, photos: list[bytes], clients: int, seconds: float) -> str:
    """The cells of the table: rate, median and 99th percentile of the waiting time, statuses, memory."""
    before, end = resident(pid), time.monotonic() + seconds
    waited: list[float] = []
    statuses: Counter[int] = Counter()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for turn in itertools.count(number):
            began = time.monotonic()
            if began >= end:
                return
            body, headers = form(("a.png", photos[turn % len(photos)]))
            connection.request("POST", "/v1/score", body, headers)
            answer = connection.getresponse()
            answer.read()
            waited.append(time.monotonic() - began)
            statuses[answer.status] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(waited) / (time.monotonic() - began)
    middle, last = (1000 * float(np.percentile(waited, share)) for share in (50, 99))
    said = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    return f"{rate:.1f} | {middle:.0f} | {last:.0f} | {said} | {before:.0f} | {resident(pid):.0f}"


def abuse(port: int, pid: int, good: bytes, rounds: int) -> None:
    """Print the answers to each kind of abuse, to a good request after it, and the server's memory in MB."""
    print("\n| abuse | statuses | a good request after it | MB before | MB after |\n|" + " --- |" * 5)
    start = resident(pid)
    for name, bad in abuses(port, good).items():
        before = resident(pid)
        heard, after = Counter(), Counter()  # type: ignore[var-annotated]
        for _ in range(rounds):
            heard.update(bad())
            after[post(port, ("a.png", good))] += 1
        said = [", ".join(f"{key}: {count}" for key, count in counts.items()) for counts in (heard, after)]
        print(f"| {name} | {said[0]} | {said[1]} | {before:.0f} | {resident(pid):.0f} |", flush=True)
    time.sleep(UPLOAD_SECONDS + 1)
    print(f"\nmemory before all of it {start:.0f} MB, after it {resident(pid):.0f} MB")


def abuses(port: int, good: bytes) -> dict[str, Callable[[], list[int | str]]]:
    """Name -> a function that sends it and gives the statuses that were heard."""
    edge = {"Content-Type": "multipart/form-data; boundary=edge"}

    def sent(*files: tuple[str, bytes]) -> Callable[[], list[int | str]]:
        return lambda: [post(port, *files)]

    def raw(body: bytes, headers: dict[str, str]) -> Callable[[], list[int | str]]:
        return lambda: [status_of(port, "POST", "/v1/score", body, headers)]

    def mapped(content: bytes) -> Callable[[], list[int | str]]:
        return lambda: [status_of(port, "POST", "/v1/map", *form(("a.png", content), field="file"))]

    def asked(path: str) -> Callable[[], list[int | str]]:
        return lambda: [status_of(port, "GET", path)]

    return {
        "form without parts": raw(b"junk", edge),
        "form that ends in the middle": raw(form(("a.png", good))[0][:-500], edge),
        "form without a boundary": raw(b"junk", {"Content-Type": "multipart/form-data"}),
        "header of a part that never ends": raw(b"--edge\r\nContent-Disposition: " + b"x" * 10**6, edge),
        "JSON in place of a form": raw(b"{}", {"Content-Type": "application/json"}),
        "PNG of 50,000 x 50,000": sent(("a.png", bomb())),
        "image cut off": sent(("a.png", good[: len(good) // 2])),
        "program": sent(("a.exe", b"MZ" + bytes(99))),
        "PostScript": sent(("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")),
        "SVG": sent(("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')),
        "empty file": sent(("a.png", b"")),
        "file of 21 MB": sent(("a.png", bytes(21 * 2**20))),
        "17 files": sent(*[("a.png", good)] * 17),
        "500 MB announced": raw(b"x", {**edge, "Content-Length": str(500 * 2**20)}),
        "file called ../../../etc/passwd": sent(("../../../etc/passwd", b"x")),
        "GET /../../etc/passwd": asked("/../../../../etc/passwd"),
        "GET /v1/%2e%2e/%2e%2e/etc/passwd": asked("/v1/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        "GET /file=/etc/passwd": asked("/file=/etc/passwd"),
        "GET /page/../../../etc/passwd": asked("/page/../../../../../../etc/passwd"),
        "GET /page/%2e%2e/api.py": asked("/page/%2e%2e/api.py"),
        "map of a PNG of 50,000 x 50,000": mapped(bomb()),
        "map of a program": mapped(b"MZ" + bytes(99)),
        "upload aborted, 10 at once": lambda: aborted(port),
        "80 slow clients at once": lambda: slow(port),
    }


def post(port: int, *files: tuple[str, bytes]) -> int | str:
    """Status of a request to score `files`, or the name of the error."""
    return status_of(port, "POST", "/v1/score", *form(*files))


def status_of(port: int, *request: object) -> int | str:
    """Status of an answer, "no JSON", or the name of the connection's error."""
    try:
        return ask(port, *request)[0]  # type: ignore[arg-type]
    except json.JSONDecodeError:
        return "no JSON"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def aborted(port: int) -> list[int | str]:
    """Statuses of requests whose client ends the connection halfway."""
    for client in [begun(port, 10**6) for _ in range(10)]:
        client.close()
    return ["(gone)"]


def slow(port: int) -> list[int | str]:
    """More clients than the server works on at once, which send a byte every tenth of a second."""
    clients = [begun(port) for _ in range(80)]
    heard: list[int | str] = []
    end = time.monotonic() + UPLOAD_SECONDS + 5
    for client in clients:
        client.settimeout(0.1)
        with suppress(OSError):
            client.sendall(b"\r\nX-Slow: ")
    while clients and time.monotonic() < end:
        for client in list(clients):
            try:
                client.sendall(b"x")
                answer = client.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                answer = b""
            heard.append(int(answer.split()[1]) if answer else "closed")
            client.close()
            clients.remove(client)
    return [*heard, *["served for ever"] * len(clients)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--photos", type=Path, required=True)
    add("--images", type=int, default=50, help="of the photos (default: 50)")
    add("--model", type=Path, help="(default: pretrained/default.pth)")
    add("--clients", type=int, default=50)
    add("--seconds", type=float, default=60)
    add("--rounds", type=int, default=20, help="of every kind of abuse (default: 20)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
