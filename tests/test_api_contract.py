"""The API against its own OpenAPI description, by Schemathesis."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.rest_client import KEY, serve
from tests.test_export import write_checkpoint

pytestmark = pytest.mark.slow
TOOL = shutil.which("schemathesis", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(TOOL is None, reason="pip install schemathesis: too heavy for requirements-dev.txt")
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", num_classes=4, arch="mobilenet_v3_small")
    server = serve(tmp_path / "a.pth", "--api_only", "--api_key", KEY)
    url = f"http://127.0.0.1:{next(server)}/openapi.json"
    command = [str(TOOL), "run", url, "-H", f"X-API-Key: {KEY}", "--seed", "1", "--max-examples", "50"]
    place = {**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.image_uploads"}
    done = subprocess.run(command, capture_output=True, text=True, env=place, cwd=tmp_path, check=False)
    for _ in server:
        pass
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
