"""Where the time of a training step goes."""

import time
from pathlib import Path
from typing import Any

from rankiqa.files import write_text

PARTS = ("data", "forward", "backward", "optimizer")


class StepProfile:
    """Records some steps of a run with torch's profiler: `profile.txt`, and `trace.json` for Perfetto.

    The first step is left out: it allocates and chooses kernels. The loop marks its parts with
    `torch.profiler.record_function`, by the names in `PARTS`.

    Args:
        steps: how many to record; 0: none.
        folder: for the two files.
    """

    def __init__(self, steps: int, folder: Path) -> None:
        self._wanted, self._folder, self._done = steps, folder, 0
        self._profile: Any = None
        self._since = 0.0

    def step(self) -> None:
        """Call after every step."""
        if not self._wanted:
            return
        if self._profile is None:
            from torch.profiler import profile

            self._profile, self._since = profile(), time.perf_counter()
            self._profile.start()
            return
        self._done += 1
        if self._done == self._wanted:
            self.close()

    def close(self) -> None:
        """Call at the end of an epoch: what has been recorded is written."""
        if self._profile is None:
            return
        seconds = time.perf_counter() - self._since
        self._profile.stop()
        if self._done:
            self._profile.export_chrome_trace(str(self._folder / "trace.json"))
            write_text(self._folder / "profile.txt", self._table(seconds))
        self._profile, self._wanted = None, 0

    def _table(self, seconds: float) -> str:
        events = self._profile.key_averages()
        marked = {event.key: event for event in events if event.key in PARTS}
        lines = [f"{self._done} steps, {seconds / self._done * 1e3:.1f} ms each", ""]
        lines += [f"{'part':10} {'ms per step':>10} {'share':>7}"]
        rest = seconds
        for part in PARTS:
            spent = marked[part].cpu_time_total / 1e6 if part in marked else 0.0
            rest -= spent
            lines.append(f"{part:10} {spent / self._done * 1e3:10.2f} {spent / seconds:7.1%}")
        lines.append(f"{'other':10} {rest / self._done * 1e3:10.2f} {rest / seconds:7.1%}")
        on_gpu = any(getattr(event, "device_time_total", 0) for event in events)
        order = "self_device_time_total" if on_gpu else "self_cpu_time_total"
        note = "Times of parts are those of the calling thread; a GPU works on after it.\n" if on_gpu else ""
        return "\n".join(lines) + f"\n\n{note}{events.table(sort_by=order, row_limit=25)}\n"
