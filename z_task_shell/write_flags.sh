#!/usr/bin/env bash
# Writes the tables of docs/flags.md from the declarations in config.py:
#     bash z_task_shell/write_flags.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" requirements.txt
"$python" -c 'from pathlib import Path; from config import Config; from utils.flags import write_page
write_page(Path("docs/flags.md"), Config)'
