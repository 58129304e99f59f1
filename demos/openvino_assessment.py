"""Score images and videos by OpenVINO: python openvino_assessment.py --model FILE IMAGE|FOLDER|VIDEO ...

Of a video one frame per second is scored; --plot draws the scores over time, --output lists them.
"""

import math
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from demos.scores import describe, print_scores
from deploy.engines import load_scorer
from rankiqa.batch.folders import VIDEOS
from rankiqa.decoding.image_files import open_file
from rankiqa.files import atomic_write, write_text
from rankiqa.scorer import Scorer
from rankiqa.terminal.entry import program, program_parser
from rankiqa.terminal.printable import printable
from rankiqa.terminal.progress import progress_bar
from rankiqa.video.reading import Sampled, Video
from rankiqa.video.sampling import ROUNDING, Step
from utils.errors import ConfigError, ImageError

BATCH = 8  # frames held at once: few, as they may be large


@program()
def main(argv: list[str] | None = None) -> int:
    """Print the scores of images and of a video's seconds; 1 when an image could not be read."""
    parser = program_parser("Tell by OpenVINO how good images and videos look.")
    parser.add_argument(
        "paths", nargs="+", type=Path, help=f"images, folders of them, {' '.join(sorted(VIDEOS))}"
    )
    parser.add_argument("--model", type=Path, required=True, help=".xml, .onnx, .pt or .pth")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw a video's scores over its seconds")
    parser.add_argument("--output", type=Path, metavar="CSV", help="write a video's scores: second,score")
    arguments = parser.parse_args(argv)
    videos = [path for path in arguments.paths if path.suffix.lower() in VIDEOS]
    images = [path for path in arguments.paths if path not in videos]
    if (arguments.plot or arguments.output) and len(videos) != 1:
        raise ConfigError(f"--plot and --output are for one video, not for {len(videos)}")
    scorer = load_scorer(arguments.model, engine="openvino")
    print(describe(scorer, arguments.model))
    failed = print_scores(scorer, images)[1] if images else 0
    for video in videos:
        rows = score_video(scorer, video)
        print_rows(rows, video)
        if arguments.output:
            write_text(arguments.output, table(rows))
        if arguments.plot:
            draw_plot(rows, video.name, arguments.plot)
    return 1 if failed else 0


def score_video(scorer: Scorer, path: Path) -> list[tuple[int, float]]:
    """(second, score) of the first frame of every second; seconds without a frame have no row.

    Raises:
        ImageError: the file can't be opened as a video, or no frame can be decoded.
    """
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    rows: list[tuple[int, float]] = []
    with open_file(path) as file, Video(file, str(path)) as video:
        frames = _until_cut(video)
        total = math.ceil(video.duration or 0)
        with progress_bar(total=total, desc=path.name, unit="s") as bar:
            while batch := list(islice(frames, BATCH)):
                scores = scorer.score([frame.image for frame in batch]).scores.tolist()
                seconds = [int(frame.time + ROUNDING) for frame in batch]
                rows += zip(seconds, scores, strict=True)
                bar.update(rows[-1][0] + 1 - bar.n)
    return rows


def _until_cut(video: Video) -> Iterator[Sampled]:
    """A frame a second; a video that ends before it should gives a warning after them."""
    found = False
    try:
        for frame in video.frames(Step(1)):
            found = True
            yield frame
    except ImageError as error:
        if not found:
            raise
        print(f"warning: {error}", file=sys.stderr)


def print_rows(rows: list[tuple[int, float]], video: Path) -> None:
    """A line for each second, then mean and worst."""
    name = printable(str(video))
    for second, score in rows:
        print(f"{score:9.4f}  {name} second {second}")
    worst, lowest = min(rows, key=lambda row: row[1])
    mean = sum(score for _, score in rows) / len(rows)
    print(f"{name}: {len(rows)} seconds, mean {mean:.4f}, worst {lowest:.4f} in second {worst}")


def table(rows: list[tuple[int, float]]) -> str:
    """The rows as CSV with a header."""
    return "second,score\n" + "".join(f"{second},{score:.6f}\n" for second, score in rows)


def draw_plot(rows: list[tuple[int, float]], title: str, path: Path) -> None:
    """Write a PNG, atomically: score against time, the worst second marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    worst, lowest = min(rows, key=lambda row: row[1])
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(*zip(*rows, strict=True), marker="." if len(rows) <= 120 else "")
    axes.plot([worst], [lowest], "o", color="tab:red", label=f"worst: {lowest:.4f} in second {worst}")
    axes.set_title(printable(title), parse_math=False)  # a name may have a $
    axes.set(xlabel="time (seconds)", ylabel="score (higher = better)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=100)


if __name__ == "__main__":
    sys.exit(main())
