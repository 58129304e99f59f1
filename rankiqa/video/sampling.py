"""Which frames of a video are scored: one per step, in seconds or in frames."""

import math
import re
from argparse import ArgumentTypeError
from dataclasses import dataclass

ROUNDING = 1e-3  # seconds; time stamps of containers are rounded, to a millisecond by Matroska


@dataclass(frozen=True)
class Step:
    """Distance between two sampled frames.

    Attributes:
        seconds: of time; 0 where frames are counted.
        frames: number of frames; 0 where time is measured.
    """

    seconds: float = 1.0
    frames: int = 0

    def __str__(self) -> str:
        return f"{self.frames}f" if self.frames else f"{self.seconds:g}s"


def step(text: str) -> Step:
    """A step such as 1s, 0.5s, 500ms or 10f (frames); a type for argparse."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|ms|f)", text.strip().lower())
    if not found:
        raise ArgumentTypeError(f"{text!r} is no step: 1s, 0.5s, 500ms, or 10f for every tenth frame")
    value, unit = float(found[1]), found[2]
    if value <= 0 or (unit == "f" and value != int(value)):
        raise ArgumentTypeError(f"{text!r}: a step is above 0, and a whole number of frames")
    return Step(0.0, int(value)) if unit == "f" else Step(value / (1000 if unit == "ms" else 1))


class Sampler:
    """Says of the frames of a video, in their order, which ones are taken.

    The first frame at or after each multiple of the step is taken; a frame that is shown for longer than a
    step counts once. Time begins with the first frame.

    Args:
        every: the step.
        after: of an earlier run, the time of its last frame; later frames alone are taken.
    """

    def __init__(self, every: Step, after: float = -math.inf) -> None:
        self._every, self._after = every, after
        self._wanted = 0.0

    def takes(self, index: int, time: float) -> bool:
        """Whether the frame of that number, shown from `time` on (seconds), is one."""
        if self._every.frames:
            taken = index % self._every.frames == 0
        else:
            taken = time >= self._wanted - ROUNDING
            if taken:
                self._wanted = (math.floor((time + ROUNDING) / self._every.seconds) + 1) * self._every.seconds
        return taken and time > self._after + ROUNDING / 2
