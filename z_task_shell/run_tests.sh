#!/usr/bin/env bash
# Linters, type check and all tests, on a fresh machine too:
#     bash z_task_shell/run_tests.sh [arguments of pytest, such as -m slow or tests/test_labels.py]
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements-dev.txt

echo "== ruff"
"$python" -m ruff check .
"$python" -m ruff format --check .
echo "== mypy"
"$python" -m mypy .
echo "== pytest"
"$python" -m pytest "$@"
