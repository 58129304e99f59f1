#!/usr/bin/env bash
# Linters, type check and all tests, on a fresh machine too:
#     bash z_task_shell/run_tests.sh [arguments of pytest, such as -m slow or tests/test_labels.py]
# Of 15,000 installed modules tests import a third: each is compiled when it first is, and kept.
unset PYTHONDONTWRITEBYTECODE
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements-dev.txt --no-compile

echo "== ruff"
"$python" -m ruff check .
"$python" -m ruff format --check .
# mypy takes a core for a minute: beside the tests, which leave some free; what it says stands at the end.
types="$(mktemp)"
"$python" -m mypy . >"$types" 2>&1 &
mypy=$!
trap 'kill "$mypy" 2>/dev/null || :; rm -f "$types"' EXIT
# The tests' networks are small and their processes many: threads of each would only wait for each other.
# Where a program takes all cores nevertheless, as --predict does, threads that wait must not use them up.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
echo "== pytest"
# Checkpoints are flushed to the disk, which takes most of the time of a tiny training: tests write to memory.
if [ -z "${PYTEST_DEBUG_TEMPROOT:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ]; then
    export PYTEST_DEBUG_TEMPROOT=/dev/shm
fi
# All default tests: a process on each core; idle ones take tests over.
if [ $# -eq 0 ]; then
    set -- -n auto --dist worksteal
    # On a fresh machine each of them would compile the same modules and tests: once is enough, beside mypy.
    [ -d tests/__pycache__ ] || "$python" -m pytest --collect-only -qq >/dev/null || :
fi
status=0
"$python" -m pytest "$@" || status=$?
echo "== mypy"
wait "$mypy" || status=1
cat "$types"
exit "$status"
