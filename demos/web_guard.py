"""What keeps Gradio to the files that clients uploaded: no other path of the server, and no URL."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from rankiqa.serve.gate import Receive, Send, answer
from rankiqa.serve.limits import Refused


def is_upload(path: str) -> bool:
    """Whether `path` lies in the folder of uploads, which also holds the copies of the examples."""
    try:
        below = Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, or a ring of links
        return False
    return below and "://" not in path


class UploadsOnly(gr.Blocks):
    """Blocks whose events take no file but an upload.

    Gradio itself copies whatever path a client names, and fetches a URL, before the component sees it. It
    checks paths only where `launch` was called, which a page that is mounted on an application never does.
    """

    async def preprocess_data(self, block_fn: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        """As that of gr.Blocks; raises gr.Error where another file is named."""
        if not all(is_upload(path) for path in _paths(inputs)):
            raise gr.Error("not an uploaded file", print_exception=False)
        return await super().preprocess_data(block_fn, inputs, *rest, **named)

    def as_launched(self) -> "UploadsOnly":
        """Itself, with Gradio's own checks of paths at work: a second lock on the same door."""
        self.has_launched = self.is_running = True
        return self


class NoUrls:
    """ASGI middleware: Gradio's route /gradio_api/file=URL would fetch the URL for its client."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        if "://" in scope.get("path", ""):
            await answer(send, Refused(403, "no URL is fetched"))
        else:
            await self._app(scope, receive, send)


def _paths(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["path"]] if isinstance(value.get("path"), str) else []
        return own + [path for part in value.values() for path in _paths(part)]
    return [path for part in value for path in _paths(part)] if isinstance(value, list) else []
