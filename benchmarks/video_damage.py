"""Is the damaged second of a video found, and what does a frame cost? Needs PyAV: pip install av

    python benchmarks/video_damage.py --photos DIR [--scenes 6] [--out DIR]

Videos of eight seconds are made: pans over photographs, H.264 at 25 frames per second, second 5 damaged. They
are scored by `rankiqa score --every 0.5s`; the damaged second is found where it holds the lowest frame.
"""

import argparse
import csv
import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from PIL import Image, ImageFilter

from rankiqa.batch.folders import find_images

ROOT = Path(__file__).resolve().parents[1]
CODING = {"crf": "20", "preset": "veryfast", "g": "25", "sc_threshold": "0"}  # a key frame every second
SIZE, RATE, SECONDS, DAMAGED = (960, 540), 25, 8, 5


def soft(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(2))


def blocks(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=10)
    return Image.open(file).convert("RGB")


def noise(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image) + np.random.default_rng(0).normal(0, 15, (*image.size[::-1], 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def dark(image: Image.Image) -> Image.Image:
    return image.point(lambda level: level // 5)


DAMAGES: dict[str, Callable[[Image.Image], Image.Image] | None] = {
    "none": None, "soft": soft, "blocks": blocks, "noise": noise, "dark": dark, "broken bytes": None,
}  # fmt: skip


def main() -> None:
    """Print a row per damage, then the costs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="photographs to pan over")
    parser.add_argument("--scenes", type=int, default=6, help="videos per damage")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to keep the videos in")
    arguments = parser.parse_args()
    photos = find_images(arguments.photos)
    photos = photos[:: max(1, len(photos) // arguments.scenes)][: arguments.scenes]
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for number, photo in enumerate(photos):
            for name in DAMAGES:
                write_video(folder / f"{name}_{number}.mp4", photo, name)
        run(folder)


def write_video(path: Path, photo: Path, name: str) -> None:
    """A pan over a photograph; bytes are broken after they were encoded, a sixth of each packet."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options=CODING)
        stream.width, stream.height = SIZE
        change = DAMAGES[name]
        for number, image in enumerate(pan(photo)):
            is_damaged = number // RATE == DAMAGED
            frame = av.VideoFrame.from_image(change(image) if change and is_damaged else image)
            for packet in stream.encode(frame):
                if name == "broken bytes" and int(packet.pts * packet.time_base) == DAMAGED:
                    data = np.frombuffer(bytes(packet), np.uint8).copy()
                    data[len(data) // 3 : len(data) // 2] = rng.integers(
                        0, 256, len(data) // 2 - len(data) // 3
                    )
                    packet.update(data.tobytes())
                container.mux(packet)
        container.mux(stream.encode(None))


def pan(photo: Path) -> Iterator[Image.Image]:
    """The frames of a slow pan."""
    image = Image.open(photo).convert("RGB")
    scale = 1.1 * max(SIZE[0] / image.width, SIZE[1] / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    count = RATE * SECONDS
    for number in range(count):
        left = number * (image.width - SIZE[0]) // count
        top = number * (image.height - SIZE[1]) // count
        yield image.crop((left, top, left + SIZE[0], top + SIZE[1]))


def run(folder: Path) -> None:
    """Score the videos and print what was found."""
    table = folder / "scores.csv"
    start = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "rankiqa",
        "score",
        str(folder),
        "--every",
        "0.5s",
        "--output",
        str(table),
    ]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    scores: dict[str, dict[float, float]] = {}
    for row in rows:
        scores.setdefault(Path(row["path"]).stem, {})[float(row["time"])] = float(row["score"])
    print("| damage in second 5 | videos | found | mean loss of score |\n| --- | --- | --- | --- |")
    for name in DAMAGES:
        videos = [frames for stem, frames in scores.items() if stem.rpartition("_")[0] == name]
        found = sum(int(min(frames, key=frames.__getitem__)) == DAMAGED for frames in videos)
        losses = [
            np.mean([score for at, score in frames.items() if int(at) != DAMAGED])
            - min(score for at, score in frames.items() if int(at) == DAMAGED)
            for frames in videos
        ]
        print(f"| {name} | {len(videos)} | {found} | {np.mean(losses):.2f} |")
    cpu = used.ru_utime + used.ru_stime
    print(
        f"\n{len(rows)} frames scored of {len(scores) * RATE * SECONDS} decoded, {SIZE[0]} x {SIZE[1]}: "
        f"{1000 * cpu / len(rows):.0f} ms of one core and {1000 * wall / len(rows):.0f} ms per scored frame; "
        f"peak {used.ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
