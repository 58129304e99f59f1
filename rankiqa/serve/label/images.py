"""The images of a folder as the page shows them: reduced to the screen, lossless, kept in memory."""

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PIL import Image

from rankiqa.errors import ImageError
from rankiqa.image import read_rgb
from rankiqa.machine import keep_freed_memory, usable_cores

CACHE_BYTES = 256 * 2**20
LONGEST_SIDE = 8192  # of a screen, in pixels
Box = tuple[int, int]


class FolderImages:
    """Images by their number. Nothing that a client sends becomes a path.

    Args:
        folder: that holds them.
        names: of the images, relative to it.

    Attributes:
        version: of the list of names: numbers of another version mean other images.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        keep_freed_memory()
        self._paths = [folder / name for name in names]
        self._sizes: dict[int, Box] = {}
        self._cache: OrderedDict[tuple[int, Box | None], Future[bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(usable_cores(), "show")
        self.version = _digest("\n".join([str(folder), *names]))

    def __len__(self) -> int:
        return len(self._paths)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def prepare(self, image: int, box: Box | None) -> "Future[bytes]":
        """The future PNG of an image: upright 8-bit sRGB, reduced to fit into `box` (width, height).

        The future raises an ImageError where it can't be decoded. Without a box it is as large as it is.
        """
        key = (image, box)
        with self._lock:
            if key not in self._cache:
                self._cache[key] = self._pool.submit(self._png, image, box)
            self._cache.move_to_end(key)
            self._trim()
            return self._cache[key]

    def _trim(self) -> None:
        """Forget what was not asked for longest."""
        done = [key for key, future in self._cache.items() if future.done() and not future.exception()]
        held = sum(len(self._cache[key].result()) for key in done)
        for key in done[:-1]:
            if held <= CACHE_BYTES:
                break
            held -= len(self._cache.pop(key).result())

    def size(self, image: int, box: Box | None) -> Box:
        """(width, height) of the whole image; waits for `prepare`, and raises what that raises."""
        if image not in self._sizes:
            self.prepare(image, box).result()
        return self._sizes[image]

    def tag(self, image: int) -> str:
        """What changes when the file does, so that no browser shows what it has kept of another one."""
        path = self._paths[image]
        with suppress(OSError):
            known = path.stat()
            return _digest(f"{path}\n{known.st_mtime_ns}\n{known.st_size}")
        return "gone"

    def _png(self, image: int, box: Box | None) -> bytes:
        shown = read_rgb(self._paths[image])
        self._sizes[image] = shown.size
        if box is not None:
            scale = min(box[0] / shown.width, box[1] / shown.height)
            if scale < 1:
                size = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
                shown = shown.resize(size, Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        shown.save(buffer, "PNG", compress_level=1)  # the quality is to be judged: no lossy format
        return buffer.getvalue()


def is_broken(images: FolderImages, image: int, box: Box | None) -> bool:
    """Whether an image can't be shown."""
    try:
        images.size(image, box)
    except ImageError:
        return True
    return False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
