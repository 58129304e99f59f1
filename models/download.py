"""Whether a download can work at all, found out in seconds."""

import socket
import threading
import urllib.request
from urllib.parse import urlsplit


def is_reachable(url: str, seconds: float = 3.0) -> bool:
    """Whether the host of `url` answers within `seconds`; taken for granted where a proxy is configured.

    A machine without a network would wait for minutes otherwise. Name look-ups have no time limit of their
    own, hence the thread.
    """
    parts = urlsplit(url)
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname or ""):
        return True
    answers: list[bool] = []
    probe = threading.Thread(target=_connect, args=(url, seconds, answers), daemon=True)
    probe.start()
    probe.join(seconds)
    return bool(answers)


def _connect(url: str, seconds: float, answers: list[bool]) -> None:
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=seconds):
            answers.append(True)
    except OSError:
        return
