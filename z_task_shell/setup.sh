#!/usr/bin/env bash
# Sourced by the other scripts: goes to the project's root and makes .venv with what a requirements file asks for.
# Usage: source z_task_shell/setup.sh [requirements.txt | requirements-dev.txt] [flags of pip install]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

requirements="${1:-requirements.txt}"
base_python="${PYTHON:-python3}"
if ! "$base_python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo "error: $base_python is not Python 3.10 or later; install one, or name it: PYTHON=/path/to/python bash ..." >&2
    exit 2
fi
python=.venv/bin/python
if [ ! -x "$python" ]; then
    echo "== making .venv"
    # A venv that was made by half would be taken for a whole one by the next run.
    "$base_python" -m venv .venv || { rm -rf .venv; echo "error: python3 -m venv failed; on Debian install python3-venv" >&2; exit 2; }
fi
# The stamp holds what was installed last, so that a second run starts at once.
stamp=".venv/installed-$requirements"
if ! cat requirements.txt "$requirements" | cmp -s - "$stamp"; then
    echo "== installing $requirements (a few minutes on the first run)"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements" "${@:2}"
    cat requirements.txt "$requirements" >"$stamp"
fi
